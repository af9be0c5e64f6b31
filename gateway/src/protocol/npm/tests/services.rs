use super::*;
use crate::protocol::Service;

fn outside(name: &PackageName) -> bool {
    name.namespace() != "acme"
}

#[test]
fn advisories_are_asked_without_inner_names() {
    for (body, expected) in [
        (
            r#"{"a":["1.0.0"],"@acme/b":["1.0.0"]}"#,
            Some(r#"{"a":["1.0.0"]}"#),
        ),
        (
            r#"{"@acme/b":["1.0.0"],"../x":["1.0.0"],"c":[],"d":["file:/home"],"e":1}"#,
            None,
        ),
        ("{}", None),
    ] {
        let passed = advisories_request(body.as_bytes(), &outside).unwrap();
        assert_eq!(passed.as_deref(), expected.map(str::as_bytes), "{body}");
    }
    for body in ["", "[]", "nonsense", "{"] {
        assert!(
            advisories_request(body.as_bytes(), &outside).is_err(),
            "{body}"
        );
    }
}

#[test]
fn audits_are_asked_without_inner_names_and_addresses() {
    let body = r#"{"name":"secret","version":"1.0.0","install":["x"],"metadata":{"host":"secret"},
        "requires":{"a":"^1.0.0","@acme/b":"1","c":"git+ssh://secret/c"},
        "dependencies":{
            "a":{"version":"1.0.0","resolved":"http://secret/a","integrity":"sha512-AA==",
                 "requires":{"@acme/b":"1"},"dependencies":{"@acme/b":{"version":"1.0.0"},
                 "d":{"version":"2.0.0","dev":true}}},
            "@acme/b":{"version":"1.0.0"},"e":{"version":"file:../secret"},
            ".":{"version":"0.0.0","dependencies":{".":{"version":"1.0.0"}}}}}"#;
    let passed = audit_request(body.as_bytes(), &outside).unwrap().unwrap();
    let expected = r#"{"install":[],"remove":[],"metadata":{},"requires":{"a":"^1.0.0","c":"*"},
        "dependencies":{"a":{"version":"1.0.0","integrity":"sha512-AA==","requires":{},
        "dependencies":{"d":{"version":"2.0.0","dev":true,"requires":{}}}},
        ".":{"version":"0.0.0","requires":{}}}}"#;
    let value: Value = serde_json::from_slice(&passed).unwrap();
    assert_eq!(value, serde_json::from_str::<Value>(expected).unwrap());
    assert_eq!(audit_request(br#"{"dependencies":{}}"#, &outside), Ok(None));
    let deep = r#"{"dependencies":{"a":"#.repeat(200);
    assert!(audit_request(deep.as_bytes(), &outside).is_err());
}

#[test]
fn search_answers_are_filtered() {
    let body = r#"{"objects":[{"package":{"name":"a"}},{"package":{"name":"@acme/b"}},{"x":1}],
        "total":40,"time":"now"}"#;
    let shown = search_answer(body.as_bytes(), &outside).unwrap();
    assert_eq!(
        shown,
        br#"{"objects":[{"package":{"name":"a"}}],"total":38,"time":"now"}"#
    );
    for body in ["", "{}", r#"{"objects":{}}"#] {
        assert!(search_answer(body.as_bytes(), &outside).is_err(), "{body}");
    }
}

#[test]
fn services_have_addresses() {
    let package = PackageName::npm("@s/n").unwrap();
    let search = Service::Search {
        text: "a b&c=%/".to_owned(),
        size: 5,
        from: 10,
    };
    for (service, expected) in [
        (
            search,
            Some("-/v1/search?text=a%20b%26c%3D%25%2F&size=5&from=10"),
        ),
        (Service::Ping, None),
        (Service::Whoami, None),
        (Service::Keys, Some("-/npm/v1/keys")),
        (
            Service::Attestations {
                package,
                version: "1.0.0+b".to_owned(),
            },
            Some("-/npm/v1/attestations/@s%2fn@1.0.0%2Bb"),
        ),
    ] {
        assert_eq!(locate_service(&service).as_deref(), expected, "{service:?}");
    }
    let audit: Value = serde_json::from_str(empty_answer(&Service::AuditQuick).unwrap()).unwrap();
    assert_eq!(audit["metadata"]["vulnerabilities"]["critical"], 0);
}
