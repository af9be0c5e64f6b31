//! Judges what came of a row: the status is in the row's set, the upstream saw what the row
//! allows, and the canaries are, or are not, where the row says.

use super::bypass::Row;
use super::lenient::EVIL;
use super::stage::CANARY_WORD;
use crate::support::gateway::House;
use crate::support::http::{Exchange, Request};
use crate::support::registry::Registry;
use crate::support::{packages, publish};
use std::collections::HashMap;

/// The most memory that a hostile document may cost.
const MEMORY_GROWTH_MAX: u64 = 64 << 20;

/// A row, what came of it, and where it was tried.
pub struct Checked<'a> {
    pub row: &'a Row,
    pub got: &'a Exchange,
    pub house: &'a House,
    pub other: &'a Registry,
    /// Memory in use before the row.
    pub memory: u64,
}

/// Everything that is wrong.
pub fn check(it: &Checked) -> Vec<String> {
    let rules = it
        .row
        .body
        .split(' ')
        .filter(|rule| *rule != "-" && !rule.is_empty());
    [status(it), hits(it)]
        .into_iter()
        .chain(rules.map(|rule| body(it, rule)))
        .flatten()
        .collect()
}

fn status(it: &Checked) -> Option<String> {
    let first = it.got.replies.first();
    let is_fine = it.row.statuses.split('|').any(|allowed| match allowed {
        "close" | "close-within-10s" => first.is_none() && it.got.closed,
        "200-truncated" => first.is_some_and(|reply| reply.status == 200 && !reply.complete),
        status => first.is_some_and(|reply| reply.status.to_string() == status),
    });
    let got = first.map(|reply| (reply.status, reply.phrase.as_str()));
    let closed = it.got.closed;
    (!is_fine).then(|| format!("{got:?} (closed: {closed}), not {}", it.row.statuses))
}

/// `<=1` is read as: no upstream target is asked twice. An artifact has a listing or a checksum
/// beside it, which is a request of its own.
fn hits(it: &Checked) -> Option<String> {
    let mut count: HashMap<String, usize> = HashMap::new();
    for seen in it.house.upstreams().into_iter().flat_map(Registry::log) {
        *count
            .entry(format!("{} {}", seen.method, seen.target))
            .or_default() += 1;
    }
    let is_fine = match it.row.hits {
        "0" => count.is_empty(),
        "<=1" => count.values().all(|&times| times <= 1),
        "any" => true,
        other => panic!("{}: {other} is no count", it.row.id),
    };
    (!is_fine).then(|| format!("upstream saw {count:?}, allowed {}", it.row.hits))
}

fn body(it: &Checked, rule: &str) -> Option<String> {
    let holds = match rule.split_once([':', '=']) {
        Some(("no", what)) => !reply_holds(it, what) && !is_kept(it, what),
        Some(("has", what)) => reply_holds(it, what),
        Some(("responses", count)) => it.got.replies.len().to_string() == count,
        Some(("next-plain-GET", "ok")) => next_plain_get(it),
        Some(("upstream-hosts", _)) => it.other.total() == 0,
        Some(("metric", name)) => metric(it, name),
        None => other_rule(it, rule),
        Some(_) => panic!("{}: {rule} is no rule", it.row.id),
    };
    (!holds).then(|| format!("{rule} does not hold"))
}

fn other_rule(it: &Checked, rule: &str) -> bool {
    let got = it
        .got
        .replies
        .first()
        .map(|reply| reply.body.as_slice())
        .unwrap_or_default();
    match rule {
        "bytes<2MB" => it.got.bytes.len() < 2_000_000,
        "upstream-saw-one-request" => it.house.upstream_total() <= 1,
        "sha512-ok" => got == packages::npm_tarball("lodash", "4.17.21", 64),
        "sha256-ok" => got == packages::wheel("requests", "2.31.0", 0),
        "sha1-ok" => got == packages::jar("org.slf4j", "slf4j-api", "2.0.9"),
        "tag-latest-exists" => serde_json::from_slice(got).is_ok_and(|page: serde_json::Value| {
            let latest = page["dist-tags"]["latest"].as_str();
            latest.is_some_and(|latest| !page["versions"][latest].is_null())
        }),
        "alive" => Request::get("/healthz").send(it.house.gateway.admin).status == 200,
        "rss<+64MB" => it.house.gateway.resident() < it.memory + MEMORY_GROWTH_MAX,
        "not-cached" => is_not_cached(it),
        "stale-kept" => {
            let page = it.house.get("/pypi/public/simple/requests/");
            page.status != 200 || page.text().contains("requests-2.31.0")
        }
        _ => panic!("{}: {rule} is no rule", it.row.id),
    }
}

/// What a canary's name in the corpus looks like on the wire.
fn canary(it: &Checked, what: &str) -> String {
    match what {
        "EVIL" => EVIL.to_owned(),
        // A PyPI page, or the redirect to it, has no room for a word of ours: the name stands for it.
        "HOSTED" if it.row.ecosystem == "pypi" => "acme-billing".to_owned(),
        "CANARY" => CANARY_WORD.to_owned(),
        "{OTHER}" | "{OTHER}-in-body" => it.other.address().to_string(),
        "META" => "169.254.169.254".to_owned(),
        "LODASH" => "LODASH for tests".to_owned(),
        "TYPESNODE" => "@TYPES/NODE for tests".to_owned(),
        "JSONSTREAM" => "JSONSTREAM for tests".to_owned(),
        // A claimed name may be repeated in a refusal; the canary proper is in no name.
        "evil_dist" => "evil_dist-1.0-py3-none-any.whl".to_owned(),
        other => other.to_owned(),
    }
}

fn reply_holds(it: &Checked, what: &str) -> bool {
    let word = canary(it, what);
    let is_body_only = what.ends_with("-in-body");
    it.got.replies.iter().any(|reply| {
        let in_head = reply.headers.iter().any(|(name, value)| {
            !is_body_only && (value.contains(&word) || name.eq_ignore_ascii_case(&word))
        });
        in_head || contains(&reply.body, word.as_bytes())
    })
}

/// Whether a canary that only an upstream can have told is in the cache.
fn is_kept(it: &Checked, what: &str) -> bool {
    if !matches!(what, "EVIL" | "PLANTED") || it.row.surface == "upstream" {
        return false;
    }
    let word = canary(it, what);
    let mut folders = vec![it.house.data()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path).is_ok_and(|bytes| contains(&bytes, word.as_bytes())) {
                return true;
            }
        }
    }
    false
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    !word.is_empty() && bytes.windows(word.len()).any(|window| window == word)
}

fn next_plain_get(it: &Checked) -> bool {
    let reply = it.house.get("/npm/public/lodash");
    reply.status == 200 && reply.text().contains("LODASH for tests")
}

fn metric(it: &Checked, name: &str) -> bool {
    it.house.admin("/metrics").text().contains(name)
}

/// Mends the upstream and asks again: what was refused must not have been kept.
fn is_not_cached(it: &Checked) -> bool {
    let house = it.house;
    if it.row.ecosystem == "maven" {
        publish::maven(&house.maven, ("org.slf4j", "slf4j-api"), &["2.0.9"], "jar");
        let right = packages::jar("org.slf4j", "slf4j-api", "2.0.9");
        let path = "/maven/public/org/slf4j/slf4j-api/2.0.9/slf4j-api-2.0.9.jar";
        return house.get(path).expect(200).body == right;
    }
    publish::npm(&house.npm, "lodash", &["4.17.21"]);
    let right = packages::npm_tarball("lodash", "4.17.21", 64);
    house
        .get("/npm/public/lodash/-/lodash-4.17.21.tgz")
        .expect(200)
        .body
        == right
}
