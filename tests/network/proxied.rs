//! The forward proxy: clients by `HTTPS_PROXY`, and what CONNECT is not given.

use super::clients::{denied, ordinary};
use super::names::{Names, PINNED};
use super::raw::{self, Hello};
use super::topology::LAN;
use super::world::{DENIED, PROXY, Way, World};
use crate::support::clients::Client;
use crate::support::http;
use std::io::Write as _;

/// The clients that know the variables.
const CLIENTS: [Client; 3] = [Client::Npm, Client::Pip, Client::Uv];

/// A world in which the proxy is the only way out.
fn fenced(names: Names, network: &str) -> Option<World> {
    let mut world = World::open(names)?;
    world.take_over(Way::Redirect, network, DENIED);
    world.undo();
    world.topology.forward(false);
    Some(world)
}

#[test]
fn clients_with_a_proxy_variable_install_and_are_refused() {
    let Some(world) = fenced(Names::built_in(), "") else {
        return;
    };
    for client in CLIENTS.into_iter().chain([Client::Maven]) {
        let guest = world.guest().proxied(LAN[0], PROXY);
        let Some(run) = guest.install(client, ordinary(client)) else {
            continue;
        };
        run.succeeded();
        assert!(guest.has_ordinary(client), "{client:?}");
        let (package, line) = denied(client);
        let guest = world.guest().proxied(LAN[0], PROXY);
        let run = guest
            .install(client, package)
            .expect("the client is there")
            .failed();
        let reason = world.explained(line);
        assert!(
            run.says(&reason),
            "{client:?} does not say {reason:?}:\n{}",
            run.text
        );
    }
}

/// Asks the proxy for a connection and gives back its answer, if any.
fn connect(world: &World, authority: &str) -> Option<http::Reply> {
    let mut socket = raw::open_proxy(world.client());
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("written");
    // The head alone: after 200 the connection stays open.
    http::read_reply(socket, true)
}

#[test]
fn connect_reaches_neither_this_machine_nor_the_house() {
    let Some(world) = fenced(Names::made_up(), "") else {
        return;
    };
    let admin = world.running().admin.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
    ] {
        refused(&world, &format!("{host}:{admin}"));
        refused(&world, &format!("{host}:443"));
    }
    for host in [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        refused(&world, &format!("{host}:443"));
    }
    // Ports that are not listed, on a host that is nobody's business.
    for port in ["22", "25", "80", "0", "65536", ""] {
        refused(&world, &format!("{PINNED}:{port}"));
    }
    assert_eq!(world.internet.pinned.total(), 0);
}

#[track_caller]
fn refused(world: &World, authority: &str) {
    let status = connect(world, authority).map(|reply| reply.status);
    let is_fine = status.is_none_or(|status| [400, 403, 405, 502].contains(&status));
    assert!(is_fine, "CONNECT {authority}: {status:?}");
}

#[test]
fn connect_tunnels_to_other_hosts_and_opens_registries() {
    let Some(world) = fenced(Names::made_up(), "") else {
        return;
    };
    let npm = world.internet.names.npm.host.clone();
    for (host, is_opened) in [(PINNED, false), (npm.as_str(), true)] {
        let mut socket = raw::open_proxy(world.client());
        let request = format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("written");
        let copy = socket.try_clone().expect("a socket can be copied");
        let reply = http::read_reply(copy, true).expect("an answer");
        assert_eq!(reply.status, 200, "{host}");
        let stream = Hello::new(host).over(socket).expect("a handshake");
        let is_own = raw::shown(&stream) == world.internet.pin;
        assert_eq!(is_own, !is_opened, "{host}");
    }
}

#[test]
fn a_request_in_absolute_form_meets_the_same_rules() {
    let Some(world) = fenced(Names::made_up(), "") else {
        return;
    };
    let npm = &world.internet.names.npm.host;
    let ask = |path: &str| {
        let mut socket = raw::open_proxy(world.client());
        let request = format!("GET http://{npm}{path} HTTP/1.1\r\nHost: {npm}\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("written");
        http::read_reply(socket, false).expect("an answer")
    };
    assert!(ask("/left-pad").expect(200).text().contains("left-pad"));
    ask("/evil-pkg").expect(403);
    assert_eq!(world.internet.npm.count("/evil-pkg"), 0);
}

#[test]
fn others_can_be_refused() {
    let Some(world) = fenced(Names::made_up(), "others = \"refuse\"") else {
        return;
    };
    assert_eq!(
        connect(&world, &format!("{PINNED}:443")).map(|it| it.status),
        Some(403)
    );
    world.topology.forward(true);
    world.redirect(Way::Redirect);
    let address = world.internet.zone.of(PINNED)[0];
    assert!(
        Hello::new(PINNED)
            .connect(world.client(), address)
            .is_none()
    );
    assert_eq!(world.internet.pinned.total(), 0);
}
