//! Sick upstreams: no wrong or short body is ever completed or kept, and the words say who.

use crate::support::gateway::House;
use crate::support::http::{Reply, Request};
use crate::support::registry::{Answer, Fault};
use crate::support::{eventually, packages, publish};
use std::time::{Duration, Instant};

const TARBALL: &str = "/npm/public/left-pad/-/left-pad-1.0.0.tgz";
const UPSTREAM_TARBALL: &str = "/left-pad/-/left-pad-1.0.0.tgz";

/// A package whose tarball is larger than what may be held back before it is verified.
fn house_with_tarball() -> (House, Vec<u8>) {
    let house = House::with_limits("", "first_byte = \"1s\"");
    let tarball = packages::npm_tarball("left-pad", "1.0.0", 400_000);
    publish::npm_built(&house.npm, "left-pad", &[("1.0.0".into(), tarball.clone())]);
    house.get("/npm/public/left-pad").expect(200);
    (house, tarball)
}

/// Nothing, a refusal, or a body cut short: anything but a completed 200.
fn did_not_complete(reply: Option<&Reply>) -> bool {
    reply.is_none_or(|reply| reply.status >= 500 || !reply.complete)
}

/// Breaks the tarball, sees it fail, mends it, sees it right: nothing broken was kept.
fn breaks_and_mends(edit: impl Fn(Answer) -> Answer + Send + Sync + 'static) {
    let (house, tarball) = house_with_tarball();
    house.npm.change(UPSTREAM_TARBALL, edit);
    for _ in 0..2 {
        let reply = Request::get(TARBALL).try_send(house.gateway.address);
        let shown = reply
            .as_ref()
            .map(|reply| (reply.status, reply.complete, reply.body.len()));
        assert!(did_not_complete(reply.as_ref()), "completed: {shown:?}");
    }
    let good = Answer::ok("application/octet-stream", tarball.clone());
    house.npm.set(UPSTREAM_TARBALL, good);
    eventually("the mended tarball is served", || {
        let reply = Request::get(TARBALL).try_send(house.gateway.address);
        reply.is_some_and(|reply| {
            assert!(reply.status != 200 || !reply.complete || reply.body == tarball);
            reply.status == 200 && reply.complete
        })
    });
}

fn with_fault(fault: Fault) -> impl Fn(Answer) -> Answer + Send + Sync + 'static {
    move |answer| answer.fault(fault.clone())
}

#[test]
fn a_truncated_body_never_completes_and_is_not_kept() {
    breaks_and_mends(with_fault(Fault::TruncateAt(200_000)));
}

#[test]
fn a_body_cut_by_its_last_byte_never_completes_and_is_not_kept() {
    breaks_and_mends(|answer| {
        let at = answer.body.len() - 1;
        answer.fault(Fault::TruncateAt(at))
    });
}

#[test]
fn a_reset_connection_never_completes_and_is_not_kept() {
    breaks_and_mends(with_fault(Fault::ResetAt(200_000)));
}

#[test]
fn wrong_bytes_of_the_right_length_never_complete_and_are_not_kept() {
    breaks_and_mends(|mut answer| {
        let middle = answer.body.len() / 2;
        answer.body[middle] ^= 1;
        answer
    });
}

#[test]
fn a_wrong_last_byte_never_completes_and_is_not_kept() {
    breaks_and_mends(|mut answer| {
        let last = answer.body.len() - 1;
        answer.body[last] ^= 1;
        answer
    });
}

#[test]
fn other_bytes_with_a_right_head_never_complete_and_are_not_kept() {
    breaks_and_mends(|mut answer| {
        answer.body = b"<html>please log in</html>".to_vec();
        answer.header("Content-Type", "text/html")
    });
}

#[test]
fn a_wheel_and_a_jar_with_a_wrong_digest_never_complete() {
    let house = House::new("");
    let wheel = publish::pypi(&house.pypi, "demo", &["1.0"]).remove(0);
    publish::maven(&house.maven, ("org.acme", "lib"), &["1.0"], "jar");
    let flip = |mut answer: Answer| {
        answer.body[0] ^= 1;
        answer
    };
    house.pypi.change(&publish::pypi_path(&wheel.file), flip);
    house.maven.change("/org/acme/lib/1.0/lib-1.0.jar", flip);
    for path in [
        format!("/pypi/public/files/demo/1.0/{}", wheel.file),
        "/maven/public/org/acme/lib/1.0/lib-1.0.jar".to_owned(),
    ] {
        let reply = Request::get(&path).try_send(house.gateway.address);
        assert!(did_not_complete(reply.as_ref()), "{path}: {reply:?}");
    }
}

#[test]
fn an_absent_tarball_is_a_404() {
    let (house, _) = house_with_tarball();
    house.npm.remove(UPSTREAM_TARBALL);
    house.get(TARBALL).expect(404);
}

#[test]
fn an_overloaded_or_broken_upstream_is_a_502_or_503_that_names_it_and_is_not_kept() {
    for status in [429, 500, 502, 503] {
        let (house, tarball) = house_with_tarball();
        house.npm.set(UPSTREAM_TARBALL, Answer::status(status));
        let reply = house.get(TARBALL);
        assert!(
            matches!(reply.status, 502..=504),
            "{status} became {}",
            reply.status
        );
        let said = format!("{} {}", reply.phrase, reply.text());
        let address = house.npm.address().to_string();
        assert!(said.contains("npm") || said.contains(&address), "{said}");
        assert!(!reply.header("cache-control").contains("immutable"));
        let good = Answer::ok("application/octet-stream", tarball.clone());
        house.npm.set(UPSTREAM_TARBALL, good);
        eventually("the mended tarball is served", || {
            house.get(TARBALL).status == 200
        });
    }
}

#[test]
fn a_cold_request_to_a_dead_upstream_fails_within_two_seconds_of_its_time_limit() {
    let house = House::new("");
    house.upstreams_down();
    for path in [
        "/npm/public/left-pad",
        "/pypi/public/simple/demo/",
        "/maven/public/org/acme/lib/1.0/lib-1.0.pom",
    ] {
        let start = Instant::now();
        let reply = house.get(path);
        assert!(
            matches!(reply.status, 502..=504),
            "{path}: {}",
            reply.status
        );
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{path}: {:?}",
            start.elapsed()
        );
    }
}

#[test]
fn a_hanging_upstream_is_given_up_at_the_first_byte_limit() {
    let (house, _) = house_with_tarball();
    house.npm.break_path(UPSTREAM_TARBALL, Fault::Hang);
    let start = Instant::now();
    let reply = house.get(TARBALL);
    assert!(matches!(reply.status, 502..=504), "{}", reply.status);
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_hanging_upstream_does_not_keep_a_stale_document_from_clients() {
    let house = House::with_limits("", "first_byte = \"1s\"\nfresh_npm = \"0s\"");
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    let before = house.get("/npm/public/left-pad").expect(200);
    house.npm.break_path("/left-pad", Fault::Hang);
    let reply = house.get("/npm/public/left-pad").expect(200);
    assert_eq!(reply.body, before.body);
}

#[test]
fn a_slow_upstream_is_waited_for_within_the_limit() {
    let house = House::with_limits("", "first_byte = \"10s\"");
    let tarballs = publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    let slow = Fault::Delay(Duration::from_millis(700));
    house.npm.break_path("/left-pad", slow.clone());
    house.npm.break_path(UPSTREAM_TARBALL, slow);
    assert_eq!(house.get(TARBALL).expect(200).body, tarballs[0]);
}

#[test]
fn one_dead_upstream_does_not_slow_the_others() {
    let house = House::with_limits("", "first_byte = \"3s\"");
    publish::pypi(&house.pypi, "demo", &["1.0"]);
    house
        .npm
        .fallback(|_| Some(Answer::status(200).fault(Fault::Hang)));
    let address = house.gateway.address;
    let stuck: Vec<_> = (0..64)
        .map(|number| {
            let target = format!("/npm/public/pad-{number}");
            std::thread::spawn(move || Request::get(&target).send(address).status)
        })
        .collect();
    eventually("many requests hang", || house.npm.total() >= 8);
    let start = Instant::now();
    house.get("/pypi/public/simple/demo/").expect(200);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    for thread in stuck {
        let status = thread.join().expect("a client ends");
        assert!(matches!(status, 502..=504), "{status}");
    }
}

#[test]
fn a_document_that_is_no_document_is_an_upstream_error() {
    let house = House::new("");
    let html = Answer::ok("text/html", "<html>please log in</html>");
    house.npm.set("/left-pad", html.clone());
    house.maven.set("/org/acme/lib/maven-metadata.xml", html);
    for path in [
        "/npm/public/left-pad",
        "/maven/public/org/acme/lib/maven-metadata.xml",
    ] {
        let reply = house.get(path);
        assert!(
            matches!(reply.status, 502..=504),
            "{path}: {}",
            reply.status
        );
    }
}

#[test]
fn a_web_page_in_place_of_a_checksum_is_not_kept() {
    let house = House::new("");
    let upstream = "/org/acme/lib/1.0/lib-1.0.jar.sha1";
    let page = Answer::ok("text/plain", "<html>please log in</html>");
    house.maven.set(upstream, page);
    let address = "/maven/public/org/acme/lib/1.0/lib-1.0.jar.sha1";
    let reply = house.get(address).expect(404);
    assert!(!reply.text().contains("log in"), "{}", reply.text());
}
