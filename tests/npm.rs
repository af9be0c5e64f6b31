//! npm, pnpm, Yarn classic and Yarn Berry: install, locked install, scopes, documents.

use crate::support::clients::{Client, Sandbox};
use crate::support::gateway::House;
use crate::support::http::Request;
use crate::support::{packages, publish};

const CLIENTS: [Client; 4] = [
    Client::Npm,
    Client::Pnpm,
    Client::YarnClassic,
    Client::YarnBerry,
];

/// Adds a plain and a scoped package, then installs from the lockfile with everything forgotten.
fn installs_and_reinstalls(client: Client) {
    let house = House::new("");
    publish::npm(&house.npm, "left-pad", &["1.0.0", "1.3.0"]);
    publish::npm(&house.npm, "@types/pad", &["2.0.0"]);
    let sandbox = Sandbox::new();
    sandbox.npm_project(&house.url("/npm/public/"));
    let Some(run) = sandbox.npm_add(client, "left-pad") else {
        return;
    };
    run.succeeded();
    sandbox
        .npm_add(client, "@types/pad")
        .expect("the client is there")
        .succeeded();
    assert_eq!(sandbox.npm_installed("left-pad"), "1.3.0");
    assert_eq!(sandbox.npm_installed("@types/pad"), "2.0.0");

    sandbox.forget_installed();
    sandbox
        .npm_locked(client)
        .expect("the client is there")
        .succeeded();
    assert_eq!(sandbox.npm_installed("left-pad"), "1.3.0");
    assert_eq!(sandbox.npm_installed("@types/pad"), "2.0.0");
    let tarball = packages::npm_tarball_path("left-pad", "1.3.0");
    assert_eq!(
        house.npm.count(&tarball),
        1,
        "the second install came from the cache"
    );
}

#[test]
fn npm_installs_and_reinstalls_from_its_lockfile() {
    installs_and_reinstalls(Client::Npm);
}

#[test]
fn pnpm_installs_and_reinstalls_from_its_lockfile() {
    installs_and_reinstalls(Client::Pnpm);
}

#[test]
fn yarn_classic_installs_and_reinstalls_from_its_lockfile() {
    installs_and_reinstalls(Client::YarnClassic);
}

#[test]
fn yarn_berry_installs_and_reinstalls_from_its_lockfile() {
    installs_and_reinstalls(Client::YarnBerry);
}

#[test]
fn a_warm_project_installs_with_every_client_while_the_upstream_is_down() {
    let house = House::with_limits("", "fresh_npm = \"0s\"");
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    let sandbox = Sandbox::new();
    sandbox.npm_project(&house.url("/npm/public/"));
    if let Some(run) = sandbox.npm_add(Client::Npm, "left-pad") {
        run.succeeded();
    }
    house
        .get("/npm/public/left-pad/-/left-pad-1.0.0.tgz")
        .expect(200);
    house.upstreams_down();
    for client in CLIENTS {
        let sandbox = Sandbox::new();
        sandbox.npm_project(&house.url("/npm/public/"));
        let Some(run) = sandbox.npm_add(client, "left-pad") else {
            continue;
        };
        run.succeeded();
        assert_eq!(sandbox.npm_installed("left-pad"), "1.0.0", "{client:?}");
    }
}

#[test]
fn tarball_addresses_are_ours_and_of_the_conventional_shape() {
    let house = House::new("");
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    publish::npm(&house.npm, "@types/pad", &["2.0.0"]);
    for (name, version) in [("left-pad", "1.0.0"), ("@types/pad", "2.0.0")] {
        let document = house.get(&format!("/npm/public/{name}")).expect(200).json();
        let address = document["versions"][version]["dist"]["tarball"]
            .as_str()
            .unwrap_or("");
        let path = packages::npm_tarball_path(name, version);
        assert_eq!(address, house.url(&format!("/npm/public{path}")));
    }
}

#[test]
fn integrity_and_times_pass_unchanged_also_in_the_abbreviated_document() {
    let house = House::new("");
    let tarballs = publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    let request = Request::get("/npm/public/left-pad").header("Accept", publish::INSTALL_V1);
    let reply = house.send(&request).expect(200);
    assert!(
        reply
            .header("content-type")
            .starts_with(publish::INSTALL_V1),
        "{:?}",
        reply.headers
    );
    let document = reply.json();
    let dist = &document["versions"]["1.0.0"]["dist"];
    assert_eq!(dist["integrity"], packages::sha512_sri(&tarballs[0]));
    assert_eq!(dist["shasum"], packages::sha1_hex(&tarballs[0]));
    assert_eq!(document["time"]["1.0.0"], packages::LONG_AGO);
    assert!(document.get("readme").is_none() && document.get("_id").is_none());
}

#[test]
fn the_two_forms_of_a_document_have_different_strong_etags() {
    let house = House::new("");
    publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    let full = house.get("/npm/public/left-pad").expect(200);
    let request = Request::get("/npm/public/left-pad").header("Accept", publish::INSTALL_V1);
    let brief = house.send(&request).expect(200);
    for reply in [&full, &brief] {
        assert!(reply.header("etag").starts_with('"'), "{:?}", reply.headers);
        let vary = reply.header("vary").to_ascii_lowercase();
        assert!(vary.contains("accept"), "{vary}");
        assert!(
            reply.header("cache-control").contains("no-cache"),
            "{:?}",
            reply.headers
        );
        assert!(!reply.header("date").is_empty());
    }
    assert_ne!(full.header("etag"), brief.header("etag"));
}

#[test]
fn the_tarball_is_byte_for_byte_the_upstreams_with_length_and_without_encoding() {
    let house = House::new("");
    let tarballs = publish::npm(&house.npm, "left-pad", &["1.0.0"]);
    let path = "/npm/public/left-pad/-/left-pad-1.0.0.tgz";
    let reply = house
        .send(&Request::get(path).header("Accept-Encoding", "gzip, br"))
        .expect(200);
    assert_eq!(reply.body, tarballs[0]);
    assert_eq!(reply.header("content-encoding"), "");
    assert_eq!(
        reply.header("content-length"),
        tarballs[0].len().to_string()
    );
    assert!(
        reply.header("cache-control").contains("immutable"),
        "{:?}",
        reply.headers
    );
}

#[test]
fn a_ping_is_answered_here_and_an_audit_never_fails_an_install() {
    let house = House::new("");
    house.get("/npm/public/-/ping").expect(200);
    assert_eq!(house.upstream_total(), 0);
    let body = "{\"left-pad\":[\"1.0.0\"]}";
    let audit = Request::new("POST", "/npm/public/-/npm/v1/security/advisories/bulk")
        .body("application/json", body);
    assert_eq!(house.send(&audit).expect(200).text().trim(), "{}");
}

#[test]
fn a_package_that_is_not_there_is_a_plain_404() {
    let house = House::new("");
    let reply = house.get("/npm/public/no-such-package").expect(404);
    assert!(
        reply.header("content-type").starts_with("application/json"),
        "{:?}",
        reply.headers
    );
    let sandbox = Sandbox::new();
    sandbox.npm_project(&house.url("/npm/public/"));
    if let Some(run) = sandbox.npm_add(Client::Npm, "no-such-package") {
        let run = run.failed();
        assert!(run.text.contains("E404"), "{}", run.text);
    }
}

#[test]
fn a_large_document_is_the_same_by_every_way_out() {
    let house = House::new("");
    let version = |number: usize| (format!("1.0.{number}"), number.to_string().into_bytes());
    let versions: Vec<(String, Vec<u8>)> = (0..16_000).map(version).collect();
    publish::npm_built(&house.npm, "large", &versions);
    let plain = house.get("/npm/public/large").expect(200).body;
    let coded = Request::get("/npm/public/large").header("Accept-Encoding", "gzip");
    for _ in 0..2 {
        let reply = house.send(&coded).expect(200);
        assert_eq!(reply.header("content-encoding"), "gzip");
        // Long enough to be sent from pages, not from our memory.
        assert!(reply.body.len() > 1 << 20, "{}", reply.body.len());
        let length = reply.body.len().to_string();
        assert_eq!(reply.header("content-length"), length);
        let mut text = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(reply.body.as_slice());
        std::io::Read::read_to_end(&mut decoder, &mut text).expect("gzip");
        assert!(text == plain, "other bytes than without a coding");
    }
}
