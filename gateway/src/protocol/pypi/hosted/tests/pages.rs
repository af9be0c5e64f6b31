use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rules::DigestAlgorithm;
use serde_json::Value;

use super::super::super::super::{
    Document, DocumentKind, Index, IndexTarget, Location, Part, Protocol, Shown, SimpleForm,
};
use super::super::super::Pypi;
use super::super::{HostedFile, page, yank};
use super::name;

const WHEEL: &str = "demo_pkg-1.0+local.1-py3-none-any.whl";
const SDIST: &str = "Demo.Pkg-1+local.1.tar.gz";
const OLD: &str = "demo-pkg-0.9.tar.gz";
const PAGE: &str = "http://hosted.test/simple/demo-pkg/";

fn file(filename: &str, uploaded: SystemTime) -> HostedFile {
    HostedFile {
        filename: filename.to_string(),
        size: 42,
        sha256: [0xab; 32],
        uploaded,
        requires_python: None,
        yanked: None,
        core_metadata_sha256: None,
        gpg: false,
        provenance: false,
    }
}

fn files() -> Vec<HostedFile> {
    let at = |micros| UNIX_EPOCH + Duration::from_micros(micros);
    vec![
        HostedFile {
            requires_python: Some(">=3.8".to_string()),
            core_metadata_sha256: Some([0xcd; 32]),
            gpg: true,
            provenance: true,
            ..file(WHEEL, at(1_577_836_800_000_042))
        },
        file(SDIST, at(1_577_836_799_000_000)),
        HostedFile {
            yanked: Some("\"broken\" <b> \u{2014} &".to_string()),
            ..file(OLD, UNIX_EPOCH)
        },
    ]
}

fn target(document: DocumentKind) -> IndexTarget {
    IndexTarget {
        package: name("demo-pkg"),
        document,
    }
}

fn index(files: &[HostedFile], document: DocumentKind) -> Index {
    let document_text = Document {
        bytes: Bytes::from(page(&name("demo-pkg"), files)),
        content_type: "application/vnd.pypi.simple.v1+json".to_string(),
        url: PAGE.to_string(),
    };
    Pypi.read(&target(document), document_text).unwrap()
}

fn simple() -> DocumentKind {
    DocumentKind::Simple(SimpleForm::Json)
}

#[test]
fn a_page_is_read_back_as_an_upstreams() {
    let index = index(&files(), simple());
    let versions: Vec<&str> = index
        .versions
        .iter()
        .map(|listed| &*listed.version)
        .collect();
    assert_eq!(versions, ["1.0+local.1", "0.9"]);
    let (listed, wheel) = index.file(WHEEL).unwrap();
    let first = UNIX_EPOCH + Duration::from_secs(1_577_836_799);
    assert_eq!(listed.published, Some(first));
    assert_eq!(wheel.size, Some(42));
    assert_eq!(wheel.digests[0].algorithm, DigestAlgorithm::Sha256);
    assert_eq!(wheel.digests[0].bytes, [0xab; 32]);
    assert_eq!(wheel.metadata.as_ref().unwrap()[0].bytes, [0xcd; 32]);
    let folder = "http://hosted.test/files/demo-pkg/1.0%2Blocal.1";
    assert_eq!(
        wheel.location,
        Location::Url(format!("{folder}/demo_pkg-1.0%2Blocal.1-py3-none-any.whl"))
    );
    let (_, sdist) = index.file(SDIST).unwrap();
    assert_eq!((&sdist.metadata, index.file("x")), (&None, None));
}

#[test]
fn a_page_is_rendered_for_clients() {
    let index = index(&files(), simple());
    let shown = [Shown::Keep, Shown::Keep];
    let part = Part {
        index: &index,
        shown: &shown,
    };
    let base = "http://gw.test/pypi/ours";
    let rendered = Pypi
        .render(&target(simple()), &[part], base.into())
        .unwrap();
    let text: Value = serde_json::from_slice(&rendered.bytes).unwrap();
    assert_eq!(text["meta"]["api-version"], "1.3");
    let [wheel, sdist, old] = text["files"].as_array().unwrap().as_slice() else {
        panic!("{text}");
    };
    let folder = "files/demo-pkg/1.0%2Blocal.1/demo_pkg-1.0%2Blocal.1-py3-none-any.whl";
    assert_eq!(wheel["url"], format!("../../{folder}"));
    assert_eq!(wheel["upload-time"], "2020-01-01T00:00:00.000042Z");
    assert_eq!(wheel["requires-python"], ">=3.8");
    assert_eq!(wheel["core-metadata"]["sha256"], "cd".repeat(32));
    assert_eq!(wheel["dist-info-metadata"], wheel["core-metadata"]);
    assert_eq!(wheel["gpg-sig"], true);
    let below = folder.strip_prefix("files/").unwrap();
    assert_eq!(
        wheel["provenance"],
        format!("{base}/integrity/{below}/provenance")
    );
    assert_eq!(sdist["yanked"], false);
    assert_eq!(
        sdist["url"],
        "../../files/demo-pkg/1.0%2Blocal.1/Demo.Pkg-1%2Blocal.1.tar.gz"
    );
    assert_eq!(old["yanked"], "\"broken\" <b> \u{2014} &");
    for document in [
        DocumentKind::Simple(SimpleForm::Html),
        DocumentKind::ProjectJson { version: None },
    ] {
        let rendered = Pypi
            .render(&target(document), &[part], base.into())
            .unwrap();
        assert!(String::from_utf8(rendered.bytes).unwrap().contains(folder));
    }
}

#[test]
fn versions_are_listed_once_and_in_order() {
    let names = [
        "a-1.10.tar.gz",
        "a-1.9.tar.gz",
        "a-1.9.0-py3-none-any.whl",
        "b-1.tar.gz",
    ];
    let files: Vec<HostedFile> = names.iter().map(|name| file(name, UNIX_EPOCH)).collect();
    let text: Value = serde_json::from_slice(&page(&name("a"), &files)).unwrap();
    assert_eq!(text["versions"].to_string(), "[\"1.9\",\"1.10\"]");
    assert_eq!(text["meta"]["api-version"], "1.1");
    assert_eq!(text["files"].as_array().unwrap().len(), 3);
    let empty: Value = serde_json::from_slice(&page(&name("a"), &[])).unwrap();
    assert_eq!(
        (&empty["files"], &empty["versions"]),
        (&empty["versions"], &empty["files"])
    );
}

#[test]
fn versions_are_yanked_and_taken_back() {
    let package = name("demo-pkg");
    let mut files = files();
    assert_eq!(
        yank(&package, &mut files, "1.0.0+local.1", Some("bad")),
        Ok(2)
    );
    let yanked: Vec<Option<&str>> = files.iter().map(|file| file.yanked.as_deref()).collect();
    assert_eq!(yanked[..2], [Some("bad"), Some("bad")]);
    assert_eq!(yank(&package, &mut files, "0.9", None), Ok(1));
    assert_eq!(files[2].yanked, None);
    assert_eq!(yank(&package, &mut files, "0.9", Some("")), Ok(1));
    let text: Value = serde_json::from_slice(&page(&package, &files)).unwrap();
    assert_eq!(text["files"][2]["yanked"], true);
    assert_eq!(
        yank(&package, &mut files, "7", None).unwrap_err().status(),
        422
    );
    assert_eq!(
        yank(&package, &mut files, "0.9", Some("a\nb"))
            .unwrap_err()
            .status(),
        400
    );
}
