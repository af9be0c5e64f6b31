//! Rules change under a running program: within a second, for cached bytes as well, and never
//! to something broken.

use crate::support::gateway::House;
use crate::support::http::Request;
use crate::support::{publish, within};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// "Within a second" (design 3), with room for a busy machine.
const IN_FORCE: Duration = Duration::from_millis(1500);
const TARBALL: &str = "/npm/public/left-pad/-/left-pad-1.0.0.tgz";

const BLOCK: &str = r#"
[[group]]
pattern  = "/npm//left-pad$"
external = "block"
internal = "block"
publish  = "block"
"#;

fn warm_house() -> House {
    let house = House::new("");
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    house.get("/npm/public/left-pad").expect(200);
    house.get(TARBALL).expect(200);
    house
}

#[test]
fn a_new_rule_stops_cached_bytes_within_a_second_and_its_removal_frees_them() {
    let mut house = warm_house();
    house.write_rules(BLOCK);
    assert!(
        within(IN_FORCE, || house.get(TARBALL).status == 403),
        "the rule is not in force"
    );
    house.get("/npm/public/left-pad").expect(403);
    for request in [
        Request::head(TARBALL),
        Request::get(TARBALL).header("Range", "bytes=0-0"),
        Request::get(TARBALL).header("If-None-Match", "*"),
        Request::get("/npm/public/left-pad").header("Accept", publish::INSTALL_V1),
    ] {
        assert_eq!(house.send(&request).status, 403, "{request:?}");
    }
    house.write_rules("");
    assert!(
        within(IN_FORCE, || house.get(TARBALL).status == 200),
        "the rule is still in force"
    );
    house.get("/npm/public/left-pad").expect(200);
}

/// Blocking the outside only stops what is new (design 3, case D35); a deny blocks everything.
#[test]
fn a_block_of_the_outside_alone_keeps_what_is_retained_and_asks_nobody() {
    let mut house = House::with_limits("", "fresh_npm = \"0s\"");
    publish::npm(&house.npm, "left-pad", &["1.0.0", "1.3.0"]);
    house.get("/npm/public/left-pad").expect(200);
    house.get(TARBALL).expect(200);
    let block =
        |name: &str| format!("[[group]]\npattern = \"/npm//{name}$\"\nexternal = \"block\"\n");
    house.write_rules(&[block("left-pad"), block("probe")].concat());
    house.eventually_status("/npm/public/probe", 403);
    house
        .get("/npm/public/left-pad/-/left-pad-1.3.0.tgz")
        .expect(403);
    house.forget();
    house.get(TARBALL).expect(200);
    let document = house.get("/npm/public/left-pad").expect(200).json();
    let versions = document["versions"].as_object().expect("an object");
    assert_eq!(versions.keys().collect::<Vec<_>>(), ["1.0.0"]);
    assert_eq!(document["dist-tags"]["latest"], "1.0.0");
    assert_eq!(house.upstream_total(), 0);
}

#[test]
fn a_hang_up_signal_reloads() {
    let mut house = warm_house();
    house.write_rules(BLOCK);
    house.gateway.hang_up();
    assert!(
        within(IN_FORCE, || house.get(TARBALL).status == 403),
        "the rule is not in force"
    );
    assert!(house.gateway.is_alive());
}

#[test]
fn a_broken_configuration_keeps_the_old_rules_and_says_so() {
    let mut house = warm_house();
    house.write_rules(BLOCK);
    house.eventually_status(TARBALL, 403);
    for broken in [
        "[[group]]\npattern = ",
        "[[group]]\nfrobnicate = true\npattern = \"/npm/*\"",
    ] {
        let before = house.gateway.log().len();
        house.write_rules(broken);
        house.gateway.hang_up();
        let is_told = || house.gateway.log().len() > before;
        assert!(
            within(Duration::from_secs(5), is_told),
            "nothing was logged"
        );
        house.get(TARBALL).expect(403);
    }
    house.write_rules("");
    house.eventually_status(TARBALL, 200);
}

/// Ends the load also when the test fails: a scope waits for its threads.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn no_request_fails_while_rules_change_under_load() {
    let mut house = warm_house();
    let is_over = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let address = house.gateway.address;
    std::thread::scope(|scope| {
        let end = End(&is_over);
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::SeqCst) {
                        let status = Request::get(TARBALL).send(address).status;
                        assert!(status == 200 || status == 403, "{status}");
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for turn in 0..4 {
            let (rules, status) = if turn % 2 == 0 {
                (BLOCK, 403)
            } else {
                ("", 200)
            };
            house.write_rules(rules);
            house.eventually_status(TARBALL, status);
        }
        drop(end);
        for client in clients {
            client.join().expect("no client saw a failure");
        }
    });
    assert!(answered.load(Ordering::SeqCst) > 100);
}
