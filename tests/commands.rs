//! Commands beside a running gateway: exemptions, lists of popular names, lockfiles judged by it.

use serde_json::json;

use crate::firewall::{npm_dated, tarball};
use crate::support::gateway::{House, run};
use crate::support::registry::{Answer, Registry};

/// Runs a command on a house's configuration; its status and all that it said.
pub fn command(house: &House, arguments: &[&str]) -> (Option<i32>, String) {
    let (config, data) = (
        house.config().display().to_string(),
        house.data().display().to_string(),
    );
    let fixed = ["--config", &config, "--data", &data];
    let output = run(&[arguments, &fixed].concat(), "");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn an_exemption_is_added_shown_and_taken_back_while_the_gateway_runs() {
    let house =
        House::new("# house rules\n[[group]]\npattern = \"/*\"\nmin_age = \"3d\" # three\n");
    npm_dated(&house, "left-pad", &[("1.0.0", 1)]);
    house.get(&tarball("left-pad", "1.0.0")).expect(403);
    let add = |until: &str, control: &str| {
        let reason = "ticket 4711";
        let more = ["--until", until, "--reason", reason, "--controls", control];
        command(
            &house,
            &[&["exempt", "add", "/npm//left-pad$"][..], &more].concat(),
        )
    };
    let before = std::fs::read_to_string(house.config()).expect("a file");
    let (status, said) = add("2999-01-31", "min_agee");
    assert_eq!(status, Some(2), "{said}");
    assert!(
        said.contains("min_agee") && said.contains("portcullis.toml"),
        "{said}"
    );
    assert_eq!(
        std::fs::read_to_string(house.config()).expect("a file"),
        before
    );
    assert_eq!(add("2999-01-31", "min_age").0, Some(0));
    house.eventually_status(&tarball("left-pad", "1.0.0"), 200);
    let text = std::fs::read_to_string(house.config()).expect("a file");
    assert!(
        text.contains("# house rules") && text.contains("# three"),
        "{text}"
    );
    let (_, shown) = command(&house, &["exempt", "list"]);
    assert!(
        shown.contains("/npm//left-pad$  min_age  until 2999-"),
        "{shown}"
    );
    let metrics = house.admin("/metrics").text();
    assert!(metrics.contains("portcullis_exemptions 1"), "{metrics}");
    let (status, said) = command(&house, &["exempt", "remove", "/npm//left-pad$"]);
    assert_eq!(status, Some(0), "{said}");
    house.eventually_status(&tarball("left-pad", "1.0.0"), 403);
    let (status, said) = command(&house, &["exempt", "remove", "/npm//left-pad$"]);
    assert!(status == Some(2) && said.contains("exempt list"), "{said}");
}

#[test]
fn the_end_of_an_exemption_is_announced() {
    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let house = House::new(&format!(
        "[[group]]\npattern = \"/npm//left-pad$\"\nexempt = [\"lookalike\"]\nuntil = \"{}Z\"\nreason = \"t\"\n",
        rules::moment::show(soon)
    ));
    crate::support::eventually("it is announced", || {
        house
            .gateway
            .log()
            .contains("an exemption ends within a day")
    });
    assert!(
        house
            .admin("/metrics")
            .text()
            .contains("portcullis_exemptions_ending 1")
    );
}

#[test]
fn a_list_of_popular_names_is_replaced_while_the_gateway_runs() {
    let house = House::new("");
    npm_dated(&house, "zebrafinch-toolkti", &[("1.0.0", 900)]);
    let page = "/npm/public/zebrafinch-toolkti";
    house.get(page).expect(200);
    let registry = Registry::start();
    registry.set(
        "/names.csv",
        Answer::ok("text/csv", "rank,name\n1,zebrafinch-toolkit\n"),
    );
    let from = format!("{}/names.csv", registry.url());
    let (status, said) = command(&house, &["lists", "update", "npm", "--from", &from]);
    assert_eq!(status, Some(0), "{said}");
    house.eventually_status(page, 403);
    let (_, shown) = command(&house, &["lists", "show"]);
    assert!(shown.contains("npm         1 names"), "{shown}");
    let (status, said) = command(&house, &["lists", "reset", "npm"]);
    assert_eq!(status, Some(0), "{said}");
    house.eventually_status(page, 200);
    let bad = house.folder().join("bad.json");
    std::fs::write(&bad, "{\"rows\": [7]}").expect("written");
    let (status, said) = command(
        &house,
        &[
            "lists",
            "update",
            "npm",
            "--from",
            &bad.display().to_string(),
        ],
    );
    assert!(status == Some(2) && said.contains("bad.json"), "{said}");
}

#[test]
fn a_lockfile_is_judged_by_a_running_gateway_with_dates_and_the_nearest_version() {
    let house = House::new("[[group]]\npattern = \"/*\"\nmin_age = \"3d\"\n");
    npm_dated(&house, "left-pad", &[("1.0.0", 900), ("1.1.0", 1)]);
    npm_dated(&house, "is-odd", &[("1.0.0", 900)]);
    let at = |name: &str, version: &str| json!({ "version": version, "resolved": format!("http://registry.test/{name}/-/{name}-{version}.tgz") });
    let lock = json!({
        "name": "app", "lockfileVersion": 3, "packages": {
            "": { "name": "app" },
            "node_modules/left-pad": at("left-pad", "1.1.0"),
            "node_modules/is-odd": at("is-odd", "1.0.0"),
        },
    });
    let path = house.folder().join("package-lock.json");
    std::fs::write(&path, lock.to_string()).expect("written");
    let (path, gateway) = (path.display().to_string(), house.url("/"));
    let (status, said) = command(&house, &["preflight", &path, "--gateway", &gateway]);
    assert_eq!(status, Some(1), "{said}");
    let row = "hold  npm left-pad 1.1.0  rule min_age:/*  nearest allowed 1.0.0";
    assert!(
        said.contains(row) && said.contains("min_age is 3d"),
        "{said}"
    );
    assert!(
        said.contains("2 packages, 1 refused, 0 not understood"),
        "{said}"
    );
    let (status, said) = command(
        &house,
        &[
            "preflight",
            &path,
            "--gateway",
            &gateway,
            "--repository",
            "no",
        ],
    );
    assert!(
        status == Some(2) && said.contains("no repository"),
        "{said}"
    );
}
