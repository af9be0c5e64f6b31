//! Advisories: read from files and addresses, in force as they change, told in the clients' own channels.

use serde_json::json;

use crate::firewall::{agree, npm_dated, tarball};
use crate::support::clients::{Client, Sandbox};
use crate::support::eventually;
use crate::support::gateway::{House, sentence};
use crate::support::registry::{Answer, Registry};

/// One OSV record about every version of a package.
fn malware(id: &str, ecosystem: &str, name: &str, withdrawn: bool) -> String {
    let mut record = json!({
        "schema_version": "1.5.0", "id": id, "summary": "steals tokens",
        "published": "2026-01-01T00:00:00Z", "modified": "2026-01-02T00:00:00Z",
        "affected": [{
            "package": { "ecosystem": ecosystem, "name": name },
            "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }] }],
        }],
    });
    if withdrawn {
        record["withdrawn"] = json!("2026-01-03T00:00:00Z");
        record["modified"] = json!("2026-01-03T00:00:00Z");
    }
    format!("{record}\n")
}

#[test]
fn an_advisory_stops_cached_bytes_and_its_withdrawal_frees_them() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let feed = folder.path().join("feed.jsonl");
    let write = |records: &[String]| {
        let draft = folder.path().join("draft");
        std::fs::write(&draft, records.concat()).expect("a temporary file can be written");
        std::fs::rename(&draft, &feed).expect("a file can be renamed");
    };
    let other = malware("MAL-2026-2", "npm", "nobody-asks-for-this", false);
    write(std::slice::from_ref(&other));
    let rules = format!(
        "[advisories]\nsources = [{:?}]\nmax_age = \"9999w\"\n",
        feed.display().to_string()
    );
    let house = House::new(&rules);
    npm_dated(&house, "left-pad", &[("1.0.0", 900)]);
    assert_eq!(agree(&house, "left-pad", &[("1.0.0", 900)]), ["1.0.0"]);
    write(&[
        other.clone(),
        malware("MAL-2026-1", "npm", "left-pad", false),
    ]);
    house.eventually_status(&tarball("left-pad", "1.0.0"), 403);
    let told = sentence(&house.get(&tarball("left-pad", "1.0.0")));
    assert!(
        told.contains("malware") && told.contains("MAL-2026-1"),
        "{told}"
    );
    assert!(agree(&house, "left-pad", &[("1.0.0", 900)]).is_empty());
    write(&[other, malware("MAL-2026-1", "npm", "left-pad", true)]);
    house.eventually_status(&tarball("left-pad", "1.0.0"), 200);
    assert_eq!(agree(&house, "left-pad", &[("1.0.0", 900)]), ["1.0.0"]);
    let log = house.gateway.log();
    assert!(
        log.contains("withdrawn") && log.contains("MAL-2026-1"),
        "no audit line"
    );
}

/// A registry that publishes a feed, and the rules that poll it.
fn published(feed: &Registry, records: &str) -> String {
    publish(feed, "\"one\"", records);
    let url = format!("{}{FEED}", feed.url());
    format!("[advisories]\nsources = [{url:?}]\npoll = \"1s\"\nmax_age = \"9999w\"\n")
}

const FEED: &str = "/osv/lines.jsonl";

/// Answers as registries do: 304 to who has this very copy.
fn publish(feed: &Registry, etag: &'static str, records: &str) {
    let records = records.to_owned();
    feed.set_with(FEED, move |seen| {
        if seen.header("if-none-match") == etag {
            return Some(Answer::status(304).header("ETag", etag));
        }
        Some(Answer::ok("application/json", records.clone()).header("ETag", etag))
    });
}

#[test]
fn a_feed_is_polled_with_conditions_and_a_bad_copy_changes_nothing() {
    let feed = Registry::start();
    let mut records = malware("MAL-2026-1", "npm", "left-pad", false);
    let mut house = House::new(&published(&feed, &records));
    npm_dated(&house, "left-pad", &[("1.0.0", 900)]);
    npm_dated(&house, "is-odd", &[("1.0.0", 900)]);
    house.get(&tarball("left-pad", "1.0.0")).expect(403);
    house.get(&tarball("is-odd", "1.0.0")).expect(200);
    eventually("it is asked with the validator of its last answer", || {
        let log = feed.log();
        log.iter()
            .any(|seen| seen.header("if-none-match") == "\"one\"")
    });
    publish(&feed, "\"two\"", "<html>maintenance</html>");
    eventually("a copy that can't be read is told", || {
        house.gateway.log().contains("can't be used")
    });
    house.get(&tarball("left-pad", "1.0.0")).expect(403);
    records.push_str(&malware("MAL-2026-2", "npm", "is-odd", false));
    publish(&feed, "\"three\"", &records);
    house.eventually_status(&tarball("is-odd", "1.0.0"), 403);
    // Without the address, the copy on the disk goes on counting.
    feed.down();
    house.restart();
    house.get(&tarball("is-odd", "1.0.0")).expect(403);
    let metrics = house.admin("/metrics").text();
    assert!(metrics.contains("portcullis_advisories 2"), "{metrics}");
}

#[test]
fn a_feed_that_never_came_stops_the_first_start() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = folder.path().join("portcullis.toml");
    std::fs::write(
        &config,
        "[advisories]\nsources = [\"http://127.0.0.1:9/all.zip\"]\n[upstreams]\n\
         npm = \"http://127.0.0.1:9/\"\npypi = \"http://127.0.0.1:9/\"\nmaven = \"http://127.0.0.1:9/\"\n",
    )
    .expect("a temporary file can be written");
    let (config, data) = (
        config.display().to_string(),
        folder.path().display().to_string(),
    );
    let arguments = [
        "serve",
        "--config",
        &config,
        "--data",
        &data,
        "--listen",
        "127.0.0.1:0",
    ];
    let output =
        crate::support::gateway::run(&[&arguments[..], &["--admin", "127.0.0.1:0"]].concat(), "");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("advisories.sources") && told.contains("all.zip"),
        "{told}"
    );
}

#[test]
fn a_warning_reaches_the_user_of_npm() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let feed = folder.path().join("feed.jsonl");
    std::fs::write(&feed, malware("MAL-2026-1", "npm", "left-pad", false)).expect("written");
    let house = House::new(&format!(
        "[advisories]\nsources = [{:?}]\nmax_age = \"9999w\"\n[[group]]\npattern = \"/npm/*\"\nmalware = \"warn\"\n",
        feed.display().to_string()
    ));
    npm_dated(&house, "left-pad", &[("1.0.0", 900)]);
    let document = house.get("/npm/public/left-pad").json();
    let told = document["versions"]["1.0.0"]["deprecated"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(told.contains("MAL-2026-1"), "{document}");
    let sandbox = Sandbox::new();
    sandbox.npm_project(&house.url("/npm/public/"));
    if let Some(run) = sandbox.npm_add(Client::Npm, "left-pad") {
        let run = run.succeeded();
        assert!(run.says(&told), "{run:?}");
    }
}
