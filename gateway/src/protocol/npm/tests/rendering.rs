use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::*;

const FULL: DocumentKind = DocumentKind::Packument { full: true };
const ABBREVIATED: DocumentKind = DocumentKind::Packument { full: false };

/// A document with everything that proxies are known to lose.
fn rich() -> String {
    r#"{ "_id":"@s/n", "_rev":"1-a", "name":"@s/n", "dist-tags":{"latest":"2.0.0","next":"3.0.0-b"},
    "versions":{
      "1.0.0":{"name":"@s/n","version":"1.0.0","os":["linux"],"cpu":["!arm"],"libc":["glibc"],
        "dist":{"integrity":"sha512-AA==","shasum":"0123456789012345678901234567890123456789",
          "tarball" : "http:\/\/upstream.test/@s/n/-/n-1.0.0.tgz","unpackedSize":1e3,
          "signatures":[{"keyid":"k","sig":"s"}],
          "attestations":{"url":"http://UPSTREAM.test/x/-/npm/v1/attestations/@s%2fn@1.0.0",
            "provenance":{"predicateType":"p"}}},
        "scripts":{"install":"node x"},"bin":{"n":"b"},"_npmUser":{"name":"u"},"funding":[1.10],
        "peerDependenciesMeta":{"q":{"optional":true}},"\u00e9":"\ud83d\ude00"},
      "2.0.0":{"version":"2.0.0","name":"@s/n","hasInstallScript":false,"scripts":{"install":"x"},
        "dist":{"tarball":"http://files.test/a/n-2.0.0.tgz",
          "attestations":{"url":"http://other.test/-/npm/v1/attestations/x"}},"deprecated":"old"},
      "3.0.0-b":{"name":"@s/n","version":"3.0.0-b",
       "d\u0069st":{"t\u0061rball":"http://upstream.test/x"}}
    },
    "time":{"created":"2020-01-01T00:00:00.000Z","modified":"2021-01-01T00:00:00.000Z",
      "1.0.0":"2020-01-01T00:00:00.500Z","2.0.0":"nonsense","3.0.0-b":"2021-01-01T00:00:00.000Z"},
    "_attachments":{"x":{}}, "readme":"text \"with\" \\ escapes", "maintainers":[{"name":"u"}] }"#
        .to_owned()
}

#[test]
fn documents_are_read() {
    let index = read("@s/n", &rich()).unwrap();
    let names: Vec<_> = index
        .versions
        .iter()
        .map(|listed| listed.version.as_str())
        .collect();
    assert_eq!(names, ["1.0.0", "2.0.0", "3.0.0-b"]);
    let [first, second, third] = index.versions.as_slice() else {
        panic!()
    };
    assert_eq!(
        first.published,
        Some(UNIX_EPOCH + Duration::from_millis(1_577_836_800_500))
    );
    assert_eq!(second.published, None);
    assert_eq!(first.files[0].name, "n-1.0.0.tgz");
    assert_eq!(
        first.files[0].digests.len(),
        1,
        "the integrity has the wrong length"
    );
    let url = "http://upstream.test/@s/n/-/n-1.0.0.tgz".to_owned();
    assert_eq!(first.files[0].location, Location::Url(url));
    assert_eq!(
        third.files[0].location,
        Location::Url("http://upstream.test/x".to_owned())
    );
    assert_eq!(first.files[0].size, None);
}

#[test]
fn what_is_no_packument_is_unreadable() {
    let deep = format!(
        r#"{{"name":"n","versions":{{}},"readme":{}1{}}}"#,
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    for text in [
        "",
        "[]",
        "null",
        "<html>",
        "{",
        r#"{"name":"n"}"#,
        r#"{"versions":{}}"#,
        r#"{"name":"m","versions":{}}"#,
        r#"{"name":"N","versions":{}}"#,
        r#"{"name":"n","versions":[]}"#,
        r#"{"name":"n","versions":null}"#,
        r#"{"name":"n","versions":{}} x"#,
        r#"{"name":"n","versions":{},"versions":{}}"#,
        r#"{"name":"n","versions":{"1.0.0":{]}}}"#,
        r#"{"name":["n"],"versions":{}}"#,
        &deep,
    ] {
        assert!(read("n", text).is_err(), "{:.60}", text);
    }
}

#[test]
fn foreign_versions_are_dropped_and_the_last_of_equals_wins() {
    let index = read(
        "n",
        r#"{"name":"n","versions":{
        "1.0.0":{"name":"n","version":"1.0.1"}, "2.0.0":{"name":"m","version":"2.0.0"},
        "v3.0.0":{}, "4.0.0":[], "5.0.0":{"dist":"http://upstream.test/"}, "6.0.0":{},
        "7.0.0":{"a":1}, "7.0.0":{"a":2}, "8.0.0":{}, "8.0.0":{"version":"9.0.0"}}}"#,
    )
    .unwrap();
    let rendered = render("n", FULL, &[(&index, &[])]).unwrap();
    assert_eq!(rendered["versions"], json!({"6.0.0":{}, "7.0.0":{"a":2}}));
}

#[test]
fn times_are_of_the_versions_that_count() {
    let index = read(
        "n",
        r#"{"name":"n","time":{"created":"a","1.0.0":"old","3.0.0":"2020-01-01T00:00:00Z",
        "created":"b","9.9.9":"none","1\u002e0.0":"1970-01-01T00:00:01Z","modified":"c"},
        "versions":{"1.0.0":{"name":"n"}, "2.0.0":{}, "3.0.0":{},
        "2.0.0":{"name":"m"}, "1.0.0":[], "1.0.0":{"scripts":{"install":"x"}}}}"#,
    )
    .unwrap();
    let expected = r#"{"name":"n","dist-tags":{},"versions":{"1.0.0":{"hasInstallScript":true},
        "3.0.0":{}},"modified":"c","time":{"created":"b","1.0.0":"1970-01-01T00:00:01Z",
        "3.0.0":"2020-01-01T00:00:00Z","modified":"c"}}"#;
    let expected: Value = serde_json::from_str(expected).unwrap();
    let short = render("n", ABBREVIATED, &[(&index, &[])]).unwrap();
    assert_eq!(short.to_string(), expected.to_string());
    let dates: Vec<_> = index
        .versions
        .iter()
        .map(|listed| listed.published)
        .collect();
    let first = UNIX_EPOCH + Duration::from_secs(1);
    assert_eq!(
        dates,
        [
            Some(first),
            Some(UNIX_EPOCH + Duration::from_secs(1_577_836_800))
        ]
    );
}

#[test]
fn answers_fit_the_room_that_was_made() {
    let index = read("@s/n", &rich()).unwrap();
    let shown = withhold(&index, &[]);
    let parts = [Part {
        index: &index,
        shown: &shown,
    }];
    for document in [FULL, ABBREVIATED] {
        for base in [
            BASE,
            "http://a.much.longer.address.of.the.gateway.test/npm/public",
        ] {
            let rendered = Npm
                .render(&target("@s/n", document.clone()), &parts, base.into())
                .unwrap();
            let (length, room) = (rendered.bytes.len(), rendered.bytes.capacity());
            // Tags have room for the longest version there can be.
            assert!(room < length + 1_200, "{length} in {room}");
        }
    }
}

#[test]
fn files_are_found_by_name() {
    let index = read("@s/n", &rich()).unwrap();
    for version in ["1.0.0", "2.0.0", "3.0.0-b"] {
        let (listed, file) = index.file(&format!("n-{version}.tgz")).unwrap();
        assert_eq!(listed.version, version);
        assert_eq!(file, &listed.files[0]);
    }
    for name in ["", "n-1.0.0", "n-9.0.0.tgz", "o"] {
        assert_eq!(index.file(name), None, "{name}");
    }
}

/// B15, B16: everything survives but addresses.
#[test]
fn fields_are_preserved() {
    let index = read("@s/n", &rich()).unwrap();
    let mut expected: Value = serde_json::from_str(&rich()).unwrap();
    expected
        .as_object_mut()
        .unwrap()
        .shift_remove("_attachments");
    for version in ["1.0.0", "2.0.0", "3.0.0-b"] {
        expected["versions"][version]["dist"]["tarball"] =
            format!("{BASE}/@s/n/-/n-{version}.tgz").into();
    }
    expected["versions"]["1.0.0"]["dist"]["attestations"]["url"] =
        format!("{BASE}/-/npm/v1/attestations/@s%2fn@1.0.0").into();
    let rendered = render("@s/n", FULL, &[(&index, &[])]).unwrap();
    assert_eq!(rendered, expected);
    assert_eq!(rendered.to_string(), expected.to_string(), "the order too");
    assert!(
        !rendered
            .to_string()
            .to_lowercase()
            .contains("upstream.test"),
        "B12"
    );
    for spec in ["1.0.0", "2.0.0", "latest"] {
        let document = DocumentKind::Manifest {
            spec: spec.to_owned(),
        };
        let version = if spec == "latest" { "2.0.0" } else { spec };
        let manifest = render("@s/n", document, &[(&index, &[])]).unwrap();
        assert_eq!(manifest, expected["versions"][version], "B14 {spec}");
    }
}

#[test]
fn bytes_of_versions_are_copied() {
    let index = read("@s/n", &rich()).unwrap();
    let shown = withhold(&index, &[]);
    let parts = [Part {
        index: &index,
        shown: &shown,
    }];
    let bytes = Npm
        .render(&target("@s/n", FULL), &parts, BASE.into())
        .unwrap()
        .bytes;
    let text = String::from_utf8(bytes).unwrap();
    for piece in [
        r#""tarball" : "http://gw"#,
        "1e3",
        "[1.10]",
        r#""\u00e9":"\ud83d\ude00""#,
    ] {
        assert!(text.contains(piece), "{piece}");
    }
}

#[test]
fn duplicate_addresses_are_all_rewritten() {
    let index = read(
        "n",
        r#"{"name":"n","versions":{"1.0.0":{"dist":{"tarball":"http://upstream.test/1",
        "tarball":["http://upstream.test/2"]},"dist":{"tarball":"http://upstream.test/3"}}}}"#,
    );
    let index = index.unwrap();
    for document in [FULL, ABBREVIATED] {
        let shown = withhold(&index, &[]);
        let parts = [Part {
            index: &index,
            shown: &shown,
        }];
        let rendered = Npm
            .render(&target("n", document), &parts, BASE.into())
            .unwrap();
        let text = String::from_utf8(rendered.bytes).unwrap();
        assert!(!text.contains("upstream.test"), "{text}");
        assert!(
            text.contains(r#""tarball":"http://gw/npm/public/n/-/n-1.0.0.tgz""#),
            "{text}"
        );
    }
}

#[test]
fn abbreviated_documents_have_what_installing_needs() {
    let index = read("@s/n", &rich()).unwrap();
    let full = render("@s/n", FULL, &[(&index, &["3.0.0-b"])]).unwrap();
    let short = render("@s/n", ABBREVIATED, &[(&index, &["3.0.0-b"])]).unwrap();
    let keys: Vec<_> = short
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys, ["name", "dist-tags", "versions", "modified", "time"]);
    assert_eq!(short["modified"], "2021-01-01T00:00:00.000Z");
    assert_eq!(short["time"], full["time"]);
    assert_eq!(short["time"].get("3.0.0-b"), None);
    let first = &short["versions"]["1.0.0"];
    assert_eq!(first["hasInstallScript"], true);
    assert_eq!(short["versions"]["2.0.0"]["hasInstallScript"], false);
    for field in [
        "name", "version", "os", "cpu", "libc", "dist", "bin", "funding",
    ] {
        assert_eq!(first[field], full["versions"]["1.0.0"][field], "{field}");
    }
    assert_eq!((first.get("scripts"), first.get("_npmUser")), (None, None));
    assert!(!short.to_string().to_lowercase().contains("upstream.test"));
    let none = read("n", r#"{"name":"n","versions":{"1.0.0":{}}}"#).unwrap();
    let short = render("n", ABBREVIATED, &[(&none, &[])]).unwrap();
    assert_eq!(
        short,
        json!({"name":"n","dist-tags":{},"versions":{"1.0.0":{}}})
    );
}

fn plain(tags: &Value, versions: &[&str]) -> Index {
    let versions: serde_json::Map<_, _> = versions
        .iter()
        .map(|version| ((*version).to_owned(), json!({"version": version})))
        .collect();
    read(
        "n",
        &json!({"name":"n","dist-tags":tags,"versions":versions}).to_string(),
    )
    .unwrap()
}

#[test]
fn tags_are_re_pointed() {
    let versions = ["1.0.0", "1.1.0", "2.0.0-a", "2.0.0-b", "2.0.0", "10.0.0"];
    for (tags, withheld, expected) in [
        (
            json!({"latest":"2.0.0"}),
            &[][..],
            json!({"latest":"2.0.0"}),
        ),
        (
            json!({"latest":"2.0.0"}),
            &["2.0.0"],
            json!({"latest":"1.1.0"}),
        ),
        (
            json!({"latest":"10.0.0"}),
            &["10.0.0"],
            json!({"latest":"2.0.0"}),
        ),
        (
            json!({"next":"2.0.0-b"}),
            &["2.0.0-b"],
            json!({"next":"2.0.0-a"}),
        ),
        (
            json!({"next":"2.0.0-a"}),
            &["2.0.0-a"],
            json!({"next":"1.1.0"}),
        ),
        (json!({"old":"1.0.0"}), &["1.0.0"], json!({})),
        (
            json!({"latest":"1.0.0"}),
            &["1.0.0"],
            json!({"latest":"10.0.0"}),
        ),
        (
            json!({"latest":"1.0.0"}),
            &["1.0.0", "1.1.0", "2.0.0", "10.0.0"],
            json!({"latest":"2.0.0-b"}),
        ),
        (
            json!({"latest":"9.9.9","x":"9.9.9","y":"no"}),
            &[],
            json!({"latest":"2.0.0","x":"2.0.0"}),
        ),
    ] {
        let index = plain(&tags, &versions);
        let shown = render("n", DocumentKind::DistTags, &[(&index, withheld)]).unwrap();
        assert_eq!(shown, expected, "{tags} without {withheld:?}");
        for document in [FULL, ABBREVIATED] {
            let document = render("n", document, &[(&index, withheld)]).unwrap();
            assert_eq!(
                document["dist-tags"], expected,
                "{tags} without {withheld:?}"
            );
            assert!(
                withheld
                    .iter()
                    .all(|version| document["versions"].get(version).is_none())
            );
        }
    }
}

#[test]
fn what_is_withheld_says_why() {
    let index = plain(
        &json!({"latest":"1.0.0","next":"2.0.0"}),
        &["1.0.0", "2.0.0"],
    );
    let withheld = |sentence: &str| Err(Unrenderable::Withheld(sentence.to_owned()));
    let all: &[&str] = &["1.0.0", "2.0.0"];
    assert_eq!(render("n", FULL, &[(&index, all)]), withheld("no 1.0.0"));
    assert_eq!(
        render("n", ABBREVIATED, &[(&index, all)]),
        withheld("no 1.0.0")
    );
    assert_eq!(
        render("n", DocumentKind::DistTags, &[(&index, all)]),
        withheld("no 1.0.0")
    );
    let untagged = plain(&json!({}), &["2.0.0", "10.0.0"]);
    assert_eq!(
        render("n", FULL, &[(&untagged, &["2.0.0", "10.0.0"])]),
        withheld("no 10.0.0")
    );
    let manifest = |spec: &str, held: &[&str]| {
        render(
            "n",
            DocumentKind::Manifest {
                spec: spec.to_owned(),
            },
            &[(&index, held)],
        )
    };
    assert_eq!(manifest("2.0.0", &["2.0.0"]), withheld("no 2.0.0"));
    assert_eq!(manifest("next", &["2.0.0"]), withheld("no 2.0.0"));
    assert_eq!(
        manifest("latest", &["2.0.0"]),
        Ok(json!({"version":"1.0.0"}))
    );
    assert_eq!(manifest("3.0.0", &[]), Err(Unrenderable::Absent));
    assert_eq!(manifest("beta", &[]), Err(Unrenderable::Absent));
    assert_eq!(render("n", FULL, &[]), Err(Unrenderable::Absent));
    let empty = plain(&json!({}), &[]);
    let shown = render("n", FULL, &[(&empty, &[])]).unwrap();
    assert_eq!(shown, json!({"name":"n","dist-tags":{},"versions":{}}));
}

#[test]
fn the_nearest_part_wins() {
    let near = read(
        "n",
        r#"{"name":"n","description":"near","dist-tags":{"latest":"1.0.0"},
        "versions":{"1.0.0":{"from":"near"},"1.5.0":{"from":"near"}},
        "time":{"created":"near","1.0.0":"near","1.5.0":"near"}}"#,
    )
    .unwrap();
    let far = read(
        "n",
        r#"{"name":"n","description":"far","dist-tags":{"latest":"2.0.0","far":"1.5.0"},
        "versions":{"1.0.0":{"from":"far"},"1.5.0":{"from":"far"},"2.0.0":{"from":"far"}},
        "time":{"created":"far","modified":"far","1.0.0":"far","1.5.0":"far","2.0.0":"far"}}"#,
    )
    .unwrap();
    let shown = render("n", FULL, &[(&near, &["1.5.0"]), (&far, &[])]).unwrap();
    assert_eq!(
        shown,
        json!({"name":"n","description":"near",
        "dist-tags":{"latest":"1.0.0","far":"1.0.0"},
        "versions":{"1.0.0":{"from":"near"},"2.0.0":{"from":"far"}},
        "time":{"created":"near","1.0.0":"near","modified":"far","2.0.0":"far"}})
    );
    let bare = read("n", r#"{"name":"n","versions":{"1.0.0":{}}}"#).unwrap();
    let shown = render("n", FULL, &[(&bare, &[]), (&far, &[])]).unwrap();
    assert_eq!(
        shown["time"],
        json!({"created":"far","modified":"far","1.5.0":"far","2.0.0":"far"})
    );
    assert_eq!(shown["dist-tags"], json!({"latest":"2.0.0","far":"1.5.0"}));
}

#[test]
fn a_warning_is_shown_as_a_deprecation_in_every_form() {
    let index = read("@s/n", &rich()).unwrap();
    let shown = ["bad", "worse \"still\"", "kept"].map(|text| Shown::Warn(text.to_owned()));
    let parts = [Part {
        index: &index,
        shown: &shown,
    }];
    let manifest = DocumentKind::Manifest {
        spec: "2.0.0".to_owned(),
    };
    let rendered = |document| {
        let rendered = Npm
            .render(&target("@s/n", document), &parts, BASE.into())
            .unwrap();
        serde_json::from_slice::<Value>(&rendered.bytes).unwrap()
    };
    for form in [FULL, ABBREVIATED] {
        let versions = &rendered(form)["versions"];
        assert_eq!(versions["1.0.0"]["deprecated"], "bad");
        assert_eq!(versions["2.0.0"]["deprecated"], "old; worse \"still\"");
        let tarball = &versions["2.0.0"]["dist"]["tarball"];
        assert_eq!(tarball, "http://gw/npm/public/@s/n/-/n-2.0.0.tgz");
    }
    assert_eq!(rendered(manifest)["deprecated"], "old; worse \"still\"");
}
