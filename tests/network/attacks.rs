//! Ways around the rules, and uses of the gateway against its own house, that somebody found by
//! reading network mode. Each led somewhere once.

use super::clients::ordinary;
use super::names::{Base, FILES, Names, PINNED};
use super::raw::{self, Hello};
use super::topology::{LAN, Namespace, WAN};
use super::world::{DENIED, HEAD_DEADLINE_SECONDS, PROXY, REDIRECT, Way, World};
use crate::support::clients::Client;
use crate::support::http;
use crate::support::packages::{self, Listed};
use crate::support::publish;
use crate::support::registry::Answer;
use crate::support::{eventually, within};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a connection may be silent that is expected to end.
const BOUND: Duration = Duration::from_secs(HEAD_DEADLINE_SECONDS + 5);

/// What a denied package's bytes are here, wherever they lie.
const MARK: &str = "the bytes of what is denied";

/// What is let through in these tests besides packages: all there is.
const ERRANDS: &str = "login = \"pass\"\npublish = \"pass\"\npages = \"pass\"\n";

/// A world with the gateway in the way of connections that nobody configured.
fn guided(network: &str, rules: &str) -> Option<World> {
    let mut world = World::open(Names::made_up())?;
    world.take_over(Way::Redirect, network, rules);
    Some(world)
}

/// The same with the files host known.
fn learnt(network: &str, rules: &str) -> Option<World> {
    let world = guided(network, rules)?;
    knows(&world, FILES);
    Some(world)
}

/// Waits until the gateway has kept a host.
#[track_caller]
fn knows(world: &World, host: &str) {
    let file = world.data().join("registry-hosts");
    eventually(&format!("{host} is learnt"), || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains(host))
    });
}

/// One request inside TLS, redirected; nothing when the connection ends without an answer.
fn sealed(world: &World, host: &str, request: &str) -> Option<http::Reply> {
    let address = world.internet.zone.of(host)[0];
    let mut stream = Hello::new(host).connect(world.client(), address)?;
    raw::ask(&mut stream, request)
}

/// One request in TLS for the host that it is sent to.
#[track_caller]
fn asked(world: &World, host: &str, method: &str, path: &str, more: &str) -> http::Reply {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
    sealed(world, host, &request).unwrap_or_else(|| panic!("{method} {host}{path}: no answer"))
}

/// Bytes for the proxy, and its first answer.
fn at_proxy(world: &World, bytes: &str) -> Option<http::Reply> {
    let mut socket = raw::open_proxy(world.client());
    socket.write_all(bytes.as_bytes()).ok()?;
    http::read_reply(socket, false)
}

/// A request in absolute form; `fields` end in a line's end each.
#[track_caller]
fn absolute(world: &World, place: &str, path: &str, fields: &str) -> http::Reply {
    let bytes = format!("GET http://{place}{path} HTTP/1.1\r\nHost: {place}\r\n{fields}\r\n");
    at_proxy(world, &bytes).unwrap_or_else(|| panic!("http://{place}{path}: no answer"))
}

/// CONNECT: the connection, and the status.
#[track_caller]
fn connect(world: &World, authority: &str, fields: &str) -> (TcpStream, u16) {
    let mut socket = raw::open_proxy(world.client());
    let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n");
    socket.write_all(head.as_bytes()).expect("written");
    let copy = socket.try_clone().expect("a socket can be copied");
    let reply = http::read_reply(copy, true);
    let reply = reply.unwrap_or_else(|| panic!("CONNECT {authority}: no answer"));
    (socket, reply.status)
}

/// A connection that the network redirects.
fn redirected(world: &World, host: &str, port: u16) -> TcpStream {
    let to = SocketAddr::new(world.internet.zone.of(host)[0], port);
    raw::open(world.client(), to)
}

/// What a URL has for an address.
fn literal(address: &str) -> String {
    if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    }
}

/// Replaces the configuration, as an editor does, and asks for a reload.
fn rewrite(world: &World, text: &str) {
    let draft = world.config().with_extension("new");
    std::fs::write(&draft, text).expect("a file can be written");
    std::fs::rename(&draft, world.config()).expect("a file can be renamed");
    world.running().hang_up();
}

/// As [`rewrite`], with a configuration that is taken.
#[track_caller]
fn reload(world: &World, text: &str) {
    let taken = || world.metric(&["config_reloads_total", "taken"]);
    let before = taken();
    rewrite(world, text);
    eventually("the configuration is taken", || taken() > before);
}

fn config(world: &World) -> String {
    std::fs::read_to_string(world.config()).expect("the configuration is there")
}

/// A replacement that must change something.
#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replace(from, to)
}

/// A listener inside a namespace that counts whom it got.
fn listen(inside: &Namespace, address: &str, port: u16) -> TcpListener {
    let address: IpAddr = address.parse().expect("an address");
    let listener = inside.enter(|| TcpListener::bind((address, port)));
    let listener = listener.unwrap_or_else(|error| panic!("{address} {port}: {error}"));
    listener.set_nonblocking(true).expect("a socket has modes");
    listener
}

fn has_guest(listener: &TcpListener) -> bool {
    listener.accept().is_ok()
}

// --- reloads ---

#[test]
fn a_reload_that_would_leave_the_listeners_without_rules_is_refused() {
    let Some(world) = guided("", DENIED) else {
        return;
    };
    let npm = world.internet.names.npm.host.clone();
    let original = config(&world);
    let start = original.find("[network]").expect("network mode is on");
    let length = original[start..].find("\n[[").expect("rules follow");
    let (proxy, redirect) = (
        format!("proxy = \"[::]:{PROXY}\"\n"),
        format!("redirect = \"[::]:{REDIRECT}\"\n"),
    );
    for (what, text) in [
        (
            "no table",
            original.replace(&original[start..start + length], ""),
        ),
        (
            "no listeners",
            replaced(&replaced(&original, &proxy, ""), &redirect, ""),
        ),
        ("no proxy", replaced(&original, &proxy, "")),
        ("no redirect", replaced(&original, &redirect, "")),
        (
            "another proxy",
            replaced(&original, &proxy, "proxy = \"[::]:9082\"\n"),
        ),
        (
            "another redirect",
            replaced(&original, &redirect, "redirect = \"[::]:9443\"\n"),
        ),
        (
            "transparent",
            replaced(&original, "transparent = false", "transparent = true"),
        ),
    ] {
        let refusals = || world.metric(&["config_reloads_total", "refused"]);
        let (before, logged) = (refusals(), world.running().log().len());
        rewrite(&world, &text);
        eventually(&format!("{what}: refused"), || refusals() > before);
        let health = world.admin("/healthz").expect(200).json();
        let told = health["reload_refused"].as_str().unwrap_or_default();
        assert!(told.contains("network"), "{what}: {health}");
        assert_eq!(health["status"], "degraded", "{what}");
        assert!(
            within(BOUND, || world.running().log()[logged..]
                .contains("refused")),
            "{what}: nothing in the log"
        );
        asked(&world, &npm, "GET", "/evil-pkg", "").expect(403);
        absolute(&world, &npm, "/evil-pkg", "").expect(403);
        asked(&world, &npm, "GET", "/left-pad", "").expect(200);
        assert_eq!(world.internet.npm.count("/evil-pkg"), 0, "{what}");
        rewrite(&world, &original);
        eventually(&format!("{what}: mended"), || {
            world.admin("/healthz").json()["reload_refused"].is_null()
        });
    }
}

/// Puts an sdist of the denied project on the files host, whatever the index says.
fn denied_sdist(world: &World) -> &'static str {
    const PATH: &str = "/packages/cd/ef/0123456789/evil_dist-1.0.tar.gz";
    let answer = Answer::ok("application/octet-stream", MARK);
    world.internet.files.set(PATH, answer);
    PATH
}

#[track_caller]
fn the_files_host_is_judged(world: &World, what: &str) {
    let path = denied_sdist(world);
    world.internet.files.forget();
    let reply = asked(world, FILES, "GET", path, "").expect(403);
    assert!(!reply.text().contains(MARK), "{what}");
    assert_eq!(world.internet.files.total(), 0, "{what}");
    let address = world.internet.zone.of(FILES)[0];
    let (socket, status) = connect(world, &format!("{FILES}:443"), "");
    assert_eq!(status, 200, "{what} {address}");
    let mut stream = Hello::new(FILES).over(socket).expect("a handshake");
    let reply = raw::ask(&mut stream, &raw::get(FILES, path)).expect("an answer");
    reply.expect(403);
    assert_eq!(world.internet.files.total(), 0, "{what}");
}

#[test]
fn the_files_host_stays_known_over_reloads_and_restarts() {
    let Some(mut world) = learnt("", DENIED) else {
        return;
    };
    the_files_host_is_judged(&world, "at first");
    // Nobody says it again.
    world.internet.pypi.down();
    let original = config(&world);
    let url = world.internet.names.pypi.url();
    let plain = format!("pypi = \"{url}\"");
    for (what, more) in [
        ("a token", ", token = \"theirs\""),
        ("private addresses", ", allow_private = true"),
        ("another host", ", hosts = [\"more.registry.test\"]"),
        ("as before", ""),
    ] {
        let table = format!("pypi = {{ url = \"{url}\"{more} }}");
        reload(&world, &replaced(&original, &plain, &table));
        the_files_host_is_judged(&world, what);
        world.restart();
        the_files_host_is_judged(&world, &format!("{what}, after a restart"));
    }
}

/// A project whose page has most links at a host that is not the index's.
fn scattered(world: &World, project: &str) {
    let link = |number: usize| {
        let version = format!("{number}.0");
        let file = packages::wheel_name(project, &version);
        let host = if number == 1 {
            FILES
        } else {
            "mirror.other.test"
        };
        Listed {
            url: format!("https://{host}{}", publish::pypi_path(&file)),
            bytes: packages::wheel(project, &version, 0),
            metadata_sha256: None,
            file,
            version,
        }
    };
    let listed: Vec<Listed> = (1..=4).map(link).collect();
    publish::pypi_page(&world.internet.pypi, project, &listed);
}

#[test]
fn links_to_elsewhere_do_not_keep_the_files_host_from_being_learnt() {
    // The page that is asked for first, then one that a client asks for before.
    for is_clients in [false, true] {
        let Some(mut world) = World::open(Names::made_up()) else {
            return;
        };
        let pip = publish::pypi_page_path("pip");
        if is_clients {
            scattered(&world, "demo-pkg");
            world.internet.pypi.remove(&pip);
        } else {
            scattered(&world, "pip");
        }
        world.take_over(Way::Redirect, "", DENIED);
        if is_clients {
            let pypi = world.internet.names.pypi.host.clone();
            asked(&world, &pypi, "GET", "/simple/demo-pkg/", "").expect(200);
            knows(&world, "mirror.other.test");
            world.internet.publish_pypi("pip", &["1.0"]);
            world.restart();
        }
        knows(&world, FILES);
        if is_clients {
            // The authority was made before anybody knew the host: refused, and not passed by.
            let path = denied_sdist(&world);
            let reply = sealed(&world, FILES, &raw::get(FILES, path));
            assert_ne!(reply.map(|it| it.status), Some(200));
            assert_eq!(world.internet.files.total(), 0);
        } else {
            the_files_host_is_judged(&world, "a page of many hosts");
        }
    }
}

// --- addresses instead of names ---

#[test]
fn a_registry_is_not_reached_by_its_address() {
    let network = "nameless = \"tunnel\"\nallow_private = true\nports = [443, 80]\n";
    let Some(world) = learnt(network, DENIED) else {
        return;
    };
    let npm = world.internet.names.npm.host.clone();
    let path = denied_sdist(&world);
    let mark = Answer::ok("application/json", MARK);
    world.internet.npm.set("/evil-pkg", mark);
    for (host, registry, path) in [
        (npm.as_str(), &world.internet.npm, "/evil-pkg"),
        (FILES, &world.internet.files, path),
    ] {
        let [four, six] = world.internet.zone.of(host).map(|it| it.to_string());
        for place in [&four, &six, &format!("::ffff:{four}")].map(|it| literal(it)) {
            registry.forget();
            for port in [443, 80] {
                let (_, status) = connect(&world, &format!("{place}:{port}"), "");
                assert_eq!(status, 403, "CONNECT {place}:{port}");
            }
            let bytes = format!("GET http://{place}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let reply = at_proxy(&world, &bytes).expect("an answer").expect(403);
            assert!(!reply.text().contains(MARK), "{place}");
            let port_443 = format!("GET http://{place}:443{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            at_proxy(&world, &port_443).expect("an answer").expect(403);
            assert_eq!(registry.total(), 0, "{place} was asked");
        }
    }
    // Others are, by address too.
    let other = world.internet.zone.of(PINNED)[0].to_string();
    assert_eq!(connect(&world, &format!("{other}:443"), "").1, 200);
}

/// A world whose npm registry has an address and no name.
fn numbered(network: &str) -> Option<World> {
    let names = Names {
        npm: Base {
            host: "198.51.100.11".into(),
            path: "/".into(),
        },
        ..Names::made_up()
    };
    let mut world = World::open(names)?;
    world.take_over(Way::Redirect, network, DENIED);
    Some(world)
}

#[test]
fn a_registry_that_is_configured_by_its_address_is_judged() {
    let Some(world) = numbered("allow_private = true\nports = [443, 80]\n") else {
        return;
    };
    let npm = &world.internet.npm;
    let host = world.internet.names.npm.host.clone();
    assert!(world.internet.zone.of(&host).map(|it| it.to_string())[0] == host);
    let reply = absolute(&world, &host, "/left-pad", "").expect(200);
    assert_eq!(reply.json()["name"], "left-pad");
    for place in [
        host.clone(),
        format!("[::ffff:{host}]"),
        format!("{host}:80"),
    ] {
        absolute(&world, &place, "/evil-pkg", "").expect(403);
    }
    for (name, port) in [("", 443), (PINNED, 443), ("", 80)] {
        let (mut socket, status) = connect(&world, &format!("{host}:{port}"), "");
        let mut answer = None;
        if status == 200 && port == 443 {
            let stream = Hello::new(name).over(socket);
            answer = stream.and_then(|mut it| raw::ask(&mut it, &raw::get(&host, "/evil-pkg")));
        } else if status == 200 {
            let request = raw::get(&host, "/evil-pkg");
            socket.write_all(request.as_bytes()).expect("written");
            answer = http::read_reply(socket, false);
        }
        let status = answer.map(|reply| reply.status);
        assert_ne!(status, Some(200), "CONNECT {host}:{port} with {name:?}");
    }
    let mut socket = redirected(&world, &host, 80);
    let request = raw::get(&host, "/evil-pkg");
    socket.write_all(request.as_bytes()).expect("written");
    http::read_reply(socket, false)
        .expect("an answer")
        .expect(403);
    assert!(sealed(&world, &host, &request).is_none_or(|reply| reply.status != 200));
    assert_eq!(npm.count("/evil-pkg"), 0);
}

#[test]
fn a_registry_that_is_configured_by_its_address_is_not_passed_by_without_a_name() {
    let Some(world) = numbered("nameless = \"tunnel\"\n") else {
        return;
    };
    let host = world.internet.names.npm.host.clone();
    let address = world.internet.zone.of(&host)[0];
    let stream = Hello::new("").connect(world.client(), address);
    let reply = stream.and_then(|mut it| raw::ask(&mut it, &raw::get(&host, "/evil-pkg")));
    assert_ne!(reply.map(|it| it.status), Some(200));
    assert_eq!(world.internet.npm.count("/evil-pkg"), 0);
}

// --- clear text ---

#[test]
fn a_second_request_in_clear_text_is_not_for_somebody_else() {
    let Some(world) = guided("ports = [443, 80]\n", DENIED) else {
        return;
    };
    // One machine for both names, as where many hosts lie behind one address.
    let other = &world.internet.pinned;
    other.set("/", Answer::ok("text/plain", "untouched"));
    other.set("/evil-pkg", Answer::ok("application/json", MARK));
    let npm = world.internet.names.npm.host.clone();
    let open = |is_proxied: bool| {
        if !is_proxied {
            return redirected(&world, PINNED, 80);
        }
        let (socket, status) = connect(&world, &format!("{PINNED}:80"), "");
        assert_eq!(status, 200);
        socket
    };
    let posted = format!("POST / HTTP/1.1\r\nHost: {PINNED}\r\nContent-Length: 5\r\n\r\nhello");
    let kept = format!("GET / HTTP/1.1\r\nHost: {PINNED}\r\nConnection: keep-alive\r\n\r\n");
    for is_proxied in [false, true] {
        for host in [npm.clone(), format!("{npm}."), npm.to_uppercase()] {
            let second = raw::get(&host, "/evil-pkg");
            for first in [&raw::get(PINNED, "/"), &posted, &kept] {
                // One after the other, then both at once.
                let mut socket = open(is_proxied);
                socket.write_all(first.as_bytes()).expect("written");
                let copy = socket.try_clone().expect("a socket can be copied");
                let reply = http::read_reply(copy, false)
                    .expect("an answer")
                    .expect(200);
                assert_eq!(reply.text(), "untouched");
                let _ = socket.write_all(second.as_bytes());
                assert_unmarked(socket, &host);
                let mut socket = open(is_proxied);
                let both = format!("{first}{second}");
                socket.write_all(both.as_bytes()).expect("written");
                assert_unmarked(socket, &host);
            }
            // And alone.
            let mut socket = open(is_proxied);
            socket.write_all(second.as_bytes()).expect("written");
            assert_unmarked(socket, &host);
        }
    }
    for place in [npm.clone(), format!("{npm}.")] {
        let bytes = format!("GET http://{PINNED}/ HTTP/1.1\r\nHost: {place}\r\n\r\n");
        let second = raw::get(&place, "/evil-pkg");
        let mut socket = raw::open_proxy(world.client());
        socket
            .write_all(format!("{bytes}{second}").as_bytes())
            .expect("written");
        assert_unmarked(socket, &place);
    }
    assert_eq!(other.count("/evil-pkg"), 0);
    assert_eq!(world.internet.npm.count("/evil-pkg"), 0);
}

#[track_caller]
fn assert_unmarked(socket: TcpStream, host: &str) {
    // A registry's connection stays open for its next request.
    let (bytes, _) = raw::outcome(socket, Duration::from_secs(1));
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains(MARK), "{host}: {text}");
}

#[test]
fn an_absolute_request_goes_to_no_port_that_is_not_listed() {
    let Some(world) = guided("", DENIED) else {
        return;
    };
    let [four, six] = world.internet.zone.of(PINNED).map(|it| it.to_string());
    let listeners: Vec<TcpListener> = [&four, &six]
        .map(|address| listen(&world.topology.internet, address, 2525))
        .into();
    for place in [PINNED.to_owned(), four.clone(), literal(&six)] {
        for (method, more, after) in [
            ("GET", "", "EHLO there\r\nMAIL FROM:<a@b>\r\n"),
            ("POST", "Content-Length: 12\r\n", "EHLO there\r\n"),
            ("GET", "Connection: keep-alive\r\n", ""),
        ] {
            let bytes = format!(
                "{method} http://{place}:2525/ HTTP/1.1\r\nHost: {place}:2525\r\n{more}\r\n{after}"
            );
            at_proxy(&world, &bytes).expect("an answer").expect(403);
        }
    }
    assert!(!listeners.iter().any(has_guest), "somebody was connected");
    // The same place is reached where the port is listed.
    let text = replaced(
        &config(&world),
        "[network]",
        "[network]\nports = [443, 2525]",
    );
    reload(&world, &text);
    let mut socket = raw::open_proxy(world.client());
    let bytes = format!("GET http://{four}:2525/ HTTP/1.1\r\nHost: x\r\n\r\n");
    socket.write_all(bytes.as_bytes()).expect("written");
    eventually("the listener hears", || listeners.iter().any(has_guest));
}

// --- the gateway's own machine ---

#[test]
fn connections_to_this_machine_and_its_link_go_nowhere() {
    let network = "nameless = \"tunnel\"\nallow_private = true\n";
    let Some(world) = guided(network, DENIED) else {
        return;
    };
    let gateway = &world.topology.gateway;
    world.undo();
    gateway.ip(&["address", "add", "169.254.7.7/16", "dev", "wan"]);
    // More is redirected than `network rules` asks for, also what a program here sends itself.
    gateway.nft(&format!(
        "table inet attack {{\n\
         chain there {{ type nat hook prerouting priority -100;\n\
         iifname \"lan\" tcp dport {{ 80, 443 }} redirect to :{REDIRECT}\n}}\n\
         chain here {{ type nat hook output priority -100;\n\
         meta skuid 65534 tcp dport {{ 80, 443, {PROXY} }} redirect to :{REDIRECT}\n}}\n}}\n"
    ));
    let (_, hello) = Hello::new(PINNED).start();
    let text = raw::get(PINNED, "/");
    let send = |mut socket: TcpStream, bytes: &[u8]| {
        socket.write_all(bytes).expect("written");
        socket
    };
    let from_here = |address: &str, port: u16| {
        let to = SocketAddr::new(address.parse().expect("an address"), port);
        gateway.enter_as(65534, || http::connect(to))
    };
    // A neighbour's address of the same machine shows that the rules bring connections here.
    let control = listen(gateway, WAN[0], 443);
    let through = send(from_here(WAN[0], 443), &hello);
    eventually("the rules redirect", || has_guest(&control));
    drop(through);
    for (address, port, bytes) in [
        ("169.254.7.7", 443, &hello[..]),
        ("169.254.7.7", 80, text.as_bytes()),
        ("127.0.0.1", 443, &hello[..]),
        ("127.0.0.1", 80, text.as_bytes()),
        ("127.9.9.9", 443, &hello[..]),
        ("::1", 443, &hello[..]),
        ("::1", 80, text.as_bytes()),
    ] {
        let listener = listen(gateway, address, port);
        let mut sockets = vec![from_here(address, port)];
        if address.starts_with("169.") {
            let to = SocketAddr::new(address.parse().expect("an address"), port);
            sockets.push(raw::open(world.client(), to));
        }
        for socket in sockets {
            let (answer, is_closed) = raw::outcome(send(socket, bytes), BOUND);
            assert!(is_closed, "{address} {port}: left open");
            assert!(
                !answer.starts_with(b"HTTP/1.1 200"),
                "{address} {port}: {answer:?}"
            );
        }
        assert!(!has_guest(&listener), "{address} {port} was connected");
    }
    // The gateway's own proxy, by way of the redirect listener.
    let request = format!("CONNECT {PINNED}:443 HTTP/1.1\r\nHost: {PINNED}\r\n\r\n");
    for address in [LAN[0], WAN[0], WAN[1]] {
        let socket = send(from_here(address, PROXY), request.as_bytes());
        let (answer, _) = raw::outcome(socket, BOUND);
        assert!(
            !answer.starts_with(b"HTTP/1.1 200"),
            "{address}: connected to itself"
        );
    }
}

#[test]
fn the_proxy_does_not_lead_to_the_gateways_own_ports() {
    let Some(world) = guided("allow_private = true\nports = [443]\n", DENIED) else {
        return;
    };
    let gateway = &world.topology.gateway;
    let own = [
        world.running().admin.port(),
        world.running().address.port(),
        PROXY,
        REDIRECT,
    ];
    let neighbour = listen(gateway, "127.0.0.1", 9090);
    let [admin, listens, proxy, redirect] = own;
    let ports = format!("ports = [443, 9090, {admin}, {listens}, {proxy}, {redirect}]");
    reload(&world, &replaced(&config(&world), "ports = [443]", &ports));
    for address in [
        "127.0.0.1",
        "127.9.9.9",
        "localhost",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        LAN[0],
        WAN[0],
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([LAN[1], WAN[1]].map(literal))
    .chain([format!("[::ffff:{}]", LAN[0])])
    {
        for port in own {
            let place = format!("{address}:{port}");
            assert_eq!(connect(&world, &place, "").1, 403, "CONNECT {place}");
            let reply = absolute(&world, &place, "/metrics", "");
            assert_eq!(reply.status, 403, "{place}");
            assert!(!reply.text().contains("# HELP"), "{place}");
        }
    }
    // What else listens on loopback was allowed.
    assert_eq!(connect(&world, "127.0.0.1:9090", "").1, 200);
    eventually("a neighbour is reached", || has_guest(&neighbour));
}

// --- errands ---

/// Names of the house, in every ecosystem.
const CLAIMED: &str = r#"
[[group]]
pattern  = "/npm//our-own$"
external = "block"
publish  = "allow"

[[group]]
pattern  = "/npm/our-own/*"
external = "block"
publish  = "allow"

[[group]]
pattern  = "/pypi//our-own$"
external = "block"
publish  = "allow"

[[group]]
pattern  = "/maven/org.ours/our-own$"
external = "block"
publish  = "allow"
"#;

#[test]
fn the_files_host_has_no_index_and_no_pages() {
    let rules = format!("{DENIED}{CLAIMED}");
    let Some(world) = learnt(ERRANDS, &rules) else {
        return;
    };
    // It would answer anything.
    world
        .internet
        .files
        .fallback(|_| Some(Answer::ok("text/html", MARK)));
    for path in [
        "/simple/evil-dist/",
        "/simple/evil-dist",
        "/simple/demo-pkg/",
        "/simple/",
        "/pypi/evil-dist/json",
        "/pypi/demo-pkg/json",
        "/project/demo-pkg/",
        "/packages/ab/cd/",
        "/packages/ab/cd/evil_dist-1.0.tar.gz",
        "/",
    ] {
        for method in ["GET", "HEAD", "OPTIONS"] {
            world.internet.forget();
            let reply = asked(&world, FILES, method, path, "Accept: */*\r\n");
            assert!(
                (400..500).contains(&reply.status),
                "{method} {path}: {}",
                reply.status
            );
            assert!(!reply.text().contains(MARK), "{method} {path}");
            assert_eq!(world.internet.files.total(), 0, "{method} {path} went on");
        }
    }
}

#[test]
fn a_claimed_name_leaves_the_house_on_no_errand() {
    let Some(world) = learnt(ERRANDS, CLAIMED) else {
        return;
    };
    let names = &world.internet.names;
    let [npm, pypi, maven] = [&names.npm, &names.pypi, &names.maven].map(|base| base.host.clone());
    let body = "Content-Type: application/json\r\nContent-Length: 2\r\n";
    for (host, method, path) in [
        (&npm, "GET", "/our-own/-rev/1"),
        (&npm, "GET", "/-/package/our-own/collaborators"),
        (&npm, "GET", "/-/package/@our-own%2fa/collaborators"),
        (&npm, "GET", "/-/package/@our-own/a/collaborators"),
        (&npm, "GET", "/@our-own%2fa/-rev/1"),
        (&npm, "GET", "/-/package/our%2down/collaborators"),
        (&npm, "GET", "/-/all?name=our-own"),
        (&npm, "GET", "/-/_view/byUser?q=left-pad,our-own"),
        (&npm, "OPTIONS", "/our-own"),
        (&npm, "OPTIONS", "/@our-own%2fa"),
        (&npm, "HEAD", "/-/package/our-own/collaborators"),
        (&npm, "PUT", "/our-own"),
        (&npm, "PUT", "/@our-own%2fa"),
        (&npm, "DELETE", "/our-own/-rev/1"),
        (&npm, "POST", "/-/package/our-own/access"),
        (&npm, "PUT", "/-/package/our-own/dist-tags/latest"),
        (&npm, "PUT", "/-/npm/v1/tokens/our-own"),
        (&pypi, "GET", "/project/our-own/"),
        (&pypi, "GET", "/rss/project/our-own/releases.xml"),
        (&pypi, "GET", "/project/Our_Own/"),
        (&pypi, "OPTIONS", "/simple/our-own/"),
        (&pypi, "POST", "/simple/our-own/"),
        (&maven, "PUT", "/maven2/org/ours/our-own/1/our-own-1.jar"),
        (&maven, "GET", "/maven2/org/ours/our-own/1/x/y/"),
        (
            &maven,
            "OPTIONS",
            "/maven2/org/ours/our-own/1/our-own-1.jar",
        ),
    ] {
        world.internet.forget();
        let more = if ["PUT", "POST"].contains(&method) {
            body
        } else {
            ""
        };
        let text = if more.is_empty() { "" } else { "{}" };
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n{text}");
        let reply = sealed(&world, host, &request);
        let status = reply.map(|it| it.status).unwrap_or_default();
        assert!((400..500).contains(&status), "{method} {path}: {status}");
        for spelling in ["our-own", "our%2down", "Our_Own"] {
            assert!(!world.internet.heard(spelling), "{method} {path} went on");
        }
    }
    // What is nobody's goes on, so the errands above were let through but for their names.
    for (host, registry, path) in [
        (
            &npm,
            &world.internet.npm,
            "/-/package/left-pad/collaborators",
        ),
        (&pypi, &world.internet.pypi, "/project/demo-pkg/"),
    ] {
        registry.set(path, Answer::ok("application/json", "{}"));
        asked(&world, host, "GET", path, "").expect(200);
        assert_eq!(registry.count(path), 1, "{path}");
    }
}

#[test]
fn a_search_that_cannot_be_read_asks_nobody() {
    let Some(world) = guided(ERRANDS, CLAIMED) else {
        return;
    };
    let npm = world.internet.names.npm.host.clone();
    for query in ["size=x", "from=x", "size=-1"] {
        let path = format!("/-/v1/search?text=our-own&{query}");
        asked(&world, &npm, "GET", &path, "").expect(400);
    }
    assert!(!world.internet.heard("search"), "a search went on");
}

#[test]
fn a_project_called_account_is_a_project() {
    for (rules, status) in [
        (DENIED.to_owned(), 200),
        (DENIED.replace("evil-dist", "account"), 403),
    ] {
        let Some(world) = learnt("login = \"pass\"\n", &rules) else {
            return;
        };
        world.internet.publish_pypi("account", &["1.0"]);
        let pypi = world.internet.names.pypi.host.clone();
        let document = Answer::ok("application/json", MARK);
        world.internet.pypi.set("/pypi/account/json", document);
        asked(&world, &pypi, "GET", "/simple/account/", "Accept: */*\r\n").expect(status);
        let wheel = packages::wheel_name("account", "1.0");
        let path = publish::pypi_path(&wheel);
        asked(&world, FILES, "GET", &path, "").expect(status);
        let reply = asked(&world, &pypi, "GET", "/pypi/account/json", "");
        // What is judged is read first; what is denied is not even asked for.
        assert!(!reply.text().contains(MARK), "{status}");
        let is_it = |path: &str| path.contains("account");
        let total =
            world.internet.pypi.count_where(is_it) + world.internet.files.count_where(is_it);
        assert_eq!(total > 0, status == 200);
    }
}

#[test]
fn an_errand_needs_a_token_where_reading_does() {
    let rules = format!("[access]\nanonymous_read = false\n{DENIED}");
    let Some(world) = guided(ERRANDS, &rules) else {
        return;
    };
    let secret = world.token("reader");
    let npm = world.internet.names.npm.host.clone();
    for (method, path) in [
        ("GET", "/-/whoami"),
        ("GET", "/-/all"),
        ("POST", "/-/v1/login"),
        ("DELETE", "/left-pad/-rev/1"),
        ("OPTIONS", "/left-pad"),
    ] {
        for (shown, is_let) in [
            (String::new(), false),
            ("Authorization: Bearer npm_hers\r\n".to_owned(), false),
            (format!("Authorization: Bearer {secret}\r\n"), true),
        ] {
            world.internet.forget();
            let reply = asked(&world, &npm, method, path, &shown);
            assert_eq!(
                reply.status != 401,
                is_let,
                "{method} {path}: {}",
                reply.status
            );
            let count = world.internet.npm.total();
            assert_eq!(count, usize::from(is_let), "{method} {path} {shown}");
        }
    }
}

// --- secrets ---

const SECRET: &str = "npm_0123456789abcdefghijABCDEFGHIJ012345";

/// Every place where the program writes.
#[track_caller]
fn secret_is_nowhere(world: &mut World, what: &str) {
    let (tail, decisions) = (&SECRET[4..], world.admin("/decisions").expect(200).text());
    assert!(!decisions.contains(tail), "{what}: {decisions}");
    assert!(!world.admin("/metrics").text().contains(tail), "{what}");
    world.running_mut().stop();
    // What it wrote last may still be on its way here.
    let is_told = within(Duration::from_secs(1), || {
        world.running().log().contains(tail)
    });
    let log = world.running().log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(tail)).collect();
    assert!(!is_told, "{what}: {lines:#?}");
    assert!(log.contains("/-/user"), "{what}: no line about it\n{log}");
    let holder = holder(&world.data(), tail.as_bytes());
    assert!(holder.is_none(), "{what}: {holder:?}");
}

/// A file below a folder that holds these bytes.
fn holder(folder: &Path, bytes: &[u8]) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.flatten().map(|it| it.path()).find_map(|path| {
        if path.is_dir() {
            return holder(&path, bytes);
        }
        let content = std::fs::read(&path).unwrap_or_default();
        let is_in = content.windows(bytes.len()).any(|part| part == bytes);
        is_in.then_some(path)
    })
}

/// What `npm logout` sends, on every way and in other spellings.
fn logout(world: &World) {
    let npm = world.internet.names.npm.host.clone();
    let spelt = SECRET.replace('_', "%5F");
    let shown = format!("Authorization: Bearer {SECRET}\r\n");
    for path in [
        format!("/-/user/token/{SECRET}"),
        format!("/-/user/token/{spelt}"),
        format!("/-/user/token/{SECRET}/"),
        format!("/-/user/token/?token={SECRET}"),
    ] {
        for method in ["DELETE", "GET", "OPTIONS"] {
            let _ = asked(world, &npm, method, &path, &shown);
        }
        let bytes = format!("DELETE http://{npm}{path} HTTP/1.1\r\nHost: {npm}\r\n{shown}\r\n");
        at_proxy(world, &bytes);
        // A request for another host than the connection's.
        let request = format!("DELETE {path} HTTP/1.1\r\nHost: {PINNED}\r\n{shown}\r\n");
        sealed(world, &npm, &request);
    }
}

#[test]
fn the_token_of_a_logout_is_written_nowhere() {
    for (what, network) in [("refused", ""), ("passed on", "login = \"pass\"\n")] {
        let Some(mut world) = guided(network, DENIED) else {
            return;
        };
        let deleted = Answer::ok("application/json", "{}");
        let path = format!("/-/user/token/{SECRET}");
        world.internet.npm.set(&path, deleted);
        logout(&world);
        let is_passed = world.internet.npm.count(&path) > 0;
        assert_eq!(is_passed, what == "passed on");
        secret_is_nowhere(&mut world, what);
    }
}

#[test]
fn the_token_of_a_logout_that_fails_is_written_nowhere() {
    let Some(mut world) = guided("login = \"pass\"\n", DENIED) else {
        return;
    };
    world.internet.npm.down();
    logout(&world);
    secret_is_nowhere(&mut world, "the registry is down");
}

#[test]
fn the_token_of_a_logout_that_lacks_a_token_of_ours_is_written_nowhere() {
    let rules = format!("[access]\nanonymous_read = false\n{DENIED}");
    let Some(mut world) = guided("login = \"pass\"\n", &rules) else {
        return;
    };
    logout(&world);
    assert_eq!(world.internet.npm.total(), 0);
    secret_is_nowhere(&mut world, "nobody may read");
}

// --- tunnels ---

#[test]
fn idle_connections_do_not_hold_the_end() {
    let Some(mut world) = guided("ports = [443, 2525]\n", DENIED) else {
        return;
    };
    let npm = world.internet.names.npm.host.clone();
    let address = world.internet.zone.of(PINNED)[0];
    let silent = listen(&world.topology.internet, &address.to_string(), 2525);
    let mut open: Vec<Box<dyn std::any::Any>> = Vec::new();
    let stream = Hello::new(PINNED).connect(world.client(), address);
    open.push(Box::new(stream.expect("a tunnel")));
    let (socket, status) = connect(&world, &format!("{PINNED}:443"), "");
    assert_eq!(status, 200);
    open.push(Box::new(Hello::new(PINNED).over(socket).expect("a tunnel")));
    let (socket, status) = connect(&world, &format!("{PINNED}:2525"), "");
    assert_eq!(status, 200);
    open.push(Box::new(socket));
    eventually("the silent host is connected", || has_guest(&silent));
    // A registry's connection that waits for its next request.
    let address = world.internet.zone.of(&npm)[0];
    let stream = Hello::new(&npm).connect(world.client(), address);
    let mut stream = stream.expect("a handshake");
    raw::ask(&mut stream, &raw::get(&npm, "/left-pad")).expect("an answer");
    open.push(Box::new(stream));
    let begun = Instant::now();
    world.running().terminate();
    // The drain is ten seconds, unless the configuration says otherwise.
    let bound = Duration::from_secs(4);
    let is_over = within(bound, || !world.running_mut().is_alive());
    assert!(is_over, "still there after {:?}", begun.elapsed());
    drop(open);
}

#[test]
fn credentials_for_another_proxy_do_no_harm() {
    let Some(world) = guided("", DENIED) else {
        return;
    };
    world.undo();
    world.topology.forward(false);
    world
        .internet
        .pinned
        .set("/", Answer::ok("text/plain", "untouched"));
    let npm = world.internet.names.npm.host.clone();
    for shown in ["Basic dTpw", "Bearer theirs", "Digest a=b", "", "Basic !!"] {
        let fields = format!("Proxy-Authorization: {shown}\r\n");
        absolute(&world, &npm, "/left-pad", &fields).expect(200);
        absolute(&world, &npm, "/evil-pkg", &fields).expect(403);
        absolute(&world, PINNED, "/", &fields).expect(200);
        let (socket, status) = connect(&world, &format!("{PINNED}:443"), &fields);
        assert_eq!(status, 200, "{shown}");
        assert!(Hello::new(PINNED).over(socket).is_some(), "{shown}");
        let (socket, status) = connect(&world, &format!("{npm}:443"), &fields);
        assert_eq!(status, 200, "{shown}");
        let mut stream = Hello::new(&npm).over(socket).expect("a handshake");
        let reply = raw::ask(&mut stream, &raw::get(&npm, "/left-pad"));
        reply.expect("an answer").expect(200);
    }
    assert!(!world.internet.heard("roxy-"), "it went further");
}

#[test]
fn clients_with_credentials_for_another_proxy_install() {
    let Some(mut world) = World::open(Names::built_in()) else {
        return;
    };
    world.take_over(Way::Redirect, "", DENIED);
    world.undo();
    world.topology.forward(false);
    for client in [Client::Npm, Client::Pip, Client::Uv] {
        let guest = world.guest().proxied(&format!("u:p@{}", LAN[0]), PROXY);
        if let Some(run) = guest.install(client, ordinary(client)) {
            run.succeeded();
            assert!(guest.has_ordinary(client), "{client:?}");
        }
    }
    assert!(!world.internet.heard("roxy-"), "it went further");
}

#[test]
fn a_server_that_speaks_first_is_heard_at_once() {
    let Some(world) = guided("ports = [443, 2525]\n", DENIED) else {
        return;
    };
    let address = world.internet.zone.of(PINNED)[0];
    let listener = listen(&world.topology.internet, &address.to_string(), 2525);
    listener.set_nonblocking(false).expect("a socket has modes");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.write_all(b"220 here\r\n");
            let mut line = [0; 64];
            let count = stream.read(&mut line).unwrap_or(0);
            let _ = stream.write_all(&line[..count]);
        }
    });
    for place in [PINNED.to_owned(), address.to_string()] {
        let begun = Instant::now();
        let mut socket = raw::open_proxy(world.client());
        let head = format!("CONNECT {place}:2525 HTTP/1.1\r\nHost: {place}\r\n\r\n");
        socket.write_all(head.as_bytes()).expect("written");
        let until = |socket: &mut TcpStream, words: &str| {
            let mut read = Vec::new();
            while !read.windows(words.len()).any(|it| it == words.as_bytes()) {
                let mut byte = [0];
                let count = socket.read(&mut byte).expect("the server speaks");
                assert_eq!(
                    count,
                    1,
                    "closed after {:?}",
                    String::from_utf8_lossy(&read)
                );
                read.push(byte[0]);
            }
        };
        until(&mut socket, "220 here\r\n");
        let waited = begun.elapsed();
        assert!(waited < Duration::from_millis(1500), "{place}: {waited:?}");
        socket.write_all(b"EHLO there\r\n").expect("written");
        until(&mut socket, "EHLO there\r\n");
    }
}

// --- encrypted hellos ---

/// A hello of TLS 1.2, whose answer shows the certificate in clear, with an Encrypted ClientHello
/// beside the name (RFC 9849 §5).
fn encrypted_hello(outer: &str) -> Vec<u8> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("a version")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let server = Hello::new(outer).server();
    let client = rustls::ClientConnection::new(std::sync::Arc::new(config), server);
    let mut record = Vec::new();
    client
        .expect("a client")
        .write_tls(&mut record)
        .expect("a vector takes all bytes");
    let length = |bytes: usize| u16::try_from(bytes).expect("short").to_be_bytes();
    // Outer; HKDF-SHA256 and AES-128-GCM; a configuration's number; a key; sealed bytes.
    let mut content = vec![0, 0, 1, 0, 1, 7, 0, 32];
    content.extend([9; 32]);
    content.extend(length(144));
    content.extend([11; 144]);
    let mut extension = vec![0xfe, 0x0d];
    extension.extend(length(content.len()));
    extension.extend(content);
    // The extensions are the hello's end: records' and message's heads, version, random.
    let mut at = 5 + 4 + 2 + 32;
    at += 1 + usize::from(record[at]);
    at += 2 + usize::from(u16::from_be_bytes([record[at], record[at + 1]]));
    at += 1 + usize::from(record[at]);
    record.extend(extension);
    let total = record.len();
    record[at..at + 2].copy_from_slice(&length(total - at - 2));
    record[7..9].copy_from_slice(&length(total - 9));
    record[3..5].copy_from_slice(&length(total - 5));
    record
}

#[test]
fn an_encrypted_hello_is_judged_by_its_outer_name() {
    let Some(world) = guided("", DENIED) else {
        return;
    };
    let npm = world.internet.names.npm.host.clone();
    let answer = |mut socket: TcpStream, name: &str| {
        socket.write_all(&encrypted_hello(name)).expect("written");
        // The server now waits for the client's key.
        raw::outcome(socket, Duration::from_secs(1)).0
    };
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|it| it == part);
    for is_proxied in [false, true] {
        for (name, is_opened) in [(PINNED, false), (npm.as_str(), true)] {
            let socket = if is_proxied {
                connect(&world, &format!("{name}:443"), "").0
            } else {
                redirected(&world, name, 443)
            };
            let shown = answer(socket, name);
            assert_eq!(shown.first(), Some(&22), "{name}: {shown:?}");
            assert!(holds(&shown, name.as_bytes()), "{name} is not named");
            // Who signed it: the internet's authority, or the gateway's.
            let is_own = holds(&shown, b"an authority for tests");
            assert_eq!(is_own, !is_opened, "{name}");
            assert_eq!(holds(&shown, &world.internet.pin), !is_opened, "{name}");
        }
    }
    let packages = |path: &str| path.contains("left-pad") || path.contains("evil");
    assert_eq!(world.internet.npm.count_where(packages), 0);
}
