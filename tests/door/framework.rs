//! Every row of reliability.md 0: what the framework lets through by itself, and this door must
//! not. `{GW}` stands for the gateway's authority.

use crate::support::gateway::House;
use crate::support::http::{connect, exchange};
use crate::support::{publish, within};
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

/// The total deadline for a request's head, with room for a busy machine.
const HEAD_WAIT: Duration = Duration::from_secs(14);

/// What is sent, and the statuses it may get; `0` is a connection closed without answer.
type Row = (&'static str, &'static str, &'static [u16]);

const HEAD: &str = "Host: {GW}\r\n\r\n";
const BAD: &[u16] = &[400, 0];
const GONE: &[u16] = &[400, 403, 404, 0];

/// Request targets; each is sent as `GET <target> HTTP/1.1` with a right Host.
const TARGETS: &[Row] = &[
    ("no leading slash", "evil", GONE),
    ("dot", "./evil", GONE),
    ("two dots", "../evil", GONE),
    ("at sign", "@evil", GONE),
    ("colon and port", ":80/evil", GONE),
    ("encoded slash first", "%2fevil", GONE),
    ("scheme-like", "x:/evil", GONE),
    ("asterisk and path", "*/evil", GONE),
    ("address literal", "[::1]/evil", GONE),
    ("two spaces", " /npm/public/evil", GONE),
    ("space inside", "/npm/public/lo dash", BAD),
    ("tab inside", "/npm/public/lo\tdash", BAD),
    ("NUL inside", "/npm/public/lo\0dash", BAD),
    ("DEL inside", "/npm/public/lo\x7fdash", BAD),
    ("vertical tab inside", "/npm/public/lo\x0bdash", BAD),
    ("raw letters beyond ASCII", "/npm/public/lödash", GONE),
    ("raw quote", "/npm/public/lo\"dash", GONE),
    ("percent and no hex", "/npm/public/lo%zzdash", GONE),
    ("lone percent", "/npm/public/lodash%", GONE),
    ("another scheme", "ftp://{GW}/npm/public/lodash", BAD),
    ("TLS scheme", "https://{GW}/npm/public/lodash", BAD),
    (
        "another authority",
        "http://other.invalid/npm/public/lodash",
        &[400, 403, 404, 421, 0],
    ),
    (
        "user in authority",
        "http://user@{GW}/npm/public/lodash",
        BAD,
    ),
    ("fragment", "/npm/public/lodash#x", &[200, 400, 403, 404]),
];

/// Whole requests.
const REQUESTS: &[Row] = &[
    (
        "list in Content-Length",
        "POST /npm/public/-/npm/v1/security/advisories/bulk HTTP/1.1\r\nHost: {GW}\r\nContent-Length: 3, 3\r\n\r\nabc",
        BAD,
    ),
    (
        "two equal lengths",
        "POST /npm/public/-/npm/v1/security/advisories/bulk HTTP/1.1\r\nHost: {GW}\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        BAD,
    ),
    (
        "two different lengths",
        "POST /npm/public/x HTTP/1.1\r\nHost: {GW}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        BAD,
    ),
    (
        "length and coding",
        "POST /npm/public/x HTTP/1.1\r\nHost: {GW}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        BAD,
    ),
    (
        "gzip, chunked",
        "POST /npm/public/x HTTP/1.1\r\nHost: {GW}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        &[400, 501, 0],
    ),
    (
        "chunked twice",
        "POST /npm/public/x HTTP/1.1\r\nHost: {GW}\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        &[400, 501, 0],
    ),
    (
        "coding in HTTP/1.0",
        "POST /npm/public/x HTTP/1.0\r\nHost: {GW}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        BAD,
    ),
    (
        "signed length",
        "POST /npm/public/x HTTP/1.1\r\nHost: {GW}\r\nContent-Length: +3\r\n\r\nabc",
        BAD,
    ),
    (
        "length in hex",
        "POST /npm/public/x HTTP/1.1\r\nHost: {GW}\r\nContent-Length: 0x3\r\n\r\nabc",
        BAD,
    ),
    (
        "bare LF after a chunk extension",
        "POST /npm/public/-/npm/v1/security/advisories/bulk HTTP/1.1\r\nHost: {GW}\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nabc\r\n0\r\n\r\n",
        BAD,
    ),
    (
        "chunk size overflows",
        "POST /npm/public/-/npm/v1/security/advisories/bulk HTTP/1.1\r\nHost: {GW}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        BAD,
    ),
    (
        "bare LF line ends",
        "GET /npm/public/lodash HTTP/1.1\nHost: {GW}\n\n",
        BAD,
    ),
    (
        "no Host",
        "GET /npm/public/lodash HTTP/1.1\r\nAccept: */*\r\n\r\n",
        BAD,
    ),
    (
        "no header at all",
        "GET /npm/public/lodash HTTP/1.1\r\n\r\n",
        BAD,
    ),
    (
        "empty Host",
        "GET /npm/public/lodash HTTP/1.1\r\nHost:\r\n\r\n",
        BAD,
    ),
    (
        "space in Host",
        "GET /npm/public/lodash HTTP/1.1\r\nHost: a b\r\n\r\n",
        &[400, 404, 421, 0],
    ),
    (
        "path in Host",
        "GET /npm/public/lodash HTTP/1.1\r\nHost: a/evil?\r\n\r\n",
        BAD,
    ),
    (
        "two Hosts",
        "GET /npm/public/lodash HTTP/1.1\r\nHost: {GW}\r\nHost: {GW}\r\n\r\n",
        BAD,
    ),
    (
        "lower-case method",
        "get /npm/public/lodash HTTP/1.1\r\nHost: {GW}\r\n\r\n",
        &[400, 405, 501, 0],
    ),
    (
        "unknown method",
        "BREW /npm/public/lodash HTTP/1.1\r\nHost: {GW}\r\n\r\n",
        &[400, 405, 501, 0],
    ),
    (
        "TRACE",
        "TRACE /npm/public/lodash HTTP/1.1\r\nHost: {GW}\r\n\r\n",
        &[400, 405, 501, 0],
    ),
    (
        "CONNECT",
        "CONNECT other.invalid:443 HTTP/1.1\r\nHost: other.invalid:443\r\n\r\n",
        &[400, 403, 404, 405, 501, 0],
    ),
    (
        "folded header",
        "GET /npm/public/lodash HTTP/1.1\r\nHost: {GW}\r\nX-A: b\r\n c\r\n\r\n",
        BAD,
    ),
    (
        "space before the colon",
        "GET /npm/public/lodash HTTP/1.1\r\nHost: {GW}\r\nX-A : b\r\n\r\n",
        BAD,
    ),
    (
        "bare CR in a field",
        "GET /npm/public/lodash HTTP/1.1\r\nHost: {GW}\r\nX-A: b\rc\r\n\r\n",
        BAD,
    ),
    (
        "NUL in a field",
        "GET /npm/public/lodash HTTP/1.1\r\nHost: {GW}\r\nX-A: b\0c\r\n\r\n",
        BAD,
    ),
    ("no version", "GET /npm/public/lodash\r\n\r\n", BAD),
    (
        "version two on the line",
        "GET /npm/public/lodash HTTP/2.0\r\nHost: {GW}\r\n\r\n",
        &[400, 505, 0],
    ),
    (
        "h2c upgrade",
        "GET /npm/public/lodash HTTP/1.1\r\nHost: {GW}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        &[200, 400],
    ),
];

fn house() -> House {
    let house = House::new("");
    publish::npm(&house.npm, "lodash", &["4.17.21"]);
    house
}

/// Sends one row; tells what was wrong, if anything.
fn try_row(house: &House, (name, text, allowed): Row) -> Option<String> {
    house.forget();
    let text = text.replace("{GW}", &house.gateway.address.to_string());
    let got = exchange(house.gateway.address, text.as_bytes(), HEAD_WAIT);
    let status = got.replies.first().map(|reply| reply.status);
    let status = status.or(got.closed.then_some(0));
    let is_fine = status.is_some_and(|status| allowed.contains(&status));
    let asked = house
        .npm
        .log()
        .into_iter()
        .map(|seen| seen.target)
        .collect::<Vec<_>>();
    let strange = asked.iter().any(|target| target != "/lodash");
    if is_fine && !strange && got.replies.len() <= 1 {
        return None;
    }
    let count = got.replies.len();
    Some(format!(
        "{name}: {status:?} not in {allowed:?}, {count} replies, upstream {asked:?}"
    ))
}

#[test]
fn every_odd_target_is_refused_and_reaches_no_upstream() {
    let house = house();
    let failures: Vec<String> = TARGETS
        .iter()
        .filter_map(|&(name, target, allowed)| {
            let text = format!("GET {target} HTTP/1.1\r\n{HEAD}");
            try_row(&house, (name, text.leak(), allowed))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_odd_request_is_refused_and_reaches_no_upstream() {
    let house = house();
    let failures: Vec<String> = REQUESTS
        .iter()
        .filter_map(|&row| try_row(&house, row))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn absolute_form_with_our_own_authority_is_served() {
    let house = house();
    let authority = house.gateway.address.to_string();
    let text = format!("GET http://{authority}/npm/public/lodash HTTP/1.1\r\n{HEAD}");
    let text = text.replace("{GW}", &authority);
    let got = exchange(house.gateway.address, text.as_bytes(), HEAD_WAIT);
    let status = got.replies[0].status;
    assert!(matches!(status, 200 | 400), "{status}");
}

#[test]
fn a_header_that_is_too_large_and_headers_that_are_too_many_get_431() {
    let house = house();
    let authority = house.gateway.address.to_string();
    let many: String = (0..300)
        .map(|number| format!("X-{number}: a\r\n"))
        .collect();
    for odd in [format!("X-A: {}\r\n", "a".repeat(900_000)), many] {
        let text = format!("GET /npm/public/lodash HTTP/1.1\r\nHost: {authority}\r\n{odd}\r\n");
        let got = exchange(house.gateway.address, text.as_bytes(), HEAD_WAIT);
        let status = got.replies.first().map(|reply| reply.status);
        assert!(matches!(status, None | Some(400 | 431)), "{status:?}");
        assert!(got.closed || status.is_some());
        assert_eq!(house.npm.total(), 0);
    }
}

/// Connects, writes `start`, then `drip` again and again; tells how long until it was closed.
fn held_open(house: &House, start: &str, drip: &str) -> Duration {
    let mut stream = connect(house.gateway.address);
    let began = Instant::now();
    stream
        .write_all(start.as_bytes())
        .expect("the gateway reads");
    stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a socket has a timeout");
    within(HEAD_WAIT, || {
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => {
                let is_open = matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
                !is_open || stream.write_all(drip.as_bytes()).is_err()
            }
        }
    });
    began.elapsed()
}

#[test]
fn a_head_that_never_ends_is_closed_at_the_deadline() {
    let house = house();
    std::thread::scope(|scope| {
        let silent = scope.spawn(|| held_open(&house, "", ""));
        let line = "GET /npm/public/lodash HTTP/1.1\r\n";
        let half = scope.spawn(|| held_open(&house, line, ""));
        let slow = scope.spawn(|| held_open(&house, line, "X-A: b\r\n"));
        for (name, thread) in [("silent", silent), ("half", half), ("slow", slow)] {
            let open = thread.join().expect("no client panics");
            assert!(open < HEAD_WAIT, "{name}: still open after {open:?}");
        }
    });
}
