//! What is remembered in the state database: first-seen times and decisions, over restarts.

use serde_json::json;

use crate::firewall::{agree, npm_dated, tarball};
use crate::support::eventually;
use crate::support::gateway::{House, run, sentence};

/// Short lifetimes, so that a document is asked for again at once.
const FRESH: &str = "fresh_npm = \"0s\"\n";

#[test]
fn a_version_with_a_forged_date_is_as_old_as_its_first_sight() {
    let rules = "[[group]]\npattern = \"/*\"\nmin_age = \"3d\"\n";
    let mut house = House::with_limits(rules, FRESH);
    npm_dated(&house, "left-pad", &[("1.0.0", 900)]);
    assert_eq!(agree(&house, "left-pad", &[("1.0.0", 900)]), ["1.0.0"]);
    // Published now, and dated two years back.
    let forged = [("1.0.0", 900), ("1.0.1", 700)];
    npm_dated(&house, "left-pad", &forged);
    assert_eq!(agree(&house, "left-pad", &forged), ["1.0.0"]);
    let told = sentence(&house.get(&tarball("left-pad", "1.0.1")));
    assert!(told.contains("first seen"), "{told}");
    assert!(told.contains("nearest allowed version is 1.0.0"), "{told}");
    // Neither a restart nor an empty cache makes it older.
    house.restart();
    assert_eq!(agree(&house, "left-pad", &forged), ["1.0.0"]);
    std::fs::remove_dir_all(house.data().join("cache")).expect("the cache may go");
    house.restart();
    assert_eq!(agree(&house, "left-pad", &forged), ["1.0.0"]);
}

#[test]
fn what_is_observed_is_reported_with_who_asked() {
    let rules = "[[group]]\npattern = \"/*\"\nmin_age = \"3d\"\nobserve = [\"min_age\"]\n\
                 [[group]]\npattern = \"/npm/mycompany/*\"\nexternal = \"block\"\nobserve = [\"external\"]\n";
    let house = House::new(rules);
    npm_dated(&house, "left-pad", &[("1.0.0", 1)]);
    npm_dated(&house, "@mycompany/ui", &[("1.0.0", 900)]);
    house.get(&tarball("left-pad", "1.0.0")).expect(200);
    house.get("/npm/public/@mycompany/ui").expect(200);
    let report = |form: &[&str]| {
        let config = house.config().display().to_string();
        let data = house.data().display().to_string();
        let fixed = ["observe", "report", "--config", &config, "--data", &data];
        let output = run(&[&fixed, form].concat(), "");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    eventually("both are in the report", || {
        let text = report(&[]);
        text.contains("/npm//left-pad 1.0.0  min_age") && text.contains("/npm/mycompany/ui")
    });
    let rows: serde_json::Value = serde_json::from_str(&report(&["--json"])).expect("JSON");
    let rows = rows.as_array().expect("a list");
    let row = rows.iter().find(|row| row["package"] == "/npm//left-pad");
    assert_eq!(row.expect("a row")["asked_by"], json!(["127.0.0.1"]));
}
