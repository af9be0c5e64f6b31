//! The rows of the bypass corpus about what comes by the network (`network/intercept.tsv`),
//! before the most lenient upstreams there could be.

use super::names::{FILES, Names, PINNED};
use super::raw::{self, Hello};
use super::world::{DENIED, Way, World};
use crate::door::lenient;
use crate::support::http;
use rustls::pki_types::CertificateDer;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

const ROWS: &str = include_str!("intercept.tsv");

/// The wait for the answer to a row.
const ANSWER_WAIT: Duration = Duration::from_secs(14);

/// One row of the corpus.
struct Row {
    id: &'static str,
    tech: &'static str,
    request: &'static str,
    statuses: &'static str,
    hits: &'static str,
    body: &'static str,
    why: &'static str,
}

fn rows() -> Vec<Row> {
    let is_row = |line: &&str| !line.starts_with('#') && !line.starts_with("id\t");
    let row = |line: &'static str| {
        let cells: Vec<&'static str> = line.split('\t').collect();
        assert_eq!(cells.len(), 13, "{line}");
        Row {
            id: cells[0],
            tech: cells[4],
            request: cells[5],
            statuses: cells[8],
            hits: cells[9],
            body: cells[10],
            why: cells[11],
        }
    };
    ROWS.lines().filter(is_row).map(row).collect()
}

/// What came of a row. Without a status, the connection or the stream was ended.
#[derive(Debug, Default)]
struct Outcome {
    status: Option<u16>,
    bytes: Vec<u8>,
    /// What the server showed, if it came to a handshake.
    certificate: Option<CertificateDer<'static>>,
}

impl Outcome {
    fn of(reply: Option<http::Reply>) -> Outcome {
        reply.map_or_else(Outcome::default, |reply| {
            let heads = reply
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\n"));
            let head: String = heads.collect();
            Outcome {
                status: Some(reply.status),
                bytes: [head.as_bytes(), &reply.body].concat(),
                certificate: None,
            }
        })
    }
}

/// A world whose upstreams forgive everything, and whose gateway knows the files host.
fn stage() -> Option<World> {
    let mut world = World::open(Names::made_up())?;
    let internet = &world.internet;
    for pypi in [&internet.pypi, &internet.files] {
        lenient::install(&internet.npm, pypi, &internet.maven);
    }
    world.take_over(Way::Redirect, "", DENIED);
    world.get("/npm/public/left-pad").expect(200);
    world.get("/pypi/public/simple/demo-pkg/").expect(200);
    Some(world)
}

/// Replaces the placeholders; what stays in braces fails the test.
fn filled(world: &World, row: &Row) -> String {
    let names = &world.internet.names;
    let mut text = row.request.to_owned();
    for (placeholder, value) in [
        ("{UPN}", names.npm.host.as_str()),
        ("{UPF}", FILES),
        ("{UPM}", names.maven.host.as_str()),
        ("{OTHER}", PINNED),
        ("{AUTH}", ""),
        (" ;; {AUTH_H2}", ""),
        ("{HEX60}", &"0123456789".repeat(6)),
        ("{ADMINPORT}", &world.running().admin.port().to_string()),
    ] {
        text = text.replace(placeholder, value);
    }
    assert!(
        !text.contains('{'),
        "{}: a placeholder is not known: {text}",
        row.id
    );
    text.replace("\\r", "\r").replace("\\n", "\n")
}

/// The address that a client has for a name; a stranger's for names that nobody has.
fn address(world: &World, name: &str) -> IpAddr {
    let name = name.trim_end_matches('.');
    let known = world.internet.zone.has(name);
    world.internet.zone.of(if known { name } else { PINNED })[0]
}

fn sent(world: &World, row: &Row) -> Outcome {
    let text = filled(world, row);
    let Some((how, request)) = text.split_once(" :: ") else {
        let to = SocketAddr::new(address(world, &world.internet.names.npm.host), 80);
        return plain(raw::open(world.client(), to), &text);
    };
    let value = |key: &str| how.split(' ').find_map(|word| word.strip_prefix(key));
    let (name, protocol) = (value("sni=").unwrap_or_default(), value("alpn="));
    match how.split(' ').next() {
        Some("FORWARD") => plain(raw::open_proxy(world.client()), request),
        Some("TLS1.0") => old(world, name),
        Some("TLS") if name.ends_with('.') => dotted(world, name, request),
        Some("TLS") => sealed(world, row, name, protocol, request),
        _ => panic!("{}: {how} is no way", row.id),
    }
}

fn plain(mut socket: std::net::TcpStream, request: &str) -> Outcome {
    socket
        .set_read_timeout(Some(ANSWER_WAIT))
        .expect("a timeout");
    let _ = socket.write_all(request.as_bytes());
    Outcome::of(http::read_reply(socket, request.starts_with("CONNECT ")))
}

fn old(world: &World, name: &str) -> Outcome {
    let to = SocketAddr::new(address(world, name), 443);
    let mut socket = raw::open(world.client(), to);
    let _ = socket.write_all(&raw::hello_of_tls_1_0(name));
    let (bytes, is_closed) = raw::outcome(socket, ANSWER_WAIT);
    // An alert is an end; a handshake record is an answer.
    assert!(is_closed, "left open");
    let status = (bytes.first() == Some(&22)).then_some(200);
    Outcome {
        status,
        bytes,
        certificate: None,
    }
}

/// Our library leaves the dot away, as RFC 6066 wants; OpenSSL sends what it is told.
fn dotted(world: &World, name: &str, request: &str) -> Outcome {
    let to = format!("{}:443", address(world, name));
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-connect", &to, "-servername", name]);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let mut child = world
        .client()
        .wrap(&command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    let mut stdin = child.stdin.take().expect("stdin was asked for");
    let _ = stdin.write_all(request.as_bytes());
    let reply = http::read_reply(child.stdout.take().expect("stdout was asked for"), false);
    let _ = child.kill();
    let _ = child.wait();
    Outcome::of(reply)
}

fn sealed(world: &World, row: &Row, name: &str, protocol: Option<&str>, request: &str) -> Outcome {
    let to = address(world, name);
    let protocols: Vec<&str> = protocol.into_iter().collect();
    let name = if name == "(none)" { "" } else { name };
    let hello = Hello {
        name,
        protocols: &protocols,
    };
    if protocol == Some("h2") {
        return sealed_h2(world, row, &hello, to, request);
    }
    let Some(mut stream) = hello.connect(world.client(), to) else {
        return Outcome::default();
    };
    let certificate = Some(raw::shown(&stream));
    let outcome = Outcome::of(raw::ask(&mut stream, request));
    Outcome {
        certificate,
        ..outcome
    }
}

fn sealed_h2(world: &World, row: &Row, hello: &Hello, to: IpAddr, request: &str) -> Outcome {
    let field = |key: &str| {
        request
            .split(" ;; ")
            .find_map(|field| field.strip_prefix(key))
    };
    let (authority, path) = (
        field(":authority=").expect("one"),
        field(":path=").expect("one"),
    );
    let socket = raw::open(world.client(), SocketAddr::new(to, 443));
    let mut requests = vec![(authority, path)];
    if row.tech.contains("second stream") {
        requests.insert(0, (hello.name, "/left-pad"));
    }
    match raw::ask_h2(socket, hello, &requests).pop().flatten() {
        None => Outcome::default(),
        Some((status, bytes)) => Outcome {
            status: Some(status),
            bytes,
            certificate: None,
        },
    }
}

/// Everything that is wrong with what came of a row.
fn wrong(world: &World, row: &Row, got: &Outcome) -> Vec<String> {
    let is_tunnelled = got.certificate.as_ref() == Some(&world.internet.pin);
    let is_allowed = row.statuses.split('|').any(|allowed| match allowed {
        "close" | "rst" => got.status.is_none(),
        "tunnel" => is_tunnelled,
        status => got.status.is_some_and(|got| got.to_string() == status),
    });
    let asked: Vec<String> = world
        .internet
        .registries()
        .into_iter()
        .flat_map(|registry| registry.log())
        .map(|seen| seen.target)
        .collect();
    let mut wrong = Vec::new();
    if !is_allowed {
        wrong.push(format!("{:?}, not {}", got.status, row.statuses));
    }
    if row.hits == "0" && !asked.is_empty() {
        wrong.push(format!("an upstream was asked for {asked:?}"));
    }
    match row.body {
        "no:EVIL" if holds(&got.bytes) => wrong.push("the answer holds the canary".into()),
        "no:EVIL" if is_kept(&world.data()) => wrong.push("the cache holds the canary".into()),
        "no:EVIL" => {}
        "no-minted-cert" => {
            let is_ours = got.certificate.is_some() && !is_tunnelled;
            wrong.extend(is_ours.then(|| "a certificate was minted".into()));
        }
        rule => panic!("{}: {rule} is no rule", row.id),
    }
    let line = |wrong: String| format!("{} ({}): {wrong}", row.id, row.why);
    wrong.into_iter().map(line).collect()
}

fn holds(bytes: &[u8]) -> bool {
    let word = lenient::EVIL.as_bytes();
    bytes.windows(word.len()).any(|part| part == word)
}

/// Whether a file below this folder holds the canary.
fn is_kept(folder: &std::path::Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .any(|path| match path.is_dir() {
            true => is_kept(&path),
            false => std::fs::read(&path).is_ok_and(|bytes| holds(&bytes)),
        })
}

#[test]
fn every_row_about_the_network_gets_its_verdict() {
    let Some(world) = stage() else {
        return;
    };
    let mut all = Vec::new();
    for row in rows() {
        world.internet.forget();
        let got = sent(&world, &row);
        all.extend(wrong(&world, &row, &got));
    }
    assert!(all.is_empty(), "{} wrong:\n{}", all.len(), all.join("\n"));
    world.get("/npm/public/left-pad").expect(200);
}

#[test]
fn the_rows_would_catch_a_plain_router() {
    let Some(mut world) = stage_without_gateway() else {
        return;
    };
    world.serve("", "");
    let row = rows()
        .into_iter()
        .find(|row| row.id == "BY290")
        .expect("the row is there");
    let got = sent(&world, &row);
    assert!(
        !wrong(&world, &row, &got).is_empty(),
        "the row passes without any gateway"
    );
}

/// The lenient upstreams behind a plain router.
fn stage_without_gateway() -> Option<World> {
    let world = World::open(Names::made_up())?;
    let internet = &world.internet;
    lenient::install(&internet.npm, &internet.pypi, &internet.maven);
    internet.npm.remove("/evil-pkg");
    Some(world)
}

#[test]
fn no_row_is_lost() {
    assert_eq!(rows().len(), 12);
}
