use std::fs;
use std::io::{Cursor, Write};
use std::time::{Duration, UNIX_EPOCH};

use rules::{Ecosystem, PackageName};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::load::Bounds;
use super::*;
use rules::advisories::{AdvisoryKind, Affects, Score};

/// A record as the OpenSSF collection writes it.
const MALWARE: &str = r#"{
  "modified": "2025-11-25T00:36:47Z", "published": "2025-11-24T22:41:42.5Z",
  "schema_version": "1.7.4", "id": "MAL-2025-1", "aliases": ["GHSA-aaaa-bbbb-cccc"],
  "summary": "Malicious code in evil (npm)", "details": "Any \"computer\" \u00e9\n",
  "affected": [{"package": {"ecosystem": "npm", "name": "evil"},
    "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
    "versions": ["1.0.0"], "database_specific": {"cwes": [{"cweId": "CWE-506"}]}}],
  "references": [{"type": "WEB", "url": "http://upstream.test/a"}],
  "database_specific": {"malicious-packages-origins": [{"source": "x", "versions": ["1.0.0"]}]}
}"#;

/// A record as a vulnerability database writes it, for three ecosystems and one that is foreign.
const VULNERABILITY: &str = r#"{
  "schema_version": "1.4.0", "id": "GHSA-1", "modified": "2024-01-02T03:04:05Z",
  "aliases": ["CVE-2024-1"], "summary": "Injection \"here\"", "details": "",
  "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
    {"type": "Ubuntu", "score": "low"}],
  "affected": [
    {"package": {"ecosystem": "PyPI", "name": "Some_Thing"},
      "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]},
        {"type": "GIT", "repo": "http://upstream.test/r", "events": [{"introduced": "0"}]}],
      "versions": ["1.0", "1.1"]},
    {"package": {"ecosystem": "Maven", "name": "org.x:y", "purl": "pkg:maven/org.x/y"},
      "ranges": [{"type": "ECOSYSTEM", "events": [
        {"introduced": "1.0"}, {"last_affected": "1.9"}]}]},
    {"package": {"ecosystem": "npm", "name": "@scope/thing"},
      "ranges": [{"type": "SEMVER", "events": [{"introduced": "1.0.0", "fixed": "1.0.2"}]}],
      "versions": null},
    {"package": {"ecosystem": "crates.io", "name": "thing"}}],
  "database_specific": {"severity": "LOW", "nvd_published_at": null}
}"#;

fn npm(name: &str) -> PackageName {
    PackageName::npm(name).unwrap()
}

fn one(json: &str) -> Feed {
    Loader::default()
        .record("a.json", json.as_bytes())
        .unwrap()
        .finish()
        .unwrap()
}

fn failure(json: &str) -> Problem {
    let loader = Loader::default()
        .record("good.json", MALWARE.as_bytes())
        .unwrap();
    let feed = loader
        .record("bad.json", json.as_bytes())
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(feed.problems.len(), 1, "{json}: {:?}", feed.problems);
    feed.problems.first()[0].clone()
}

fn pack(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (place, (name, bytes)) in entries.iter().enumerate() {
        let method = match place % 2 {
            0 => zip::CompressionMethod::Deflated,
            _ => zip::CompressionMethod::Stored,
        };
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn malware_is_read() {
    let feed = one(MALWARE);
    assert!(feed.problems.is_empty(), "{:?}", feed.problems);
    let advisory = feed
        .advisories
        .find(&npm("evil"), Some("7.7.7"))
        .next()
        .unwrap();
    assert_eq!(advisory.id(), "MAL-2025-1");
    assert_eq!(advisory.kind(), AdvisoryKind::Malware);
    assert_eq!(advisory.affects(), Affects::All);
    assert_eq!(advisory.summary(), "Malicious code in evil (npm)");
    assert_eq!(advisory.severity(), None);
    let modified = UNIX_EPOCH + Duration::from_secs(1_764_031_007);
    assert_eq!(advisory.modified(), Some(modified));
    assert_eq!(
        advisory.published(),
        Some(modified - Duration::from_secs(6_905))
    );
}

#[test]
fn a_vulnerability_is_read_for_each_of_our_ecosystems() {
    let feed = one(VULNERABILITY);
    assert!(feed.problems.is_empty(), "{:?}", feed.problems);
    assert_eq!((feed.records, feed.foreign), (1, 0));
    let table = [
        (Ecosystem::Pypi, "some.thing", "2.0rc1", true),
        (Ecosystem::Pypi, "some-thing", "2.0", false),
        (Ecosystem::Maven, "org.x:y", "1.9.0", true),
        (Ecosystem::Maven, "org.x:y", "1.10", false),
        (Ecosystem::Npm, "@scope/thing", "1.0.1", true),
        (Ecosystem::Npm, "@scope/thing", "1.0.2", false),
        (Ecosystem::Npm, "thing", "1.0.1", false),
    ];
    for (ecosystem, name, version, expected) in table {
        let package = PackageName::parse(ecosystem, name).unwrap();
        let found = feed.advisories.find(&package, Some(version)).next();
        assert_eq!(found.is_some(), expected, "{package} {version}");
        if let Some(advisory) = found {
            assert_eq!(advisory.kind(), AdvisoryKind::Vulnerability);
            assert_eq!(advisory.severity(), Score::new(9.8));
            assert_eq!(advisory.summary(), "Injection \"here\"");
        }
    }
    let package = npm("@scope/thing");
    let fixed = feed.advisories.is_fixed_by(&package, "1.0.2");
    assert_eq!(fixed.collect::<Vec<_>>(), ["GHSA-1"]);
}

#[test]
fn kinds_and_severities() {
    let with = |id: &str, top: &str, affected: &str| {
        let json = format!(
            r#"{{"id": "{id}", {top} "affected": [{{"package": {{"ecosystem": "npm",
            "name": "a"}}, {affected} "versions": ["1.0.0"]}}]}}"#
        );
        let feed = one(&json);
        let advisory = feed
            .advisories
            .find(&npm("a"), Some("1.0.0"))
            .next()
            .unwrap();
        (advisory.kind(), advisory.severity().map(Score::value))
    };
    use AdvisoryKind::{Malware, Vulnerability};
    let vector = r#""severity": [{"type": "CVSS_V4", "score":
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}],"#;
    let word = |word: &str| format!(r#""database_specific": {{"severity": {word}}},"#);
    assert_eq!(with("MAL-1", "", ""), (Malware, None));
    assert_eq!(with("X-1", "", ""), (Vulnerability, None));
    assert_eq!(with("X-1", r#""aliases": ["MAL-2"],"#, ""), (Malware, None));
    let origins = r#""database_specific": {"malicious-packages-origins": []},"#;
    assert_eq!(with("X-1", origins, ""), (Malware, None));
    assert_eq!(
        with("X-1", &word("\"HIGH\""), ""),
        (Vulnerability, Some(7.0))
    );
    assert_eq!(
        with("X-1", "", &word("\"moderate\"")),
        (Vulnerability, Some(4.0))
    );
    assert_eq!(
        with("X-1", &word("\"LOW\""), vector),
        (Vulnerability, Some(9.3))
    );
    assert_eq!(with("X-1", vector, ""), (Vulnerability, Some(9.3)));
    // Whatever stands in the free fields, the record is in force.
    for odd in ["7", "null", "[]", "{\"severity\": {}}", "\"unheard of\""] {
        assert_eq!(with("X-1", &word(odd), ""), (Vulnerability, None), "{odd}");
        let odd = format!(r#""severity": {odd}, "database_specific": {odd},"#);
        assert_eq!(with("X-1", &odd, "").0, Vulnerability, "{odd}");
    }
}

#[test]
fn bad_records_are_problems_with_their_field() {
    let affected = |inner: &str| {
        let package = r#""package": {"ecosystem": "npm", "name": "a"}"#;
        format!(r#"{{"id": "X-1", "affected": [{{{package}, {inner}}}]}}"#)
    };
    let ecosystem = |name: &str, package: &str| {
        format!(
            r#"{{"id": "X-1", "affected": [{{"package": {{"ecosystem": "{name}",
            "name": "{package}"}}, "versions": ["1"]}}]}}"#
        )
    };
    let deep = format!(r#"{{"id": "X-1", "affected": {}"#, "[".repeat(100_000));
    let table = [
        ("", "", "EOF"),
        ("not json", "", "expected"),
        ("[]", "", "invalid length"),
        (
            "{\"modified\": \"2024-01-01T00:00:00Z\"}",
            "",
            "missing field `id`",
        ),
        ("{\"id\": 7}", "id", "expected"),
        ("{\"id\": \"a\"} trailing", "", "trailing"),
        (
            "{\"id\": \"a\", \"affected\": {}}",
            "affected",
            "expected a sequence",
        ),
        (
            &affected("\"versions\": [1]"),
            "affected[0].versions[0]",
            "expected",
        ),
        (
            &affected("\"ranges\": [{}]"),
            "affected[0].ranges[0]",
            "missing field `type`",
        ),
        (
            &affected(r#""ranges": [{"type": "SEMVER", "events": [{"introduced": 0}]}]"#),
            "affected[0].ranges[0].events[0].introduced",
            "expected",
        ),
        (
            &affected(r#""ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]"#),
            "affected[0]",
            "names no version",
        ),
        (
            &affected("\"versions\": []"),
            "affected[0]",
            "names no version",
        ),
        (
            &ecosystem("npm", "a b"),
            "affected[0].package.name",
            "holds ' '",
        ),
        (
            &ecosystem("Maven", "no-colon"),
            "affected[0].package.name",
            "group:artifact",
        ),
        (
            &ecosystem("PyPI", "-"),
            "affected[0].package.name",
            "does not begin",
        ),
        (
            r#"{"id": "X", "modified": "yesterday", "affected": [{"package":
            {"ecosystem": "npm", "name": "a"}, "versions": ["1.0.0"]}]}"#,
            "modified",
            "RFC 3339",
        ),
        (&deep, "affected[0][0][0]", "expected a string"),
    ];
    for (json, field, message) in table {
        let shown = &json[..json.len().min(200)];
        let problem = failure(json);
        assert_eq!(problem.origin, "bad.json");
        assert_eq!(problem.field, field, "{shown}: {problem}");
        assert!(problem.message.contains(message), "{shown}: {problem}");
        assert!(problem.to_string().len() < 400, "{problem}");
    }
}

#[test]
fn a_bad_part_does_not_cost_the_rest() {
    let feed = one(r#"{"id": "X-1", "affected": [
        {"package": {"ecosystem": "npm", "name": "b a d"}, "versions": ["1.0.0"]},
        {"versions": ["1.0.0"]},
        {"package": {"ecosystem": "npm", "name": "good"}, "versions": ["1.0.0"], "new": 1}]}"#);
    assert_eq!(feed.problems.len(), 1);
    assert_eq!(feed.advisories.find(&npm("good"), Some("1.0.0")).count(), 1);
}

#[test]
fn depth_costs_nothing() {
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    for field in ["details", "severity", "database_specific"] {
        let feed = one(&MALWARE
            .replacen('{', &format!("{{\"{field}\": {deep},"), 1)
            .replace(
                "  \"database_specific\": {\"malicious",
                "  \"other\": {\"malicious",
            )
            .replace("\"details\": \"Any", "\"more\": \"Any"));
        assert_eq!(
            feed.advisories.find(&npm("evil"), Some("1.0.0")).count(),
            1,
            "{field}"
        );
    }
    let unclosed = failure(&format!("{{\"details\": {}", "[".repeat(500_000)));
    assert!(unclosed.message.contains("EOF"), "{unclosed}");
}

#[test]
fn maven_repositories_of_other_addresses_count() {
    let feed = one(
        r#"{"id": "X-1", "affected": [{"package": {"ecosystem": "Maven:http://upstream.test/m",
        "name": "org.x:y"}, "versions": ["1.0"]}]}"#,
    );
    let package = PackageName::maven("org.x", "y").unwrap();
    assert_eq!(feed.advisories.find(&package, Some("1.0")).count(), 1);
}

#[test]
fn a_folder_is_read_with_what_was_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let named = |id: &str, name: &str| {
        let text = MALWARE.replace("MAL-2025-1", id);
        text.replace("\"evil\"", &format!("\"{name}\""))
    };
    write("osv/malicious/npm/evil/MAL-2025-1.json", MALWARE);
    write(
        "osv/malicious/npm/@s/e/MAL-2025-2.json",
        &named("MAL-2025-2", "@s/e"),
    );
    write(
        "osv/withdrawn/npm/good/MAL-2025-3.json",
        &named("MAL-2025-3", "good"),
    );
    write(
        "osv/malicious/npm/good/MAL-2025-3.json",
        &named("MAL-2025-3", "good"),
    );
    let stub = r#"{"id": "MAL-2025-5", "withdrawn": "2025-01-01T00:00:00Z"}"#;
    write("osv/malicious/npm/stub/MAL-2025-5.json", stub);
    write("osv/malicious/pypi/bad/MAL-2025-4.json", "{");
    write(
        "osv/malicious/crates.io/r/M.json",
        &named("M", "r").replace("\"npm\"", "\"crates.io\""),
    );
    write("osv/malicious/.id-allocator", "7");
    write(".git/objects/x.json", "not a record");
    write("README.md", "words");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("circle")).unwrap();
    let feed = Feed::from_folder(folder.path()).unwrap();
    let is_known = |name: &str| feed.advisories.of(&npm(name)).is_some();
    assert!(is_known("evil") && is_known("@s/e") && !is_known("good"));
    let withdrawn: Vec<_> = feed.advisories.withdrawn().collect();
    assert_eq!(withdrawn, ["MAL-2025-3", "MAL-2025-5"]);
    assert_eq!((feed.records, feed.foreign, feed.problems.len()), (5, 1, 1));
    let problem = &feed.problems.first()[0];
    assert!(
        problem
            .origin
            .ends_with("osv/malicious/pypi/bad/MAL-2025-4.json")
    );
}

#[test]
fn folders_too_deep_or_absent_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let mut deep = folder.path().to_owned();
    for _level in 0..=FOLDER_DEPTH_MAX {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    let error = Feed::from_folder(folder.path()).unwrap_err();
    assert!(matches!(error, FeedError::TooLarge { .. }), "{error}");
    let error = Feed::from_folder(&folder.path().join("absent")).unwrap_err();
    assert!(matches!(error, FeedError::Folder { .. }), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = Feed::from_folder(empty.path()).unwrap_err();
    assert!(matches!(error, FeedError::Empty), "{error}");
}

#[test]
fn a_zip_is_read_in_both_ways_of_packing() {
    let second = MALWARE.replace("MAL-2025-1", "MAL-2025-2");
    let withdrawn = MALWARE.replace("MAL-2025-1", "MAL-2025-3");
    let bytes = pack(&[
        (
            "m-main/osv/malicious/npm/evil/MAL-2025-1.json",
            MALWARE.as_bytes(),
        ),
        (
            "m-main/osv/malicious/npm/evil/MAL-2025-2.json",
            second.as_bytes(),
        ),
        (
            "m-main/osv/withdrawn/npm/evil/MAL-2025-3.json",
            withdrawn.as_bytes(),
        ),
        ("m-main/README.md", b"words"),
        ("empty.json", b""),
        ("../../odd.json", b"{}"),
    ]);
    let feed = Feed::from_zip(Cursor::new(&bytes)).unwrap();
    let ids: Vec<_> = feed
        .advisories
        .find(&npm("evil"), None)
        .map(|one| one.id())
        .collect();
    assert_eq!(ids, ["MAL-2025-1", "MAL-2025-2"]);
    assert!(feed.advisories.is_withdrawn("MAL-2025-3"));
    assert_eq!(feed.problems.len(), 2, "{:?}", feed.problems);
}

#[test]
fn zips_that_are_damaged_are_problems_or_errors() {
    let bytes = pack(&[
        ("a.json", MALWARE.as_bytes()),
        ("b.json", MALWARE.as_bytes()),
    ]);
    let needle = b"Malicious code";
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap();
    let mut damaged = bytes.clone();
    damaged[at] ^= 1;
    let feed = Feed::from_zip(Cursor::new(&damaged)).unwrap();
    assert_eq!(
        feed.problems.first()[0].message,
        "does not match its checksum"
    );
    assert_eq!(feed.problems.first()[0].origin, "b.json");
    assert!(matches!(
        Feed::from_zip(Cursor::new(b"PK")),
        Err(FeedError::Zip(_))
    ));
    // Any one byte changed: never a panic, never a loop.
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x55;
        let _outcome = Feed::from_zip(Cursor::new(&damaged));
    }
}

#[test]
fn bombs_are_cut_off() {
    let bomb = vec![b' '; RECORD_BYTES_MAX + 1];
    let full = [MALWARE.as_bytes(), &bomb[MALWARE.len() + 1..]].concat();
    assert_eq!(full.len(), RECORD_BYTES_MAX);
    let entries = [
        ("bomb.json", &*bomb),
        ("stored.json", &*bomb),
        ("full.json", &*full),
    ];
    let bytes = pack(&entries);
    let feed = Feed::from_zip(Cursor::new(&bytes)).unwrap();
    assert_eq!(feed.records, 1);
    let problems = feed.problems.first();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems
            .iter()
            .all(|problem| problem.message.contains("has more than 8388608"))
    );

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bomb.json"), &bomb).unwrap();
    fs::write(folder.path().join("good.json"), MALWARE).unwrap();
    let feed = Feed::from_folder(folder.path()).unwrap();
    assert_eq!((feed.records, feed.problems.len()), (1, 1));
}

#[test]
fn more_than_a_feed_may_have_is_an_error() {
    let bomb = vec![b' '; 1 << 20];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("0.json", SimpleFileOptions::default())
        .unwrap();
    zip.write_all(&bomb).unwrap();
    for place in 1..20 {
        zip.shallow_copy_file("0.json", &format!("{place}.json"))
            .unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 10_000);
    let outcome = |records: usize, bytes_max: u64| {
        let loader = Loader::within(Bounds {
            records,
            bytes: bytes_max,
        });
        loader.zip(Cursor::new(&bytes)).unwrap_err()
    };
    let error = outcome(100, 10 << 20);
    assert!(
        matches!(error, FeedError::TooLarge { what: "bytes", .. }),
        "{error}"
    );
    let error = outcome(10, 100 << 20);
    assert!(
        matches!(
            error,
            FeedError::TooLarge {
                what: "records",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn lines_are_read() {
    let line = |id: &str| MALWARE.replace('\n', " ").replace("MAL-2025-1", id);
    let long = " ".repeat(RECORD_BYTES_MAX + 7) + &line("MAL-5");
    let text = [
        line("MAL-2").as_str(),
        "",
        "  \r",
        "{",
        &long,
        &line("MAL-3"),
        &line("MAL-4"),
    ]
    .join("\n");
    let feed = Feed::from_json_lines(text.as_bytes()).unwrap();
    let ids: Vec<_> = feed.advisories.heads().map(|head| head.id).collect();
    assert_eq!(ids, ["MAL-2", "MAL-3", "MAL-4"]);
    let origins: Vec<_> = feed
        .problems
        .first()
        .iter()
        .map(|p| p.origin.as_str())
        .collect();
    let mut origins = origins;
    origins.sort_unstable();
    assert_eq!(origins, ["line 4", "line 5"]);
    assert!(matches!(
        Feed::from_json_lines(&b"\n\n"[..]),
        Err(FeedError::Empty)
    ));
}

#[test]
fn problems_are_counted_beyond_those_that_are_kept() {
    let text = format!("{}\n{}", MALWARE.replace('\n', " "), "{}\n".repeat(500));
    let feed = Feed::from_json_lines(text.as_bytes()).unwrap();
    assert_eq!(feed.problems.len(), 500);
    assert_eq!(feed.problems.first().len(), PROBLEMS_MAX);
}

#[test]
fn the_difference_says_what_is_released() {
    let feed = |records: &[(&str, &str, &str)]| {
        let mut loader = Loader::default();
        for (id, modified, extra) in records {
            let json = format!(
                r#"{{"id": "{id}", "modified": "{modified}T00:00:00Z", {extra} "affected": [
                {{"package": {{"ecosystem": "npm", "name": "n-{}"}}, "versions": ["1.0.0"]}},
                {{"package": {{"ecosystem": "PyPI", "name": "p"}}, "versions": ["1"]}}]}}"#,
                id.to_lowercase()
            );
            loader = loader.record(id, json.as_bytes()).unwrap();
        }
        loader.finish().unwrap().advisories
    };
    let before = feed(&[
        ("A", "2025-01-01", ""),
        ("B", "2025-01-01", ""),
        ("C", "2025-01-01", ""),
        ("D", "2025-01-01", ""),
    ]);
    let after = feed(&[
        ("A", "2025-01-01", ""),
        ("B", "2025-01-02", ""),
        ("D", "2025-01-02", r#""withdrawn": "2025-01-02T00:00:00Z","#),
        ("MAL-E", "2025-01-02", ""),
    ]);
    assert!(Difference::between(&before, &before).is_empty());
    let difference = Difference::between(&before, &after);
    let show = |changes: &[Change]| -> Vec<String> {
        let line = |change: &Change| {
            let names = change.packages.iter().map(PackageName::path);
            let names: Vec<_> = names.collect();
            format!("{} {} {}", change.id, change.kind, names.join(","))
        };
        changes.iter().map(line).collect()
    };
    assert_eq!(
        show(&difference.added),
        ["MAL-E malware /npm//n-mal-e,/pypi//p"]
    );
    assert_eq!(
        show(&difference.changed),
        ["B vulnerability /npm//n-b,/pypi//p"]
    );
    assert_eq!(
        show(&difference.withdrawn),
        ["D vulnerability /npm//n-d,/pypi//p"]
    );
    assert_eq!(
        show(&difference.removed),
        ["C vulnerability /npm//n-c,/pypi//p"]
    );
}
