//! What `portcullis network rules` prints does what it says, and can be undone.

use super::clients::ordinary;
use super::names::{Names, PINNED};
use super::raw::{self, Hello};
use super::world::{DENIED, Way, World};
use crate::support::clients::Client;
use crate::support::http;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

#[test]
fn quic_is_refused_at_once_so_that_clients_come_by_tcp() {
    let Some(mut world) = World::open(Names::made_up()) else {
        return;
    };
    world.take_over(Way::Redirect, "", DENIED);
    let host = world.internet.names.npm.host.clone();
    for address in world.internet.zone.of(&host) {
        let socket = world.client().enter(|| {
            let own = if address.is_ipv4() {
                "0.0.0.0:0"
            } else {
                "[::]:0"
            };
            let socket = UdpSocket::bind(own).expect("a port is free");
            socket.connect((address, 443)).expect("a route");
            socket
        });
        let wait = Some(Duration::from_secs(10));
        socket.set_read_timeout(wait).expect("a timeout");
        socket.send(b"a first packet of QUIC").expect("sent");
        let told = socket.recv(&mut [0; 64]).expect_err("nobody answers");
        assert_eq!(told.kind(), ErrorKind::ConnectionRefused, "{address}");
    }
}

#[test]
fn rules_can_be_loaded_twice_and_undone() {
    let Some(mut world) = World::open(Names::built_in()) else {
        return;
    };
    world.take_over(Way::Redirect, "", DENIED);
    let once = world.topology.gateway.ruleset();
    world.redirect(Way::Redirect);
    let rules = |text: &str| text.matches("dport").count();
    assert_eq!(
        rules(&world.topology.gateway.ruleset()),
        rules(&once),
        "loaded twice"
    );

    let undo = world.printed_rules(&["--undo"]);
    world.topology.gateway.nft(&undo.rules);
    assert_eq!(world.topology.gateway.ruleset(), "");
    // The registries themselves answer again, to those who trust them.
    let guest = world.stranger();
    if let Some(run) = guest.install(Client::Npm, ordinary(Client::Npm)) {
        run.succeeded();
    }
}

#[test]
fn what_is_meant_for_the_router_itself_is_not_redirected() {
    let Some(mut world) = World::open(Names::made_up()) else {
        return;
    };
    world.take_over(Way::Redirect, "", DENIED);
    let router = super::topology::LAN.map(|text| text.parse().expect("an address"));
    for address in router {
        // Nobody listens there: redirected, the connection would be taken.
        let tried = world.client().enter(|| {
            TcpStream::connect_timeout(&SocketAddr::new(address, 443), Duration::from_secs(10))
        });
        assert_eq!(
            tried.map(|_| ()).expect_err("closed").kind(),
            ErrorKind::ConnectionRefused
        );
    }
    let host = world.internet.names.npm.host.clone();
    let address = world.internet.zone.of(&host)[0];
    let stream = Hello::new(&host).connect(world.client(), address);
    let reply = raw::ask(
        &mut stream.expect("a handshake"),
        &raw::get(&host, "/left-pad"),
    );
    reply.expect("an answer").expect(200);
}

/// Debian's number of the user `nobody`.
const NOBODY: u32 = 65534;

#[test]
fn on_one_machine_the_gateway_is_left_alone_and_all_others_are_redirected() {
    let Some(mut world) = World::open(Names::made_up()) else {
        return;
    };
    world.take_over_locally("nobody");
    let host = world.internet.names.npm.host.clone();
    for address in world.internet.zone.of(&host) {
        world.internet.forget();
        let to = SocketAddr::new(address, 443);
        let ask = |socket: TcpStream| {
            let mut stream = Hello::new(&host).over(socket).expect("a handshake");
            raw::ask(&mut stream, &raw::get(&host, "/evil-pkg")).expect("an answer")
        };
        let open = || http::connect(to);
        ask(world.topology.gateway.enter(open)).expect(403);
        assert_eq!(world.internet.npm.count("/evil-pkg"), 0, "{address}");
        // The gateway's user is the only one who speaks with the registry itself.
        ask(world.topology.gateway.enter_as(NOBODY, open)).expect(200);
        assert_eq!(world.internet.npm.count("/evil-pkg"), 1, "{address}");
        ask(world.topology.gateway.enter_as(NOBODY - 1, open)).expect(403);
    }
    // What the gateway passes on does not come back to it.
    for address in world.internet.zone.of(PINNED) {
        let socket = world
            .topology
            .gateway
            .enter(|| http::connect(SocketAddr::new(address, 443)));
        let stream = Hello::new(PINNED).over(socket).expect("a handshake");
        assert!(raw::shown(&stream) == world.internet.pin, "{address}");
    }

    world
        .topology
        .gateway
        .nft(&world.printed_rules(&["--undo"]).rules);
    assert_eq!(world.topology.gateway.ruleset(), "");
}
