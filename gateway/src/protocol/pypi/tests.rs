//! What clients and upstreams see of the translator as a whole.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use rules::{DigestAlgorithm, PackageName};
use serde_json::{Value, json};

use super::super::{
    ArtifactTarget, Body, Document, DocumentKind, Index, IndexTarget, Location, Part, Protocol,
    Rejection, Rendered, Service, Shown, Sidecar, SimpleForm, Target, Unreadable, Unrenderable,
};
use super::Pypi;
use super::marker::{MARKER_VERSION, marker, projects};
use crate::exchange::{Ask, Method, Path};

const BASE: &str = "http://gw.test/pypi/public";
const PAGE: &str = "https://upstream.test/root/simple/six/";
const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const NASTY: &str = "\"broken\" & 'bad' <b> — schließt ☠ &amp;";

fn name(text: &str) -> PackageName {
    PackageName::pypi(text).unwrap()
}

/// The path as the edge hands it over: decoded once.
fn asked(method: Method, path: &str, accept: Option<&str>) -> Result<Target, Rejection> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let segments = segments
        .map(|segment| segment.replace("%2f", "/"))
        .collect();
    let path = Path {
        segments,
        trailing_slash: path.ends_with('/'),
    };
    Pypi.parse(&Ask {
        method,
        path: &path,
        query: &Vec::new(),
        accept,
    })
}

fn get(path: &str) -> Result<Target, Rejection> {
    asked(Method::Get, path, None)
}

fn file(project: &str, version: &str, file: &str, sidecar: Option<Sidecar>) -> ArtifactTarget {
    ArtifactTarget {
        package: name(project),
        version: version.into(),
        file: file.into(),
        sidecar,
    }
}

fn simple(project: &str, form: SimpleForm) -> IndexTarget {
    IndexTarget {
        package: name(project),
        document: DocumentKind::Simple(form),
    }
}

fn api(version: Option<&str>) -> IndexTarget {
    let document = DocumentKind::ProjectJson {
        version: version.map(String::from),
    };
    IndexTarget {
        package: name("six"),
        document,
    }
}

fn read(target: &IndexTarget, content_type: &str, text: &str) -> Result<Index, Unreadable> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    Pypi.read(
        target,
        Document {
            bytes,
            content_type: content_type.into(),
            url: PAGE.into(),
        },
    )
}

fn read_json(value: &Value) -> Index {
    read(&simple("six", SimpleForm::Json), JSON, &value.to_string()).unwrap()
}

fn keep(index: &Index) -> Vec<Shown> {
    vec![Shown::Keep; index.versions.len()]
}

fn rendered(target: &IndexTarget, parts: &[(&Index, &[Shown])]) -> String {
    let parts: Vec<_> = parts
        .iter()
        .map(|(index, shown)| Part { index, shown })
        .collect();
    String::from_utf8(Pypi.render(target, &parts, BASE.into()).unwrap().bytes).unwrap()
}

fn rendered_json(target: &IndexTarget, parts: &[(&Index, &[Shown])]) -> Value {
    serde_json::from_str(&rendered(target, parts)).unwrap()
}

fn six() -> Value {
    json!({
        "meta": { "api-version": "1.4", "_last-serial": 7, "tracks": ["https://upstream.test/x"] },
        "name": "six",
        "novelty": { "kept": [1, 2.5] },
        "versions": ["1.0", "2.0", "3.0"],
        "files": [
            { "filename": "six-2.0-py3-none-any.whl", "size": 20,
              "url": "https://files.test/ab/six-2.0-py3-none-any.whl",
              "hashes": { "sha256": HASH, "blake2b": "00" }, "requires-python": ">=3.8,<4",
              "core-metadata": { "sha256": HASH }, "yanked": false, "odd": null,
              "provenance": "https://upstream.test/integrity/six/2.0/x/provenance",
              "upload-time": "2020-01-02T00:00:00.000001Z" },
            { "filename": "six-1.0.tar.gz", "size": 10, "url": "../../packages/six-1.0.tar.gz",
              "hashes": {}, "upload-time": "2019-01-01T00:00:00Z", "yanked": NASTY },
            { "filename": "Six-2.0.0.tar.gz", "size": 21, "url": "/six-2.0.0.tar.gz", "hashes": {},
              "upload-time": "2020-01-01T00:00:00Z", "dist-info-metadata": true }
        ]
    })
}

#[test]
fn indexes_are_asked_for_in_every_spelling() {
    let index = |project| Ok(Target::Index(simple(project, SimpleForm::LegacyHtml)));
    let redirect = || Ok(Target::Redirect("simple/evil-dist/".into()));
    assert_eq!(get("simple/evil-dist/"), index("evil-dist"));
    for path in [
        "simple/evil_dist/",
        "simple/evil.dist/",
        "simple/Evil.Dist",
        "simple/evil-dist",
    ] {
        assert_eq!(get(path), redirect(), "{path}");
    }
    for path in [
        "simple/evil-dist-/",
        "simple/-/",
        "simple/é/",
        "simple/a%2fb/",
        "simple/a@b",
    ] {
        assert!(matches!(get(path), Err(Rejection::Malformed(_))), "{path}");
    }
    let form = |accept| asked(Method::Head, "simple/evil-dist/", Some(accept));
    assert_eq!(
        form(JSON),
        Ok(Target::Index(simple("evil-dist", SimpleForm::Json)))
    );
    assert_eq!(form("image/png"), Err(Rejection::NotAcceptable));
    let listing = Target::Service(Service::Projects(SimpleForm::LegacyHtml));
    assert_eq!(get("simple/"), Ok(listing));
    assert_eq!(get("simple"), Ok(Target::Redirect("simple/".into())));
}

#[test]
fn the_json_api_is_a_second_door() {
    let document = |version: Option<&str>| {
        let document = DocumentKind::ProjectJson {
            version: version.map(String::from),
        };
        Ok(Target::Index(IndexTarget {
            package: name("evil-dist"),
            document,
        }))
    };
    assert_eq!(get("pypi/evil-dist/json"), document(None));
    assert_eq!(get("pypi/evil_dist/1.0/json"), document(Some("1.0")));
    assert!(matches!(
        get("pypi/a/x%2fy/json"),
        Err(Rejection::Malformed(_))
    ));
    for path in [
        "",
        "pypi",
        "pypi/a",
        "legacy/",
        "other/a",
        "simple/a/b/",
        "files",
        "files/a.whl/",
    ] {
        assert_eq!(get(path), Err(Rejection::Unknown), "{path}");
    }
    assert_eq!(
        asked(Method::Post, "simple/six/", None),
        Err(Rejection::Method)
    );
    assert_eq!(
        asked(Method::Put, "files/six-1.0.tar.gz", None),
        Err(Rejection::Method)
    );
    assert_eq!(asked(Method::Post, "pypi", None), Err(Rejection::Unknown));
}

#[test]
fn files_are_judged_by_their_own_name() {
    let hash = "ab/cd/0123456789";
    let wheel = "evil_dist-1.0-py3-none-any.whl";
    let legacy = "Evil_Dist-1.0.tar.gz";
    let evil = |name: &str, sidecar| Ok(Target::Artifact(file("evil-dist", "1.0", name, sidecar)));
    let table = [
        (format!("files/{hash}/{wheel}"), evil(wheel, None)),
        (
            format!("files/{hash}/{wheel}.metadata"),
            evil(wheel, Some(Sidecar::Metadata)),
        ),
        (
            format!("files/{hash}/{legacy}.asc"),
            evil(legacy, Some(Sidecar::Signature)),
        ),
        (
            format!("files/source/E/Evil_Dist/{legacy}"),
            evil(legacy, None),
        ),
        (format!("files/{wheel}"), evil(wheel, None)),
        (format!("files/evil-dist/1.0/{wheel}"), evil(wheel, None)),
        (format!("files/Evil.Dist/1.0/{wheel}"), evil(wheel, None)),
        (
            format!("integrity/evil-dist/1.0/{wheel}/provenance"),
            evil(wheel, Some(Sidecar::Provenance)),
        ),
        (
            format!("files/{hash}/fresh_dist-0!3.0-py3-none-any.whl"),
            Ok(Target::Artifact(file(
                "fresh-dist",
                "0!3.0",
                "fresh_dist-0!3.0-py3-none-any.whl",
                None,
            ))),
        ),
        (
            "files/torchx/2.0+cpu/torchx-2.0+cpu-py3-none-any.whl".into(),
            Ok(Target::Artifact(file(
                "torchx",
                "2.0+cpu",
                "torchx-2.0+cpu-py3-none-any.whl",
                None,
            ))),
        ),
    ];
    for (path, expected) in table {
        assert_eq!(get(&path), expected, "{path}");
    }
    for path in [
        format!("files/{hash}/requests-1.0-evil-dist-1.0.tar.gz"),
        format!("files/requests/1.0/{wheel}"),
        format!("files/requests/1.0/requests-1.0-{legacy}"),
        "files/requests/1.0/requests-2.0.tar.gz".into(),
        "files/a/x/a-1.0.tar.gz".into(),
        "files/ab/cd/ef/notes.txt".into(),
        format!("files/{hash}/a%2f{wheel}"),
        format!("integrity/requests/1.0/{wheel}/provenance"),
    ] {
        assert!(matches!(get(&path), Err(Rejection::Malformed(_))), "{path}");
    }
}

#[test]
fn the_marker_page_leads_to_a_file_that_can_be_refused() {
    let package = name("bad-pkg");
    for form in [SimpleForm::Json, SimpleForm::Html, SimpleForm::LegacyHtml] {
        let Rendered {
            bytes,
            content_type,
        } = marker(&package, NASTY, form);
        let text = String::from_utf8(bytes).unwrap();
        let target = simple("bad-pkg", form);
        let bytes = Bytes::from(text.clone());
        let url = format!("{BASE}/simple/bad-pkg/");
        let document = Document {
            bytes,
            content_type: content_type.into(),
            url,
        };
        let index = Pypi.read(&target, document).unwrap();
        assert_eq!(index.versions.len(), 1, "{text}");
        assert_eq!(index.versions[0].version, MARKER_VERSION);
        let listed = &index.versions[0].files[0];
        assert_eq!(listed.metadata, Some(Vec::new()));
        let Location::Url(url) = &listed.location else {
            panic!("{listed:?}")
        };
        let path = url
            .strip_prefix(&format!("{BASE}/"))
            .unwrap()
            .replace("%2B", "+");
        let wheel = "bad_pkg-99999+blocked.by.policy-py3-none-any.whl";
        let expected = Target::Artifact(file("bad-pkg", MARKER_VERSION, wheel, None));
        assert_eq!(get(&path), Ok(expected));
        let Body::Pypi(project) = &index.body else {
            panic!()
        };
        assert_eq!(project.head["project-status"]["reason"], NASTY);
    }
    let list = projects(&["a".into(), "b-c".into()], SimpleForm::Json);
    let list: Value = serde_json::from_slice(&list.bytes).unwrap();
    assert_eq!(
        list["projects"],
        json!([{ "name": "a" }, { "name": "b-c" }])
    );
    let list = projects(&["b-c".into()], SimpleForm::LegacyHtml);
    assert!(
        String::from_utf8(list.bytes)
            .unwrap()
            .contains("<a href=\"b-c/\">b-c</a>")
    );
}

#[test]
fn versions_are_listed_with_what_is_known_of_them() {
    let index = read_json(&six());
    let versions: Vec<&str> = index
        .versions
        .iter()
        .map(|listed| listed.version.as_str())
        .collect();
    assert_eq!(versions, ["2.0", "1.0"], "2.0.0 is 2.0");
    let two = &index.versions[0];
    let first_of_2020 = UNIX_EPOCH + Duration::from_secs(1_577_836_800);
    assert_eq!(two.published, Some(first_of_2020), "the earliest upload");
    assert_eq!(two.files.len(), 2);
    let wheel = &two.files[0];
    assert_eq!((wheel.size, wheel.digests.len()), (Some(20), 1));
    assert_eq!(wheel.digests[0].algorithm, DigestAlgorithm::Sha256);
    assert_eq!(wheel.metadata.as_ref().map(Vec::len), Some(1));
    assert_eq!(two.files[1].metadata, Some(Vec::new()));
    let sdist = &index.versions[1].files[0];
    let expected = "https://upstream.test/root/packages/six-1.0.tar.gz";
    assert_eq!(sdist.location, Location::Url(expected.into()));
    assert_eq!(sdist.metadata, None);
}

#[test]
fn files_and_sidecars_are_fetched_only_if_listed() {
    let index = read_json(&six());
    let wheel = &index.versions[0].files[0];
    let locate = |sidecar| {
        let target = file("six", "2.0", "six-2.0-py3-none-any.whl", sidecar);
        Pypi.locate_artifact(&target, Some(wheel))
    };
    let url = |suffix: &str| {
        Some(Location::Url(format!(
            "https://files.test/ab/six-2.0-py3-none-any.whl{suffix}"
        )))
    };
    assert_eq!(locate(None), url(""));
    assert_eq!(locate(Some(Sidecar::Metadata)), url(".metadata"));
    assert_eq!(locate(Some(Sidecar::Signature)), url(".asc"));
    let path = "integrity/six/2.0/six-2.0-py3-none-any.whl/provenance";
    assert_eq!(
        locate(Some(Sidecar::Provenance)),
        Some(Location::Path(path.into()))
    );
    let sdist = file("six", "1.0", "six-1.0.tar.gz", Some(Sidecar::Metadata));
    let listed = &index.versions[1].files[0];
    assert_eq!(
        Pypi.locate_artifact(&sdist, Some(listed)),
        None,
        "never advertised"
    );
    assert_eq!(Pypi.locate_artifact(&sdist, Some(wheel)), None);
    assert_eq!(Pypi.locate_artifact(&sdist, None), None);
}

#[test]
fn unknown_keys_survive_and_addresses_are_ours() {
    let index = read_json(&six());
    let shown = keep(&index);
    let page = rendered_json(&simple("six", SimpleForm::Json), &[(&index, &shown)]);
    assert_eq!(page["novelty"], six()["novelty"]);
    assert_eq!(
        page["meta"],
        json!({ "api-version": "1.4", "_last-serial": 7 })
    );
    assert_eq!(page["versions"], json!(["1.0", "2.0", "3.0"]));
    let file = &page["files"][0];
    assert_eq!(file["url"], "../../files/six/2.0/six-2.0-py3-none-any.whl");
    assert_eq!(file["hashes"], six()["files"][0]["hashes"]);
    assert!(file.as_object().unwrap().contains_key("odd"));
    assert_eq!(file["dist-info-metadata"], file["core-metadata"]);
    assert_eq!(file["upload-time"], "2020-01-02T00:00:00.000001Z");
    let provenance = format!("{BASE}/integrity/six/2.0/six-2.0-py3-none-any.whl/provenance");
    assert_eq!(file["provenance"], provenance);
    assert_eq!(page["files"][1]["yanked"], NASTY);
    assert_eq!(page["files"][2]["core-metadata"], true);
    assert_eq!(
        page["files"][2]["url"],
        "../../files/six/2.0/Six-2.0.0.tar.gz"
    );
    assert!(!page.to_string().contains("upstream.test"));
    assert!(!page.to_string().contains("files.test"));
}

#[test]
fn html_and_json_say_the_same() {
    let index = read_json(&six());
    let shown = keep(&index);
    let html = rendered(&simple("six", SimpleForm::Html), &[(&index, &shown)]);
    assert!(
        html.contains("data-requires-python=\"&gt;=3.8,&lt;4\""),
        "{html}"
    );
    assert!(html.contains(&format!("#sha256={HASH}\"")), "{html}");
    assert!(
        html.contains("<meta name=\"pypi:repository-version\" content=\"1.4\">"),
        "{html}"
    );
    let again = read(
        &simple("six", SimpleForm::Html),
        "text/html; charset=utf-8",
        &html,
    )
    .unwrap();
    let page = rendered_json(&simple("six", SimpleForm::Json), &[(&again, &shown)]);
    let origin = rendered_json(&simple("six", SimpleForm::Json), &[(&index, &shown)]);
    assert_eq!(page["meta"]["api-version"], "1.0", "no size is invented");
    for (place, file) in origin["files"].as_array().unwrap().iter().enumerate() {
        let twin = &page["files"][place];
        for key in [
            "filename",
            "url",
            "requires-python",
            "core-metadata",
            "dist-info-metadata",
        ] {
            assert_eq!(file.get(key), twin.get(key), "{key}");
        }
        assert_eq!(file["hashes"]["sha256"], twin["hashes"]["sha256"]);
        let yanked = |file: &Value| file.get("yanked").cloned().unwrap_or(json!(false));
        assert_eq!(
            yanked(file),
            match yanked(twin) {
                Value::Null => json!(false),
                other => other,
            }
        );
    }
}

#[test]
fn withheld_versions_are_yanked_with_the_sentence() {
    let index = read_json(&six());
    let withheld = [Shown::Keep, Shown::Withhold(NASTY.into())];
    let page = rendered_json(&simple("six", SimpleForm::Json), &[(&index, &withheld)]);
    assert_eq!(page["files"][0]["yanked"], false);
    assert_eq!(page["files"][1]["yanked"], NASTY);
    let ours = [Shown::Withhold("ours wins".into()), Shown::Keep];
    let html = rendered(&simple("six", SimpleForm::LegacyHtml), &[(&index, &ours)]);
    assert_eq!(
        html.matches("data-yanked=\"ours wins\"").count(),
        2,
        "{html}"
    );
    assert!(html.contains(&super::entity::escape(NASTY)), "{html}");
    let all = [Shown::Withhold("a".into()), Shown::Withhold("b".into())];
    let page = rendered_json(&simple("six", SimpleForm::Json), &[(&index, &all)]);
    assert_eq!(
        page["files"][0]["yanked"], false,
        "nothing else to choose: shown, then refused"
    );
    assert_eq!(page["files"][2].get("yanked"), None);
    let unjudged = rendered_json(&simple("six", SimpleForm::Json), &[(&index, &ours[..1])]);
    assert_eq!(unjudged["files"].as_array().unwrap().len(), 2);
}

#[test]
fn the_nearest_part_owns_the_whole_version() {
    let near = read_json(&json!({ "name": "Six", "files": [
        { "filename": "six-2.0.0-py3-none-any.whl", "url": "/near.whl", "hashes": {} }
    ]}));
    let far = read_json(&six());
    let (shown_near, shown_far) = (keep(&near), keep(&far));
    let parts = [(&near, shown_near.as_slice()), (&far, shown_far.as_slice())];
    let page = rendered_json(&simple("six", SimpleForm::Json), &parts);
    let files = page["files"].as_array().unwrap();
    let names: Vec<&str> = files
        .iter()
        .map(|file| file["filename"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["six-2.0.0-py3-none-any.whl", "six-1.0.tar.gz"]);
    assert_eq!(page["versions"], json!(["2.0.0", "1.0", "3.0"]));
    assert_eq!(page["meta"]["api-version"], "1.0");
    let none = Pypi.render(&simple("six", SimpleForm::Json), &[], BASE.into());
    assert_eq!(none, Err(Unrenderable::Absent));
}

#[test]
fn html_pages_are_read_as_pep_503_says() {
    let target = simple("six", SimpleForm::Html);
    let page = "<!DOCTYPE html><HTML><head><base href='/mirror/x/'></head><body>\
        <!-- <a href='six-9.0.tar.gz'>old</a> -->\
        <a href=\"six-1.0+cpu.tar.gz#sha256=00\" data-yanked>six</a>\n\
        <A HREF='&#104;ttps://files.test/six-2.0%2Bcpu-py3-none-any.whl?a=1&amp;b=2#sha256=ab' \
        data-dist-info-metadata=true data-gpg-sig=\"true\">six</A>\
        <a href=\"ftp://files.test/six-3.0.tar.gz\">scheme</a>\
        <a href=\"evil_dist-1.0-py3-none-any.whl\">foreign</a><a>nowhere</a>\
        <a\r\n\thref=\"/six-4.0.zip\"\r\n\tdata-requires-python=\"&gt;=3\"\r\n>six</a></body>";
    let index = read(&target, "text/html", page).unwrap();
    let files: Vec<_> = index
        .versions
        .iter()
        .flat_map(|listed| &listed.files)
        .collect();
    let location = |place: usize| files[place].location.clone();
    assert_eq!(files.len(), 3);
    let first = "https://upstream.test/mirror/x/six-1.0+cpu.tar.gz";
    assert_eq!(location(0), Location::Url(first.into()));
    let second = "https://files.test/six-2.0%2Bcpu-py3-none-any.whl?a=1&b=2";
    assert_eq!(location(1), Location::Url(second.into()));
    assert_eq!(files[1].metadata, Some(Vec::new()));
    let shown = keep(&index);
    let page = rendered_json(&simple("six", SimpleForm::Json), &[(&index, &shown)]);
    assert_eq!(page["files"][0]["yanked"], true);
    assert_eq!(page["files"][1]["gpg-sig"], true);
    assert_eq!(page["files"][2]["requires-python"], ">=3");
    assert_eq!(
        page["files"][1]["url"],
        "../../files/six/2.0%2Bcpu/six-2.0%2Bcpu-py3-none-any.whl"
    );
}

#[test]
fn what_is_no_index_is_an_error_and_never_empty() {
    let target = simple("six", SimpleForm::Json);
    let login = "<html><title>Sign in</title><a href='/help'>help</a></html>";
    let foreign = "<a href='evil_dist-1.0-py3-none-any.whl'>x</a>";
    let deep = "[".repeat(100_000);
    let table = [
        ("text/html", login),
        ("text/html", foreign),
        ("text/html", "<title>Links for requests</title>"),
        (
            "text/html",
            "<meta name='pypi:repository-version' content='2.0'>",
        ),
        (
            "text/html",
            "<a href=\"&#104;ttp://files.test/x.whl\">x</a>",
        ),
        ("text/plain", "{\"files\":[]}"),
        ("", "{\"files\":[]}"),
        (JSON, "[]"),
        (JSON, "{}"),
        (JSON, "{\"name\":\"requests\",\"files\":[]}"),
        (JSON, "{\"meta\":{\"api-version\":\"2.0\"},\"files\":[]}"),
        (JSON, "{\"files\":[]"),
        (JSON, &deep),
    ];
    for (content_type, text) in table {
        assert!(
            read(&target, content_type, text).is_err(),
            "{content_type}: {text:.60}"
        );
    }
    let empty = [
        ("text/html", "<title>Links for Six</title>"),
        (
            "text/html",
            "<meta name=\"pypi:repository-version\" content=\"1.0\">",
        ),
        (JSON, "{\"files\":[]}"),
    ];
    for (content_type, text) in empty {
        let index = read(&target, content_type, text).unwrap();
        assert!(index.versions.is_empty());
        let page = rendered_json(&target, &[(&index, &[])]);
        assert_eq!((&page["files"], &page["name"]), (&json!([]), &json!("six")));
    }
    let index = read_json(&json!({ "files": [
        7, {}, { "filename": "six-1.0.tar.gz" },
        { "filename": "six-1.0.tar.gz", "url": "javascript:x" },
        { "filename": "evil_dist-1.0-py3-none-any.whl", "url": "/x" },
        { "filename": "six-1.0 .tar.gz", "url": "/x" },
        { "filename": "six-1.0.tar.gz", "url": "/x" },
        { "filename": "six-1.0.tar.gz", "url": "/twice" },
    ]}));
    assert_eq!(index.versions.len(), 1);
    assert_eq!(index.versions[0].files.len(), 1);
}

#[test]
fn the_json_api_gets_the_same_treatment() {
    let entry = |file: &str| {
        json!({ "filename": file, "url": format!("https://files.test/{file}"),
        "digests": { "sha256": HASH }, "yanked": false, "yanked_reason": null, "odd": 1,
        "upload_time_iso_8601": "2020-01-01T00:00:00Z" })
    };
    let document = json!({
        "info": { "name": "six", "version": "2.0", "yanked": false, "yanked_reason": null,
                  "package_url": "https://upstream.test/project/six/" },
        "last_serial": 7,
        "releases": { "0.1": [], "1.0": [entry("six-1.0.tar.gz")],
                      "2.0": [entry("six-2.0.tar.gz")] },
        "urls": [entry("six-2.0.tar.gz")], "vulnerabilities": [] });
    let index = read(&api(None), "application/json", &document.to_string()).unwrap();
    assert_eq!(index.versions[1].files[0].digests.len(), 1);
    let shown = [Shown::Keep, Shown::Withhold("held".into())];
    let page = rendered_json(&api(None), &[(&index, &shown)]);
    let url = format!("{BASE}/files/six/2.0/six-2.0.tar.gz");
    assert_eq!(page["urls"][0]["url"], url);
    assert_eq!(page["urls"][0]["yanked_reason"], "held");
    assert_eq!(page["releases"]["2.0"], page["urls"]);
    assert_eq!(page["releases"]["1.0"][0]["odd"], 1);
    assert_eq!(page["releases"]["1.0"][0]["yanked"], false);
    assert_eq!(page["releases"]["0.1"], json!([]));
    assert_eq!(page["info"]["yanked_reason"], "held");
    assert_eq!(
        (&page["last_serial"], &page["vulnerabilities"]),
        (&json!(7), &json!([]))
    );
    assert!(
        !page.to_string().contains("upstream.test") && !page.to_string().contains("files.test")
    );
    let one = [
        Shown::Withhold("held".into()),
        Shown::Withhold("held".into()),
    ];
    let page = rendered_json(&api(Some("2.0.0")), &[(&index, &one)]);
    assert_eq!(page["urls"][0]["yanked"], true);
    assert_eq!(page.get("releases"), None);
    let parts = [Part {
        index: &index,
        shown: &shown,
    }];
    assert_eq!(
        Pypi.render(&api(Some("9")), &parts, BASE.into()),
        Err(Unrenderable::Absent)
    );
}

#[test]
fn a_project_page_can_be_shown_through_the_json_api() {
    let index = read(&api(None), JSON, &six().to_string());
    let index = index.unwrap();
    let page = rendered_json(&api(None), &[(&index, &keep(&index))]);
    assert_eq!(page["info"]["version"], "3.0");
    let file = &page["releases"]["1.0"][0];
    assert_eq!(
        (&file["yanked"], &file["yanked_reason"]),
        (&json!(true), &json!(NASTY))
    );
    assert_eq!(page["releases"]["2.0"][0]["digests"]["sha256"], HASH);
}
