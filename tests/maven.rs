//! Maven: a parent and a build extension, which Maven resolves without any plugin of its own.

use crate::support::clients::Sandbox;
use crate::support::gateway::House;
use crate::support::{packages, publish};

const JAR: &str = "/maven/public/org/acme/lib/1.0/lib-1.0.jar";

/// Puts a parent, an extension, and the one library that Maven adds to every extension.
fn publish_build(house: &House) {
    publish::maven(&house.maven, ("org.demo", "parent"), &["1.0"], "pom");
    publish::maven(&house.maven, ("org.demo", "extension"), &["1.0"], "jar");
    publish::maven(
        &house.maven,
        ("org.codehaus.plexus", "plexus-utils"),
        &["1.1"],
        "jar",
    );
}

#[test]
fn maven_resolves_a_parent_and_an_extension_and_again_while_the_upstream_is_down() {
    let house = House::with_limits("", "fresh_maven = \"0s\"");
    publish_build(&house);
    let sandbox = Sandbox::new();
    let mirror = house.url("/maven/public");
    sandbox.maven_project(
        &mirror,
        "org.demo:parent:1.0",
        Some("org.demo:extension:1.0"),
    );
    let Some(run) = sandbox.maven_validate() else {
        return;
    };
    let run = run.succeeded();
    assert!(!run.text.contains("Checksum"), "{}", run.text);

    house.upstreams_down();
    sandbox.forget_installed();
    let run = sandbox
        .maven_validate()
        .expect("the client is there")
        .succeeded();
    assert!(run.text.contains("Downloaded from gateway"), "{}", run.text);
}

#[test]
fn a_file_comes_whole_with_its_checksums() {
    let house = House::new("");
    let jar = publish::maven(&house.maven, ("org.acme", "lib"), &["1.0"], "jar").remove(0);
    let reply = house.get(JAR).expect(200);
    assert_eq!(reply.body, jar);
    let sha1 = packages::sha1_hex(&jar);
    assert_eq!(reply.header("x-checksum-sha1"), sha1);
    assert_eq!(
        house.get(&format!("{JAR}.sha1")).expect(200).text().trim(),
        sha1
    );
}

#[test]
fn checksums_that_the_upstream_lacks_are_computed() {
    let house = House::new("");
    let jar = publish::maven(&house.maven, ("org.acme", "lib"), &["1.0"], "jar").remove(0);
    house.get(JAR).expect(200);
    let sha256 = house.get(&format!("{JAR}.sha256"));
    if sha256.status == 200 {
        assert_eq!(sha256.text().trim(), packages::sha256_hex(&jar));
    } else {
        assert_eq!(sha256.status, 404);
    }
}

#[test]
fn metadata_lists_the_versions_and_its_checksum_fits() {
    let house = House::new("");
    publish::maven(
        &house.maven,
        ("org.acme", "lib"),
        &["1.0", "1.9", "1.10"],
        "jar",
    );
    let path = "/maven/public/org/acme/lib/maven-metadata.xml";
    let reply = house.get(path).expect(200);
    let text = reply.text();
    for version in ["1.0", "1.9", "1.10"] {
        assert!(
            text.contains(&format!("<version>{version}</version>")),
            "{text}"
        );
    }
    assert!(text.contains("<release>1.10</release>"), "{text}");
    let sha1 = house.get(&format!("{path}.sha1")).expect(200);
    assert_eq!(sha1.text().trim(), packages::sha1_hex(&reply.body));
}

#[test]
fn absence_is_a_plain_404_and_never_a_problem_document() {
    let house = House::new("");
    publish::maven(&house.maven, ("org.acme", "lib"), &["1.0"], "jar");
    for path in [
        "/maven/public/org/acme/lib/1.0/lib-1.0.module",
        "/maven/public/org/acme/absent/1.0/absent-1.0.pom",
        "/maven/public/org/acme/absent/maven-metadata.xml",
        "/maven/public/archetype-catalog.xml",
    ] {
        let reply = house.get(path).expect(404);
        let kind = reply.header("content-type");
        assert!(kind.starts_with("text/plain"), "{path}: {kind}");
    }
}
