//! The generic format: files are put, finished, listed, retired, copied; nobody outside is asked.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::commands::command;
use crate::support::gateway::House;
use crate::support::hosted::{self, put};
use crate::support::http::{Reply, Request, connect};
use crate::support::{eventually, packages};

/// Below it lie the versions of one package.
const TOOLS: &str = "/generic/public/tools/installer";

/// A house whose upstreams must never hear of anything that is put here.
struct Depot {
    house: House,
    secret: String,
}

impl Depot {
    fn new(rules: &str) -> Depot {
        let house = House::new(rules);
        let secret = hosted::token(&house);
        Depot { house, secret }
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Reply {
        put(&self.house, &self.secret, path, bytes)
    }

    /// A PUT with one more field.
    fn put_with(&self, path: &str, bytes: &[u8], (name, value): (&str, &str)) -> Reply {
        let request = authorised("PUT", path, &self.secret).header(name, value);
        self.house
            .send(&request.body("application/octet-stream", bytes))
    }

    fn post(&self, path: &str) -> Reply {
        let request = authorised("POST", path, &self.secret);
        self.house
            .send(&request.body("application/octet-stream", ""))
    }

    fn delete(&self, path: &str) -> Reply {
        self.house.send(&authorised("DELETE", path, &self.secret))
    }

    fn get(&self, path: &str) -> Reply {
        self.house.get(path)
    }

    /// The versions that a package's list shows, sorted; none if there is no list.
    fn versions(&self, package: &str) -> Vec<String> {
        let reply = self.get(&format!("{package}/"));
        if reply.status != 200 {
            return Vec::new();
        }
        let listing = reply.json();
        let versions = listing["versions"].as_array().expect("a list").iter();
        let mut versions: Vec<String> = versions.map(|it| text(&it["version"])).collect();
        versions.sort();
        versions
    }

    /// The names of a version's files, sorted.
    fn assets(&self, version: &str) -> Vec<String> {
        let release = self.get(&format!("{version}/")).expect(200).json();
        let assets = release["assets"].as_array().expect("a list").iter();
        let mut names: Vec<String> = assets.map(|it| text(&it["name"])).collect();
        names.sort();
        names
    }

    fn set_status(&self, version: &str, status: &str) {
        let package = "/generic/tools/installer";
        let arguments = ["version", "set-status", package, version, status];
        let (code, said) = command(&self.house, &arguments);
        assert_eq!(code, Some(0), "{said}");
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.house.upstream_total(), 0, "somebody outside was asked");
        }
    }
}

fn authorised(method: &str, path: &str, secret: &str) -> Request {
    Request::new(method, path).header("Authorization", &format!("Bearer {secret}"))
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Padded base64 of the SHA-256.
fn sha256_base64(bytes: &[u8]) -> String {
    STANDARD.encode(sha2::Sha256::digest(bytes))
}

#[test]
fn a_file_that_is_put_is_the_version_and_comes_back_whole_and_in_parts() {
    let depot = Depot::new("");
    let bytes = packages::noise(300_000, 3);
    let path = format!("{TOOLS}/1.0/setup.bin");
    depot.get(&path).expect(404);
    depot.put(&path, &bytes).expect(201);
    let whole = depot.get(&path).expect(200);
    assert_eq!(whole.body, bytes);
    assert_eq!(whole.header("content-type"), "application/octet-stream");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let head = depot.house.send(&Request::head(&path)).expect(200);
    assert_eq!(head.header("content-length"), "300000");
    assert_eq!(head.header("etag"), whole.header("etag"));
    let tag = whole.header("etag");
    assert!(!tag.is_empty(), "{:?}", whole.headers);
    let known = Request::get(&path).header("If-None-Match", tag);
    depot.house.send(&known).expect(304);
    for (range, from, to) in [
        ("bytes=2-5", 2, 6),
        ("bytes=299990-", 299_990, 300_000),
        ("bytes=-7", 299_993, 300_000),
    ] {
        let request = Request::get(&path).header("Range", range);
        let part = depot.house.send(&request).expect(206);
        assert_eq!(part.body, bytes[from..to], "{range}");
        let shown = format!("bytes {from}-{}/300000", to - 1);
        assert_eq!(part.header("content-range"), shown);
    }
    let beyond = Request::get(&path).header("Range", "bytes=300000-");
    depot.house.send(&beyond).expect(416);
}

#[test]
fn lists_show_every_version_with_its_files() {
    let depot = Depot::new("");
    depot.get(&format!("{TOOLS}/")).expect(404);
    depot.put(&format!("{TOOLS}/1.0/a.zip"), b"one").expect(201);
    depot
        .put(&format!("{TOOLS}/2024-06 b/a.zip").replace(' ', "+"), b"2")
        .expect(201);
    let listing = depot.get(&format!("{TOOLS}/")).expect(200);
    assert_eq!(listing.header("content-type"), "application/json");
    let listing = listing.json();
    assert_eq!(listing["namespace"], "tools");
    assert_eq!(listing["name"], "installer");
    assert_eq!(depot.versions(TOOLS), ["1.0", "2024-06+b"]);
    let release = depot.get(&format!("{TOOLS}/1.0/")).expect(200).json();
    let sum = packages::sha256_hex(b"one");
    let assets = json!([{ "name": "a.zip", "size": 3, "sha256": sum }]);
    assert_eq!(release["assets"], assets, "{release}");
    let about = json!([release["namespace"], release["name"], release["version"]]);
    assert_eq!(about, json!(["tools", "installer", "1.0"]));
    assert!(text(&release["published"]).contains('T'), "{release}");
    for path in [format!("{TOOLS}/"), format!("{TOOLS}/1.0/")] {
        let head = depot.house.send(&Request::head(&path)).expect(200);
        let length = depot.get(&path).body.len().to_string();
        assert_eq!(head.header("content-length"), length);
    }
    depot.get(&format!("{TOOLS}/3.0/")).expect(404);
    depot.get("/generic/public/tools/other/").expect(404);
    depot.get(&format!("{TOOLS}/1.0/b.zip")).expect(404);
    // Names are compared exactly.
    depot.get("/generic/public/Tools/installer/").expect(404);
}

#[test]
fn a_version_of_several_files_is_seen_when_it_is_finished() {
    let depot = Depot::new("");
    let version = format!("{TOOLS}/1.0");
    let finish = format!("{version}/?finish");
    depot.post(&finish).expect(404);
    for (name, bytes) in [("a.zip", b"a"), ("b.zip", b"b")] {
        let path = format!("{version}/{name}");
        let unfinished = format!("{path}?unfinished");
        depot.put(&unfinished, bytes).expect(201);
        depot.put(&unfinished, bytes).expect(201);
        depot.get(&path).expect(404);
        depot.get(&format!("{version}/")).expect(404);
        depot.get(&format!("{TOOLS}/")).expect(404);
        let conflict = depot.put(&unfinished, b"other").expect(409);
        assert!(conflict.text().contains(name), "{}", conflict.text());
    }
    assert!(depot.post(&finish).status < 300);
    assert!(depot.post(&finish).status < 300, "finishing is idempotent");
    assert_eq!(depot.assets(&version), ["a.zip", "b.zip"]);
    assert_eq!(
        depot.get(&format!("{version}/b.zip")).expect(200).body,
        b"b"
    );
    for late in ["c.zip", "c.zip?unfinished"] {
        let refused = depot.put(&format!("{version}/{late}"), b"c").expect(409);
        assert!(refused.phrase.contains("installer"), "{}", refused.phrase);
    }
    depot.get(&format!("{version}/c.zip")).expect(404);
    // A file without the mark finishes what was begun.
    let version = format!("{TOOLS}/2.0");
    depot
        .put(&format!("{version}/a.zip?unfinished"), b"a")
        .expect(201);
    depot.put(&format!("{version}/z.zip"), b"z").expect(201);
    assert_eq!(depot.assets(&version), ["a.zip", "z.zip"]);
}

#[test]
fn the_same_bytes_again_succeed_and_other_bytes_do_not() {
    let depot = Depot::new("");
    let path = format!("{TOOLS}/1.0/a.zip");
    depot.put(&path, b"one").expect(201);
    assert!(depot.put(&path, b"one").status < 300);
    let conflict = depot.put(&path, b"two").expect(409);
    assert!(conflict.phrase.contains("a.zip"), "{}", conflict.phrase);
    assert_eq!(depot.get(&path).expect(200).body, b"one");
    depot.put(&format!("{TOOLS}/1.0/b.zip"), b"b").expect(409);
    assert_eq!(depot.assets(&format!("{TOOLS}/1.0")), ["a.zip"]);
    let again = depot.put(&format!("{path}?unfinished"), b"one");
    assert!(again.status < 300, "{}", again.text());
    assert_eq!(depot.get(&path).expect(200).body, b"one");
}

/// Clients try again what was acknowledged without their hearing of it.
#[test]
fn every_file_of_a_finished_version_may_be_put_again_as_it_was() {
    let depot = Depot::new("");
    let version = format!("{TOOLS}/1.0");
    depot
        .put(&format!("{version}/a.zip?unfinished"), b"a")
        .expect(201);
    depot.put(&format!("{version}/b.zip"), b"b").expect(201);
    for (name, bytes) in [("a.zip?unfinished", b"a"), ("a.zip", b"a"), ("b.zip", b"b")] {
        let again = depot.put(&format!("{version}/{name}"), bytes);
        assert!(
            again.status < 300,
            "{name}: {} {}",
            again.status,
            again.text()
        );
    }
    assert_eq!(depot.assets(&version), ["a.zip", "b.zip"]);
}

/// Whoever hears that a version is published has seen all of it, however close together the
/// requests come.
#[test]
fn a_version_that_is_shown_takes_no_other_file() {
    let depot = Depot::new("");
    let mut grown = Vec::new();
    for round in 0..24 {
        let version = format!("{TOOLS}/{round}.0");
        let begun = depot.put(&format!("{version}/a.zip?unfinished"), b"a");
        begun.expect(201);
        let barrier = std::sync::Barrier::new(2);
        let (depot, version, barrier) = (&depot, &version, &barrier);
        // What was shown after the file was acknowledged.
        let put = move |name: &str| {
            barrier.wait();
            let reply = depot.put(&format!("{version}/{name}"), b"x");
            (reply.status < 300).then(|| depot.assets(version))
        };
        let seen = std::thread::scope(|scope| {
            let puts = ["b.zip", "c.zip"].map(|name| scope.spawn(move || put(name)));
            puts.map(|put| put.join().expect("a request does not panic"))
        });
        let last = depot.assets(version);
        assert_eq!(last.len(), 1 + seen.iter().flatten().count());
        let early = seen.into_iter().flatten().filter(|seen| *seen != last);
        grown.extend(early.map(|early| (round, early, last.clone())));
    }
    assert!(grown.is_empty(), "first so, then so: {grown:?}");
}

#[test]
fn an_empty_file_is_a_file() {
    let depot = Depot::new("");
    let path = format!("{TOOLS}/1.0/marker");
    depot.put(&path, b"").expect(201);
    assert_eq!(depot.get(&path).expect(200).header("content-length"), "0");
}

#[test]
fn a_stated_digest_must_be_right_in_whatever_form_it_comes() {
    let depot = Depot::new("");
    let bytes = b"the bytes";
    let (hex, base) = (packages::sha256_hex(bytes), sha256_base64(bytes));
    let wrong = sha256_base64(b"others");
    let forms = |base: &str, hex: &str| {
        [
            ("X-Checksum-Sha256", hex.to_owned()),
            ("X-Checksum-Sha256", hex.to_uppercase()),
            ("Repr-Digest", format!("sha-256=:{base}:")),
            (
                "Content-Digest",
                format!("sha-512=:AAAA:, sha-256=:{base}:"),
            ),
            ("Digest", format!("SHA-256={base}")),
            ("Digest", format!("md5=AAAA,sha-256={base}")),
        ]
    };
    for (count, (name, value)) in forms(&base, &hex).iter().enumerate() {
        let path = format!("{TOOLS}/right.{count}/a.zip");
        depot.put_with(&path, bytes, (name, value)).expect(201);
        assert_eq!(depot.get(&path).expect(200).body, bytes, "{name}: {value}");
    }
    let others = forms(&wrong, &packages::sha256_hex(b"others"));
    let malformed = [
        ("X-Checksum-Sha256", "abc".to_owned()),
        ("Repr-Digest", "sha-256=:AAAA:".to_owned()),
        ("Digest", "sha-256=?".to_owned()),
    ];
    for (count, (name, value)) in others.iter().chain(&malformed).enumerate() {
        let path = format!("{TOOLS}/wrong.{count}/a.zip");
        let refused = depot.put_with(&path, bytes, (name, value));
        assert_eq!(refused.status, 400, "{name}: {value}");
        depot.get(&path).expect(404);
        depot.get(&format!("{TOOLS}/wrong.{count}/")).expect(404);
        let unfinished = format!("{path}?unfinished");
        depot
            .put_with(&unfinished, bytes, (name, value))
            .expect(400);
        depot
            .post(&format!("{TOOLS}/wrong.{count}/?finish"))
            .expect(404);
        // Nothing of it is in the way of the right bytes.
        depot.put(&path, bytes).expect(201);
    }
    let differing = authorised("PUT", &format!("{TOOLS}/d/a.zip"), &depot.secret)
        .header("X-Checksum-Sha256", &hex)
        .header("Digest", &format!("sha-256={wrong}"));
    let differing = differing.body("application/octet-stream", bytes);
    depot.house.send(&differing).expect(400);
    // A digest of another kind states nothing of this one.
    let path = format!("{TOOLS}/other/a.zip");
    depot
        .put_with(&path, bytes, ("Digest", "md5=AAAA"))
        .expect(201);
}

#[test]
fn a_deleted_version_is_gone_and_its_number_free() {
    let mut depot = Depot::new("");
    let path = format!("{TOOLS}/1.0/a.zip");
    depot.delete(&format!("{TOOLS}/1.0/")).expect(404);
    depot.put(&path, b"one").expect(201);
    depot.put(&format!("{TOOLS}/2.0/a.zip"), b"two").expect(201);
    // A file alone is not taken out of a version.
    depot.delete(&path).expect(405);
    depot.delete(&format!("{TOOLS}/")).expect(405);
    depot.delete(&format!("{TOOLS}/1.0/")).expect(204);
    depot.get(&path).expect(404);
    depot.get(&format!("{TOOLS}/1.0/")).expect(404);
    assert_eq!(depot.versions(TOOLS), ["2.0"]);
    depot.house.crash_and_restart();
    depot.get(&path).expect(404);
    depot.put(&path, b"other").expect(201);
    assert_eq!(depot.get(&path).expect(200).body, b"other");
    depot
        .put(&format!("{TOOLS}/3.0/a.zip?unfinished"), b"a")
        .expect(201);
    depot.delete(&format!("{TOOLS}/3.0/")).expect(204);
    depot.post(&format!("{TOOLS}/3.0/?finish")).expect(404);
}

/// Every way to change a version.
fn changes(package: &str) -> [Request; 4] {
    let put = |path: String| Request::new("PUT", &path).body("application/octet-stream", "x");
    [
        put(format!("{package}/1.0/a.zip")),
        put(format!("{package}/1.0/a.zip?unfinished")),
        Request::new("POST", &format!("{package}/1.0/?finish")).body("text/plain", ""),
        Request::new("DELETE", &format!("{package}/1.0/")),
    ]
}

#[test]
fn changing_needs_a_token_that_covers_the_namespace() {
    let depot = Depot::new("");
    let mut create = vec!["token", "create", "narrow", "--right", "publish"];
    create.extend(["--pattern", "/generic/tools/*"]);
    let (_, narrow) = command(&depot.house, &create);
    let (_, reader) = command(&depot.house, &["token", "create", "reader"]);
    let with = |request: Request, secret: &str| {
        let value = format!("Bearer {}", secret.trim());
        depot.house.send(&request.header("Authorization", &value))
    };
    for request in changes("/generic/public/music/songs") {
        let refused = depot.house.send(&request).expect(401);
        assert!(
            refused.phrase.starts_with("publishing needs a token"),
            "{request:?}"
        );
        assert!(
            refused.text().contains("publishing needs a token"),
            "{request:?}"
        );
        assert!(
            refused.header("www-authenticate").starts_with("Basic "),
            "{request:?}"
        );
        let unknown = with(request.clone(), "portcullis_nonsense").expect(401);
        assert!(unknown.text().contains("token"), "{}", unknown.text());
        let sentence = "token narrow may publish only /generic/tools/*";
        let refused = with(request.clone(), &narrow).expect(403);
        assert!(refused.phrase.contains(sentence), "{}", refused.phrase);
        assert!(refused.text().contains(sentence), "{}", refused.text());
        let refused = with(request.clone(), &reader).expect(403);
        assert!(refused.text().contains("reader"), "{}", refused.text());
    }
    assert!(depot.versions("/generic/public/music/songs").is_empty());
    let [first, ..] = changes(TOOLS);
    with(first, &narrow).expect(201);
    // Basic: any user, the token as the password.
    let basic = STANDARD.encode(format!("anyone:{}", narrow.trim()));
    let request = Request::new("PUT", &format!("{TOOLS}/2.0/a.zip"));
    let request = request.header("Authorization", &format!("Basic {basic}"));
    depot
        .house
        .send(&request.body("text/plain", "x"))
        .expect(201);
}

#[test]
fn rules_close_a_namespace_to_publishers() {
    let rules = "[[group]]\npattern = \"/generic/closed/*\"\npublish = \"block\"\n";
    let depot = Depot::new(rules);
    for request in changes("/generic/public/closed/thing").into_iter().take(3) {
        let value = format!("Bearer {}", depot.secret);
        let refused = depot.house.send(&request.header("Authorization", &value));
        let refused = refused.expect(403);
        assert!(
            refused.phrase.contains("no version may be published"),
            "{}",
            refused.phrase
        );
        assert!(
            refused.text().contains("/generic/closed/*"),
            "{}",
            refused.text()
        );
    }
    assert!(depot.versions("/generic/public/closed/thing").is_empty());
    depot.put(&format!("{TOOLS}/1.0/a.zip"), b"a").expect(201);
}

#[test]
fn readers_need_a_token_where_the_operator_says_so() {
    let depot = Depot::new("[access]\nanonymous_read = false\n");
    let path = format!("{TOOLS}/1.0/a.zip");
    depot.put(&path, b"a").expect(201);
    let mut create = vec!["token", "create", "narrow"];
    create.extend(["--pattern", "/generic/music/*"]);
    let (_, narrow) = command(&depot.house, &create);
    for path in [path.clone(), format!("{TOOLS}/"), format!("{TOOLS}/1.0/")] {
        let anonymous = depot.get(&path).expect(401);
        assert!(
            anonymous.text().contains("reading here needs a token"),
            "{path}"
        );
        depot
            .house
            .send(&authorised("GET", &path, narrow.trim()))
            .expect(403);
        depot
            .house
            .send(&authorised("GET", &path, &depot.secret))
            .expect(200);
    }
}

#[test]
fn unlisted_archived_and_disposed_versions() {
    let depot = Depot::new("");
    for version in ["1.0", "2.0"] {
        let path = format!("{TOOLS}/{version}/a.zip");
        depot.put(&path, b"a").expect(201);
    }
    let (path, version) = (format!("{TOOLS}/1.0/a.zip"), format!("{TOOLS}/1.0/"));
    depot.set_status("1.0", "unlisted");
    eventually("it is not listed", || depot.versions(TOOLS) == ["2.0"]);
    depot.get(&path).expect(200);
    depot.set_status("1.0", "published");
    eventually("it is listed again", || {
        depot.versions(TOOLS) == ["1.0", "2.0"]
    });
    depot.set_status("1.0", "archived");
    depot.house.eventually_status(&path, 404);
    depot.house.eventually_status(&version, 404);
    assert_eq!(depot.versions(TOOLS), ["2.0"]);
    depot.put(&path, b"a").expect(409);
    depot.set_status("1.0", "published");
    depot.house.eventually_status(&path, 200);
    depot.set_status("2.0", "disposed");
    depot
        .house
        .eventually_status(&format!("{TOOLS}/2.0/a.zip"), 404);
    let refused = depot.put(&format!("{TOOLS}/2.0/a.zip"), b"a").expect(409);
    assert!(refused.phrase.contains("disposed"), "{}", refused.phrase);
}

#[test]
fn what_an_operator_retired_a_publisher_does_not_bring_back() {
    let depot = Depot::new("");
    let mut back = Vec::new();
    for (version, status) in [
        ("1.0", "unlisted"),
        ("2.0", "archived"),
        ("3.0", "disposed"),
    ] {
        let path = format!("{TOOLS}/{version}/a.zip");
        depot.put(&path, b"a").expect(201);
        let listed = || depot.versions(TOOLS).contains(&version.to_owned());
        depot.set_status(version, status);
        eventually("it is not listed", || !listed());
        let finished = depot.post(&format!("{TOOLS}/{version}/?finish")).status;
        if finished != 409 || listed() {
            back.push((status, finished));
        }
    }
    assert!(back.is_empty(), "finished again: {back:?}");
}

#[test]
fn the_number_of_a_retired_version_stays_taken() {
    let depot = Depot::new("");
    let mut free = Vec::new();
    for (version, status) in [("2.0", "archived"), ("3.0", "disposed")] {
        let path = format!("{TOOLS}/{version}/a.zip");
        depot.put(&path, b"a").expect(201);
        depot.set_status(version, status);
        depot.house.eventually_status(&path, 404);
        let deleted = depot.delete(&format!("{TOOLS}/{version}/")).status;
        let again = depot.put(&path, b"changed").status;
        if again != 409 {
            free.push((status, deleted, again));
        }
    }
    assert!(free.is_empty(), "deleted and published anew: {free:?}");
}

#[test]
fn versions_are_copied_between_repositories() {
    let depot = Depot::new("[repository.staging]\n[repository.prod]\n");
    let staged = "/generic/staging/tools/installer";
    let file = "/generic/prod/tools/installer/1.0/b.zip";
    depot
        .put(&format!("{staged}/1.0/a.zip?unfinished"), b"a")
        .expect(201);
    let copy = |version: &str| {
        let mut arguments = vec!["copy", "/generic/tools/installer", version];
        arguments.extend(["--from", "staging", "--to", "prod"]);
        command(&depot.house, &arguments)
    };
    let (status, said) = copy("1.0");
    assert_eq!(status, Some(2), "unfinished: {said}");
    depot.put(&format!("{staged}/1.0/b.zip"), b"b").expect(201);
    depot.get(file).expect(404);
    let (status, said) = copy("1.0");
    assert_eq!(status, Some(0), "{said}");
    depot.house.eventually_status(file, 200);
    let prod = "/generic/prod/tools/installer/1.0";
    assert_eq!(depot.assets(prod), ["a.zip", "b.zip"]);
    let (status, said) = copy("1.0");
    assert!(status == Some(0) && said.contains("was there"), "{said}");
    let (status, said) = copy("7.7.7");
    assert!(
        status == Some(2) && said.contains("7.7.7 is not there"),
        "{said}"
    );
    // The copy is a version of its own.
    depot.delete(&format!("{staged}/1.0/")).expect(204);
    assert_eq!(depot.get(file).expect(200).body, b"b");
}

#[test]
fn a_repository_shows_what_those_behind_it_have() {
    let depot = Depot::new("[repository.public]\n[repository.team]\nupstreams = [\"public\"]\n");
    depot
        .put(&format!("{TOOLS}/1.0/a.zip"), b"public one")
        .expect(201);
    depot
        .put(&format!("{TOOLS}/2.0/a.zip"), b"public two")
        .expect(201);
    depot
        .put(&format!("{TOOLS}/3.0/a.zip?unfinished"), b"3")
        .expect(201);
    let team = "/generic/team/tools/installer";
    let first = depot.get(&format!("{team}/1.0/a.zip")).expect(200);
    assert_eq!(first.body, b"public one");
    assert_eq!(depot.versions(team), ["1.0", "2.0"]);
    depot
        .put(&format!("{team}/2.0/a.zip"), b"team two")
        .expect(201);
    let own = depot.get(&format!("{team}/2.0/a.zip")).expect(200);
    assert_eq!(own.body, b"team two");
    assert_eq!(depot.versions(team), ["1.0", "2.0"]);
    let release = depot.get(&format!("{team}/2.0/")).expect(200).json();
    let sum = packages::sha256_hex(b"team two");
    assert_eq!(
        release["assets"][0]["sha256"],
        json!(sum),
        "the nearest wins"
    );
    let behind = depot.get(&format!("{TOOLS}/2.0/a.zip")).expect(200);
    assert_eq!(behind.body, b"public two");
    depot.put(&format!("{team}/4.0/a.zip"), b"4").expect(201);
    depot.get(&format!("{TOOLS}/4.0/a.zip")).expect(404);
}

/// A list and the files below it are of the same repository.
#[test]
fn what_the_nearest_retired_is_not_listed_in_another_stead() {
    let depot = Depot::new("[repository.public]\n[repository.team]\nupstreams = [\"public\"]\n");
    let team = "/generic/team/tools/installer";
    let mut wrong = Vec::new();
    for (version, status) in [("1.0", "unlisted"), ("2.0", "archived")] {
        let path = format!("{team}/{version}/a.zip");
        depot.put(&path, b"of the team").expect(201);
        let behind = format!("{TOOLS}/{version}/a.zip");
        depot.put(&behind, b"of the public").expect(201);
        let package = "/generic/tools/installer";
        let mut arguments = vec!["version", "set-status", package, version, status];
        arguments.extend(["--repository", "team"]);
        assert_eq!(command(&depot.house, &arguments).0, Some(0));
        let gone = || !depot.versions(team).contains(&version.to_owned());
        if !crate::support::within(std::time::Duration::from_secs(3), gone) {
            let release = depot.get(&format!("{team}/{version}/")).json();
            let shown = text(&release["assets"][0]["sha256"]);
            let file = depot.get(&path);
            let served = packages::sha256_hex(&file.body);
            wrong.push((status, file.status, shown == served));
        }
    }
    assert!(
        wrong.is_empty(),
        "listed (status, file, same bytes): {wrong:?}"
    );
}

/// Sends the first of six parts, or more of them, of a PUT, and kills the program.
fn killed_after(depot: &mut Depot, path: &str, bytes: &[u8], round: usize) {
    let request = authorised("PUT", path, &depot.secret);
    let request = request.body("application/octet-stream", bytes);
    let wire = request.bytes(&depot.house.gateway.address.to_string());
    let mut socket = connect(depot.house.gateway.address);
    let sent = wire.len() * round / 5;
    socket.write_all(&wire[..sent]).expect("sent");
    depot.house.crash_and_restart();
}

#[test]
fn an_upload_that_is_killed_leaves_the_whole_version_or_none() {
    let mut depot = Depot::new("");
    let bytes = packages::noise(3_000_000, 11);
    for round in 0..6 {
        let path = format!("{TOOLS}/{round}.0/a.zip");
        killed_after(&mut depot, &path, &bytes, round);
        let reply = depot.get(&path);
        if round < 5 {
            assert_eq!(reply.status, 404, "cut off at {round} of 5");
        } else if reply.status == 200 {
            assert!(reply.complete && reply.body == bytes, "half a file");
        }
        depot.put(&path, &bytes).expect(201);
        depot.house.crash_and_restart();
        assert_eq!(depot.get(&path).expect(200).body, bytes);
    }
    assert_eq!(depot.versions(TOOLS).len(), 6);
}

#[test]
fn a_version_that_was_begun_outlives_a_crash_and_is_finished_after_it() {
    let mut depot = Depot::new("");
    let bytes = packages::noise(1_000_000, 12);
    for round in 0..5 {
        let version = format!("{TOOLS}/{round}.0");
        depot
            .put(&format!("{version}/a.zip?unfinished"), b"a")
            .expect(201);
        killed_after(&mut depot, &format!("{version}/b.zip"), &bytes, round);
        depot.get(&format!("{version}/a.zip")).expect(404);
        depot.get(&format!("{version}/")).expect(404);
        depot.put(&format!("{version}/b.zip"), &bytes).expect(201);
        assert_eq!(depot.assets(&version), ["a.zip", "b.zip"]);
        assert_eq!(
            depot.get(&format!("{version}/b.zip")).expect(200).body,
            bytes
        );
    }
}

#[test]
fn illegal_names_are_refused_and_nothing_of_them_stays() {
    let depot = Depot::new("");
    let long = "n".repeat(256);
    let illegal = |place: usize, part: &str| {
        let mut parts = ["tools", "installer", "1.0", "a.zip"];
        parts[place] = part;
        format!("/generic/public/{}", parts.join("/"))
    };
    let everywhere = [
        "a%20b",
        "a%23b",
        "a%5Cb",
        "a%09b",
        "a%0Ab",
        "a%00b",
        "a%2Fb",
        long.as_str(),
    ];
    let in_packages = ["a%40b", "%C3%A4", "a:b", "a%25b"];
    for place in 0..4 {
        let more = if place < 2 { &in_packages[..] } else { &[] };
        for part in everywhere.iter().chain(more) {
            let path = illegal(place, part);
            let refused = depot.put(&path, b"x");
            assert_eq!(refused.status, 400, "PUT {path}: {}", refused.text());
            let asked = depot.get(&path);
            assert_eq!(asked.status, 400, "GET {path}: {}", asked.text());
        }
    }
    assert!(depot.versions(TOOLS).is_empty());
    let longest = "n".repeat(255);
    for place in 0..4 {
        depot.put(&illegal(place, &longest), b"x").expect(201);
        depot.get(&illegal(place, &longest)).expect(200);
    }
}

#[test]
fn other_requests_are_told_what_is_wrong_with_them() {
    let depot = Depot::new("");
    let version = format!("{TOOLS}/1.0");
    let put = |path: &str| depot.put(path, b"x").status;
    assert_eq!(put(&format!("{version}/a.zip?other")), 400);
    assert_eq!(put(&format!("{version}/a.zip?unfinished&x=1")), 400);
    assert_eq!(put(&format!("{version}/")), 405);
    assert_eq!(put(&format!("{TOOLS}/")), 405);
    assert_eq!(depot.post(&format!("{version}/")).status, 400);
    assert_eq!(depot.post(&format!("{version}/?start")).status, 400);
    assert_eq!(depot.post(&format!("{version}/a.zip")).status, 405);
    assert_eq!(depot.post(&format!("{version}/a.zip?finish")).status, 405);
    for path in [
        "/generic/public/",
        "/generic/public/tools/",
        "/generic/public/a/b/c/d/e",
    ] {
        depot.get(path).expect(404);
        assert!((400..500).contains(&put(path)), "{path}");
    }
    depot.get("/generic/nowhere/tools/installer/").expect(404);
    assert!(depot.versions(TOOLS).is_empty());
}

#[test]
fn an_upload_that_says_nothing_of_its_length_is_taken_or_asked_for_it() {
    let depot = Depot::new("");
    let path = format!("{TOOLS}/1.0/a.zip");
    let request = authorised("PUT", &path, &depot.secret).header("Transfer-Encoding", "chunked");
    let mut wire = request.bytes(&depot.house.gateway.address.to_string());
    wire.extend_from_slice(b"3\r\none\r\n2\r\n!!\r\n0\r\n\r\n");
    let bound = std::time::Duration::from_secs(10);
    let exchange = crate::support::http::exchange(depot.house.gateway.address, &wire, bound);
    let reply = exchange.replies.first().expect("an answer");
    match reply.status {
        201 => assert_eq!(depot.get(&path).expect(200).body, b"one!!"),
        status => assert_eq!(status, 411, "{}", reply.text()),
    }
}
