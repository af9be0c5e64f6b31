use super::*;
use crate::exchange::{Method, Path, Query};
use crate::protocol::{ArtifactTarget, Service};

/// What the edge makes of a raw path: `None` where it refuses.
fn edge(raw: &str) -> Option<(Path, Query)> {
    let (path, query) = raw.split_once('?').unwrap_or((raw, ""));
    let path = path.strip_prefix('/')?;
    let (path, trailing_slash) = match path.strip_suffix('/') {
        Some(path) => (path, true),
        None => (path, false),
    };
    let segments: Option<Vec<String>> = path.split('/').map(edge_segment).collect();
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Some((
        Path {
            segments: segments?,
            trailing_slash,
        },
        query,
    ))
}

fn edge_segment(raw: &str) -> Option<String> {
    let mut segment = String::new();
    let mut rest = raw;
    while let Some(first) = rest.chars().next() {
        let (character, length) = match first {
            '%' => (char::from(u8::from_str_radix(rest.get(1..3)?, 16).ok()?), 3),
            '/' => return None,
            other => (other, other.len_utf8()),
        };
        let legal = character.is_ascii_alphanumeric() || "-._~!'()*+@,=:$&/".contains(character);
        segment.push(legal.then_some(character)?);
        rest = &rest[length..];
    }
    (!matches!(segment.as_str(), "" | "." | "..")).then_some(segment)
}

fn parse(method: Method, raw: &str, accept: Option<&str>) -> Result<Target, Rejection> {
    let (path, query) = edge(raw).ok_or(Rejection::Malformed("edge".to_owned()))?;
    Npm.parse(&Ask {
        method,
        path: &path,
        query: &query,
        accept,
    })
}

fn says(method: Method, raw: &str) -> String {
    match parse(method, raw, None) {
        Err(Rejection::Malformed(reason)) if reason == "edge" => "edge".to_owned(),
        Err(Rejection::Malformed(_)) => "400".to_owned(),
        Err(Rejection::Unknown) => "404".to_owned(),
        Err(Rejection::Method) => "405".to_owned(),
        Err(Rejection::NotAcceptable) => "406".to_owned(),
        Ok(Target::Index(target)) => match target.document {
            DocumentKind::Packument { full } => {
                format!(
                    "{} {}",
                    if full { "full" } else { "abbreviated" },
                    target.package
                )
            }
            DocumentKind::Manifest { spec } => format!("manifest {} {spec}", target.package),
            other => format!("{other:?} {}", target.package),
        },
        Ok(Target::Artifact(file)) => format!("{} {} {}", file.package, file.version, file.file),
        Ok(Target::Service(service)) => format!("{service:?}"),
        Ok(other) => format!("{other:?}"),
    }
}

#[test]
fn bypass_rows_are_parsed() {
    let long = format!("/{}", "A".repeat(4096));
    let rows = [
        ("BY001", "/evil-pkg", "full evil-pkg"),
        ("BY005", "/%65vil-pkg", "full evil-pkg"),
        ("BY006", "/evil%2dpkg", "full evil-pkg"),
        ("BY009", "/evil%252Dpkg", "edge"),
        ("BY012", "//evil-pkg", "edge"),
        ("BY014", "/./evil-pkg", "edge"),
        ("BY015", "/lodash/../evil-pkg", "edge"),
        ("BY018", "/lodash/..%2Fevil-pkg", "400"),
        ("BY020", "/lodash\\..\\evil-pkg", "edge"),
        ("BY021", "/lodash%5C..%5Cevil-pkg", "edge"),
        ("BY023", "/evil-pkg/", "full evil-pkg"),
        ("BY026", "/evil-pkg%20", "edge"),
        ("BY027", "/evil-pkg?write=true", "full evil-pkg"),
        ("BY030", "/evil-pkg;v=1", "edge"),
        ("BY033", "/evil-pkg%00.lodash", "edge"),
        ("BY035", "/evil-pkg%0d%0aX-Injected:%201", "edge"),
        ("BY036", "/lodash#/../evil-pkg", "edge"),
        ("BY037", "/EVIL-PKG", "full EVIL-PKG"),
        ("BY039", "/evilcase", "full evilcase"),
        ("BY041", "/evil%E2%80%90pkg", "edge"),
        ("BY044", "/%D0%B5vil-pkg", "edge"),
        ("BY047", "/evi%CC%81l-pkg", "edge"),
        ("BY050", "/__proto__", "404"),
        ("BY051", &long, "400"),
        ("BY054", "/1odash", "full 1odash"),
        ("BY057", "/%31odash", "full 1odash"),
        ("BY058", "/@acme-int/core", "full @acme-int/core"),
        ("BY059", "/@acme-int%2Fcore", "full @acme-int/core"),
        ("BY060", "/@acme-int%2fcore", "full @acme-int/core"),
        ("BY062", "/%40acme-int%2fcore", "full @acme-int/core"),
        ("BY065", "/@ACME-INT/core", "full @ACME-INT/core"),
        ("BY066", "/@acme-int//core", "edge"),
        ("BY067", "/@acme-int/./core", "edge"),
        ("BY069", "/@acme-int", "404"),
        ("BY072", "/@acm%D0%B5-int/core", "edge"),
        ("BY076", "/evil-pkg/1.0.0", "manifest evil-pkg 1.0.0"),
        ("BY077", "/evil-pkg/latest", "manifest evil-pkg latest"),
        (
            "BY078",
            "/evil-pkg/-/evil-pkg-1.0.0.tgz",
            "evil-pkg 1.0.0 evil-pkg-1.0.0.tgz",
        ),
        ("BY080", "/lodash/-/evil-pkg-1.0.0.tgz", "400"),
        (
            "BY083",
            "/lodash/-/..%2f..%2fevil-pkg%2f-%2fevil-pkg-1.0.0.tgz",
            "400",
        ),
        (
            "BY086",
            "/fresh-lib/-/fresh-lib-2.0.0.tgz",
            "fresh-lib 2.0.0 fresh-lib-2.0.0.tgz",
        ),
        ("BY087", "/fresh-lib", "full fresh-lib"),
        ("BY091", "/fresh-lib/next", "manifest fresh-lib next"),
        (
            "BY093",
            "/-/package/@acme-int%2fcore/dist-tags",
            "DistTags @acme-int/core",
        ),
        ("BY099", "/_changes?since=0", "404"),
        ("BY384", "/lodash", "full lodash"),
        ("BY385", "/@types%2fnode", "full @types/node"),
        ("BY387", "/%40types%2fnode", "full @types/node"),
        ("BY388", "/JSONStream", "full JSONStream"),
        ("BY392", "/constructor", "full constructor"),
        (
            "BY393",
            "/lodash/-/lodash-4.17.21.tgz",
            "lodash 4.17.21 lodash-4.17.21.tgz",
        ),
    ];
    for (row, path, expected) in rows {
        assert_eq!(says(Method::Get, path), expected, "{row} {path}");
        assert_eq!(says(Method::Head, path), expected, "HEAD {row} {path}");
    }
    let service = |path: &str| match parse(Method::Get, path, None) {
        Ok(Target::Service(service)) => service,
        other => panic!("{path}: {other:?}"),
    };
    let search = Service::Search {
        text: "evil".to_owned(),
        size: 20,
        from: 0,
    };
    assert_eq!(service("/-/v1/search?text=evil"), search, "BY095");
    let package = PackageName::npm("evil-pkg").unwrap();
    let attestations = Service::Attestations {
        package,
        version: "1.0.0".to_owned(),
    };
    assert_eq!(
        service("/-/npm/v1/attestations/evil-pkg@1.0.0"),
        attestations,
        "BY097"
    );
}

#[test]
fn paths_are_parsed() {
    let (fits, long) = (
        format!("/{}", "a".repeat(214)),
        format!("/{}", "a".repeat(215)),
    );
    let scoped_fits = format!("/@{}/{}", "a".repeat(100), "b".repeat(112));
    let scoped_long = format!("/@{}%2f{}", "a".repeat(100), "b".repeat(113));
    assert!(says(Method::Get, &fits).starts_with("full a"));
    assert_eq!(says(Method::Get, &long), "400");
    assert!(says(Method::Get, &scoped_fits).starts_with("full @a"));
    assert_eq!(says(Method::Get, &scoped_long), "400");
    let tarball = "@s/n 1.0.0-a.1+b n-1.0.0-a.1+b.tgz";
    for (method, path, expected) in [
        (Method::Get, "/-", "full -"),
        (Method::Get, "/@s%2fn/", "full @s/n"),
        (Method::Get, "/@s/", "404"),
        (Method::Get, "/s%2fn", "400"),
        (Method::Get, "/@s%2fn%2fm", "400"),
        (Method::Get, "/@s/n%2fm", "400"),
        (Method::Get, "/.hidden", "400"),
        (Method::Get, "/node_modules", "400"),
        (Method::Get, "/@s%2fn/1.0.0", "manifest @s/n 1.0.0"),
        (Method::Get, "/@s/n/beta", "manifest @s/n beta"),
        (Method::Get, "/n/1.0.0+build", "manifest n 1.0.0+build"),
        (Method::Get, "/n/a=b", "400"),
        (Method::Get, "/n/-rev", "404"),
        (Method::Get, "/n/-", "404"),
        (Method::Get, "/n/1.0.0/more", "404"),
        (Method::Get, "/@s/n/-/n-1.0.0-a.1+b.tgz", tarball),
        (Method::Get, "/@s%2fn/-/n-1.0.0-a.1+b.tgz", tarball),
        (Method::Get, "/@s/n/-/@s/n-1.0.0.tgz", "400"),
        (Method::Get, "/@s/n/-/@s%2fn-1.0.0.tgz", "400"),
        (Method::Get, "/@s/n/-/n-01.0.0.tgz", "400"),
        (Method::Get, "/@s/n/-/n-1.0.tgz", "400"),
        (Method::Get, "/n/-/n-v1.0.0.tgz", "400"),
        (Method::Get, "/n/-/n-1.0.0.tgz/", "404"),
        (Method::Get, "/n/-/n-1.0.0.tar.gz", "400"),
        (Method::Get, "/a/-/a-b-1.0.0.tgz", "400"),
        (Method::Get, "/-/ping", "Ping"),
        (Method::Get, "/-/whoami", "Whoami"),
        (Method::Get, "/-/npm/v1/keys", "Keys"),
        (Method::Post, "/-/npm/v1/keys", "405"),
        (
            Method::Post,
            "/-/npm/v1/security/advisories/bulk",
            "AdvisoriesBulk",
        ),
        (Method::Get, "/-/npm/v1/security/advisories/bulk", "405"),
        (
            Method::Post,
            "/-/npm/v1/security/audits/quick",
            "AuditQuick",
        ),
        (Method::Post, "/-/npm/v1/security/audits", "AuditQuick"),
        (Method::Get, "/-/package/@s/n/dist-tags", "DistTags @s/n"),
        (Method::Get, "/-/package/n/dist-tags", "DistTags n"),
        (Method::Get, "/-/package/n/dist-tags/latest", "404"),
        (Method::Get, "/-/package/n/access", "404"),
        (Method::Get, "/-/package", "404"),
        (Method::Get, "/-/v1/search?text=a&size=x", "400"),
        (Method::Get, "/-/npm/v1/attestations/n@latest", "400"),
        (Method::Get, "/-/npm/v1/attestations/@s", "400"),
        (Method::Get, "/-/all", "404"),
        (Method::Get, "/-/_view/x", "404"),
        (Method::Post, "/-/v1/login", "404"),
        (Method::Post, "/n", "405"),
        (Method::Put, "/n", "405"),
        (Method::Delete, "/n/-rev/1", "405"),
    ] {
        assert_eq!(says(method, path), expected, "{method:?} {path}");
    }
    for path in ["@s%2fn@1.0.0", "@s/n@1.0.0", "%40s%2Fn@1.0.0"] {
        let path = format!("/-/npm/v1/attestations/{path}");
        let package = PackageName::npm("@s/n").unwrap();
        let expected = Service::Attestations {
            package,
            version: "1.0.0".to_owned(),
        };
        assert_eq!(
            parse(Method::Get, &path, None),
            Ok(Target::Service(expected)),
            "{path}"
        );
    }
    let accept = Some("application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*");
    for (path, expected) in [("/n", false), ("/n?write=true", true)] {
        let document = DocumentKind::Packument { full: expected };
        assert_eq!(
            parse(Method::Get, path, accept),
            Ok(Target::Index(target("n", document)))
        );
    }
}

#[test]
fn versions_are_semantic() {
    for version in [
        "0.0.0",
        "1.2.3-0",
        "1.2.3-a-b.0.x+001.-",
        "1.2.3+-",
        "9007199254740991.0.0",
    ] {
        assert!(path::is_version(version), "{version}");
    }
    for version in [
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "v1.2.3",
        "01.2.3",
        "1.2.3-",
        "1.2.3-01",
        "1.2.3-a..b",
        "1.2.3+",
        "1.2.3-a_b",
        " 1.2.3",
        "1.2.3+a+b",
        "1..3",
        "-1.2.3",
        "99999999999999999.0.0",
    ] {
        assert!(!path::is_version(version), "{version}");
    }
}

#[test]
fn files_are_found_where_the_index_says() {
    let conventional = Location::Path("@s/n/-/n-1.0.0.tgz".to_owned());
    let file = ArtifactTarget {
        package: PackageName::npm("@s/n").unwrap(),
        version: "1.0.0".to_owned(),
        file: "n-1.0.0.tgz".to_owned(),
        sidecar: None,
    };
    assert_eq!(Npm.locate_artifact(&file, None), Some(conventional.clone()));
    for (url, followed) in [
        ("http://upstream.test/@s/n/-/n-1.0.0.tgz", false),
        ("http://upstream.test/below/@s%2fn/-/n-1.0.0.tgz", false),
        ("http://upstream.test/@s/n/-/n-1.0.0.tgz?token=1#x", false),
        ("http://upstream.test/download/@s/n/1.0.0/n-1.0.0.tgz", true),
        ("http://files.test/n-1.0.0.tgz", true),
        ("http://169.254.169.254/latest", false),
        ("http://files.test/x.tgz", false),
        ("http://files.test", false),
        ("http://files.test/x?y=/n-1.0.0.tgz", false),
    ] {
        let listed = ListedFile {
            name: file.file.clone(),
            location: Location::Url(url.to_owned()),
            digests: Vec::new(),
            size: None,
            metadata: None,
        };
        let expected = if followed {
            Location::Url(url.to_owned())
        } else {
            conventional.clone()
        };
        assert_eq!(
            Npm.locate_artifact(&file, Some(&listed)),
            Some(expected),
            "{url}"
        );
    }
    let (place, accept) = Npm.locate_index(&target("@s/n", DocumentKind::DistTags));
    assert_eq!(
        (place, accept),
        (Location::Path("@s%2fn".to_owned()), "application/json")
    );
}
