//! Controls beyond the origin: look-alike names, minimum age, advisories, exceptions, dry runs. In
//! each case what the index lists and what the files answer is one verdict.

use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::support::clients::{Client, Sandbox};
use crate::support::gateway::{House, sentence};
use crate::support::http::Request;
use crate::support::registry::Answer;
use crate::support::{eventually, packages, publish};

const DAY: Duration = Duration::from_secs(86_400);

fn days_ago(days: u32) -> SystemTime {
    SystemTime::now() - DAY * days
}

/// RFC 3339, as npm and PyPI write it.
pub fn stamp(days: u32) -> String {
    format!("{}Z", rules::moment::show(days_ago(days)))
}

/// A version, and how many days ago it was published.
type Dated = (&'static str, u32);

/// An npm package whose versions were published so many days ago.
pub fn npm_dated(house: &House, name: &str, versions: &[(&str, u32)]) {
    let built: Vec<(String, Vec<u8>)> = versions
        .iter()
        .map(|(version, _)| {
            let tarball = packages::npm_tarball(name, version, 64);
            (version.to_string(), tarball)
        })
        .collect();
    publish::npm_built(&house.npm, name, &built);
    let mut document = packages::packument(&house.npm.url(), name, &built);
    for (version, days) in versions {
        document["time"][version] = json!(stamp(*days));
    }
    publish::npm_document(&house.npm, name, &document);
}

pub fn tarball(name: &str, version: &str) -> String {
    format!("/npm/public/{name}/-/{name}-{version}.tgz")
}

/// The versions that the packument shows, and its `latest`.
fn shown(house: &House, name: &str) -> (Vec<String>, String) {
    let reply = house.get(&format!("/npm/public/{name}"));
    if reply.status != 200 {
        return (Vec::new(), String::new());
    }
    let document = reply.json();
    let versions = document["versions"].as_object().expect("an object");
    let latest = document["dist-tags"]["latest"].as_str().unwrap_or_default();
    (versions.keys().cloned().collect(), latest.to_owned())
}

/// Every version is served if and only if it is shown.
#[track_caller]
pub fn agree(house: &House, name: &str, versions: &[(&str, u32)]) -> Vec<String> {
    let (listed, _) = shown(house, name);
    for (version, _) in versions {
        let status = house.get(&tarball(name, version)).status;
        let is_listed = listed.iter().any(|other| other == version);
        assert_eq!(
            status == 200,
            is_listed,
            "{name} {version}: {status}, listed {listed:?}"
        );
    }
    listed
}

#[test]
fn a_name_that_surely_imitates_is_not_even_asked_for() {
    let house = House::new("");
    publish::npm(&house.npm, "typescirpt", &["1.0.0"]);
    publish::pypi(&house.pypi, "reqeusts", &["1.0"]);
    let refused = house.get("/npm/public/typescirpt");
    let told = sentence(&refused);
    assert!(told.contains("popular name typescript"), "{told}");
    assert_eq!(house.get(&tarball("typescirpt", "1.0.0")).status, 403);
    house.get("/pypi/public/simple/reqeusts/").expect(403);
    assert_eq!(house.upstream_total(), 0);
    let sandbox = Sandbox::new();
    let run = sandbox.pip_install(Client::Pip, &house.url("/pypi/public/simple/"), "reqeusts");
    if let Some(run) = run {
        let run = run.failed();
        assert!(
            run.says("looks like the popular name requests"),
            "{}",
            run.text
        );
    }
    sandbox.npm_project(&house.url("/npm/public/"));
    if let Some(run) = sandbox.npm_add(Client::Npm, "typescirpt") {
        assert!(run.failed().says(&told), "npm does not say why");
    }
    // npm asks for advisories, but not of this name.
    let named = |path: &str| path.contains("typescirpt") || path.contains("reqeusts");
    let asked = house
        .upstreams()
        .map(|registry| registry.count_where(named));
    assert_eq!(asked, [0, 0, 0]);
}

#[test]
fn a_suspicious_name_is_refused_only_while_it_is_young_and_thin() {
    let house = House::new("");
    // All of them are one slip away from a popular name, but not surely squats.
    let cases: [(&str, &[Dated], bool); 3] = [
        ("loadsh", &[("1.0.0", 2)], false),
        ("expresss", &[("1.0.0", 400)], true),
        (
            "mongose",
            &[("1.0.0", 9), ("1.0.1", 8), ("1.0.2", 7), ("1.0.3", 6)],
            true,
        ),
    ];
    for (name, versions, is_served) in cases {
        npm_dated(&house, name, versions);
        let listed = agree(&house, name, versions);
        assert_eq!(!listed.is_empty(), is_served, "{name}: {listed:?}");
    }
    let told = sentence(&house.get(&tarball("loadsh", "1.0.0")));
    assert!(told.contains("lodash"), "{told}");
}

#[test]
fn lookalike_can_be_off_or_warn_and_a_claimed_name_is_protected_like_a_popular_one() {
    let group = |pattern: &str, more: &str| format!("[[group]]\npattern = \"{pattern}\"\n{more}\n");
    let mut house = House::new(&group("/npm/*", "lookalike = \"off\""));
    npm_dated(&house, "typescirpt", &[("1.0.0", 1)]);
    house.get(&tarball("typescirpt", "1.0.0")).expect(200);
    house.write_rules(&group("/npm//typescirpt$", "lookalike = \"warn\""));
    eventually("the warning is in force and told", || {
        house.get(&tarball("typescirpt", "1.0.0")).expect(200);
        told(&house, "typescirpt", "lookalike", "warn")
    });
    let claim = "external = \"block\"\npublish = \"allow\"";
    house.write_rules(&group("/npm//acmecorp-billing$", claim));
    house.eventually_status("/npm/public/acmecorp-billing", 403);
    let told = house.explain("/npm//acmecorp-biling", &[]);
    assert!(told.contains("acmecorp-billing"), "{told}");
}

#[test]
fn young_versions_are_held_and_tags_point_below_them() {
    let house = House::new("[[group]]\npattern = \"/*\"\nmin_age = \"3d\"\n");
    let versions = [("1.0.0", 30), ("1.1.0", 5), ("2.0.0", 1)];
    npm_dated(&house, "left-pad", &versions);
    assert_eq!(agree(&house, "left-pad", &versions), ["1.0.0", "1.1.0"]);
    assert_eq!(shown(&house, "left-pad").1, "1.1.0");
    let told = sentence(&house.get(&tarball("left-pad", "2.0.0")));
    let free = rules::moment::show(days_ago(1) + DAY * 3);
    assert!(told.contains("min_age is 3d"), "{told}");
    assert!(told.contains(&free[..13]), "{told}: free at {free}");
    let sandbox = Sandbox::new();
    sandbox.npm_project(&house.url("/npm/public/"));
    if let Some(run) = sandbox.npm_add(Client::Npm, "left-pad") {
        run.succeeded();
        assert_eq!(sandbox.npm_installed("left-pad"), "1.1.0");
    }
    if let Some(run) = sandbox.npm_add(Client::Npm, "left-pad@2.0.0") {
        run.failed();
    }
}

#[test]
fn a_file_is_judged_by_the_date_that_was_kept_with_it() {
    let rules = |age: &str| format!("[[group]]\npattern = \"/*\"\nmin_age = \"{age}\"\n");
    let mut house = House::with_limits(&rules("3d"), "fresh_npm = \"0s\"");
    npm_dated(&house, "left-pad", &[("1.0.0", 5)]);
    house.get(&tarball("left-pad", "1.0.0")).expect(200);
    house.forget();
    house.get(&tarball("left-pad", "1.0.0")).expect(200);
    assert_eq!(house.npm.total(), 0, "the index was asked for again");
    house.write_rules(&rules("7d"));
    house.eventually_status(&tarball("left-pad", "1.0.0"), 403);
    let told = sentence(&house.get(&tarball("left-pad", "1.0.0")));
    assert!(told.contains("min_age is 7d"), "{told}");
}

#[test]
fn pypi_holds_a_young_file_yanked_with_the_reason() {
    let house = House::new("[[group]]\npattern = \"/pypi/*\"\nmin_age = \"3d\"\n");
    let listed = publish::pypi(&house.pypi, "six", &["1.0", "1.1"]);
    let mut page = packages::simple_json("six", &listed);
    page["files"][0]["upload-time"] = json!(stamp(30));
    page["files"][1]["upload-time"] = json!(stamp(1));
    let answer = Answer::ok(publish::SIMPLE_JSON, page.to_string());
    house.pypi.set(&publish::pypi_page_path("six"), answer);
    let request = Request::get("/pypi/public/simple/six/").header("Accept", publish::SIMPLE_JSON);
    let page = house.send(&request).expect(200).json();
    let yanked = |at: usize| page["files"][at]["yanked"].as_str().map(str::to_owned);
    assert_eq!(yanked(0), None);
    assert!(
        yanked(1).is_some_and(|why| why.contains("min_age is 3d")),
        "{page}"
    );
    let file =
        |version: &str| format!("/pypi/public/files/six/{version}/six-{version}-py3-none-any.whl");
    house.get(&file("1.0")).expect(200);
    sentence(&house.get(&file("1.1")));
    sentence(&house.get(&format!("{}.metadata", file("1.1"))));
    let sandbox = Sandbox::new();
    let index = house.url("/pypi/public/simple/");
    if let Some(run) = sandbox.pip_install(Client::Pip, &index, "six") {
        assert!(
            run.succeeded().text.contains("six-1.0"),
            "pip took the young one"
        );
    }
}

#[test]
fn maven_versions_are_as_old_as_their_pom_and_no_date_is_held() {
    let mut house = House::new("[[group]]\npattern = \"/maven/*\"\nmin_age = \"3d\"\n");
    publish::maven(
        &house.maven,
        ("org.x", "lib"),
        &["1.0", "2.0", "3.0"],
        "jar",
    );
    let young = httpdate::fmt_http_date(days_ago(1));
    for (version, date) in [("2.0", young.as_str()), ("3.0", "soon")] {
        let pom = packages::pom("org.x", "lib", version, "jar");
        let answer = Answer::ok("text/xml", pom).header("Last-Modified", date);
        house
            .maven
            .set(&format!("/org/x/lib/{version}/lib-{version}.pom"), answer);
    }
    let jar = |version: &str| format!("/maven/public/org/x/lib/{version}/lib-{version}.jar");
    house.get(&jar("1.0")).expect(200);
    let told = sentence(&house.get(&jar("2.0")));
    assert!(told.contains("min_age is 3d"), "{told}");
    let told = sentence(&house.get(&jar("3.0")));
    assert!(told.contains("not known"), "{told}");
    house.write_rules(
        "[[group]]\npattern = \"/maven/*\"\nmin_age = \"3d\"\nunknown_age = \"allow\"\n",
    );
    house.eventually_status(&jar("3.0"), 200);
    house.get(&jar("2.0")).expect(403);
}

#[test]
fn an_exemption_counts_until_it_ends() {
    let rules = |until: &str| {
        format!(
            "[[group]]\npattern = \"/*\"\nmin_age = \"3d\"\n[[group]]\npattern = \"/npm//left-pad$\"\n\
             exempt = [\"min_age\"]\nuntil = \"{until}\"\nreason = \"ticket 4711\"\n"
        )
    };
    let mut house = House::new(&rules("2999-01-31"));
    npm_dated(&house, "left-pad", &[("1.0.0", 1)]);
    npm_dated(&house, "is-odd", &[("1.0.0", 1)]);
    house.get(&tarball("left-pad", "1.0.0")).expect(200);
    house.get(&tarball("is-odd", "1.0.0")).expect(403);
    house.write_rules(&rules("2020-01-31"));
    house.eventually_status(&tarball("left-pad", "1.0.0"), 403);
    assert!(agree(&house, "left-pad", &[("1.0.0", 1)]).is_empty());
}

#[test]
fn an_observed_control_is_told_and_not_enforced() {
    let rules =
        "[[group]]\npattern = \"/*\"\nmin_age = \"3d\"\nobserve = [\"min_age\", \"lookalike\"]\n";
    let house = House::new(rules);
    npm_dated(&house, "left-pad", &[("1.0.0", 1)]);
    npm_dated(&house, "typescirpt", &[("1.0.0", 1)]);
    for name in ["left-pad", "typescirpt"] {
        assert_eq!(agree(&house, name, &[("1.0.0", 1)]), ["1.0.0"], "{name}");
    }
    for (package, control) in [("left-pad", "min_age"), ("typescirpt", "lookalike")] {
        eventually("what was observed is told", || {
            told(&house, package, control, "observe")
        });
    }
}

/// Whether `/decisions` has one of this kind: it is written after the answer went out.
fn told(house: &House, package: &str, control: &str, verdict: &str) -> bool {
    let decisions = house.admin("/decisions").json();
    let decisions = decisions.as_array().cloned().unwrap_or_default();
    decisions.iter().any(|decision| {
        decision["package"] == package
            && decision["control"] == control
            && decision["verdict"] == verdict
    })
}

/// Takeovers as they happened: old clean versions, and a bad one that was found after some days.
#[test]
fn incidents_are_kept_out_by_an_age_above_the_time_until_they_were_found() {
    // Package, days since the bad version came out.
    let incidents = [
        ("event-stream", 2),
        ("ua-parser-js", 5),
        ("coa", 6),
        ("rc", 10),
        ("colors", 20),
    ];
    for (age, kept_out) in [(3, 1), (7, 3), (14, 4)] {
        let house = House::new(&format!(
            "[[group]]\npattern = \"/*\"\nmin_age = \"{age}d\"\n"
        ));
        let mut held = 0;
        for (name, days) in incidents {
            let versions = [("1.0.0", 800), ("1.0.1", 600), ("1.0.2", days)];
            npm_dated(&house, name, &versions);
            let listed = agree(&house, name, &versions);
            assert!(listed.contains(&"1.0.1".to_owned()), "{name}: {listed:?}");
            held += usize::from(!listed.contains(&"1.0.2".to_owned()));
        }
        assert_eq!(held, kept_out, "at {age} days");
    }
}

#[test]
fn a_lockfile_is_judged_before_it_is_installed() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let lock = json!({
        "name": "app", "lockfileVersion": 3, "packages": {
            "": { "name": "app" },
            "node_modules/lodash": { "version": "4.17.21", "resolved": "http://registry.test/lodash/-/lodash-4.17.21.tgz" },
            "node_modules/typescirpt": { "version": "1.0.0", "resolved": "http://registry.test/typescirpt/-/typescirpt-1.0.0.tgz" },
        },
    });
    let path = folder.path().join("package-lock.json");
    std::fs::write(&path, lock.to_string()).expect("a temporary file can be written");
    let config = folder.path().join("portcullis.toml");
    std::fs::write(&config, "[upstreams]\nnpm = \"http://127.0.0.1:9/\"\npypi = \"http://127.0.0.1:9/\"\nmaven = \"http://127.0.0.1:9/\"\n")
        .expect("a temporary file can be written");
    let (path, config) = (path.display().to_string(), config.display().to_string());
    let run = |format: &str| {
        let arguments = ["preflight", &path, "--config", &config, "--format", format];
        crate::support::gateway::run(&arguments, "")
    };
    let table = run("table");
    let text = String::from_utf8_lossy(&table.stdout).into_owned();
    assert_eq!(table.status.code(), Some(1), "{text}");
    assert!(text.contains("deny  npm typescirpt 1.0.0"), "{text}");
    assert!(
        text.contains("2 packages, 1 refused, 0 not understood"),
        "{text}"
    );
    let sarif: serde_json::Value = serde_json::from_slice(&run("sarif").stdout).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["level"], "error", "{sarif}");
}
