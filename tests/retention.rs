//! What repositories keep of what passed through them: codeartifact.md's R rows that need no
//! publishing, and that a listing names exactly what can be had.

use crate::support::gateway::House;
use crate::support::http::{Reply, Request};
use crate::support::publish;
use crate::support::registry::Registry;
use std::collections::BTreeSet;

const CHAIN: &str = r#"
[repository.a]
upstreams = ["b"]
[repository.b]
upstreams = ["c"]
[repository.c]
external = ["npm", "pypi", "maven"]
"#;

/// A is left alone: what it retains is all there is.
const ALONE: &str = "[repository.a]\n";

/// One package of each ecosystem in two versions.
fn furnish(house: &House) {
    publish::npm(&house.npm, "lodash", &["4.17.20", "4.17.21"]);
    publish::pypi(&house.pypi, "six", &["1.16.0", "1.17.0"]);
    publish::maven(&house.maven, ("org.x", "lib"), &["1.0", "2.0+b"], "jar");
}

/// The files of the older and of the newer version, in a repository.
fn files(repository: &str) -> [[String; 2]; 3] {
    let npm = |version: &str| format!("/npm/{repository}/lodash/-/lodash-{version}.tgz");
    let pypi = |version: &str| {
        format!("/pypi/{repository}/files/six/{version}/six-{version}-py3-none-any.whl")
    };
    let maven =
        |version: &str| format!("/maven/{repository}/org/x/lib/{version}/lib-{version}.jar");
    [
        [npm("4.17.20"), npm("4.17.21")],
        [pypi("1.16.0"), pypi("1.17.0")],
        [maven("1.0"), maven("2.0+b")],
    ]
}

/// The indexes of the three packages.
fn indexes(repository: &str) -> [String; 3] {
    [
        format!("/npm/{repository}/lodash"),
        format!("/pypi/{repository}/simple/six/"),
        format!("/maven/{repository}/org/x/lib/maven-metadata.xml"),
    ]
}

fn index(house: &House, path: &str) -> Reply {
    house.send(&Request::get(path).header("Accept", publish::SIMPLE_JSON))
}

/// The files that an index names, as paths at the gateway. Maven's names versions.
fn listed(house: &House, path: &str) -> BTreeSet<String> {
    let reply = index(house, path);
    if reply.status != 200 {
        return BTreeSet::new();
    }
    let local = |url: &str| {
        url.split_once("//")
            .map_or(url, |(_, rest)| rest)
            .to_owned()
    };
    let below_host = |url: &str| format!("/{}", local(url).split_once('/').unwrap_or_default().1);
    if path.starts_with("/npm/") {
        let document = reply.json();
        let versions = document["versions"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let tarball =
            |version: &serde_json::Value| version["dist"]["tarball"].as_str().map(below_host);
        return versions.values().filter_map(tarball).collect();
    }
    if path.starts_with("/pypi/") {
        let repository = path.split('/').nth(2).unwrap_or_default();
        let document = reply.json();
        let files = document["files"].as_array().cloned().unwrap_or_default();
        let free = files
            .iter()
            .filter(|file| file["yanked"].as_str().is_none());
        let path = |file: &serde_json::Value| {
            let url = file["url"].as_str().unwrap_or_default();
            format!("/pypi/{repository}/{}", url.trim_start_matches("../"))
        };
        return free.map(path).collect();
    }
    let folder = path.trim_end_matches("maven-metadata.xml");
    let text = reply.text();
    let versions = text.split("<version>").skip(1);
    let version = |rest: &str| rest.split('<').next().unwrap_or_default().to_owned();
    let jar = |version: String| format!("{folder}{version}/lib-{version}.jar");
    versions.map(version).map(jar).collect()
}

/// Every file that an index names can be had, and no other of the two versions.
#[track_caller]
fn listed_is_served(house: &House, repository: &str) {
    for (path, files) in indexes(repository).iter().zip(files(repository)) {
        let listed = listed(house, path);
        for file in files {
            let reply = house.get(&file);
            let is_listed = listed.contains(&file);
            assert_eq!(
                reply.status == 200,
                is_listed,
                "{file}: {} {}, listed: {listed:?}",
                reply.status,
                reply.phrase
            );
        }
    }
}

#[test]
fn r1_the_search_goes_depth_first_and_the_asked_repository_retains() {
    let tree = r#"
[repository.my]
upstreams = ["a", "b"]
[repository.a]
upstreams = ["c", "d"]
[repository.b]
external = ["npm"]
[repository.c]
upstreams = ["e"]
[repository.d]
[repository.e]
"#;
    let mut house = House::new(tree);
    publish::npm(&house.npm, "x", &["1.0.0"]);
    house.get("/npm/my/x").expect(200);
    house.get("/npm/my/x/-/x-1.0.0.tgz").expect(200);
    house.write_rules("[repository.my]\n[repository.a]\n");
    house.eventually_status("/npm/b/x", 404);
    house.forget();
    house.get("/npm/my/x/-/x-1.0.0.tgz").expect(200);
    assert_ne!(house.get("/npm/a/x/-/x-1.0.0.tgz").status, 200);
    assert_eq!(house.npm.total(), 0);
}

#[test]
fn r2_r3_the_asked_and_the_connected_repository_retain_and_those_between_do_not() {
    let mut house = House::new(CHAIN);
    furnish(&house);
    publish::npm(&house.npm, "probe", &["1.0.0"]);
    house.get("/npm/c/probe").expect(200);
    for (path, [old, _]) in indexes("a").iter().zip(files("a")) {
        index(&house, path).expect(200);
        house.get(&old).expect(200);
    }
    // R3: everything behind A is gone, and the connection of C with it.
    house.write_rules("[repository.a]\n[repository.b]\n[repository.c]\n");
    house.eventually_status("/npm/c/probe", 404);
    house.forget();
    for repository in ["a", "c"] {
        for (path, [old, new]) in indexes(repository).iter().zip(files(repository)) {
            assert_eq!(house.get(&old).status, 200, "{old}");
            assert_ne!(house.get(&new).status, 200, "{new}");
            assert_eq!(listed(&house, path), BTreeSet::from([old]), "{path}");
        }
        listed_is_served(&house, repository);
    }
    for (path, [old, _]) in indexes("b").iter().zip(files("b")) {
        assert_ne!(house.get(&old).status, 200, "{old}");
        assert!(listed(&house, path).is_empty(), "{path}");
    }
    assert_eq!(house.upstream_total(), 0);
}

#[test]
fn a_second_asker_retains_what_is_cached_already() {
    let mut house = House::new(CHAIN);
    furnish(&house);
    for repository in ["c", "a"] {
        for (path, [old, _]) in indexes(repository).iter().zip(files(repository)) {
            index(&house, path).expect(200);
            house.get(&old).expect(200);
        }
    }
    house.write_rules(ALONE);
    house.eventually_status("/npm/c/lodash", 404);
    for (path, [old, _]) in indexes("a").iter().zip(files("a")) {
        assert_eq!(listed(&house, path), BTreeSet::from([old]), "{path}");
    }
    listed_is_served(&house, "a");
}

#[test]
fn r4_the_first_listed_upstream_wins() {
    let second = Registry::start();
    let rules = format!(
        "[repository.my]\nupstreams = [\"one\", \"two\"]\n[repository.one]\nexternal = [\"npm\"]\n\
         [repository.two.external.npm]\nurl = \"{}\"\n",
        second.url()
    );
    let house = House::new(&rules);
    let nearer = publish::npm(&house.npm, "x", &["1.0.0"]);
    let padded = crate::support::packages::npm_tarball("x", "1.0.0", 9000);
    publish::npm_built(&second, "x", &[("1.0.0".to_owned(), padded)]);
    house.get("/npm/my/x").expect(200);
    let reply = house.get("/npm/my/x/-/x-1.0.0.tgz").expect(200);
    assert_eq!(reply.body, nearer[0]);
}

#[test]
fn r5_what_is_nowhere_is_not_there() {
    let house = House::new(CHAIN);
    for path in indexes("a") {
        index(&house, &path).expect(404);
    }
}

#[test]
fn r14_r15_with_the_registry_down_what_is_stored_is_read_and_what_is_not_fails() {
    let house = House::with_limits(
        CHAIN,
        "fresh_npm = \"0s\"\nfresh_pypi = \"0s\"\nfresh_maven = \"0s\"",
    );
    furnish(&house);
    for (path, [old, _]) in indexes("a").iter().zip(files("a")) {
        index(&house, path).expect(200);
        house.get(&old).expect(200);
    }
    house.upstreams_down();
    for (path, [old, new]) in indexes("a").iter().zip(files("a")) {
        index(&house, path).expect(200);
        house.get(&old).expect(200);
        let failed = house.get(&new);
        assert!(
            matches!(failed.status, 502..=504),
            "{new}: {}",
            failed.status
        );
    }
}

/// I6 of reliability.md: the verdict of an index and of its files is one verdict.
#[test]
fn a_listing_names_exactly_what_is_served_under_every_rule() {
    let block =
        |pattern: &str, controls: &str| format!("[[group]]\npattern = \"{pattern}\"\n{controls}\n");
    let everything = "external = \"block\"\ninternal = \"block\"\npublish = \"block\"";
    let all = |controls: &str| {
        ["/npm//lodash$", "/pypi//six$", "/maven/org.x/lib$"]
            .map(|pattern| block(pattern, controls))
            .concat()
    };
    let mut house = House::new(CHAIN);
    furnish(&house);
    for (path, [old, _]) in indexes("a").iter().zip(files("a")) {
        index(&house, path).expect(200);
        house.get(&old).expect(200);
    }
    for (step, rules) in [
        String::new(),
        all("external = \"block\""),
        all("external = [\"c\"]"),
        all("external = [\"a\"]"),
        all("internal = \"block\""),
        all(everything),
        block("/*", everything),
        block("/npm/*", "external = \"block\"") + &block("/maven/org.x~", everything),
    ]
    .iter()
    .enumerate()
    {
        let mark = format!("[[group]]\npattern = \"/npm//mark-{step}$\"\n{everything}\n");
        house.write_rules(&format!("{CHAIN}{rules}{mark}"));
        house.eventually_status(&format!("/npm/a/mark-{step}"), 403);
        for repository in ["a", "b", "c"] {
            listed_is_served(&house, repository);
        }
    }
}
