//! The client listener behind TLS: HTTP/1.1 and HTTP/2 answer as plain HTTP does, real clients install, and what
//! breaks a rule is refused.

use crate::support::clients::{Client, Sandbox};
use crate::support::gateway;
use crate::support::http::{self, Reply, Request};
use crate::support::registry::{Answer, Fault, Gate};
use crate::support::tls::{
    self, CONTINUATION, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, RST_STREAM, RawH2,
    SETTINGS, Sealed, fields, is_closed_within,
};
use crate::support::{eventually, packages, publish};
use std::io::Write as _;
use std::time::Duration;

const TARBALL: &str = "/npm/public/left-pad/-/left-pad-1.0.0.tgz";
const PUBLIC_URL: &str = "public_url = \"https://gateway.test\"";
const BLOCK: &str = "[[group]]\npattern = \"/npm//evil$\"\nexternal = \"block\"\n";
const AUDIT: &str = "/npm/public/-/npm/v1/security/advisories/bulk";

/// What differs by wire or by moment.
const OF_THE_WIRE: [&str; 3] = ["connection", "date", "keep-alive"];

/// The body, without the number of the decision that refused.
fn lasting_body(reply: &Reply) -> Vec<u8> {
    if reply.header("content-type") != "application/problem+json" {
        return reply.body.clone();
    }
    let mut document = reply.json();
    document["instance"] = "".into();
    document.to_string().into_bytes()
}

/// The fields of a reply that say something about what is served.
fn lasting(reply: &Reply) -> Vec<(String, String)> {
    let is_numbered = reply.status == 403;
    let mut fields: Vec<_> = reply
        .headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .filter(|(name, _)| !OF_THE_WIRE.contains(&name.as_str()))
        .filter(|(name, _)| !(is_numbered && name == "content-length"))
        .collect();
    fields.sort();
    fields
}

#[test]
fn every_wire_gives_the_same_answer() {
    let sealed = Sealed::new(PUBLIC_URL, "", BLOCK);
    let plain = sealed.plain();
    let large = packages::npm_tarball("large", "1.0.0", 3_000_000);
    publish::npm(&sealed.npm, "left-pad", &["1.0.0", "1.3.0"]);
    publish::npm_built(&sealed.npm, "large", &[("1.0.0".to_owned(), large)]);
    publish::pypi(&sealed.pypi, "demo-pkg", &["1.0"]);
    let get = Request::get;
    let etag = get(TARBALL).send(plain.address).expect(200);
    let etag = etag.header("etag").to_owned();
    let requests = [
        get(TARBALL),
        Request::head(TARBALL),
        get(TARBALL).header("Range", "bytes=0-9"),
        get(TARBALL).header("Range", "bytes=99999999-"),
        get(TARBALL).header("If-None-Match", &etag),
        get("/npm/public/large/-/large-1.0.0.tgz"),
        get("/npm/public/left-pad"),
        Request::head("/npm/public/left-pad"),
        get("/npm/public/left-pad").header("Accept-Encoding", "gzip"),
        get("/npm/public/nobody"),
        get("/npm/public/evil"),
        get("/npm/public/evil/-/evil-1.0.0.tgz"),
        get("/pypi/public/simple/demo-pkg/"),
        get("/pypi/public/simple/demo-pkg"),
        get("/nowhere"),
        Request::new("POST", AUDIT).body("application/json", "{}"),
        Request::new("PUT", "/npm/public/left-pad").body("application/json", "{}"),
        Request::new("OPTIONS", "/npm/public/left-pad"),
    ];
    let send_plain = |request: &Request| request.send(plain.address);
    // What is said of a first answer may differ from what is said of a kept one.
    requests
        .iter()
        .for_each(|request| drop(send_plain(request)));
    let _ = sealed.h2(&requests);
    for (request, over_h2) in requests.iter().zip(sealed.h2(&requests)) {
        let expected = send_plain(request);
        for (wire, reply) in [("HTTP/1.1", sealed.h1(request)), ("HTTP/2", over_h2)] {
            assert_eq!(reply.status, expected.status, "{wire} {request:?}");
            assert!(reply.complete, "{wire} {request:?}");
            assert!(
                lasting_body(&reply) == lasting_body(&expected),
                "{wire} {request:?}"
            );
            assert_eq!(lasting(&reply), lasting(&expected), "{wire} {request:?}");
        }
    }
}

#[test]
fn npm_and_pip_install_with_the_authority_that_they_are_given() {
    let sealed = Sealed::new("", "", "");
    publish::npm(&sealed.npm, "left-pad", &["1.0.0", "1.3.0"]);
    publish::pypi(&sealed.pypi, "demo-pkg", &["1.0", "2.0"]);
    let ca = sealed.ca().display().to_string();
    let sandbox = Sandbox::new();
    sandbox.npm_project(&sealed.url("/npm/public/"));
    let rc = sandbox.read(".npmrc");
    sandbox.write(".npmrc", &format!("{rc}cafile={ca}\n"));
    if let Some(run) = sandbox.npm_add(Client::Npm, "left-pad") {
        run.succeeded();
        assert_eq!(sandbox.npm_installed("left-pad"), "1.3.0");
        let lock = sandbox.read("package-lock.json");
        assert!(
            lock.contains(&sealed.url("/npm/public/left-pad/-/")),
            "{lock}"
        );
    }
    let sandbox = Sandbox::new();
    let index = sealed.url("/pypi/public/simple/");
    let target = sandbox.project("installed").display().to_string();
    let install = [
        "install",
        "--no-input",
        "--retries",
        "0",
        "--index-url",
        &index,
    ];
    let to = ["--target", &target, "demo-pkg"];
    let trusting = [&install[..], &["--cert", &ca], &to].concat();
    if let Some(run) = sandbox.run(Client::Pip, &trusting) {
        run.succeeded();
        assert_eq!(sandbox.read("installed/demo_pkg.py"), "VERSION = '2.0'\n");
        let distrusting = [&install[..], &["--no-cache-dir", "--force-reinstall"], &to].concat();
        let run = sandbox.run(Client::Pip, &distrusting);
        run.expect("the client is there").failed();
    }
}

#[test]
fn tls_1_2_is_spoken_and_plain_http_is_told_so() {
    let sealed = Sealed::new("", "", "");
    publish::npm(&sealed.npm, "left-pad", &["1.0.0"]);
    let config = sealed.client(&[], &[&rustls::version::TLS12]);
    let mut stream = tls::shake_hands(config, sealed.gateway.address);
    let request = Request::get(TARBALL);
    stream
        .write_all(&request.bytes("localhost"))
        .expect("written");
    let reply = http::read_reply(stream, false).expect("an answer");
    reply.expect(200);
    let reply = Request::get(TARBALL).send(sealed.gateway.address);
    assert!(reply.expect(400).text().contains("https"));
}

/// What the rules of HTTP/1 refuse is refused here with the same status.
#[test]
fn the_checks_of_http_1_are_made_of_http_2() {
    let sealed = Sealed::new("", "request_body_bytes = \"1KiB\"", "");
    let get = Request::get;
    let rows = [
        (get("//npm/public/left-pad"), 400),
        (get("/npm/public//left-pad"), 400),
        (get("/npm/public/../private/left-pad"), 400),
        (get("/npm/public/..%2fleft-pad"), 400),
        (get("/npm/public/%2e%2e/left-pad"), 400),
        (get("/npm/public/left%252dpad"), 400),
        (get("/npm/public/left-pad;v=1"), 400),
        (
            get("/npm/public/left-pad").header("host", "elsewhere.test"),
            400,
        ),
        (get("/npm/public/left-pad").body("text/plain", "x"), 400),
        (
            get("/npm/public/left-pad").header("x", &"a".repeat(40_000)),
            431,
        ),
        (get(&format!("/npm/public/{}", "a".repeat(9_000))), 414),
        (Request::new("TRACE", "/npm/public/left-pad"), 405),
        (
            Request::new("PUT", "/npm/public/x").body("text/plain", "x"),
            401,
        ),
        (
            Request::new("POST", AUDIT).body("text/plain", [b'a'; 2000]),
            413,
        ),
    ];
    let requests: Vec<Request> = rows.iter().map(|(request, _)| request.clone()).collect();
    for ((request, status), reply) in rows.iter().zip(sealed.h2(&requests)) {
        assert_eq!(reply.status, *status, "{request:?}");
    }
    assert_eq!(sealed.npm.total(), 0, "an upstream was asked");
}

const ORDINARY: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "gw"),
    (":path", "/npm/public/nobody"),
];

fn headers(stream: u32, list: &[(&str, &str)]) -> Frame {
    Frame::new(HEADERS, END_STREAM | END_HEADERS, stream, fields(list))
}

#[test]
fn what_is_malformed_is_reset_or_refused() {
    let sealed = Sealed::new("", "", "");
    let with = |more: &[(&'static str, &'static str)]| [&ORDINARY[..], more].concat();
    let [method, scheme, authority, path] = ORDINARY;
    for (what, list, expected) in [
        ("an ordinary request", with(&[]), "404"),
        ("a name in capitals", with(&[("X-Upper", "a")]), "reset 1"),
        (
            "a connection field",
            with(&[("connection", "close")]),
            "reset 1",
        ),
        (
            "a transfer coding",
            with(&[("transfer-encoding", "chunked")]),
            "reset 1",
        ),
        ("an upgrade", with(&[("upgrade", "h2c")]), "reset 1"),
        ("a late pseudo-field", with(&[path]), "reset 1"),
        (
            "a status",
            vec![method, scheme, authority, path, (":status", "200")],
            "reset 1",
        ),
        (
            "a doubled authority",
            vec![method, scheme, authority, authority, path],
            "reset 1",
        ),
        ("no path", vec![method, scheme, authority], "reset 1"),
        ("no scheme", vec![method, authority, path], "reset 1"),
        ("no authority", vec![method, scheme, path], "400"),
        (
            "no authority but a host",
            vec![method, scheme, path, ("host", "gw")],
            "400",
        ),
        (
            "another scheme",
            vec![method, (":scheme", "ftp"), authority, path],
            "400",
        ),
        (
            "clear text",
            vec![method, (":scheme", "http"), authority, path],
            "400",
        ),
        (
            "a path without a slash",
            vec![method, scheme, authority, (":path", "evil")],
            "reset 1",
        ),
        (
            "an asterisk",
            vec![method, scheme, authority, (":path", "*")],
            "400",
        ),
        (
            "a line's end in a value",
            with(&[("x", "a\r\nb: c")]),
            "reset 1",
        ),
        (
            "a length of nothing",
            with(&[("content-length", "5")]),
            "reset 1",
        ),
    ] {
        let mut raw = RawH2::open(&sealed, &[]);
        raw.send(&[headers(1, &list)]);
        let outcome = raw.outcome(1);
        // Some of it ends the stream, and some the connection; both are PROTOCOL_ERROR.
        let outcome = outcome.replace("goaway 1", "reset 1");
        assert_eq!(outcome, expected, "{what}");
    }
}

#[test]
fn a_head_that_is_too_large_is_refused_frame_by_frame() {
    let sealed = Sealed::new("", "", "");
    let mut raw = RawH2::open(&sealed, &[]);
    let mut frames = vec![Frame::new(HEADERS, END_STREAM, 1, fields(&ORDINARY))];
    for number in 0..100 {
        let value = "a".repeat(16_000);
        let block = fields(&[(&format!("x-{number}"), &value)]);
        frames.push(Frame::new(CONTINUATION, 0, 1, block));
    }
    raw.send(&frames);
    let outcome = raw.outcome(1);
    // A client that is still sending may find the connection reset before it reads why.
    let refusals = ["another status", "goaway 1", "goaway 11", "closed"];
    assert!(refusals.contains(&outcome.as_str()), "{outcome}");
    assert_eq!(sealed.npm.total(), 0);
}

#[test]
fn more_requests_at_once_than_allowed_are_refused() {
    let sealed = Sealed::new("", "", "");
    let gate = Gate::default();
    let held = gate.clone();
    let answer = move || Answer::status(404).fault(Fault::Hold(held.clone()));
    sealed.npm.fallback(move |_| Some(answer()));
    let mut raw = RawH2::open(&sealed, &[]);
    let settings = raw.until(|frame| frame.kind == SETTINGS).expect("settings");
    let setting = |key: u8| {
        let rows = settings.payload.chunks(6);
        rows.filter(|row| row[1] == key)
            .map(|row| u32::from_be_bytes([row[2], row[3], row[4], row[5]]))
            .next()
    };
    assert_eq!(setting(3), Some(100), "MAX_CONCURRENT_STREAMS");
    assert_eq!(setting(6), Some(65_536), "MAX_HEADER_LIST_SIZE");
    let path = |number: u32| format!("/npm/public/held-{number}");
    let requests: Vec<Frame> = (0..101)
        .map(|number| {
            let mut list = ORDINARY;
            let path = path(number);
            list[3].1 = &path;
            headers(2 * number + 1, &list)
        })
        .collect();
    raw.send(&requests);
    assert_eq!(raw.outcome(201), "reset 7");
    gate.open();
    assert_eq!(raw.outcome(1), "404");
}

#[test]
fn a_client_that_breaks_off_what_it_asks_for_is_dismissed() {
    let sealed = Sealed::new("", "", "");
    let answer = || Answer::status(404).fault(Fault::Delay(Duration::from_secs(1)));
    sealed.npm.fallback(move |_| Some(answer()));
    let mut raw = RawH2::open(&sealed, &[]);
    for number in 0..1000 {
        let stream = 2 * number + 1;
        let cancel = Frame::new(RST_STREAM, 0, stream, [0, 0, 0, 8]);
        raw.send(&[headers(stream, &ORDINARY), cancel]);
    }
    let goaway = raw.until(|frame| frame.kind == GOAWAY).expect("a GOAWAY");
    assert_eq!(goaway.code(), 11);
    let reply = sealed.h1(&Request::get("/npm/public/-/ping"));
    assert_eq!(reply.status, 200);
}

#[test]
fn a_client_that_opens_no_window_is_dropped() {
    let sealed = Sealed::new("", "write_stall = \"1s\"", "");
    publish::npm(&sealed.npm, "left-pad", &["1.0.0"]);
    // INITIAL_WINDOW_SIZE = 0
    let mut raw = RawH2::open(&sealed, &[0, 4, 0, 0, 0, 0]);
    let mut list = ORDINARY;
    list[3].1 = TARBALL;
    raw.send(&[headers(1, &list)]);
    assert_eq!(raw.outcome(1), "200");
    assert_eq!(raw.outcome(1), "reset 8");
}

#[test]
fn who_never_asks_is_dropped_at_the_deadline() {
    let sealed = Sealed::new("", "head_deadline = \"1s\"", "");
    let bound = Duration::from_secs(8);
    for (what, bytes) in [
        ("silence", &b""[..]),
        ("half a handshake", &[22, 3, 1, 1, 0, 1]),
        ("no TLS", b"\0\0\0\0"),
    ] {
        let mut socket = http::connect(sealed.gateway.address);
        socket.write_all(bytes).expect("written");
        assert!(is_closed_within(&mut socket, bound), "{what}");
    }
    for (what, bytes) in [
        ("no preface", &b""[..]),
        ("half a preface", b"PRI * HTTP/2.0\r\n"),
    ] {
        let mut stream = sealed.connect(&["h2"]);
        stream.write_all(bytes).expect("written");
        assert!(is_closed_within(&mut stream.sock, bound), "{what}");
    }
    let mut raw = RawH2::open(&sealed, &[]);
    let half = Frame::new(HEADERS, END_STREAM, 1, fields(&ORDINARY));
    raw.send(&[half]);
    raw.stream_mut()
        .sock
        .set_read_timeout(Some(bound))
        .expect("a timeout");
    let goaway = raw.until(|frame| frame.kind == GOAWAY);
    assert!(goaway.is_some(), "half a head");
}

#[test]
fn a_stop_says_goodbye_and_lets_what_runs_end() {
    let mut sealed = Sealed::new("", "", "");
    let gate = Gate::default();
    let held = gate.clone();
    let answer = move || Answer::status(404).fault(Fault::Hold(held.clone()));
    sealed.npm.fallback(move |_| Some(answer()));
    let mut raw = RawH2::open(&sealed, &[]);
    raw.send(&[headers(1, &ORDINARY)]);
    eventually("the upstream is asked", || sealed.npm.total() > 0);
    sealed.gateway.terminate();
    assert_eq!(raw.outcome(1), "goaway 0");
    gate.open();
    assert_eq!(raw.outcome(1), "404");
    eventually("the program ends", || !sealed.gateway.is_alive());
}

#[test]
fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
    let sealed = Sealed::new("", "", "");
    let shown = || {
        let stream = sealed.connect(&["h2"]);
        let chain = stream.conn.peer_certificates().expect("a certificate");
        chain[0].clone()
    };
    let first = shown();
    sealed.authority.write(sealed.folder());
    sealed.gateway.hang_up();
    eventually("the new certificate is shown", || shown() != first);
    let second = shown();
    let key = sealed.folder().join("key.pem");
    tls::write(&key, "no PEM at all", 0o600);
    sealed.gateway.hang_up();
    eventually("the reload is refused", || {
        sealed.gateway.log().contains("tls.key")
    });
    assert_eq!(shown(), second);
}

#[test]
fn a_mistake_with_the_files_names_key_file_and_cure() {
    let sealed = Sealed::new("", "", "");
    let folder = sealed.folder();
    let other = folder.join("other");
    std::fs::create_dir(&other).expect("a folder");
    sealed.authority.write(&other);
    let open_key = std::fs::read_to_string(folder.join("key.pem")).expect("a key");
    tls::write(&folder.join("open.pem"), &open_key, 0o644);
    tls::write(&folder.join("empty.pem"), "", 0o600);
    for (certificate, key, says) in [
        ("certificate.pem", "", "`tls.key` is missing"),
        ("", "key.pem", "`tls.certificate` is missing"),
        ("nowhere.pem", "key.pem", "tls.certificate: "),
        ("certificate.pem", "nowhere.pem", "tls.key: "),
        ("empty.pem", "key.pem", "holds no certificate"),
        ("certificate.pem", "empty.pem", "holds no private key"),
        ("certificate.pem", "open.pem", "chmod 600"),
        ("certificate.pem", "other/key.pem", "belong together"),
        ("key.pem", "certificate.pem", "holds no certificate"),
    ] {
        let line = |key: &str, file: &str| match file {
            "" => String::new(),
            file => format!("{key} = \"{file}\"\n"),
        };
        let upstreams = std::fs::read_to_string(folder.join("plain.toml")).expect("a file");
        let text = format!(
            "{upstreams}[tls]\n{}{}",
            line("certificate", certificate),
            line("key", key)
        );
        let config = folder.join("mistaken.toml");
        tls::write(&config, &text, 0o644);
        let output = gateway::run(&["check", "--config", &config.display().to_string()], "");
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.code(),
            Some(2),
            "{certificate} {key}: {printed}"
        );
        assert!(printed.contains(says), "{certificate} {key}: {printed}");
    }
}
