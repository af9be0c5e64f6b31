//! What operators see: metrics in good form with closed label sets, health, decisions.

use crate::support::clients::{Client, Sandbox};
use crate::support::gateway::House;
use crate::support::{publish, within};
use std::collections::BTreeSet;
use std::time::Duration;

const DENIED: &str = "[[group]]\npattern = \"/npm//evil-pkg$\"\nexternal = \"block\"\n";

/// Asks for one thing of each outcome, under names made from `seed`.
fn traffic(house: &House, seed: usize) {
    let name = format!("quxpad-{seed}");
    publish::npm(&house.npm, &name, &["1.0.0"]);
    for path in [
        format!("/npm/public/{name}"),
        format!("/npm/public/{name}/-/{name}-1.0.0.tgz"),
        format!("/npm/public/{name}/-/{name}-1.0.0.tgz"),
        format!("/npm/public/quxnone-{seed}"),
        format!("/pypi/public/simple/quxnone-{seed}/"),
        format!("/maven/public/org/quxnone{seed}/lib/1.0/lib-1.0.pom"),
        format!("/no/such/route/{seed}"),
        "/npm/public/evil-pkg".to_owned(),
    ] {
        house.get(&path);
    }
}

/// The series of a scrape, without their values.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            line.rsplit_once(' ')
                .map_or(line, |(series, _)| series)
                .to_owned()
        })
        .collect()
}

#[test]
fn label_values_come_from_closed_sets() {
    let house = House::new(DENIED);
    for seed in 0..3 {
        traffic(&house, seed);
    }
    let before = series(&house.admin("/metrics").expect(200).text());
    for seed in 3..40 {
        traffic(&house, seed);
    }
    let text = house.admin("/metrics").expect(200).text();
    let after = series(&text);
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty(), "more names made more series: {new:?}");
    for name in ["quxpad", "quxnone", "evil-pkg", "127.0.0.1"] {
        assert!(!text.contains(name), "{name} is in the metrics");
    }
    assert!(after.len() < 2000, "{} series", after.len());
}

#[test]
fn the_checker_of_the_metrics_format_finds_nothing() {
    let house = House::new(DENIED);
    traffic(&house, 1);
    let text = house.admin("/metrics").expect(200);
    assert!(
        text.header("content-type").starts_with("text/plain"),
        "{:?}",
        text.headers
    );
    let sandbox = Sandbox::new();
    sandbox.write("metrics.txt", &text.text());
    let Some(run) = sandbox.run_on(Client::Promtool, &["check", "metrics"], "metrics.txt") else {
        return;
    };
    let run = run.succeeded();
    assert_eq!(run.text.trim(), "");
}

#[test]
fn requests_hits_and_refusals_are_counted() {
    let house = House::new(DENIED);
    let before = house.admin("/metrics").expect(200).text();
    for seed in 0..5 {
        traffic(&house, seed);
    }
    let changed = || {
        let after = house.admin("/metrics").expect(200).text();
        let new = after.lines().filter(|line| !line.starts_with('#'));
        let new: Vec<&str> = new.filter(|line| !before.contains(*line)).collect();
        ["npm", "pypi", "maven"].iter().all(|ecosystem| {
            new.iter()
                .any(|line| line.contains(&format!("\"{ecosystem}\"")))
        })
    };
    assert!(
        within(Duration::from_secs(5), changed),
        "counters did not move"
    );
}

#[test]
fn health_and_readiness_are_told_on_the_admin_listener_only() {
    let house = House::new("");
    house.admin("/healthz").expect(200);
    house.admin("/readyz").expect(200);
    for path in ["/metrics", "/healthz", "/readyz", "/decisions", "/admin"] {
        let status = house.get(path).status;
        assert!(
            matches!(status, 400 | 403 | 404),
            "{path} on the client listener: {status}"
        );
    }
}

#[test]
fn decisions_show_what_was_refused_and_why() {
    let house = House::new(DENIED);
    let reply = house.get("/npm/public/evil-pkg").expect(403);
    let shown = || {
        let text = house.admin("/decisions").expect(200).text();
        text.contains("evil-pkg") && text.contains(&reply.phrase)
    };
    assert!(
        within(Duration::from_secs(5), shown),
        "{}",
        house.admin("/decisions").text()
    );
}
