//! What is kept and for how long, and that many clients are one download.

use crate::support::eventually;
use crate::support::gateway::House;
use crate::support::http::{Reply, Request};
use crate::support::registry::{Answer, Fault, Gate};
use crate::support::{packages, publish};
use std::sync::Barrier;

const TARBALL: &str = "/npm/public/left-pad/-/left-pad-1.0.0.tgz";
const DOCUMENT: &str = "/npm/public/left-pad";

fn cache_status(reply: &Reply) -> String {
    reply.header("cache-status").to_ascii_lowercase()
}

/// A package with one tarball of `padding` bytes that do not compress.
fn large(house: &House, padding: usize) -> Vec<u8> {
    let tarball = packages::npm_tarball("left-pad", "1.0.0", padding);
    publish::npm_built(&house.npm, "left-pad", &[("1.0.0".into(), tarball.clone())]);
    tarball
}

#[test]
fn the_second_request_is_a_hit_and_asks_nobody() {
    let house = House::new("");
    let tarball = large(&house, 100_000);
    house.get(DOCUMENT).expect(200);
    house.get(TARBALL).expect(200);
    house.forget();
    let reply = house.get(TARBALL).expect(200);
    assert_eq!(reply.body, tarball);
    assert!(cache_status(&reply).contains("hit"), "{:?}", reply.headers);
    let reply = house.get(DOCUMENT).expect(200);
    assert!(cache_status(&reply).contains("hit"), "{:?}", reply.headers);
    assert_eq!(house.upstream_total(), 0);
}

#[test]
fn a_document_past_its_freshness_is_revalidated_and_a_304_keeps_it() {
    let house = House::with_limits("", "fresh_npm = \"0s\"");
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    let first = house.get(DOCUMENT).expect(200);
    house.forget();
    let second = house.get(DOCUMENT).expect(200);
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("etag"), second.header("etag"));
    let log = house.npm.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(!log[0].header("if-none-match").is_empty(), "{log:?}");
}

#[test]
fn a_new_version_upstream_is_seen_once_the_document_is_no_longer_fresh() {
    let house = House::with_limits("", "fresh_npm = \"0s\"");
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    house.get(DOCUMENT).expect(200);
    publish::npm(&house.npm, "left-pad", &["1.0.0", "1.1.0"]);
    eventually("the new version is listed", || {
        house.get(DOCUMENT).expect(200).json()["versions"]
            .get("1.1.0")
            .is_some()
    });
}

#[test]
fn a_stale_document_is_served_and_marked_while_the_upstream_is_down() {
    let house = House::with_limits(
        "",
        "fresh_npm = \"0s\"\nfresh_pypi = \"0s\"\nfresh_maven = \"0s\"",
    );
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    publish::pypi(&house.pypi, "demo", &["1.0"]);
    publish::maven(&house.maven, ("org.acme", "lib"), &["1.0"], "jar");
    let paths = [
        DOCUMENT,
        "/pypi/public/simple/demo/",
        "/maven/public/org/acme/lib/maven-metadata.xml",
    ];
    let before: Vec<Reply> = paths
        .iter()
        .map(|path| house.get(path).expect(200))
        .collect();
    house.upstreams_down();
    for (path, before) in paths.iter().zip(before) {
        let reply = house.get(path).expect(200);
        assert_eq!(reply.body, before.body, "{path}");
        assert!(
            cache_status(&reply).contains("stale"),
            "{path}: {:?}",
            reply.headers
        );
    }
}

#[test]
fn a_stale_document_is_served_when_the_upstream_answers_5xx_or_nonsense() {
    let house = House::with_limits("", "fresh_npm = \"0s\"");
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    let before = house.get(DOCUMENT).expect(200);
    for answer in [
        Answer::status(500),
        Answer::status(503),
        Answer::status(429),
        Answer::ok("text/html", "<html>please log in</html>"),
    ] {
        house.npm.set("/left-pad", answer.clone());
        let reply = house.get(DOCUMENT).expect(200);
        assert_eq!(
            reply.body, before.body,
            "after {} from upstream",
            answer.status
        );
    }
}

/// Sends the same kind of request from many clients at once while the upstream holds its answer.
fn stampede(house: &House, gate: &Gate, targets: &[String]) -> Vec<Reply> {
    let start = Barrier::new(targets.len());
    let waiting = Barrier::new(targets.len() + 1);
    std::thread::scope(|scope| {
        let clients: Vec<_> = targets
            .iter()
            .map(|target| {
                let (start, waiting) = (&start, &waiting);
                let address = house.gateway.address;
                scope.spawn(move || {
                    start.wait();
                    let request = Request::get(target);
                    // The main thread opens the gate when all are about to ask.
                    waiting.wait();
                    request.send(address)
                })
            })
            .collect();
        waiting.wait();
        eventually("the upstream is asked", || house.npm.total() > 0);
        gate.open();
        clients
            .into_iter()
            .map(|client| client.join().expect("a client ends"))
            .collect()
    })
}

#[test]
fn many_clients_on_one_cold_tarball_are_one_upstream_request() {
    let house = House::new("");
    let tarball = large(&house, 300_000);
    house.get(DOCUMENT).expect(200);
    let gate = Gate::default();
    let path = packages::npm_tarball_path("left-pad", "1.0.0");
    house.npm.break_path(&path, Fault::Hold(gate.clone()));
    house.forget();
    let targets = vec![TARBALL.to_owned(); 120];
    for reply in stampede(&house, &gate, &targets) {
        assert_eq!(reply.expect(200).body, tarball);
    }
    assert_eq!(house.npm.count(&path), 1);
}

#[test]
fn many_clients_with_different_spellings_of_one_scoped_name_are_one_upstream_request() {
    let house = House::new("");
    publish::npm(&house.npm, "@types/node", &["1.0.0"]);
    let gate = Gate::default();
    for path in publish::npm_paths("@types/node") {
        house.npm.break_path(&path, Fault::Hold(gate.clone()));
    }
    let spellings = [
        "@types/node",
        "@types%2fnode",
        "@types%2Fnode",
        "%40types%2fnode",
    ];
    let targets: Vec<String> = (0..120)
        .map(|number| format!("/npm/public/{}", spellings[number % spellings.len()]))
        .collect();
    let replies = stampede(&house, &gate, &targets);
    let first = replies[0].body.clone();
    for reply in replies {
        assert_eq!(reply.expect(200).body, first);
    }
    assert_eq!(publish::npm_asked(&house.npm, "@types/node"), 1);
}

#[test]
fn a_client_that_leaves_does_not_end_the_download_of_the_others() {
    let house = House::new("");
    let tarball = large(&house, 300_000);
    house.get(DOCUMENT).expect(200);
    let gate = Gate::default();
    let path = packages::npm_tarball_path("left-pad", "1.0.0");
    house.npm.break_path(&path, Fault::Hold(gate.clone()));
    let leaver = {
        use std::io::Write as _;
        let mut stream = crate::support::http::connect(house.gateway.address);
        let request = Request::get(TARBALL).bytes("gateway.test");
        stream.write_all(&request).expect("the gateway reads");
        stream
    };
    eventually("the download started", || house.npm.count(&path) == 1);
    let stayer = std::thread::spawn({
        let address = house.gateway.address;
        move || Request::get(TARBALL).send(address)
    });
    drop(leaver);
    gate.open();
    assert_eq!(
        stayer.join().expect("a client ends").expect(200).body,
        tarball
    );
    let count = house.npm.count(&path);
    assert!(count <= 2, "{count} downloads");
}

#[test]
fn ranges_of_a_tarball_are_the_right_bytes_cold_and_warm() {
    let house = House::new("");
    let tarball = large(&house, 100_000);
    let size = tarball.len();
    for turn in ["cold", "warm"] {
        for (range, expected) in [
            ("bytes=10-19".to_owned(), &tarball[10..20]),
            ("bytes=-7".to_owned(), &tarball[size - 7..]),
            (format!("bytes={}-", size - 5), &tarball[size - 5..]),
        ] {
            let reply = house.send(&Request::get(TARBALL).header("Range", &range));
            if reply.status == 200 {
                // A server may ignore a range (RFC 9110, 14.2), but not once it has the bytes.
                assert_eq!(turn, "cold", "{range}");
                assert_eq!(reply.body, tarball);
            } else {
                let reply = reply.expect(206);
                assert_eq!(reply.body, expected, "{range} {turn}");
                let told = reply.header("content-range");
                assert!(told.ends_with(&format!("/{size}")), "{told}");
            }
        }
        house.get(TARBALL).expect(200);
    }
    let beyond = Request::get(TARBALL).header("Range", &format!("bytes={size}-"));
    let reply = house.send(&beyond);
    assert_eq!(reply.status, 416);
    assert_eq!(reply.header("content-range"), format!("bytes */{size}"));
}

#[test]
fn head_tells_what_get_would_and_sends_no_body() {
    let house = House::new("");
    let tarball = large(&house, 1000);
    for path in [DOCUMENT, TARBALL] {
        let get = house.get(path).expect(200);
        let head = house.send(&Request::head(path)).expect(200);
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(get.header(name), head.header(name), "{path}: {name}");
        }
        assert!(head.body.is_empty());
    }
    let head = house.send(&Request::head(TARBALL)).expect(200);
    assert_eq!(head.header("content-length"), tarball.len().to_string());
}

#[test]
fn a_conditional_request_gets_304_with_the_headers_that_caches_need() {
    let house = House::new("");
    large(&house, 1000);
    for path in [DOCUMENT, TARBALL] {
        let reply = house.get(path).expect(200);
        let etag = reply.header("etag").to_owned();
        assert!(etag.starts_with('"'), "{path}: {etag:?}");
        let again = house
            .send(&Request::get(path).header("If-None-Match", &etag))
            .expect(304);
        assert_eq!(again.header("etag"), etag);
        assert!(again.body.is_empty());
        assert_eq!(again.header("vary"), reply.header("vary"));
        let other = house.send(&Request::get(path).header("If-None-Match", "\"other\""));
        other.expect(200);
    }
}

#[test]
fn absence_is_remembered_for_a_while_and_then_asked_again() {
    let house = House::with_limits("", "negative_ttl = \"60s\"");
    house.get(DOCUMENT).expect(404);
    house.get(DOCUMENT).expect(404);
    assert_eq!(publish::npm_asked(&house.npm, "left-pad"), 1);

    let house = House::with_limits("", "negative_ttl = \"0s\"");
    house.get(DOCUMENT).expect(404);
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    house.get(DOCUMENT).expect(200);
}

#[test]
fn a_fault_is_never_remembered_as_absence() {
    let house = House::with_limits("", "negative_ttl = \"60s\"");
    let cut = "{\"name\":\"pad\"";
    let faults = [
        Answer::status(500),
        Answer::status(502),
        Answer::status(503),
        Answer::status(429),
        Answer::status(401),
        Answer::ok("application/json", cut).fault(Fault::TruncateAt(3)),
        Answer::ok("application/json", cut).fault(Fault::ResetAt(3)),
        Answer::ok("text/html", "<html>please log in</html>"),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let name = format!("pad-{number}");
        let target = format!("/npm/public/{name}");
        house.npm.set(&format!("/{name}"), fault.clone());
        let status = house.get(&target).status;
        assert!(
            status == 502 || status == 503 || status == 504,
            "{fault:?}: {status}"
        );
        publish::npm(&house.npm, &name, &["1.0.0"]);
        house.eventually_status(&target, 200);
    }
}

#[test]
fn a_restart_keeps_everything_and_asks_nobody() {
    let mut house = House::new("");
    let tarball = large(&house, 100_000);
    let wheel = publish::pypi(&house.pypi, "demo", &["1.0"]).remove(0);
    let jar = publish::maven(&house.maven, ("org.acme", "lib"), &["1.0"], "jar").remove(0);
    let bodies = [
        (TARBALL.to_owned(), tarball),
        (
            format!("/pypi/public/files/demo/1.0/{}", wheel.file),
            wheel.bytes,
        ),
        ("/maven/public/org/acme/lib/1.0/lib-1.0.jar".to_owned(), jar),
    ];
    let documents = [DOCUMENT, "/pypi/public/simple/demo/"];
    documents
        .iter()
        .for_each(|path| drop(house.get(path).expect(200)));
    bodies
        .iter()
        .for_each(|(path, _)| drop(house.get(path).expect(200)));
    for turn in ["stopped", "killed"] {
        if turn == "stopped" {
            house.restart()
        } else {
            house.crash_and_restart()
        }
        house.forget();
        for (path, body) in &bodies {
            assert_eq!(
                &house.get(path).expect(200).body,
                body,
                "{path} after {turn}"
            );
        }
        for path in documents {
            house.get(path).expect(200);
        }
        assert_eq!(house.upstream_total(), 0, "{turn}");
    }
}

#[test]
fn the_command_line_counts_verifies_and_purges_what_is_kept() {
    use crate::support::gateway::run;
    let mut house = House::new("");
    large(&house, 1000);
    house.get(DOCUMENT).expect(200);
    house.get(TARBALL).expect(200);
    house.restart();
    let data = house.data().display().to_string();
    let stats = run(&["cache", "stats", "--data", &data], "");
    assert!(stats.status.success(), "{stats:?}");
    assert!(!stats.stdout.is_empty());
    let verify = run(&["cache", "verify", "--data", &data], "");
    assert!(verify.status.success(), "{verify:?}");
    let purge = run(&["cache", "purge", "npm", "--data", &data], "");
    assert!(purge.status.success(), "{purge:?}");
    house.restart();
    house.forget();
    house.get(TARBALL).expect(200);
    assert!(house.npm.total() > 0, "a purged tarball is fetched again");
}
