//! The bodies in `fixtures` were sent by npm 11.19.1, pnpm 10.34.8, Yarn 1.22.22 and Yarn 4.18.1.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rules::{Digest, DigestAlgorithm, PackageName};
use serde_json::{Map, Value, json};
use sha2::Digest as _;

use super::*;
use crate::exchange::{Method, Path};
use crate::protocol::npm::Npm;
use crate::protocol::{Document, DocumentKind, IndexTarget, Location, Part, Protocol, Shown};

const LIMITS: PublishLimits = PublishLimits {
    document_bytes_max: 64 * 1024,
    tarball_bytes_max: 64 * 1024 * 1024,
};
const TARBALL_LIMITS: TarballLimits = TarballLimits {
    entries_max: 20,
    inflated_bytes_max: 1024 * 1024,
    path_depth_max: 8,
    manifest_bytes_max: 4096,
};
const FIRST: &str = include_str!("fixtures/npm_publish.json");
const SECOND: &str = include_str!("fixtures/npm_publish_second.json");
const TAGGED: &str = include_str!("fixtures/npm_publish_tag.json");

/// Keeps what arrives.
#[derive(Default)]
struct Taken {
    key: String,
    bytes: Vec<u8>,
    ended: bool,
}

impl Sink for Taken {
    fn begin(&mut self, key: &str) -> io::Result<()> {
        self.key = key.to_owned();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.ended = true;
        Ok(())
    }
}

fn read_by(body: &[u8], step: usize, limits: PublishLimits) -> Result<(Upload, Taken), Problem> {
    let mut reader = PublishReader::new(limits);
    let mut taken = Taken::default();
    for chunk in body.chunks(step) {
        match reader.push(chunk, &mut taken) {
            Ok(()) => {}
            Err(Broken::Problem(problem)) => return Err(problem),
            Err(Broken::Sink(error)) => panic!("{error}"),
        }
    }
    Ok((reader.finish()?, taken))
}

fn read(body: &str) -> Result<(Upload, Taken), Problem> {
    read_by(body.as_bytes(), 1000, LIMITS)
}

fn decoded(bytes: &[u8]) -> Decoded {
    let digest = |algorithm, bytes| Digest { algorithm, bytes };
    Decoded {
        length: bytes.len() as u64,
        digests: vec![
            digest(DigestAlgorithm::Sha1, sha1::Sha1::digest(bytes).to_vec()),
            digest(
                DigestAlgorithm::Sha512,
                sha2::Sha512::digest(bytes).to_vec(),
            ),
        ],
    }
}

fn publish(body: &str, name: &str) -> Result<(Publication, Taken), Problem> {
    let (upload, taken) = read(body)?;
    let package = PackageName::npm(name).unwrap();
    let publication = Publication::check(upload, decoded(&taken.bytes), &package)?;
    let contents = contents(&taken.bytes[..], TARBALL_LIMITS)?;
    publication.agrees_with(&package, &contents)?;
    Ok((publication, taken))
}

#[test]
fn what_clients_publish_is_taken_however_it_is_cut() {
    let table = [
        (FIRST, "@acme/ui", "1.0.0", "latest", Some(Access::Public)),
        (TAGGED, "@acme/ui", "2.0.0-rc.1", "next", None),
        (
            include_str!("fixtures/pnpm_publish.json"),
            "demo",
            "1.0.0",
            "latest",
            None,
        ),
        (
            include_str!("fixtures/yarn_classic_publish.json"),
            "ydemo",
            "1.0.0",
            "latest",
            None,
        ),
        (
            include_str!("fixtures/yarn_berry_publish.json"),
            "@acme/berry",
            "1.0.0",
            "latest",
            None,
        ),
    ];
    for (body, name, version, tag, access) in table {
        let (publication, taken) = publish(body, name).unwrap();
        assert!(taken.ended && taken.key == format!("{name}-{version}.tgz"));
        assert_eq!(publication.version, version);
        assert_eq!(publication.tags, [tag]);
        assert!(access.is_none() || publication.access == access);
        assert_eq!(publication.manifest["readme"], "# Demo\n");
        assert!(!publication.manifest.contains_key("_resolved"));
        let dist: Vec<&str> = publication.manifest["dist"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert!(dist.contains(&"integrity") && !dist.contains(&"tarball"));
        let leaf = name.rsplit('/').next().unwrap();
        assert_eq!(publication.files[0].name, format!("{leaf}-{version}.tgz"));
        for step in [1, 2, 3, 5, 64, body.len()] {
            let (upload, again) = read_by(body.as_bytes(), step, LIMITS).unwrap();
            assert_eq!(again.bytes, taken.bytes);
            assert!(!upload.document.contains_key("_attachments"));
        }
    }
}

#[test]
fn escapes_in_the_data_are_undone() {
    let start = FIRST.find("\"data\":\"").unwrap() + 8;
    let end = start + FIRST[start..].find('"').unwrap();
    let data = FIRST[start..end]
        .replace('/', "\\/")
        .replace('+', "\\u002b")
        .replace('A', "\\u0041");
    let escaped = format!("{}{data}{}", &FIRST[..start], &FIRST[end..]);
    let (_, plain) = read(FIRST).unwrap();
    for step in [1, 2, 3, 1000] {
        let (_, taken) = read_by(escaped.as_bytes(), step, LIMITS).unwrap();
        assert_eq!(taken.bytes, plain.bytes);
    }
    let keys = FIRST
        .replace("\"_attachments\"", "\"\\u005fattachments\"")
        .replace("\"data\"", "\"d\\u0061ta\"");
    assert_eq!(read(&keys).unwrap().1.bytes, plain.bytes);
}

#[test]
fn a_large_tarball_is_not_held() {
    /// Only counts.
    struct Counted(u64);
    impl Sink for Counted {
        fn begin(&mut self, _key: &str) -> io::Result<()> {
            Ok(())
        }
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0 += bytes.len() as u64;
            Ok(())
        }
        fn end(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut reader = PublishReader::new(LIMITS);
    let mut counted = Counted(0);
    let head = br#"{"_attachments":{"a-1.0.0.tgz":{"data":""#;
    reader.push(head, &mut counted).unwrap();
    // More than the limit of the document, many times over.
    let chunk = "QUJD".repeat(16 * 1024);
    for _ in 0..256 {
        reader.push(chunk.as_bytes(), &mut counted).unwrap();
    }
    reader.push(br#""}}}"#, &mut counted).unwrap();
    let upload = reader.finish().unwrap();
    assert_eq!(counted.0, 256 * 16 * 1024 * 3);
    assert_eq!(upload.attachments[0].decoded_length, Some(counted.0));
}

#[test]
fn bodies_that_are_no_publication_are_refused_in_one_sentence() {
    let attachments = |inside: &str| format!("{{\"_attachments\":{inside}}}");
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let table: Vec<(String, u16, &str)> = vec![
        (String::new(), 400, "ends before"),
        ("[]".into(), 400, "no JSON object"),
        ("{}x".into(), 400, "behind the JSON"),
        ("{\"a\":1,}".into(), 400, "no JSON document"),
        ("{\"a\":[1}}".into(), 400, "no JSON document"),
        ("{\"a\":}}".into(), 400, "no JSON document"),
        ("{\"a\":\"\n\"}".into(), 400, "no JSON document"),
        (
            "{\"name\":1,\"n\\u0061me\":2}".into(),
            400,
            "field name stands there twice",
        ),
        (deep, 400, "nests too deeply"),
        (
            format!("{{\"{}\":1}}", "k".repeat(2000)),
            400,
            "key that is too long",
        ),
        (
            format!("{{\"a\":\"{}\"}}", "k".repeat(70_000)),
            413,
            "without its tarball is larger",
        ),
        (attachments("[]"), 400, "field _attachments is no object"),
        (attachments("\"\""), 400, "field _attachments is no object"),
        (
            attachments("{\"a-1.tgz\":3}"),
            400,
            "field _attachments.a-1.tgz is no object",
        ),
        (
            attachments("{\"a-1.tgz\":{}}"),
            400,
            "a-1.tgz.data is missing",
        ),
        (
            attachments("{\"a-1.tgz\":{\"data\":[]}}"),
            400,
            "a-1.tgz.data is no string",
        ),
        (
            attachments("{\"a-1.tgz\":{\"data\":\"Zg=\"}}"),
            400,
            "a-1.tgz.data is not base64",
        ),
        (
            attachments("{\"a-1.tgz\":{\"data\":\"Zg==\\n\"}}"),
            400,
            "data is not base64",
        ),
        (
            attachments("{\"a-1.tgz\":{\"data\":\"Zg\\u00e9=\"}}"),
            400,
            "data is not base64",
        ),
        (
            attachments("{\"a-1.tgz\":{\"data\":\"\",\"data\":\"\"}}"),
            400,
            "data stands there twice",
        ),
        (
            attachments("{\"a-1.tgz\":{\"data\":\"\"},\"a-1.tgz\":{}}"),
            400,
            "a-1.tgz stands there twice",
        ),
        (
            attachments("{\"a-1.tgz\":{\"data\":\"\"},\"a-2.tgz\":{\"data\":\"\"}}"),
            400,
            "two tarballs",
        ),
        (
            attachments("{\"a-1.zip\":{\"data\":\"\"}}"),
            400,
            "neither a .tgz nor",
        ),
        (
            attachments("{\"a-1.tgz\":{\"data\":\"\",\"length\":-1}}"),
            400,
            "is no length",
        ),
        (
            "{\"_attachments\":{},\"_attachments\":{}}".into(),
            400,
            "field _attachments stands there twice",
        ),
    ];
    for (body, status, why) in table {
        for step in [1, 1 << 20] {
            let Err(problem) = read_by(body.as_bytes(), step, LIMITS) else {
                panic!("{body}")
            };
            assert_eq!(problem.status.code(), status, "{body}: {problem}");
            assert!(problem.sentence.contains(why), "{body}: {problem}");
            assert!(problem.sentence.len() <= rules::SENTENCE_BYTES_MAX);
        }
    }
    let small = PublishLimits {
        tarball_bytes_max: 100,
        ..LIMITS
    };
    let Err(problem) = read_by(FIRST.as_bytes(), 7, small) else {
        panic!()
    };
    assert_eq!(problem.status, Status::TooLarge);
}

#[test]
fn no_damage_makes_it_panic_or_change_the_bytes_unseen() {
    let whole = read(FIRST).unwrap().1.bytes;
    for end in 0..FIRST.len() {
        assert!(read(&FIRST[..end]).is_err(), "{end}");
    }
    for place in 0..FIRST.len() {
        for byte in [b'"', b'\\', b'{', b'}', b',', 0, 0xff, b'A'] {
            let mut body = FIRST.as_bytes().to_vec();
            body[place] = byte;
            let Ok((upload, taken)) = read_by(&body, 4096, LIMITS) else {
                continue;
            };
            let package = PackageName::npm("@acme/ui").unwrap();
            if taken.bytes != whole {
                let checked = Publication::check(upload, decoded(&taken.bytes), &package);
                assert!(checked.is_err(), "{place} {byte}");
            }
        }
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let table = [
        (
            "\"name\":\"@acme/ui\",\"desc",
            "\"name\":\"@acme/other\",\"desc",
            400,
            "field name is",
        ),
        ("\"_id\":\"@acme/ui\"", "\"_id\":\"x\"", 400, "field _id is"),
        (
            "\"versions\":{\"1.0.0\":",
            "\"versions\":{\"1.0.1\":",
            400,
            "versions.version",
        ),
        (
            "\"versions\":{\"1.0.0\":",
            "\"versions\":{\"1.0\":",
            400,
            "Semantic Versioning",
        ),
        (
            "\"versions\":{\"1.0.0\":",
            "\"versions\":{\"1.0.0+a\":",
            400,
            "build metadata",
        ),
        (
            "\"versions\":{",
            "\"versions\":{\"0.1.0\":{},",
            400,
            "has 2 versions",
        ),
        (
            "\"_id\":\"@acme/ui@1.0.0\"",
            "\"_id\":\"@acme/ui@1\"",
            400,
            "versions._id",
        ),
        (
            "\"latest\":\"1.0.0\"",
            "\"latest\":\"1.0.1\"",
            400,
            "dist-tags.latest",
        ),
        (
            "\"latest\":\"1.0.0\"",
            "\"1.x\":\"1.0.0\"",
            400,
            "version range",
        ),
        (
            "\"access\":\"public\"",
            "\"access\":\"all\"",
            400,
            "field access",
        ),
        (
            "\"integrity\":\"sha512-",
            "\"integrity\":\"sha512-AAAA",
            400,
            "subresource integrity",
        ),
        ("\"length\":", "\"length\":1", 422, "bytes, not 1"),
        (
            "\"@acme/ui-1.0.0.tgz\":",
            "\"ui-1.0.1.tgz\":",
            400,
            "is not named \"ui-1.0.0.tgz\"",
        ),
        ("_attachments", "attachments", 400, "no tarball"),
    ];
    for (from, to, status, why) in table {
        assert!(FIRST.contains(from), "{from}");
        let body = FIRST.replacen(from, to, 1);
        let Err(problem) = publish(&body, "@acme/ui") else {
            panic!("{to}")
        };
        assert_eq!(problem.status.code(), status, "{to}: {problem}");
        assert!(problem.sentence.contains(why), "{to}: {problem}");
    }
    let (upload, _) = read(FIRST).unwrap();
    let package = PackageName::npm("@acme/ui").unwrap();
    for (bytes, why) in [(&b"other"[..], "sha512 is not"), (b"", "sha512 is not")] {
        let problem = Publication::check(upload.clone(), decoded(bytes), &package).unwrap_err();
        assert_eq!(problem.status.code(), 422);
        assert!(problem.sentence.contains(why), "{problem}");
    }
    // The tarball of one version in the document of another.
    let (first, taken) = publish(FIRST, "@acme/ui").unwrap();
    let other = Publication {
        version: "1.0.1".into(),
        ..first.clone()
    };
    let inside = contents(&taken.bytes[..], TARBALL_LIMITS).unwrap();
    assert!(other.agrees_with(&package, &inside).is_err());
    for version in ["v1.0.0", " =1.0.0 ", "1.0.0+build"] {
        let inside = Contents {
            version: version.into(),
            ..inside.clone()
        };
        assert_eq!(first.agrees_with(&package, &inside), Ok(()));
    }
}

#[test]
fn provenance_is_kept_beside_the_tarball() {
    let bundle = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","x":"é"}"#;
    let attachment = json!({"content_type": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "data": bundle, "length": bundle.encode_utf16().count()});
    let added = format!("\"_attachments\":{{\"@acme/ui-1.0.0.sigstore\":{attachment},");
    let body = FIRST.replace("\"_attachments\":{", &added);
    let (publication, _) = publish(&body, "@acme/ui").unwrap();
    assert_eq!(publication.files.len(), 2);
    assert_eq!(publication.files[0].name, "ui-1.0.0.sigstore");
    assert_eq!(publication.files[0].body, FileBody::Text(bundle.into()));
    assert!(matches!(publication.files[1].body, FileBody::Decoded(_)));
}

/// A gzipped archive of names and contents.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        // Past the library's own checks.
        if name.len() < 100 {
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(text.len() as u64);
            header.set_cksum();
            builder.append(&header, text.as_bytes()).unwrap();
        } else {
            header.set_size(text.len() as u64);
            builder
                .append_data(&mut header, name, text.as_bytes())
                .unwrap();
        }
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn tarballs_are_read_as_clients_unpack_them() {
    let good = r#"{"name":"a","version":"1.0.0"}"#;
    let bad = r#"{"name":"b","version":"1.0.0"}"#;
    let long = format!("package/{}/x", "long".repeat(40));
    let taken: [&[(&str, &str)]; 6] = [
        &[("package/package.json", good)],
        &[
            ("whatever/package.json", good),
            ("whatever/lib/package.json", bad),
        ],
        &[
            ("package/package.json", good),
            ("package.json", bad),
            ("../package.json/x", bad),
        ],
        &[
            ("package/x/../package.json", bad),
            ("package/./package.json", good),
        ],
        &[(&long, "x"), ("package/package.json", good)],
        &[(
            "package/package.json",
            "\u{feff}{\"name\":\"a\",\"version\":\"1.0.0\"}",
        )],
    ];
    for files in taken {
        let contents = contents(&archive(files)[..], TARBALL_LIMITS).unwrap();
        assert_eq!(
            (contents.name.as_str(), contents.version.as_str()),
            ("a", "1.0.0")
        );
        assert_eq!(contents.file_count, files.len() as u64);
    }
    let deep = format!("package/{}x", "d/".repeat(20));
    let many: Vec<(&str, &str)> = std::iter::repeat_n(("package/x", ""), 30).collect();
    let large = "x".repeat(2 * 1024 * 1024);
    let broad = format!("{{\"name\":\"{}\"}}", "x".repeat(5000));
    type Refused<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);
    let refused: [Refused<'_>; 9] = [
        (&[], 422, "no package.json"),
        (&[("package.json", good)], 422, "no package.json"),
        (
            &[("a/package.json", good), ("b/package.json", bad)],
            422,
            "two files",
        ),
        (&[("a/package.json", "{}")], 422, "no name"),
        (&[("a/package.json", "[]")], 422, "no JSON object"),
        (&[(&deep, "")], 422, "too deep"),
        (&many, 413, "more than 20 entries"),
        (&[("a/x", &large)], 413, "unpacks to more"),
        (&[("a/package.json", &broad)], 413, "package.json is larger"),
    ];
    for (files, status, why) in refused {
        let problem = contents(&archive(files)[..], TARBALL_LIMITS).unwrap_err();
        assert_eq!(problem.status.code(), status, "{problem}");
        assert!(problem.sentence.contains(why), "{problem}");
    }
    let whole = archive(&[("a/package.json", good)]);
    for end in 0..whole.len() {
        assert!(contents(&whole[..end], TARBALL_LIMITS).is_err(), "{end}");
    }
    // A second archive behind the end of the first, as a second gzip member.
    let twice = [whole.clone(), archive(&[("a/package.json", bad)])].concat();
    let problem = contents(&twice[..], TARBALL_LIMITS).unwrap_err();
    assert!(problem.sentence.contains("behind its end"), "{problem}");
}

/// An archive whose one file has an extended header, and is named `x` without it.
fn extended(key: &str, value: &str, text: &str) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    builder
        .append_pax_extensions([(key, value.as_bytes())])
        .unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    builder
        .append_data(&mut header, "package/x", text.as_bytes())
        .unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn extended_headers_name_files_and_nothing_more() {
    let good = r#"{"name":"a","version":"1.0.0"}"#;
    let read = |key: &str, value: &str| {
        let bytes = extended(key, value, good);
        contents(&bytes[..], TARBALL_LIMITS).map_err(|problem| problem.sentence)
    };
    assert_eq!(read("path", "package/package.json").unwrap().name, "a");
    assert!(
        read("comment", "c")
            .unwrap_err()
            .contains("no package.json")
    );
    assert!(read("size", "3").unwrap_err().contains("is broken"));
    let long = "c".repeat(300 * 1024);
    assert!(read("comment", &long).unwrap_err().contains("too long"));
    let whole = extended("path", "package/package.json", good);
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x55;
        // Whatever it says, it does not panic.
        let _ = contents(&bytes[..], TARBALL_LIMITS);
    }
}

fn hosted(body: &str, seconds: u64) -> HostedVersion {
    let (publication, taken) = publish(body, "@acme/ui").unwrap();
    let contents = contents(&taken.bytes[..], TARBALL_LIMITS).unwrap();
    HostedVersion {
        files: vec![HostedFile {
            name: publication.files[0].name.clone(),
            length: taken.bytes.len() as u64,
            digests: decoded(&taken.bytes).digests,
        }],
        version: publication.version,
        manifest: publication.manifest,
        published: UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 5),
        unpacked: Some((contents.file_count, contents.unpacked_size)),
        deprecated: publication.deprecated,
    }
}

struct Kept {
    name: PackageName,
    versions: Vec<HostedVersion>,
    tags: Vec<(String, String)>,
}

impl Kept {
    fn new() -> Self {
        let tag = |tag: &str, target: &str| (tag.to_owned(), target.to_owned());
        Self {
            name: PackageName::npm("@acme/ui").unwrap(),
            versions: vec![hosted(FIRST, 0), hosted(SECOND, 60), hosted(TAGGED, 120)],
            tags: vec![tag("latest", "1.1.0"), tag("next", "2.0.0-rc.1")],
        }
    }

    fn package(&self) -> HostedPackage<'_> {
        HostedPackage {
            name: &self.name,
            versions: &self.versions,
            tags: &self.tags,
            created: UNIX_EPOCH,
            modified: UNIX_EPOCH + Duration::from_secs(180),
        }
    }
}

#[test]
fn the_document_is_read_and_rendered_as_an_upstreams() {
    let mut kept = Kept::new();
    kept.versions[0].deprecated = Some("old".into());
    let bytes = packument(&kept.package());
    let target = IndexTarget {
        package: kept.name.clone(),
        document: DocumentKind::Packument { full: true },
    };
    let document = Document {
        bytes: bytes.into(),
        content_type: "application/json".into(),
        url: String::new(),
    };
    let index = Npm.read(&target, document).unwrap();
    let listed: Vec<(&str, Option<SystemTime>)> = index
        .versions
        .iter()
        .map(|listed| (listed.version.as_str(), listed.published))
        .collect();
    let wanted: Vec<(&str, Option<SystemTime>)> = kept
        .versions
        .iter()
        .map(|version| (version.version.as_str(), Some(version.published)))
        .collect();
    assert_eq!(listed, wanted);
    let file = &index.versions[0].files[0];
    assert_eq!(
        file.location,
        Location::Path("@acme/ui/-/ui-1.0.0.tgz".into())
    );
    let digests = &kept.versions[0].files[0].digests;
    assert!(digests.iter().all(|digest| file.digests.contains(digest)));
    let shown = vec![Shown::Keep; 3];
    let part = Part {
        index: &index,
        shown: &shown,
    };
    let rendered = Npm
        .render(&target, &[part], "http://127.0.0.1/npm".into())
        .unwrap();
    let rendered: Value = serde_json::from_slice(&rendered.bytes).unwrap();
    let first = &rendered["versions"]["1.0.0"];
    let tarball = "http://127.0.0.1/npm/@acme/ui/-/ui-1.0.0.tgz";
    assert_eq!(first["dist"]["tarball"], tarball);
    assert_eq!(first["dist"]["fileCount"], 3);
    assert_eq!(first["deprecated"], "old");
    assert_eq!(rendered["time"]["1.0.0"], "1970-01-01T00:00:00.005Z");
    assert_eq!(rendered["_rev"], kept.package().revision());
    assert_eq!(rendered["dist-tags"]["next"], "2.0.0-rc.1");
    assert_eq!(rendered["readme"], "# Demo\n");
    assert_eq!(rendered["license"], "MIT");
    // Sent back unchanged, it changes nothing.
    let edit = Edit::read(rendered.as_object().unwrap(), &kept.package(), None);
    assert_eq!(edit, Ok(Edit::Deprecate(vec![])));
}

fn document(body: &str) -> Map<String, Value> {
    read(body).unwrap().0.document
}

fn deprecation(version: &str, reason: Option<&str>) -> Deprecation {
    Deprecation {
        version: version.to_owned(),
        reason: reason.map(str::to_owned),
    }
}

#[test]
fn what_clients_change_is_understood() {
    let mut kept = Kept::new();
    let sent = document(include_str!("fixtures/npm_deprecate.json"));
    let edit = Edit::read(&sent, &kept.package(), None).unwrap();
    let reason = "use 2 \"now\"";
    assert_eq!(
        edit,
        Edit::Deprecate(vec![deprecation("1.0.0", Some(reason))])
    );
    kept.versions[0].deprecated = Some(reason.into());
    // It was made from the state before.
    let problem = Edit::read(&sent, &kept.package(), None).unwrap_err();
    assert_eq!(problem.status, Status::Conflict);
    let sent = document(include_str!("fixtures/npm_undeprecate.json"));
    let edit = Edit::read(&sent, &kept.package(), None).unwrap();
    assert_eq!(edit, Edit::Deprecate(vec![deprecation("1.0.0", None)]));
    kept.versions[0].deprecated = None;
    let sent = document(include_str!("fixtures/pnpm_deprecate.json"));
    let edit = Edit::read(&sent, &kept.package(), None).unwrap();
    assert_eq!(
        edit,
        Edit::Deprecate(vec![deprecation("1.0.0", Some("old"))])
    );
    kept.versions[0].deprecated = Some("old".into());
    let sent = document(include_str!("fixtures/npm_unpublish.json"));
    let revision = kept.package().revision();
    let edit = Edit::read(&sent, &kept.package(), Some(&revision)).unwrap();
    let tag = |tag: &str| (tag.to_owned(), "2.0.0-rc.1".to_owned());
    let wanted = Edit::Unpublish {
        versions: vec!["1.1.0".to_owned()],
        tags: vec![tag("next"), tag("latest")],
    };
    assert_eq!(edit, wanted);
    assert_eq!(
        Edit::read(&sent, &kept.package(), None).unwrap_err().status,
        Status::Refused
    );
    let problem = Edit::read(&sent, &kept.package(), Some("1-x")).unwrap_err();
    assert_eq!(problem.status, Status::Conflict);
}

#[test]
fn any_other_change_is_refused() {
    type Change = fn(&mut Map<String, Value>);
    let table: [(Change, u16, &str); 12] = [
        (
            |sent| sent["versions"]["1.0.0"]["main"] = json!("x"),
            403,
            "field main",
        ),
        (
            |sent| sent["versions"]["1.0.0"]["dist"]["shasum"] = json!("x"),
            403,
            "field dist",
        ),
        (
            |sent| sent["versions"]["1.0.0"]["extra"] = json!(1),
            403,
            "field extra",
        ),
        (
            |sent| sent["versions"]["9.0.0"] = json!({}),
            403,
            "9.0.0 is not published here",
        ),
        (
            |sent| sent["versions"]["1.0.0"]["deprecated"] = json!([1]),
            400,
            "deprecated is no",
        ),
        (
            |sent| sent["versions"] = json!([]),
            400,
            "versions is no object",
        ),
        (
            |sent| sent["dist-tags"]["latest"] = json!("1.0.0"),
            403,
            "npm dist-tag",
        ),
        (
            |sent| sent["dist-tags"]["new"] = json!("1.0.0"),
            403,
            "npm dist-tag",
        ),
        (|sent| sent["_id"] = json!("other"), 400, "field _id"),
        (
            |sent| drop(sent.remove("_rev")),
            400,
            "field _rev is missing",
        ),
        (
            |sent| drop(std::mem::take(sent)),
            400,
            "neither versions nor a tarball",
        ),
        (
            |sent| drop(sent["versions"].as_object_mut().unwrap().remove("1.0.0")),
            403,
            "npm unpublish",
        ),
    ];
    let kept = Kept::new();
    for (change, status, why) in table {
        let mut sent = document(include_str!("fixtures/npm_deprecate.json"));
        change(&mut sent);
        let problem = Edit::read(&sent, &kept.package(), None).unwrap_err();
        assert_eq!(problem.status.code(), status, "{problem}");
        assert!(problem.sentence.contains(why), "{problem}");
    }
    for (body, why) in [
        (
            r#"{"_id":"@acme/ui","_rev":"1-x","users":{"me":true}}"#,
            "starred",
        ),
        (
            r#"{"_id":"@acme/ui","_rev":"1-x","maintainers":[]}"#,
            "owners",
        ),
    ] {
        let problem = Edit::read(&document(body), &kept.package(), None).unwrap_err();
        assert_eq!(problem.status, Status::Refused);
        assert!(problem.sentence.contains(why), "{problem}");
    }
    let revision = kept.package().revision();
    for (tag, target, status) in [("latest", "1.1.0", 400), ("next", "1.0.0", 403)] {
        let mut sent = document(include_str!("fixtures/npm_unpublish.json"));
        sent["_rev"] = json!(revision);
        sent["versions"]["1.0.0"]["deprecated"] = json!("");
        sent["dist-tags"][tag] = json!(target);
        let problem = Edit::read(&sent, &kept.package(), Some(&revision)).unwrap_err();
        assert_eq!(problem.status.code(), status, "{problem}");
    }
}

#[test]
fn writes_are_told_by_their_addresses() {
    let package = |name: &str| PackageName::npm(name).unwrap();
    let (ui, demo) = (package("@acme/ui"), package("demo"));
    let tag = || "beta".to_owned();
    let revision = || "3-ab".to_owned();
    let set = |package: &PackageName| Write::SetTag {
        package: package.clone(),
        tag: tag(),
    };
    let file = Write::UnpublishFile {
        package: ui.clone(),
        version: "1.0.0".into(),
        revision: revision(),
    };
    let table: Vec<(Method, &[&str], Write)> = vec![
        (
            Method::Put,
            &["demo"],
            Write::Package {
                package: demo.clone(),
            },
        ),
        (
            Method::Put,
            &["@acme/ui"],
            Write::Package {
                package: ui.clone(),
            },
        ),
        (
            Method::Put,
            &["@acme", "ui"],
            Write::Package {
                package: ui.clone(),
            },
        ),
        (
            Method::Put,
            &["-"],
            Write::Package {
                package: package("-"),
            },
        ),
        (
            Method::Put,
            &["@acme/ui", "-rev", "3-ab"],
            Write::Revision {
                package: ui.clone(),
                revision: revision(),
            },
        ),
        (
            Method::Delete,
            &["demo", "-rev", "3-ab"],
            Write::Unpublish {
                package: demo.clone(),
                revision: revision(),
            },
        ),
        (
            Method::Delete,
            &["@acme", "ui", "-", "ui-1.0.0.tgz", "-rev", "3-ab"],
            file,
        ),
        (
            Method::Put,
            &["-", "package", "demo", "dist-tags", "beta"],
            set(&demo),
        ),
        (
            Method::Put,
            &["-", "package", "@acme/ui", "dist-tags", "beta"],
            set(&ui),
        ),
        (
            Method::Post,
            &["-", "package", "@acme", "ui", "dist-tags", "beta"],
            set(&ui),
        ),
        (
            Method::Delete,
            &["-", "package", "demo", "dist-tags", "beta"],
            Write::RemoveTag {
                package: demo.clone(),
                tag: tag(),
            },
        ),
    ];
    for (method, segments, wanted) in table {
        assert_eq!(parse(method, segments), Some(Ok(wanted)), "{segments:?}");
    }
    let refused: Vec<(Method, &[&str], u16)> = vec![
        (Method::Put, &["-", "user", "org.couchdb.user:me"], 403),
        (Method::Post, &["-", "v1", "login"], 403),
        (Method::Delete, &["-", "user", "token", "x"], 403),
        (Method::Post, &["-", "npm", "v1", "tokens"], 403),
        (Method::Post, &["-", "package", "@acme/ui", "access"], 403),
        (Method::Post, &["-", "stage", "package", "demo"], 403),
        (
            Method::Delete,
            &["-", "package", "demo", "dist-tags", "latest"],
            403,
        ),
        (
            Method::Put,
            &["-", "package", "demo", "dist-tags", "1.x"],
            400,
        ),
        (Method::Put, &["demo", "beta"], 403),
        (Method::Put, &[".demo"], 400),
        (
            Method::Delete,
            &["demo", "-", "other-1.0.0.tgz", "-rev", "3-ab"],
            400,
        ),
    ];
    for (method, segments, status) in refused {
        let code = parse(method, segments).map(|read| read.map_err(|why| why.status.code()));
        assert_eq!(code, Some(Err(status)), "{segments:?}");
    }
    let others: Vec<(Method, &[&str])> = vec![
        (Method::Get, &["demo"]),
        (Method::Put, &[]),
        (Method::Put, &["@acme"]),
        (Method::Post, &["demo"]),
        (Method::Delete, &["demo"]),
        (Method::Put, &["_users"]),
        (
            Method::Post,
            &["-", "npm", "v1", "security", "advisories", "bulk"],
        ),
        (
            Method::Post,
            &["-", "npm", "v1", "security", "audits", "quick"],
        ),
    ];
    for (method, segments) in others {
        assert_eq!(parse(method, segments), None, "{segments:?}");
    }
}

fn parse(method: Method, segments: &[&str]) -> Option<Result<Write, Problem>> {
    let path = Path {
        segments: segments.iter().map(|&segment| segment.to_owned()).collect(),
        trailing_slash: false,
    };
    parse_write(method, &path)
}
