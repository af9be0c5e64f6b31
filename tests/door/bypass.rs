//! The bypass corpus: each row is one raw request with the verdict it must get. The head of
//! `door/bypass.tsv` explains the columns and the fixture.

use super::oracle::{Checked, check};
use super::stage::{self, CANARY_FILE};
use crate::support::gateway::House;
use crate::support::http::{Exchange, Request, exchange};
use crate::support::registry::Registry;
use std::time::Duration;

const ROWS: &str = include_str!("bypass.tsv");

/// The wait for the answer to a row; longer than the total deadline of a request's head.
const ANSWER_WAIT: Duration = Duration::from_secs(14);

/// Rows that are not run yet, each with its reason. The list may only shrink: `no_row_is_lost`
/// counts what is run.
const EXCLUDED: &[(&str, &str)] = &[
    (
        "BY054",
        "a name that is only suspicious is asked for, and refused while its package is young and thin",
    ),
    (
        "BY057",
        "a name that is only suspicious is asked for, and refused while its package is young and thin",
    ),
    ("BY323", "the refusal names the version that is held"),
    ("BY254", "its own house: reading needs a token there"),
    ("BY256", "its own house: reading needs a token there"),
    (
        "BY331",
        "needs a resolver that a test can script; upstreams here are loopback literals",
    ),
];

/// One row of the corpus.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: &'static str,
    pub ecosystem: &'static str,
    pub surface: &'static str,
    pub request: &'static str,
    pub context: &'static str,
    pub statuses: &'static str,
    pub hits: &'static str,
    pub body: &'static str,
    pub why: &'static str,
}

fn rows() -> Vec<Row> {
    let lines = ROWS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("id\t"));
    lines
        .map(|line| {
            let cells: Vec<&'static str> = line.split('\t').collect();
            assert_eq!(cells.len(), 13, "{line}");
            Row {
                id: cells[0],
                ecosystem: cells[1],
                surface: cells[2],
                request: cells[5],
                context: cells[6],
                statuses: cells[8],
                hits: cells[9],
                body: cells[10],
                why: cells[11],
            }
        })
        .collect()
}

fn is_excluded(row: &Row) -> bool {
    EXCLUDED.iter().any(|(id, _)| *id == row.id)
}

/// Replaces the placeholders of a request; what stays in braces fails the test.
fn filled(row: &Row, house: &House, other: &Registry) -> Vec<u8> {
    let wheel = "requests/2.31.0/requests-2.31.0-py3-none-any.whl";
    let mut text = row.request.to_owned();
    for (placeholder, value) in [
        ("{GW}", house.gateway.address.to_string().as_str()),
        ("{NPM}", "/npm/public"),
        ("{SIMPLE}", "/pypi/public/simple"),
        ("{PYJSON}", "/pypi/public/pypi"),
        ("{FILES}", "/pypi/public/files"),
        ("{MVN}", "/maven/public"),
        ("{UPN}", house.npm.address().to_string().as_str()),
        ("{OTHER}", other.address().to_string().as_str()),
        ("{AUTH}", ""),
        ("{TOK_R}", "portcullis_of-nobody"),
        ("{CANARY}", &format!("../../{CANARY_FILE}")),
        ("{HEX60}", &"0123456789".repeat(6)),
        ("{PATH_OF_ALLOWED_WHEEL}", wheel),
    ] {
        text = text.replace(placeholder, value);
    }
    if text.contains("{ETAG}") {
        text = text.replace("{ETAG}", house.get("/npm/public/lodash").header("etag"));
    }
    let text = repeated(&text);
    let (head, body) = text.split_once("\\r\\n\\r\\n").unwrap_or((&text, ""));
    let length = unescaped(body).len().to_string();
    let text = text.replacen(head, &head.replace("{LEN}", &length), 1);
    assert!(
        !text.contains('{'),
        "{}: a placeholder is not known: {text}",
        row.id
    );
    unescaped(&text)
}

/// `{A*n}`: a letter n times; `{X-n: a*k}`: k distinct headers.
fn repeated(text: &str) -> String {
    let letters = regex::Regex::new(r"\{(\w)\*(\d+)\}").expect("the pattern is right");
    let headers = regex::Regex::new(r"\{X-n: a\*(\d+)\}").expect("the pattern is right");
    let count = |found: &regex::Captures, group: usize| {
        found[group]
            .parse::<usize>()
            .expect("the pattern matched digits")
    };
    let text = letters.replace_all(text, |found: &regex::Captures| {
        found[1].repeat(count(found, 2))
    });
    let text = headers.replace_all(&text, |found: &regex::Captures| {
        (0..count(found, 1))
            .map(|number| format!("X-{number}: a\\r\\n"))
            .collect::<String>()
    });
    text.into_owned()
}

/// Resolves `\r \n \t \\ \xNN`.
fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let next = bytes.get(at + 1).copied().unwrap_or_default();
        let (byte, length) = match (bytes[at], next) {
            (b'\\', b'r') => (b'\r', 2),
            (b'\\', b'n') => (b'\n', 2),
            (b'\\', b't') => (b'\t', 2),
            (b'\\', b'\\') => (b'\\', 2),
            (b'\\', b'x') => {
                let hex = text.get(at + 2..at + 4).unwrap_or_default();
                (
                    u8::from_str_radix(hex, 16).expect("an escape has two hex digits"),
                    4,
                )
            }
            (byte, _) => (byte, 1),
        };
        out.push(byte);
        at += length;
    }
    out
}

/// Warms what the row's context, or its count of upstream requests, presupposes: an artifact
/// is asked for after its listing, as by any client.
fn warm(row: &Row, house: &House, bytes: &[u8]) {
    if row.surface != "reverse" {
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let target = text.split(' ').nth(1).unwrap_or_default();
    if row.context.contains("cached") && row.id != "BY107" {
        Request::get(target).send(house.gateway.address).expect(200);
    }
    if target.ends_with("fresh-lib-2.0.0.tgz") {
        house.get("/npm/public/fresh-lib").expect(200);
    }
    if target.ends_with("fresh_dist-3.0-py3-none-any.whl") || target.contains("fresh_dist-0") {
        house.get("/pypi/public/simple/fresh-dist/").expect(200);
    }
    if target.ends_with("/org/fresh/lib/3.0/lib-3.0.jar") {
        house.get("/maven/public/org/fresh/lib/maven-metadata.xml");
        house.get(target).expect(403);
    }
    if target.ends_with("lodash-4.17.21.tgz") {
        house.get("/npm/public/lodash").expect(200);
    }
    if target.ends_with("requests-2.31.0-py3-none-any.whl") {
        house.get("/pypi/public/simple/requests/").expect(200);
    }
}

/// Sends a row and judges what came of it.
fn run(row: &Row, house: &mut House, other: &Registry) -> Vec<String> {
    let memory = house.gateway.resident();
    let bytes = filled(row, house, other);
    warm(row, house, &bytes);
    house.forget();
    other.forget();
    let got: Exchange = exchange(house.gateway.address, &bytes, ANSWER_WAIT);
    check(&Checked {
        row,
        got: &got,
        house,
        other,
        memory,
    })
    .into_iter()
    .map(|wrong| format!("{} ({}): {wrong}", row.id, row.why))
    .collect()
}

#[test]
fn every_row_about_requests_gets_its_verdict() {
    let mut house = stage::house(&stage::rules());
    let other = Registry::start();
    let wrong: Vec<String> = rows()
        .iter()
        .filter(|row| row.surface == "reverse" && row.id != "BY107" && !is_excluded(row))
        .flat_map(|row| run(row, &mut house, &other))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn where_reading_needs_a_token_no_trick_replaces_it() {
    let rules = format!("[access]\nanonymous_read = false\n\n{}", stage::rules());
    let mut house = stage::house(&rules);
    let other = Registry::start();
    let rows = rows()
        .into_iter()
        .filter(|row| ["BY254", "BY256"].contains(&row.id));
    let wrong: Vec<String> = rows.flat_map(|row| run(&row, &mut house, &other)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_rule_made_after_caching_stops_what_is_cached() {
    let row = rows()
        .into_iter()
        .find(|row| row.id == "BY107")
        .expect("the row is there");
    let mut house = House::new("");
    crate::support::publish::npm(&house.npm, "evil-pkg", &["1.0.0"]);
    house
        .get("/npm/public/evil-pkg/-/evil-pkg-1.0.0.tgz")
        .expect(200);
    house.write_rules(&stage::rules());
    house.eventually_status("/npm/public/evil-pkg", 403);
    let wrong = run(&row, &mut house, &Registry::start());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_about_upstream_content_gets_its_verdict() {
    let other = Registry::start();
    let mut wrong = Vec::new();
    for row in rows()
        .iter()
        .filter(|row| row.surface == "upstream" && !is_excluded(row))
    {
        let mut house = stage::house(&stage::rules());
        assert!(
            stage::upstream_says(&house, &other, row.id),
            "{}: no stage",
            row.id
        );
        wrong.extend(run(row, &mut house, &other));
        if !house.gateway.is_alive() {
            wrong.push(format!("{}: the program ended", row.id));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn no_row_is_lost() {
    let rows = rows();
    let count = |surface: &str| rows.iter().filter(|row| row.surface == surface).count();
    assert_eq!(count("reverse") + count("upstream"), rows.len());
    assert_eq!(rows.len(), 161);
    assert_eq!(
        rows.iter().filter(|row| is_excluded(row)).count(),
        EXCLUDED.len()
    );
    assert!(
        EXCLUDED.len() <= 20,
        "the list of excluded rows may only shrink"
    );
}
