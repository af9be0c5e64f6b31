//! The forward proxy: clients by `HTTPS_PROXY`, and what CONNECT is not given.

use super::clients::{denied, ordinary};
use super::names::{Names, PINNED};
use super::raw::{self, Hello};
use super::topology::LAN;
use super::world::{DENIED, PROXY, Way, World};
use crate::support::clients::Client;
use crate::support::http;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

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
    let Some(world) = fenced(Names::made_up(), OTHERS) else {
        return;
    };
    let npm = &world.internet.names.npm.host;
    assert_eq!(
        connect(&world, &format!("{PINNED}:443")).map(|it| it.status),
        Some(403)
    );
    absolute(&world, PINNED, "/", "").expect(403);
    absolute(&world, npm, "/left-pad", "").expect(200);
    world.topology.forward(true);
    world.redirect(Way::Redirect);
    for way in [0, 1] {
        let address = world.internet.zone.of(PINNED)[way];
        for name in [PINNED, ""] {
            let stream = Hello::new(name).connect(world.client(), address);
            assert!(stream.is_none(), "{name:?} {address}");
        }
        let mut socket = raw::open(world.client(), SocketAddr::new(address, 80));
        let request = raw::get(PINNED, "/");
        socket.write_all(request.as_bytes()).expect("written");
        let reply = http::read_reply(socket, false).expect("an answer");
        reply.expect(403);
    }
    assert_eq!(world.internet.pinned.total(), 0);
    let address = world.internet.zone.of(npm)[0];
    let stream = Hello::new(npm).connect(world.client(), address);
    let reply = raw::ask(
        &mut stream.expect("a handshake"),
        &raw::get(npm, "/left-pad"),
    );
    reply.expect("an answer").expect(200);
}

/// Nameless connections are others', too.
const OTHERS: &str = "others = \"refuse\"\nnameless = \"tunnel\"";

/// A request in absolute form, with further fields.
fn absolute(world: &World, host: &str, path: &str, fields: &str) -> http::Reply {
    let mut socket = raw::open_proxy(world.client());
    let request = format!("GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
    socket.write_all(request.as_bytes()).expect("written");
    http::read_reply(socket, false).expect("an answer")
}

#[test]
fn a_proxy_that_asks_for_a_token_keeps_it_to_itself() {
    let network = "authenticate = true\npublish = \"pass\"";
    let Some(world) = fenced(Names::made_up(), network) else {
        return;
    };
    let npm = world.internet.names.npm.host.clone();
    let secret = world.token("laptop");
    let shows = |secret: &str| format!("Proxy-Authorization: Bearer {secret}\r\n");
    let strange = secret.replace(|letter: char| letter.is_ascii_digit(), "x");
    for fields in [String::new(), shows(&strange), shows("no-token")] {
        for (host, path) in [(npm.as_str(), "/left-pad"), (PINNED, "/")] {
            let reply = absolute(&world, host, path, &fields).expect(407);
            assert!(!reply.header("proxy-authenticate").is_empty(), "{host}");
            let connect = connect_with(&world, host, &fields).1.expect(407);
            assert!(!connect.header("proxy-authenticate").is_empty(), "{host}");
        }
    }
    assert_eq!(world.internet.npm.count("/left-pad"), 0);
    assert_eq!(world.internet.pinned.total(), 0);

    let answer = crate::support::registry::Answer::ok("text/plain", "untouched");
    world.internet.pinned.set("/", answer);
    let shown = shows(&secret);
    absolute(&world, &npm, "/left-pad", &shown).expect(200);
    let reply = absolute(&world, PINNED, "/", &shown).expect(200);
    assert_eq!(reply.text(), "untouched");
    let (socket, reply) = connect_with(&world, &npm, &shown);
    reply.expect(200);
    let mut stream = Hello::new(&npm).over(socket).expect("a handshake");
    // Said once for the connection, and not again inside.
    for path in ["/left-pad", "/left-pad/-/left-pad-1.0.0.tgz"] {
        let reply = raw::ask(&mut stream, &raw::get(&npm, path));
        reply.expect("an answer").expect(200);
    }
    // What is passed on to the registry carries the client's own credentials.
    let request = format!(
        "PUT /our-own HTTP/1.1\r\nHost: {npm}\r\nAuthorization: Bearer npm_hers\r\n\
         Content-Length: 2\r\n\r\n{{}}"
    );
    raw::ask(&mut stream, &request).expect("an answer");
    assert!(world.internet.heard("Bearer npm_hers"));
    assert!(
        world.internet.heard("GET /left-pad "),
        "the rig hears nothing"
    );
    assert!(!world.internet.heard(&secret), "the token went further");
    assert!(
        !world.internet.heard("roxy-"),
        "a field for the proxy went further"
    );
    let log = world.running().log();
    assert!(!log.contains(&secret), "the token is in the log");
}

/// CONNECT with further fields: the connection, and the answer's head.
fn connect_with(world: &World, host: &str, fields: &str) -> (TcpStream, http::Reply) {
    let mut socket = raw::open_proxy(world.client());
    let request = format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n{fields}\r\n");
    socket.write_all(request.as_bytes()).expect("written");
    let copy = socket.try_clone().expect("a socket can be copied");
    let reply = http::read_reply(copy, true).expect("an answer");
    (socket, reply)
}

#[test]
fn clients_show_a_token_by_their_proxy_variable() {
    let Some(world) = fenced(Names::built_in(), "authenticate = true") else {
        return;
    };
    let secret = world.token("laptop");
    for client in CLIENTS {
        let guest = world.guest().proxied(LAN[0], PROXY);
        if let Some(run) = guest.install(client, ordinary(client)) {
            run.failed();
        }
        let guest = world.guest();
        let guest = guest.proxied(&format!("anybody:{secret}@{}", LAN[0]), PROXY);
        if let Some(run) = guest.install(client, ordinary(client)) {
            run.succeeded();
            assert!(guest.has_ordinary(client), "{client:?}");
        }
    }
    assert!(
        !world.internet.heard("roxy-"),
        "a field for the proxy went further"
    );
    assert!(
        !world.internet.heard("uthorization"),
        "credentials went further"
    );
}
