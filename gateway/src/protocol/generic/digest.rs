//! The SHA-256 that an upload states before its body.

use http::HeaderMap;
use rules::{Digest, DigestAlgorithm};

/// Why an upload has no usable digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestFault {
    #[error("state the file's SHA-256 in X-Checksum-Sha256 or Repr-Digest")]
    Missing,
    #[error("the field {0} holds no SHA-256")]
    Malformed(&'static str),
    #[error("the stated digests differ from each other")]
    Differing,
}

/// The field of the industry's habit: 64 hexadecimal digits.
const HEXADECIMAL: &str = "x-checksum-sha256";

/// RFC 9530 (a dictionary of byte sequences), and RFC 3230 before it (a list of bare base64).
/// Without a content coding, which uploads don't have, content and representation are the same.
const DICTIONARIES: [&str; 3] = ["repr-digest", "content-digest", "digest"];

/// The SHA-256 that the fields of an upload state. A digest field without SHA-256 states nothing.
pub fn sha256(fields: &HeaderMap) -> Result<Digest, DigestFault> {
    let mut found: Option<Digest> = None;
    for (name, value) in stated(fields)? {
        let digest = value.ok_or(DigestFault::Malformed(name))?;
        match &found {
            Some(known) if *known != digest => return Err(DigestFault::Differing),
            _ => found = Some(digest),
        }
    }
    found.ok_or(DigestFault::Missing)
}

/// Every statement, with the field it stands in; `None` for one that can't be read.
type Statements = Vec<(&'static str, Option<Digest>)>;

fn stated(fields: &HeaderMap) -> Result<Statements, DigestFault> {
    let mut statements = Statements::new();
    for value in fields.get_all(HEXADECIMAL) {
        let text = value.to_str().unwrap_or_default().trim();
        statements.push((HEXADECIMAL, Digest::from_hex(DigestAlgorithm::Sha256, text)));
    }
    for name in DICTIONARIES {
        for value in fields.get_all(name) {
            let text = value.to_str().map_err(|_| DigestFault::Malformed(name))?;
            let members = text.split(',').filter_map(member);
            statements.extend(members.map(|value| (name, base64(value))));
        }
    }
    Ok(statements)
}

/// The value of a SHA-256 member, without the colons of a byte sequence (RFC 8941, 3.3.5) and
/// without parameters.
fn member(member: &str) -> Option<&str> {
    let (key, value) = member.split_once('=')?;
    if !key.trim().eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let value = value.split(';').next().unwrap_or_default().trim();
    let bare = value
        .strip_prefix(':')
        .and_then(|value| value.strip_suffix(':'));
    Some(bare.unwrap_or(value))
}

fn base64(value: &str) -> Option<Digest> {
    match Digest::from_sri(&format!("sha256-{value}")).as_slice() {
        [digest] => Some(digest.clone()),
        _ => None,
    }
}
