//! Clients that nobody configured, whose connections nftables brings to the gateway.

use super::clients::{CLIENTS, denied, ordinary, python};
use super::names::{Names, PINNED};
use super::raw::{self, Hello};
use super::world::{DENIED, Way, World};
use crate::support::clients::Client;
use crate::support::http;
use crate::support::packages;
use crate::support::registry::Answer;
use std::io::Write as _;
use std::net::SocketAddr;

/// A world with the gateway in the way of real clients.
fn guided(way: Way) -> Option<World> {
    let mut world = World::open(Names::built_in())?;
    world.take_over(way, "", DENIED);
    Some(world)
}

/// Installs with every client and checks that it was the gateway that asked the internet.
#[track_caller]
fn every_client_installs(world: &World) {
    for client in CLIENTS {
        let guest = world.guest();
        let Some(run) = guest.install(client, ordinary(client)) else {
            continue;
        };
        // They trust nobody else's certificates: who answered was the gateway.
        run.succeeded();
        assert!(guest.has_ordinary(client), "{client:?}");
        // And it asked the internet, once, whoever comes after.
        let (registry, file) = match client {
            Client::Npm => (&world.internet.npm, "/left-pad-1.0.0.tgz"),
            Client::Maven => (&world.internet.maven, "/parent-1.0.pom"),
            _ => (&world.internet.files, "/demo_pkg-1.0-py3-none-any.whl"),
        };
        let asked = registry.count_where(|path| path.ends_with(file));
        assert_eq!(asked, 1, "{client:?}: {file}");
    }
    world.nothing_else_was_asked();
}

#[test]
fn clients_without_any_setting_install_what_is_allowed() {
    if let Some(world) = guided(Way::Redirect) {
        every_client_installs(&world);
    }
}

#[test]
fn the_same_by_tproxy() {
    if let Some(world) = guided(Way::Transparent) {
        every_client_installs(&world);
    }
}

#[test]
fn clients_are_refused_what_is_denied_and_print_why() {
    let Some(world) = guided(Way::Redirect) else {
        return;
    };
    for client in CLIENTS {
        let (package, line) = denied(client);
        let Some(run) = world.guest().install(client, package) else {
            continue;
        };
        let (run, reason) = (run.failed(), world.explained(line));
        assert!(
            run.says(&reason),
            "{client:?} does not say {reason:?}:\n{}",
            run.text
        );
    }
    for registry in world.internet.registries() {
        let evil = registry.count_where(|path| path.contains("evil") || path.contains("dropper"));
        assert_eq!(evil, 0, "an upstream was asked for what is denied");
    }
}

#[test]
fn a_lookalike_is_refused_and_named() {
    let Some(world) = guided(Way::Redirect) else {
        return;
    };
    for (client, package, popular) in [
        (Client::Npm, "typescirpt", "popular name typescript"),
        (Client::Pip, "reqeusts", "popular name requests"),
        (Client::Uv, "reqeusts", "popular name requests"),
    ] {
        if let Some(run) = world.guest().install(client, package) {
            let run = run.failed();
            assert!(
                run.says(popular),
                "{client:?} does not say why:\n{}",
                run.text
            );
        }
    }
    let squat = |path: &str| path.contains("typescirpt") || path.contains("reqeusts");
    for registry in world.internet.registries() {
        assert_eq!(registry.count_where(squat), 0);
    }
}

#[test]
fn a_host_that_is_no_registry_passes_untouched_and_is_counted() {
    let Some(mut world) = World::open(Names::made_up()) else {
        return;
    };
    world.take_over(Way::Redirect, "", DENIED);
    let before = world.metric(&["tunnel", "bytes"]);
    let body = packages::noise(100_000, 3);
    let answer = Answer::ok("application/octet-stream", body.clone());
    world.internet.pinned.set("/file", answer);
    for address in world.internet.zone.of(PINNED) {
        let stream = Hello::new(PINNED).connect(world.client(), address);
        let mut stream = stream.expect("the tunnel reaches the host");
        assert!(
            raw::shown(&stream) == world.internet.pin,
            "not the host's own certificate"
        );
        let reply = raw::ask(&mut stream, &raw::get(PINNED, "/file")).expect("an answer");
        assert_eq!(reply.expect(200).body, body);
    }
    // Counted at the latest when the connection is over.
    crate::support::eventually("the tunnelled bytes are counted", || {
        world.metric(&["tunnel", "bytes"]) - before >= 200_000.0
    });
    let metrics = world.admin("/metrics").text();
    assert!(
        !metrics.contains(PINNED),
        "hosts are no labels: a closed set"
    );
}

#[test]
fn a_registry_is_opened_with_a_certificate_for_its_name_alone() {
    let Some(mut world) = World::open(Names::made_up()) else {
        return;
    };
    world.take_over(Way::Redirect, "", DENIED);
    let host = world.internet.names.npm.host.clone();
    let address = world.internet.zone.of(&host)[0];
    for protocols in [&["http/1.1"][..], &["h2", "http/1.1"], &[]] {
        let hello = Hello {
            name: &host,
            protocols,
        };
        let stream = hello.connect(world.client(), address).expect("a handshake");
        let leaf = raw::shown(&stream);
        let holds = |word: &str| leaf.windows(word.len()).any(|part| part == word.as_bytes());
        assert!(holds(&host), "the certificate does not name {host}");
        assert!(
            !holds(&world.internet.names.pypi.host),
            "it names another host too"
        );
        let chosen = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(chosen.as_deref(), protocols.first().map(|it| it.as_bytes()));
    }
}

#[test]
fn a_client_with_ipv6_alone_installs_through_the_gateway() {
    let Some(world) = guided(Way::Redirect) else {
        return;
    };
    world.topology.client_has_only_ipv6();
    for client in CLIENTS {
        let guest = world.guest().of_ipv6();
        if let Some(run) = guest.install(client, ordinary(client)) {
            run.succeeded();
            assert!(guest.has_ordinary(client), "{client:?}");
        }
        let (package, line) = denied(client);
        if let Some(run) = world.guest().of_ipv6().install(client, package) {
            assert!(
                run.failed().says(&world.explained(line)),
                "{client:?} does not say why"
            );
        }
    }
}

#[test]
fn plain_http_meets_the_same_rules() {
    let Some(mut world) = World::open(Names::made_up()) else {
        return;
    };
    world.take_over(Way::Redirect, "", DENIED);
    let npm = world.internet.names.npm.host.clone();
    let pinned = Answer::ok("text/plain", "untouched");
    world.internet.pinned.set("/", pinned);
    for way in [0, 1] {
        let ask = |host: &str, path: &str| {
            let to = SocketAddr::new(world.internet.zone.of(host)[way], 80);
            let mut socket = raw::open(world.client(), to);
            socket
                .write_all(raw::get(host, path).as_bytes())
                .expect("written");
            http::read_reply(socket, false).expect("an answer")
        };
        let reply = ask(&npm, "/left-pad");
        assert!([200, 301, 308].contains(&reply.status), "{}", reply.status);
        let reply = ask(&npm, "/evil-pkg");
        assert!([301, 308, 403].contains(&reply.status), "{}", reply.status);
        assert_eq!(ask(PINNED, "/").expect(200).text(), "untouched");
    }
    assert_eq!(world.internet.npm.count("/evil-pkg"), 0);
}

#[test]
fn after_a_restart_the_same_clients_go_on() {
    let Some(mut world) = guided(Way::Redirect) else {
        return;
    };
    let before = std::fs::read(world.authority()).expect("the authority is there");
    {
        let guest = world.guest();
        for client in CLIENTS {
            if let Some(run) = guest.install(client, ordinary(client)) {
                run.succeeded();
            }
        }
    }
    world.restart();
    assert_eq!(
        std::fs::read(world.authority()).expect("still there"),
        before
    );
    world.internet.forget();
    for client in CLIENTS {
        let guest = world.guest();
        if let Some(run) = guest.install(client, ordinary(client)) {
            run.succeeded();
            assert!(guest.has_ordinary(client), "{client:?}");
        }
    }
    let tarball = packages::npm_tarball_path("left-pad", "1.0.0");
    assert_eq!(
        world.internet.npm.count(&tarball),
        0,
        "the cache outlives the program"
    );
}

#[test]
fn lockfiles_are_those_that_would_be_without_the_gateway() {
    let Some(mut world) = World::open(Names::built_in()) else {
        return;
    };
    let without = lockfiles(&world.stranger());
    world.take_over(Way::Redirect, "", DENIED);
    world.internet.forget();
    let with = lockfiles(&world.guest());
    assert_eq!(without, with);
    let is_any = without.iter().any(Option::is_some);
    assert!(!is_any || world.internet.total() > 0);
    assert!(
        without
            .iter()
            .flatten()
            .all(|text| text.contains("left-pad") || text.contains("demo-pkg"))
    );
}

/// What npm and uv lock; nothing for one that is missing and may be.
fn lockfiles(guest: &super::clients::Guest) -> [Option<String>; 2] {
    let npm = guest.install(Client::Npm, "left-pad").map(|run| {
        run.succeeded();
        guest.sandbox.read("package-lock.json")
    });
    guest.sandbox.write(
        "pyproject.toml",
        "[project]\nname = \"app\"\nversion = \"1.0.0\"\nrequires-python = \">=3.8\"\n\
         dependencies = [\"demo-pkg\"]\n",
    );
    let python = python().unwrap_or_default();
    let uv = guest
        .run(Client::Uv, &["lock", "--python", &python])
        .map(|run| {
            run.succeeded();
            guest.sandbox.read("uv.lock")
        });
    [npm, uv]
}

#[test]
fn what_registry_mode_fetched_is_a_hit_here_and_the_other_way() {
    let Some(world) = guided(Way::Redirect) else {
        return;
    };
    let tarball = packages::npm_tarball_path("left-pad", "1.0.0");
    let first = world.get(&format!("/npm/public{tarball}")).expect(200).body;
    let guest = world.guest();
    if let Some(run) = guest.install(Client::Npm, "left-pad") {
        run.succeeded();
        assert!(guest.has_ordinary(Client::Npm));
    }
    assert_eq!(world.internet.npm.count(&tarball), 1);
    assert_eq!(first, packages::npm_tarball("left-pad", "1.0.0", 64));

    if let Some(run) = world.guest().install(Client::Pip, "demo-pkg") {
        run.succeeded();
        let file = packages::wheel_name("demo-pkg", "1.0");
        let path = crate::support::publish::pypi_path(&file);
        world
            .get(&format!("/pypi/public/files/demo-pkg/1.0/{file}"))
            .expect(200);
        assert_eq!(world.internet.files.count(&path), 1);
    }
}

#[test]
fn decisions_are_counted_by_mode() {
    let Some(mut world) = World::open(Names::made_up()) else {
        return;
    };
    world.take_over(Way::Redirect, "", DENIED);
    let host = world.internet.names.npm.host.clone();
    let address = world.internet.zone.of(&host)[0];
    let mut stream = Hello::new(&host)
        .connect(world.client(), address)
        .expect("a handshake");
    assert_eq!(
        raw::ask(&mut stream, &raw::get(&host, "/evil-pkg")).map(|it| it.status),
        Some(403)
    );
    world.get("/npm/public/evil-pkg").expect(403);
    let metrics = world.admin("/metrics").text();
    assert!(
        metrics.contains("mode=\""),
        "no metric tells the modes apart"
    );
}
