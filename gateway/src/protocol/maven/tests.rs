//! The path corpus, metadata documents good and bad, and what is rendered from them.

use super::*;
use crate::exchange::Path;
use crate::protocol::{MetadataLevel, Shown};
use bytes::Bytes;
use rules::PackageName;

/// `[corpus row] method path => what is answered`
const PATHS: &str = include_str!("paths.txt");

fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    PATHS
        .lines()
        .filter(|row| !row.is_empty() && !row.starts_with('#'))
        .map(|row| {
            let (request, expected) = row.split_once(" => ").unwrap();
            let (front, address) = request.rsplit_once(" /").unwrap();
            (front.rsplit(' ').next().unwrap(), address, expected)
        })
}

fn path(text: &str) -> Path {
    let trailing_slash = text.ends_with('/');
    let text = text.strip_suffix('/').unwrap_or(text);
    let split = || text.split('/').map(|segment| segment.replace("%2f", "/"));
    let segments = if text.is_empty() {
        Vec::new()
    } else {
        split().collect()
    };
    Path {
        segments,
        trailing_slash,
    }
}

fn parse(method: &str, address: &str) -> Result<Target, Rejection> {
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "PUT" => Method::Put,
        "POST" => Method::Post,
        _ => Method::Delete,
    };
    let (path, query) = (path(address), Vec::new());
    Maven.parse(&Ask {
        method,
        path: &path,
        query: &query,
        accept: None,
    })
}

fn describe(answer: &Result<Target, Rejection>) -> String {
    match answer {
        Ok(Target::Artifact(target)) => {
            let sidecar = target
                .sidecar
                .map(|sidecar| format!(" {sidecar:?}"))
                .unwrap_or_default();
            format!(
                "{} {} {}{sidecar}",
                target.package, target.version, target.file
            )
        }
        Ok(Target::Index(IndexTarget { package, document })) => match document {
            DocumentKind::Metadata { level, checksum } => {
                let version = match level {
                    MetadataLevel::Artifact => String::new(),
                    MetadataLevel::Snapshot { version } => format!(" {version}"),
                };
                let checksum = checksum
                    .map(|known| format!(" {known:?}"))
                    .unwrap_or_default();
                format!("metadata {package}{version}{checksum}")
            }
            other => format!("{other:?}"),
        },
        Ok(other) => format!("{other:?}"),
        Err(Rejection::Malformed(_)) => "malformed".to_owned(),
        Err(Rejection::Unknown) => "unknown".to_owned(),
        Err(Rejection::Method) => "method".to_owned(),
        Err(other) => format!("{other:?}"),
    }
}

#[test]
fn paths_are_read_as_the_corpora_say() {
    for (method, address, expected) in rows() {
        assert_eq!(
            describe(&parse(method, address)),
            expected,
            "{method} {address}"
        );
    }
}

#[test]
fn what_was_parsed_is_located_at_the_same_path() {
    for (_, address, _) in rows() {
        let location = match parse("GET", address) {
            Ok(Target::Artifact(target)) => Maven.locate_artifact(&target, None).unwrap(),
            Ok(Target::Index(target)) => {
                let (location, accept) = Maven.locate_index(&target);
                assert_eq!(accept, "*/*");
                location
            }
            _ => continue,
        };
        let expected = match address.split_once("maven-metadata.xml") {
            Some((before, _)) => format!("{before}maven-metadata.xml"),
            None => address.to_owned(),
        };
        assert_eq!(location, Location::Path(expected));
    }
}

#[test]
fn media_types_follow_the_sidecar_then_the_extension() {
    let table = [
        ("a-1.pom", "application/xml"),
        ("a-1-features.xml", "application/xml"),
        ("a-1.jar", "application/java-archive"),
        ("a-1.module", "application/json"),
        ("a-1.tar.gz", "application/octet-stream"),
        ("a-1.jar.sha1", "text/plain"),
        ("a-1.pom.asc.md5", "text/plain"),
        ("a-1.jar.asc", "application/pgp-signature"),
        ("a-1.jar.sigstore.json", "application/json"),
    ];
    for (file, expected) in table {
        let Ok(Target::Artifact(target)) = parse("GET", &format!("g/a/1/{file}")) else {
            panic!("{file}");
        };
        assert_eq!(Maven.media_type(&target), expected, "{file}");
    }
}

#[test]
fn checksums_are_written_and_read() {
    let empty = [
        (DigestAlgorithm::Md5, "d41d8cd98f00b204e9800998ecf8427e"),
        (
            DigestAlgorithm::Sha1,
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        ),
    ];
    for (algorithm, hex) in empty {
        assert_eq!(checksum_of(b"", algorithm).unwrap(), hex);
        let upper = hex.to_uppercase();
        for text in [
            hex.to_owned(),
            format!("{upper}  a.jar\n"),
            format!("X(a.jar)= {hex}\r\n"),
        ] {
            assert_eq!(
                checksum_text(text.as_bytes(), algorithm).unwrap().hex(),
                hex,
                "{text}"
            );
        }
        assert_eq!(
            checksum_text(format!("<p> {hex} </p>").as_bytes(), algorithm),
            None
        );
        assert_eq!(checksum_text(&hex.as_bytes()[1..], algorithm), None);
    }
    for algorithm in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512] {
        let text = checksum_of(b"bytes", algorithm).unwrap();
        assert_eq!(
            checksum_text(text.as_bytes(), algorithm).unwrap().hex(),
            text
        );
        assert_eq!(checksum_text(b"\xff\xfe", algorithm), None);
    }
    assert_eq!(checksum_of(b"", DigestAlgorithm::Sha384), None);
    assert_eq!(
        checksum_text("0".repeat(96).as_bytes(), DigestAlgorithm::Sha384),
        None
    );
}

fn target(level: MetadataLevel, checksum: Option<DigestAlgorithm>) -> IndexTarget {
    let package = PackageName::maven("org.slf4j", "slf4j-api").unwrap();
    IndexTarget {
        package,
        document: DocumentKind::Metadata { level, checksum },
    }
}

fn artifact_level() -> IndexTarget {
    target(MetadataLevel::Artifact, None)
}

fn snapshot_level() -> IndexTarget {
    target(
        MetadataLevel::Snapshot {
            version: "1-SNAPSHOT".to_owned(),
        },
        None,
    )
}

fn read(target: &IndexTarget, text: impl Into<Vec<u8>>) -> Result<Index, Unreadable> {
    let bytes = Bytes::from(text.into());
    let url = "http://upstream.test/maven-metadata.xml".to_owned();
    Maven.read(
        target,
        Document {
            bytes,
            content_type: "text/xml".to_owned(),
            url,
        },
    )
}

fn document(below: &str) -> String {
    let identity = "<groupId>org.slf4j</groupId><artifactId>slf4j-api</artifactId>";
    format!("<?xml version=\"1.0\"?>\n<metadata>\n  {identity}\n  {below}\n</metadata>\n")
}

fn versions(versions: &[&str], updated: &str) -> String {
    let list: String = versions
        .iter()
        .map(|version| format!("<version>{version}</version>"))
        .collect();
    document(&format!(
        "<versioning><latest>lies</latest><release>lies</release><versions>{list}</versions>\
         <lastUpdated>{updated}</lastUpdated></versioning>"
    ))
}

fn plugins(plugins: &[(&str, &str)]) -> String {
    let list: String = plugins
        .iter()
        .map(|(prefix, artifact)| {
            format!(
                "<plugin><name>P &amp; Q</name><prefix>{prefix}</prefix>\
                 <artifactId>{artifact}</artifactId></plugin>"
            )
        })
        .collect();
    format!("<metadata><plugins>{list}</plugins></metadata>")
}

fn render(target: &IndexTarget, indices: &[(&Index, &[Shown])]) -> Result<String, Unrenderable> {
    let parts: Vec<Part<'_>> = indices
        .iter()
        .map(|(index, shown)| Part { index, shown })
        .collect();
    let rendered = Maven.render(target, &parts, "http://gateway.test/maven/public".into())?;
    Ok(String::from_utf8(rendered.bytes).unwrap())
}

const KEEP: [Shown; 8] = [const { Shown::Keep }; 8];

#[test]
fn versions_are_united_in_mavens_order() {
    let near = read(
        &artifact_level(),
        versions(&["1.10", "1.9", "2.0-SNAPSHOT"], "20240101000000"),
    );
    let far = read(
        &artifact_level(),
        versions(&["1.9", "1.10-rc1", "1.11"], "20250101000000"),
    );
    let (near, far) = (near.unwrap(), far.unwrap());
    let names: Vec<&str> = near
        .versions
        .iter()
        .map(|listed| listed.version.as_str())
        .collect();
    assert_eq!(names, ["1.10", "1.9", "2.0-SNAPSHOT"]);
    let withheld = Shown::Withhold("too young".to_owned());
    let shown = [Shown::Keep, Shown::Keep, withheld.clone()];
    let text = render(&artifact_level(), &[(&near, &KEEP[..3]), (&far, &shown)]).unwrap();
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<metadata>
  <groupId>org.slf4j</groupId>
  <artifactId>slf4j-api</artifactId>
  <versioning>
    <latest>2.0-SNAPSHOT</latest>
    <release>1.10</release>
    <versions>
      <version>1.9</version>
      <version>1.10-rc1</version>
      <version>1.10</version>
      <version>2.0-SNAPSHOT</version>
    </versions>
    <lastUpdated>20250101000000</lastUpdated>
  </versioning>
</metadata>
";
    assert_eq!(text, expected);
    let sha1 = target(MetadataLevel::Artifact, Some(DigestAlgorithm::Sha1));
    let sum = render(&sha1, &[(&near, &KEEP[..3]), (&far, &shown)]).unwrap();
    assert_eq!(
        Some(sum),
        checksum_of(expected.as_bytes(), DigestAlgorithm::Sha1)
    );
}

#[test]
fn the_nearest_word_on_a_version_counts() {
    let one = read(&artifact_level(), versions(&["1"], "20240101000000")).unwrap();
    let no = [Shown::Withhold("no".to_owned())];
    assert!(render(&artifact_level(), &[(&one, &KEEP[..1]), (&one, &no)]).is_ok());
    let withheld = Err(Unrenderable::Withheld("no".to_owned()));
    assert_eq!(
        render(&artifact_level(), &[(&one, &no), (&one, &KEEP[..1])]),
        withheld
    );
}

#[test]
fn all_withheld_says_why_and_nothing_is_absent() {
    let two = read(&artifact_level(), versions(&["2", "1"], "x")).unwrap();
    let shown = ["new", "old"].map(|sentence| Shown::Withhold(sentence.to_owned()));
    let answer = render(&artifact_level(), &[(&two, &shown)]);
    assert_eq!(answer, Err(Unrenderable::Withheld("new".to_owned())));
    let none = read(&artifact_level(), versions(&[], "x")).unwrap();
    assert_eq!(
        render(&artifact_level(), &[(&none, &[])]),
        Err(Unrenderable::Absent)
    );
    assert_eq!(render(&artifact_level(), &[]), Err(Unrenderable::Absent));
    assert_eq!(
        render(&snapshot_level(), &[(&none, &[])]),
        Err(Unrenderable::Absent)
    );
}

#[test]
fn plugins_are_united_by_prefix_nearest_first() {
    let near = read(
        &artifact_level(),
        plugins(&[("jar", "near-jar"), ("a/b", "x")]),
    )
    .unwrap();
    let far = read(
        &artifact_level(),
        plugins(&[("jar", "far-jar"), ("war", "war")]),
    )
    .unwrap();
    assert!(near.versions.is_empty());
    let text = render(&artifact_level(), &[(&near, &[]), (&far, &[])]).unwrap();
    assert!(text.contains("<artifactId>near-jar</artifactId>") && text.contains("<prefix>war<"));
    assert!(!text.contains("far-jar") && !text.contains("a/b") && !text.contains("versioning"));
    assert!(text.contains("<name>P &amp; Q</name>"));
    let again = read(&artifact_level(), &*text).unwrap();
    assert_eq!(render(&artifact_level(), &[(&again, &[])]), Ok(text));
}

fn build(number: u32) -> String {
    let file = |extension: &str, number: u32| {
        format!(
            "<snapshotVersion><extension>{extension}</extension>\
             <value>1-20240101.00000{number}-{number}</value>\
             <updated>2024010100000{number}</updated></snapshotVersion>"
        )
    };
    document(&format!(
        "<version>1-SNAPSHOT</version><versioning><snapshot><timestamp>20240101.00000{number}\
         </timestamp><buildNumber>{number}</buildNumber></snapshot>\
         <lastUpdated>2024010100000{number}</lastUpdated>\
         <snapshotVersions>{}{}{}<snapshotVersion><extension>jar</extension>\
         <value>../../evil</value></snapshotVersion></snapshotVersions></versioning>",
        file("jar", 1),
        file("pom", number),
        file("jar", number)
    ))
}

#[test]
fn snapshots_come_from_the_nearest_repository_alone() {
    let (near, far) = (
        read(&snapshot_level(), build(3)).unwrap(),
        read(&snapshot_level(), build(7)).unwrap(),
    );
    assert_eq!(near.versions[0].version, "1-SNAPSHOT");
    let text = render(
        &snapshot_level(),
        &[(&near, &KEEP[..1]), (&far, &KEEP[..1])],
    )
    .unwrap();
    assert!(text.contains("<buildNumber>3</buildNumber>") && !text.contains('7'));
    assert_eq!(
        text.matches("<snapshotVersion>").count(),
        2,
        "the newest of each extension"
    );
    assert!(!text.contains("evil") && !text.contains("<updated>20240101000001<"));
    assert_eq!(
        render(
            &snapshot_level(),
            &[(&read(&snapshot_level(), &*text).unwrap(), &KEEP[..1])]
        ),
        Ok(text)
    );
    let no = [Shown::Withhold("no".to_owned())];
    let answer = render(&snapshot_level(), &[(&near, &no), (&far, &KEEP[..1])]);
    assert_eq!(answer, Err(Unrenderable::Withheld("no".to_owned())));
    let other = build(3).replace("<version>1-S", "<version>2-S");
    assert!(read(&snapshot_level(), other).is_err());
}

#[test]
fn what_no_path_can_name_is_not_listed() {
    let odd = [
        "1",
        "1",
        "",
        "..",
        "a/b",
        "1 2",
        "&lt;x&gt;",
        "\u{435}",
        "<![CDATA[2]]>",
        "&#51;",
    ];
    let index = read(&artifact_level(), versions(&odd, "yesterday")).unwrap();
    let names: Vec<&str> = index
        .versions
        .iter()
        .map(|listed| listed.version.as_str())
        .collect();
    assert_eq!(names, ["1", "2", "3"]);
    assert!(
        !render(&artifact_level(), &[(&index, &KEEP[..3])])
            .unwrap()
            .contains("lastUpdated")
    );
}

#[test]
fn documents_that_are_not_metadata_of_this_package_are_unreadable() {
    let good = versions(&["1"], "20240101000000");
    assert!(read(&artifact_level(), format!("\u{feff}{good}<!-- end -->")).is_ok());
    let long = "v".repeat(5_000);
    let bad = [
        String::new(),
        "<html><body>blocked</body></html>".to_owned(),
        "<!DOCTYPE html><html></html>".to_owned(),
        "{\"error\": 1}".to_owned(),
        "<metadata/>".to_owned(),
        "<metadata><versioning><versions><version>1</version></versions></versioning></metadata>"
            .to_owned(),
        good.replace("org.slf4j", "org.evil"),
        good.replace("slf4j-api", "dropper"),
        good.replace("<groupId>", "<groupId>org.evil</groupId><groupId>"),
        good.replace("</metadata>", ""),
        format!("{good}{good}"),
        format!("{good}text"),
        format!("text{good}"),
        good.replace("<version>1", "<version>&xxe;"),
        good.replace("<version>1", "<version>&#0;"),
        good.replace("<version>1", &format!("<version>{long}")),
        good.replace("</versions>", "</version>"),
        good.replace(
            "<metadata>",
            "<!DOCTYPE m [<!ENTITY x SYSTEM \"file:///x\">]><metadata>",
        ),
    ];
    for text in bad {
        assert!(read(&artifact_level(), &*text).is_err(), "{text}");
    }
    assert!(read(&artifact_level(), b"<metadata>\xff</metadata>".to_vec()).is_err());
    assert!(
        read(&snapshot_level(), good).is_err(),
        "no version of its own"
    );
}

#[test]
fn bombs_cost_little() {
    let started = std::time::Instant::now();
    let attributes: String = (0..800_000)
        .map(|number| format!(" a{number}=\"x\""))
        .collect();
    let few: String = (0..1_001)
        .map(|number| format!(" a{number}=\"\""))
        .collect();
    let many = "<version>1</version>".repeat(200_001);
    let bombs = [
        format!("<metadata{attributes}/>"),
        format!("<metadata{few}/>"),
        format!("<metadata>{}", "<a>".repeat(1_000_000)),
        document(&"<a>".repeat(32)),
        document(&format!(
            "<versioning><versions>{many}</versions></versioning>"
        )),
        document(&"&amp;".repeat(1_000_000)),
        format!(
            "<!DOCTYPE m [{}]>",
            "<!ENTITY a \"&b;&b;&b;&b;\">".repeat(1_000)
        ),
        "<".repeat(1_000_000),
        format!("<metadata {}", "a".repeat(10_000_000)),
    ];
    for bomb in bombs {
        let start: String = bomb.chars().take(60).collect();
        assert!(read(&artifact_level(), bomb).is_err(), "{start}");
    }
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

/// Maven's comparison has circles, which the library's sort answers with a panic.
#[test]
fn circles_of_versions_are_still_listed_each_once() {
    let less = |one, other| rules::compare(rules::Ecosystem::Maven, one, other).is_lt();
    assert!(less("1", "1.sp.1") && less("1.sp.1", "1-alpha") && less("1-alpha", "1"));
    let words = [
        "1",
        "1.sp.1",
        "1-alpha",
        "1.x.1",
        "1-rc-1",
        "1.0",
        "1-sp",
        "1.alpha.2",
    ];
    let names: Vec<String> = (0..4_000)
        .map(|number| format!("{}.{}", words[number * 7 % 8], number * 613 % 4_000))
        .chain(words.iter().map(|word| (*word).to_owned()))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let index = read(&artifact_level(), versions(&names, "20240101000000")).unwrap();
    let shown = vec![Shown::Keep; index.versions.len()];
    let text = render(&artifact_level(), &[(&index, &shown)]).unwrap();
    let distinct: std::collections::HashSet<&str> = names.into_iter().collect();
    assert_eq!(text.matches("<version>").count(), distinct.len());
}
