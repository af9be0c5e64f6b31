//! The most lenient upstream there could be: it decodes percent signs three times, folds case
//! and compatibility forms, resolves dots and backslashes, drops parameters, trims; and for any
//! spelling that then equals a denied coordinate it answers the canary EVIL, for an internal one
//! PLANTED. A gateway cannot pass the corpus by the luck of a strict upstream.

use crate::support::registry::{Answer, Registry, Seen};
use crate::support::{packages, publish};

/// The canary of denied packages: EVIL in the corpus, more than that here, because a refusal
/// repeats the name that was asked for, in capitals too.
pub const EVIL: &str = "EVIL-CANARY";

/// What a spelling turned out to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canary {
    Evil,
    Planted,
}

impl Canary {
    fn word(self) -> &'static str {
        match self {
            Canary::Evil => EVIL,
            Canary::Planted => "PLANTED",
        }
    }
}

/// The path that the most forgiving server would take `target` for.
pub fn forgiven(target: &str) -> String {
    let mut bytes = target.as_bytes().to_vec();
    for _ in 0..3 {
        bytes = decoded(&bytes);
    }
    let text: String = String::from_utf8_lossy(&bytes)
        .chars()
        .map(folded)
        .collect();
    let text = text
        .split("://")
        .last()
        .unwrap_or_default()
        .replace('\\', "/");
    let text = text
        .split(['?', '#', '\0', '\r', '\n'])
        .next()
        .unwrap_or_default();
    let mut path: Vec<String> = Vec::new();
    for segment in text.split('/') {
        let segment = segment.split(';').next().unwrap_or_default();
        match segment.trim() {
            ".." => drop(path.pop()),
            segment => path.push(segment.trim_matches(['.', ' ']).to_owned()),
        }
    }
    path.retain(|segment| !segment.is_empty());
    format!("/{}", path.join("/"))
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

/// Folds case and the compatibility forms that matter for ASCII names: full-width letters, the
/// Kelvin sign, hyphens that are no hyphen-minus, and Cyrillic letters of the same look.
fn folded(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => {
            let ascii = u32::from(letter) - 0xfee0;
            char::from_u32(ascii).unwrap_or(letter).to_ascii_lowercase()
        }
        '\u{212a}' => 'k',
        '\u{2010}'..='\u{2015}' => '-',
        '\u{430}' => 'a',
        '\u{435}' => 'e',
        '\u{43e}' => 'o',
        '\u{301}' => '\u{200b}',
        other => other.to_ascii_lowercase(),
    }
}

/// What an npm target means.
fn npm_meaning(path: &str) -> Option<Canary> {
    let bare = path.replace('\u{200b}', "");
    if ["evil-pkg", "evilcase"]
        .iter()
        .any(|name| bare.contains(name))
    {
        return Some(Canary::Evil);
    }
    ["@acme-int", "acme-billing"]
        .iter()
        .any(|name| bare.contains(name))
        .then_some(Canary::Planted)
}

/// What a PyPI target means.
fn pypi_meaning(path: &str) -> Option<Canary> {
    let normal = packages::normal(&path.replace('/', "-"));
    if normal.contains("evil-dist") {
        return Some(Canary::Evil);
    }
    normal.contains("acme").then_some(Canary::Planted)
}

/// What a Maven target means.
fn maven_meaning(path: &str) -> Option<Canary> {
    let dotted = path.replace('/', ".");
    if dotted.contains("evil.dropper") || dotted.contains("io.dropper") {
        return Some(Canary::Evil);
    }
    if dotted.contains("dropper-1.0") {
        return Some(Canary::Evil);
    }
    dotted.contains("com.acme").then_some(Canary::Planted)
}

fn npm_answer(path: &str, canary: Canary) -> Answer {
    if path.ends_with(".tgz") {
        return Answer::ok("application/octet-stream", canary.word());
    }
    let name = path.trim_start_matches('/');
    let tarball = packages::npm_tarball(name, "1.0.0", 0);
    let mut document = packages::packument("", name, &[("1.0.0".into(), tarball)]);
    document["description"] = canary.word().into();
    Answer::ok("application/json", document.to_string())
}

fn pypi_answer(seen: &Seen, path: &str, canary: Canary) -> Answer {
    let name = path.rsplit('/').next().unwrap_or_default();
    if !path.starts_with("/simple/") {
        return Answer::ok("application/octet-stream", canary.word());
    }
    let file = packages::wheel_name(name, "1.0");
    let listed = packages::Listed {
        url: format!("/packages/{}/{file}", canary.word()),
        file,
        bytes: canary.word().into(),
        metadata_sha256: None,
        version: "1.0".into(),
    };
    if seen.header("accept").contains("simple.v1+json") {
        let page = packages::simple_json(name, &[listed]).to_string();
        return Answer::ok(publish::SIMPLE_JSON, page);
    }
    Answer::ok("text/html", packages::simple_html(name, &[listed]))
}

fn maven_answer(path: &str, canary: Canary) -> Answer {
    let body = canary.word();
    if path.ends_with(".sha1") {
        return Answer::ok("text/plain", packages::sha1_hex(body.as_bytes()));
    }
    if path.ends_with("maven-metadata.xml") {
        let metadata = packages::maven_metadata("org.evil", "dropper", &["1.0", body]);
        return Answer::ok("text/xml", metadata);
    }
    Answer::ok("application/octet-stream", body)
}

/// Makes three upstreams as lenient as can be.
pub fn install(npm: &Registry, pypi: &Registry, maven: &Registry) {
    npm.fallback(|seen| {
        let path = forgiven(&seen.target);
        npm_meaning(&path).map(|canary| npm_answer(&path, canary))
    });
    pypi.fallback(|seen| {
        let path = forgiven(&seen.target);
        pypi_meaning(&path).map(|canary| pypi_answer(seen, &path, canary))
    });
    maven.fallback(|seen| {
        let path = forgiven(&seen.target);
        maven_meaning(&path).map(|canary| maven_answer(&path, canary))
    });
}

#[test]
fn the_lenient_upstream_forgives_every_spelling() {
    for target in [
        "/evil-pkg",
        "/%65vil-pkg",
        "/evil%252Dpkg",
        "//evil-pkg",
        "/lodash/..%2Fevil-pkg",
        "/lodash%5C..%5Cevil-pkg",
        "/evil-pkg%20",
        "/EVIL-PKG;v=1",
        "/evil%E2%80%90pkg",
        "/%D0%B5vil-pkg",
        "/evil-pkg%00.lodash",
    ] {
        assert_eq!(
            npm_meaning(&forgiven(target)),
            Some(Canary::Evil),
            "{target}"
        );
    }
    assert_eq!(npm_meaning(&forgiven("/lodash")), None);
    assert_eq!(
        pypi_meaning(&forgiven("/simple/Evil._Dist")),
        Some(Canary::Evil)
    );
    assert_eq!(
        maven_meaning(&forgiven("/org/slf4j/..;/evil/dropper/1.0/x")),
        Some(Canary::Evil)
    );
    assert_eq!(
        maven_meaning(&forgiven("/com/acme/core")),
        Some(Canary::Planted)
    );
}
