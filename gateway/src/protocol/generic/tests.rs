use http::{HeaderMap, HeaderName, HeaderValue};

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
    let method = Method::parse(method.as_bytes()).unwrap();
    let text = match method {
        Method::Get | Method::Head => format!("{:?}", path::parse(method, &path)),
        _ => format!("{:?}", parse_write(method, &path, &query)),
    };
    // `Ok(Upload { …` and `Err(Malformed(…`
    let text = text.split_once('(').unwrap().1;
    text.split(['(', ' ', ')']).next().unwrap().to_owned()
}

#[test]
fn requests_are_read_strictly() {
    let long = format!("PUT /n/p/1/{}", "a".repeat(256));
    for (line, expected) in [
        ("PUT /n/p/1/a.tgz", "Upload"),
        ("GET /n/p/1/a.tgz", "Artifact"),
        ("HEAD /n/p/1/a.tgz", "Artifact"),
        ("PUT /n/p/1/a.tgz?unfinished", "Upload"),
        ("PUT /n/p/1/a.tgz?other", "Malformed"),
        ("DELETE /n/p/1/a.tgz", "Method"),
        ("DELETE /n/p/1/", "Delete"),
        ("DELETE /n/p/", "Method"),
        ("GET /n/p/", "Index"),
        ("GET /n/p/1/", "Index"),
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
