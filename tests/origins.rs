//! Dependency confusion: a claimed name causes no upstream request on any route, whatever the
//! upstream would say, whether bytes of it are cached or not, through whatever repository.

use crate::support::clients::{Client, Sandbox};
use crate::support::eventually;
use crate::support::gateway::{House, sentence};
use crate::support::http::Request;
use crate::support::publish;
use crate::support::registry::{Answer, Fault};
use std::time::Duration;

/// Names that are claimed as internal: never from outside, may be published.
const CLAIMS: &str = r#"
[[group]]
pattern  = "/npm/acme/*"
external = "block"
publish  = "allow"

[[group]]
pattern  = "/npm//acme-billing$"
external = "block"
publish  = "allow"

[[group]]
pattern  = "/pypi//acme~"
external = "block"
publish  = "allow"

[[group]]
pattern  = "/maven/com.acme~"
external = "block"
publish  = "allow"
"#;

/// Every route by which a claimed name can be asked for, without the mount's repository.
const ROUTES: &[&str] = &[
    "/npm/{R}/@acme/core",
    "/npm/{R}/@acme%2fcore",
    "/npm/{R}/@acme%2Fcore",
    "/npm/{R}/%40acme%2fcore",
    "/npm/{R}/@acme/core/1.0.0",
    "/npm/{R}/@acme/core/latest",
    "/npm/{R}/@acme/core/-/core-1.0.0.tgz",
    "/npm/{R}/@acme%2fcore/-/core-1.0.0.tgz",
    "/npm/{R}/-/package/@acme%2fcore/dist-tags",
    "/npm/{R}/-/npm/v1/attestations/@acme%2fcore@1.0.0",
    "/npm/{R}/acme-billing",
    "/npm/{R}/acme-billing?write=true",
    "/npm/{R}/acme-billing/1.0.0",
    "/npm/{R}/acme-billing/-/acme-billing-1.0.0.tgz",
    "/npm/{R}/-/v1/search?text=acme-billing",
    "/pypi/{R}/simple/acme-billing/",
    "/pypi/{R}/simple/acme_billing/",
    "/pypi/{R}/simple/Acme.Billing/",
    "/pypi/{R}/simple/acme-billing",
    "/pypi/{R}/pypi/acme-billing/json",
    "/pypi/{R}/files/acme-billing/1.0/acme_billing-1.0-py3-none-any.whl",
    "/pypi/{R}/files/acme-billing/1.0/acme_billing-1.0-py3-none-any.whl.metadata",
    "/pypi/{R}/files/acme-billing/1.0/acme_billing-1.0-py3-none-any.whl.asc",
    "/pypi/{R}/files/acme-billing/1.0/acme_billing-1.0.tar.gz",
    "/maven/{R}/com/acme/core/1.0/core-1.0.pom",
    "/maven/{R}/com/acme/core/1.0/core-1.0.jar",
    "/maven/{R}/com/acme/core/1.0/core-1.0.jar.sha1",
    "/maven/{R}/com/acme/core/1.0/core-1.0-sources.jar",
    "/maven/{R}/com/acme/core/1.0/core-1.0.module",
    "/maven/{R}/com/acme/core/maven-metadata.xml",
    "/maven/{R}/com/acme/core/maven-metadata.xml.sha1",
    "/maven/{R}/com/acme/core/1.0-SNAPSHOT/maven-metadata.xml",
    "/maven/{R}/com/acme/maven-metadata.xml",
    "/maven/{R}/com/acme/deep/er/lib/1.0/lib-1.0.pom",
];

const PLANTED: &str = "PLANTED";

/// Puts look-alikes of the claimed names upstream.
fn plant(house: &House) {
    publish::npm(&house.npm, "@acme/core", &["1.0.0", "99.0.0"]);
    publish::npm(&house.npm, "acme-billing", &["1.0.0", "99.0.0"]);
    publish::pypi(&house.pypi, "acme-billing", &["1.0", "99.0"]);
    publish::maven(&house.maven, ("com.acme", "core"), &["1.0", "99.0"], "jar");
}

/// Asks for every route in several manners; none may succeed or reach an upstream.
#[track_caller]
fn nothing_leaves(house: &House, repository: &str) {
    house.forget();
    for route in ROUTES {
        let path = route.replace("{R}", repository);
        for request in [
            Request::get(&path),
            Request::head(&path),
            Request::get(&path).header("Range", "bytes=0-9"),
            Request::get(&path).header("If-None-Match", "*"),
            Request::get(&path).header("Accept", publish::SIMPLE_JSON),
            Request::get(&path).header("Accept", publish::INSTALL_V1),
        ] {
            let reply = house.send(&request);
            let is_search = path.contains("search");
            let is_group = path.ends_with("/com/acme/maven-metadata.xml");
            let is_marker = path.contains("/simple/") && reply.status == 200;
            let is_redirect = path.contains("/simple/") && matches!(reply.status, 301 | 308);
            let is_refused = matches!(reply.status, 403..=406);
            assert!(
                is_refused || is_marker || is_redirect || is_search || is_group,
                "{path}: {} {}",
                reply.status,
                reply.phrase
            );
            assert!(!reply.text().contains("99.0"), "{path}: {}", reply.text());
            assert!(!reply.text().contains(PLANTED), "{path}: {}", reply.text());
            assert_eq!(
                asked(house),
                Vec::<String>::new(),
                "{path} reached an upstream"
            );
        }
    }
}

fn asked(house: &House) -> Vec<String> {
    let seen = house
        .upstreams()
        .into_iter()
        .flat_map(|registry| registry.log());
    seen.map(|seen| format!("{} {}", seen.method, seen.target))
        .collect()
}

#[test]
fn a_claimed_name_is_never_asked_of_a_public_upstream() {
    let house = House::new(CLAIMS);
    plant(&house);
    nothing_leaves(&house, "public");
}

#[test]
fn a_claimed_name_never_falls_through_whatever_the_upstream_would_do() {
    let house = House::new(CLAIMS);
    for fault in [
        Answer::status(404),
        Answer::status(401),
        Answer::status(410),
        Answer::status(429),
        Answer::status(500),
        Answer::status(503),
        Answer::ok("text/plain", PLANTED),
        Answer::ok("text/plain", PLANTED).fault(Fault::TruncateAt(2)),
        Answer::ok("text/plain", PLANTED).fault(Fault::ResetAt(2)),
        Answer::ok("text/plain", PLANTED).fault(Fault::Hang),
        Answer::ok("text/plain", PLANTED).fault(Fault::Delay(Duration::from_secs(5))),
    ] {
        for registry in house.upstreams() {
            let fault = fault.clone();
            registry.fallback(move |_| Some(fault.clone()));
        }
        nothing_leaves(&house, "public");
    }
    house.upstreams_down();
    nothing_leaves(&house, "public");
}

#[test]
fn a_claim_holds_through_a_chain_of_repositories() {
    let chain = r#"
[repository.inner]
external = ["npm", "pypi", "maven"]

[repository.middle]
upstreams = ["inner"]

[repository.outer]
upstreams = ["middle"]
"#;
    let house = House::new(&format!("{chain}\n{CLAIMS}"));
    plant(&house);
    for repository in ["outer", "middle", "inner"] {
        nothing_leaves(&house, repository);
    }
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    house.get("/npm/outer/left-pad").expect(200);
}

#[test]
fn a_claim_made_later_stops_names_that_are_not_yet_cached() {
    let mut house = House::new("");
    plant(&house);
    house.write_rules(CLAIMS);
    eventually("the claim is in force", || {
        house.get("/npm/public/acme-billing").status == 403
    });
    house.forget();
    house.get("/maven/public/com/acme/core/1.0/core-1.0.pom");
    house.get("/pypi/public/simple/acme-billing/");
    assert_eq!(asked(&house), Vec::<String>::new());
}

#[test]
fn a_claimed_listing_that_was_cached_before_is_not_refreshed_from_outside() {
    let mut house = House::with_limits("", "fresh_npm = \"0s\"\nfresh_maven = \"0s\"");
    plant(&house);
    house.get("/npm/public/acme-billing").expect(200);
    house
        .get("/maven/public/com/acme/core/maven-metadata.xml")
        .expect(200);
    house.write_rules(CLAIMS);
    eventually("the claim is in force", || {
        house.get("/npm/public/@acme%2fcore").status == 403
    });
    house.forget();
    house.get("/npm/public/acme-billing");
    house.get("/maven/public/com/acme/core/maven-metadata.xml");
    house.get("/npm/public/acme-billing/-/acme-billing-1.0.0.tgz");
    assert_eq!(asked(&house), Vec::<String>::new());
}

#[test]
fn requests_that_carry_names_in_their_body_do_not_leak_them() {
    let house = House::new(CLAIMS);
    let bulk = Request::new("POST", "/npm/public/-/npm/v1/security/advisories/bulk").body(
        "application/json",
        "{\"@acme/core\":[\"1.0.0\"],\"acme-billing\":[\"1.0.0\"]}",
    );
    house.send(&bulk);
    let quick = Request::new("POST", "/npm/public/-/npm/v1/security/audits/quick").body(
        "application/json",
        "{\"requires\":{\"acme-billing\":\"1.0.0\"}}",
    );
    house.send(&quick);
    for seen in house.npm.log() {
        assert!(!seen.target.contains("acme"), "{seen:?}");
    }
    assert_eq!(house.npm.total(), 0);
}

#[test]
fn npm_and_maven_say_which_rule_claims_the_name() {
    let house = House::new(CLAIMS);
    for path in [
        "/npm/public/acme-billing",
        "/maven/public/com/acme/core/1.0/core-1.0.jar",
    ] {
        let reply = house.get(path);
        if reply.status == 403 {
            sentence(&reply);
        } else {
            assert_eq!(reply.status, 404, "{path}");
        }
    }
}

#[test]
fn an_installer_gets_a_marker_for_a_claimed_project_and_a_refusal_at_its_file() {
    let house = House::new(CLAIMS);
    let request = Request::get("/pypi/public/simple/acme-billing/");
    let request = request.header("User-Agent", "pip/26.3 {}").header(
        "Accept",
        "application/vnd.pypi.simple.v1+json, text/html; q=0.01",
    );
    let page = house.send(&request).expect(200).json();
    let files = page["files"].as_array().cloned().unwrap_or_default();
    assert_eq!(files.len(), 1, "{page}");
    let file = files[0]["filename"].as_str().unwrap_or_default();
    assert!(
        file.starts_with("acme_billing-") && file.ends_with(".whl"),
        "{file}"
    );
    let sandbox = Sandbox::new();
    let index = house.url("/pypi/public/simple/");
    if let Some(run) = sandbox.pip_install(Client::Pip, &index, "acme-billing") {
        let run = run.failed();
        assert!(run.text.contains("403"), "{}", run.text);
    }
    assert_eq!(house.upstream_total(), 0);
}

#[test]
fn names_beside_a_claim_are_not_claimed() {
    let house = House::new(CLAIMS);
    publish::npm(&house.npm, "acme-billing-ui", &["1.0.0"]);
    publish::npm(&house.npm, "@acme-tools/core", &["1.0.0"]);
    publish::maven(&house.maven, ("com.acmeworks", "core"), &["1.0"], "jar");
    house.get("/npm/public/acme-billing-ui").expect(200);
    house.get("/npm/public/@acme-tools%2fcore").expect(200);
    house
        .get("/maven/public/com/acmeworks/core/1.0/core-1.0.jar")
        .expect(200);
}
