//! The rig itself, without the gateway: clients that nobody configured install from the
//! internet through a plain router, and nothing leaves the machine.

use super::clients::{CLIENTS, ordinary};
use super::names::{Names, PINNED};
use super::world::World;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[test]
fn clients_without_any_setting_install_through_a_plain_router() {
    let Some(world) = World::open(Names::built_in()) else {
        return;
    };
    for client in CLIENTS {
        let guest = world.stranger();
        world.internet.forget();
        let Some(run) = guest.install(client, ordinary(client)) else {
            continue;
        };
        run.succeeded();
        assert!(guest.has_ordinary(client), "{client:?}");
        assert!(world.internet.total() > 0, "{client:?} asked somebody else");
    }
    world.nothing_else_was_asked();
}

#[test]
fn clients_that_do_not_trust_the_internet_get_nothing() {
    let Some(world) = World::open(Names::built_in()) else {
        return;
    };
    let other = crate::support::tls::Authority::new();
    let file = world.folder().join("other.pem");
    std::fs::write(&file, other.pem()).expect("a file can be written");
    for client in CLIENTS {
        let guest = super::clients::Guest::new(world.client(), &file);
        if let Some(run) = guest.install(client, ordinary(client)) {
            let text = run.failed().text.to_lowercase();
            assert!(
                text.contains("certificate") || text.contains("pkix"),
                "{client:?}: {text}"
            );
        }
    }
    assert_eq!(world.internet.total(), 0);
}

#[test]
fn a_client_with_ipv6_alone_installs() {
    let Some(world) = World::open(Names::built_in()) else {
        return;
    };
    world.topology.client_has_only_ipv6();
    for client in CLIENTS {
        let guest = world.stranger().of_ipv6();
        if let Some(run) = guest.install(client, ordinary(client)) {
            run.succeeded();
            assert!(guest.has_ordinary(client), "{client:?}");
        }
    }
}

#[test]
fn nothing_leads_out_of_the_namespaces() {
    let Some(world) = World::open(Names::made_up()) else {
        return;
    };
    let topology = &world.topology;
    // Others' addresses for documentation, and the machine itself.
    for (namespace, from) in [
        (&topology.client, "client"),
        (&topology.gateway, "gateway"),
        (&topology.internet, "internet"),
    ] {
        for address in ["203.0.113.1:443", "[2001:db8:ffff::1]:443"] {
            let address: SocketAddr = address.parse().expect("an address");
            let tried = namespace.enter(|| {
                TcpStream::connect_timeout(&address, Duration::from_secs(10)).map(|_| ())
            });
            let kind = tried.expect_err("nobody is there").kind();
            let is_no_route = [ErrorKind::NetworkUnreachable, ErrorKind::HostUnreachable];
            assert!(is_no_route.contains(&kind), "{from} {address}: {kind}");
        }
        let links = namespace.ip(&["-brief", "link"]);
        for link in links.lines() {
            let ours = ["lo", "lan@", "wan@", "eth0@"].iter();
            assert!(
                ours.clone().any(|name| link.starts_with(name)),
                "{from}: {links}"
            );
        }
    }
    let machine = world.internet.npm.address();
    let tried = topology
        .client
        .enter(|| TcpStream::connect(machine).map(|_| ()));
    assert!(
        tried.is_err(),
        "the namespace shares the machine's loopback"
    );
}

#[test]
fn the_internet_answers_names_in_both_families_and_no_others() {
    let Some(world) = World::open(Names::made_up()) else {
        return;
    };
    // `getent` asks as every program does; it is part of the C library.
    let asked = |name: &str| {
        let mut command = std::process::Command::new("getent");
        command.args(["ahosts", name]);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let output = world.client().wrap(&command).output().expect("getent runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let told = asked(PINNED);
    for address in world.internet.zone.of(PINNED) {
        assert!(told.contains(&address.to_string()), "{told}");
    }
    assert_eq!(asked("absent.test"), "");
    assert_eq!(
        world.internet.zone.strangers().first().map(String::as_str),
        Some("absent.test")
    );
}

#[test]
fn the_program_on_the_router_serves_registry_mode_from_the_internet() {
    let Some(mut world) = World::open(Names::made_up()) else {
        return;
    };
    world.serve("", super::world::DENIED);
    world.get("/npm/public/left-pad").expect(200);
    world.get("/pypi/public/simple/demo-pkg/").expect(200);
    world
        .get("/maven/public/org/demo/parent/1.0/parent-1.0.pom")
        .expect(200);
    world.get("/npm/public/evil-pkg").expect(403);
    assert_eq!(world.internet.npm.count("/evil-pkg"), 0);
    world.restart();
    world.get("/npm/public/left-pad").expect(200);
}
