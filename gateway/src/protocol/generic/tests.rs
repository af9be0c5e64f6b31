use std::time::UNIX_EPOCH;

use http::{HeaderMap, HeaderName, HeaderValue};
use rules::PackageName;

use super::*;
use crate::exchange::{Method, Path};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const EMPTY_64: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

fn request(line: &str) -> String {
    let (method, address) = line.split_once(' ').unwrap();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let path = Path {
        segments: path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| segment.replace("%2f", "/").replace("%20", " "))
            .collect(),
        trailing_slash: path.ends_with('/'),
    };
    let query = match query {
        "" => Vec::new(),
        key => vec![(key.to_owned(), String::new())],
    };
    match parse(Method::parse(method.as_bytes()).unwrap(), &path, &query) {
        Ok(request) => {
            let text = format!("{request:?}");
            text.split('(').next().unwrap().to_owned()
        }
        Err(rejection) => format!("{rejection:?}")
            .split('(')
            .next()
            .unwrap()
            .to_owned(),
    }
}

#[test]
fn requests_are_read_strictly() {
    let long = format!("PUT /n/p/1/{}", "a".repeat(256));
    for (line, expected) in [
        ("PUT /n/p/1/a.tgz", "Upload"),
        ("GET /n/p/1/a.tgz", "Fetch"),
        ("HEAD /n/p/1/a.tgz", "Fetch"),
        ("DELETE /n/p/1/a.tgz", "Delete"),
        ("DELETE /n/p/1/", "Delete"),
        ("DELETE /n/p/", "Method"),
        ("GET /n/p/", "List"),
        ("GET /n/p/1/", "List"),
        ("POST /n/p/1/?finish", "Finish"),
        ("POST /n/p/1/", "Malformed"),
        ("POST /n/p/?finish", "Method"),
        ("PUT /n/p/1/", "Method"),
        ("GET /n/p", "Unknown"),
        ("GET /n/p/1", "Unknown"),
        ("GET /n/", "Unknown"),
        ("PUT /n/p/1/a/b", "Unknown"),
        ("PUT /n/p/1/a.tgz/", "Unknown"),
        ("PUT /n/p/1/..", "Malformed"),
        ("PUT /n/p/./a", "Malformed"),
        ("PUT /@n/p/1/a", "Malformed"),
        ("GET /n/p%20q/", "Malformed"),
        ("PUT /n/p/1/a%2fb", "Malformed"),
        ("PUT /n/p/1/a%20b", "Malformed"),
        ("PUT /n/p/1/a#b", "Malformed"),
        (&long, "Malformed"),
        (&long[..long.len() - 1], "Upload"),
    ] {
        assert_eq!(request(line), expected, "{line}");
    }
}

#[test]
fn digests_are_stated_in_four_fields() {
    let dictionary = format!("sha-512=:AAAA:, sha-256=:{EMPTY_64}:");
    let old = format!("SHA-256={EMPTY_64}");
    let rows: [(&[(&str, &str)], _); 9] = [
        (&[("x-checksum-sha256", EMPTY)], None),
        (&[("x-checksum-sha256", &EMPTY.to_uppercase())], None),
        (&[("repr-digest", &dictionary)], None),
        (&[("content-digest", &dictionary)], None),
        (&[("digest", &old), ("x-checksum-sha256", EMPTY)], None),
        (&[], Some(DigestFault::Missing)),
        (&[("repr-digest", "md5=:AAAA:")], Some(DigestFault::Missing)),
        (
            &[("repr-digest", "sha-256=:AAAA:")],
            Some(DigestFault::Malformed("repr-digest")),
        ),
        (
            &[("digest", &old), ("x-checksum-sha256", &"0".repeat(64))],
            Some(DigestFault::Differing),
        ),
    ];
    for (fields, fault) in rows {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        let read = sha256(&map);
        assert_eq!(read.as_ref().err().copied(), fault, "{fields:?}");
        if let Ok(digest) = read {
            assert_eq!(digest.hex(), EMPTY);
        }
    }
}

fn asset(name: &str, sha256: &str) -> Asset {
    Asset {
        name: name.to_owned(),
        size: 1,
        sha256: sha256.to_owned(),
    }
}

fn release() -> Release {
    Release {
        version: "1".to_owned(),
        status: Status::Unfinished,
        published: None,
        assets: Vec::new(),
    }
}

#[test]
fn a_version_is_open_until_it_is_finished() {
    let mut release = release();
    let status = |outcome: Result<Change, Conflict>| outcome.map_err(|conflict| conflict.status);
    assert_eq!(status(finish(&mut release, UNIX_EPOCH)), Err(409));
    for (name, digest, expected) in [
        ("b", "1", Ok(Change::Made)),
        ("a", "2", Ok(Change::Made)),
        ("a", "2", Ok(Change::None)),
        ("a", "3", Err(409)),
    ] {
        assert_eq!(status(put(&mut release, asset(name, digest))), expected);
    }
    assert_eq!(status(delete(&mut release, "c")), Err(404));
    assert_eq!(status(delete(&mut release, "b")), Ok(Change::Made));
    assert_eq!(status(finish(&mut release, UNIX_EPOCH)), Ok(Change::Made));
    assert_eq!(status(finish(&mut release, UNIX_EPOCH)), Ok(Change::None));
    assert_eq!(status(put(&mut release, asset("a", "2"))), Ok(Change::None));
    assert_eq!(status(put(&mut release, asset("d", "4"))), Err(409));
    assert_eq!(status(delete(&mut release, "a")), Err(409));
}

#[test]
fn listings_hide_what_is_unfinished() {
    let address = Address {
        package: PackageName::generic("n", "p").unwrap(),
        version: None,
        asset: None,
    };
    let mut one = release();
    put(&mut one, asset("a", "2")).unwrap();
    assert_eq!(package_listing(&address, &[one.clone()], false), None);
    assert_eq!(release_listing(&address, &one, false), None);
    let own = release_listing(&address, &one, true).unwrap();
    let expected = concat!(
        r#"{"namespace":"n","name":"p","version":"1","status":"Unfinished","#,
        r#""assets":[{"name":"a","size":1,"sha256":"2"}]}"#
    );
    assert_eq!(String::from_utf8(own.bytes).unwrap(), expected);
    finish(&mut one, UNIX_EPOCH).unwrap();
    let listed = package_listing(&address, &[one], false).unwrap();
    let expected = concat!(
        r#"{"namespace":"n","name":"p","versions":[{"version":"1","status":"Published","#,
        r#""published":"1970-01-01T00:00:00Z","#,
        r#""assets":[{"name":"a","size":1,"sha256":"2"}]}]}"#
    );
    assert_eq!(String::from_utf8(listed.bytes).unwrap(), expected);
}
