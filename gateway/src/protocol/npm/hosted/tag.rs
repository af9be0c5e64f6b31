//! Dist-tags: which names are legal, and where one is to point.

use super::super::path::{self, VERSION_BYTES_MAX};
use super::problem::Problem;

/// The version in the body of `PUT /-/package/{package}/dist-tags/{tag}`: a JSON string.
pub fn tag_target(body: &[u8]) -> Result<String, Problem> {
    let wrong = |_| Problem::malformed("the body must be a version as a JSON string");
    let version: String = serde_json::from_slice(body).map_err(wrong)?;
    match path::is_version(&version) {
        true => Ok(version),
        false => Err(Problem::malformed(format!(
            "{version:?} is not a version as Semantic Versioning 2.0.0 has them"
        ))),
    }
}

/// Refuses a tag that an address can't hold or that clients would take for a version range.
pub(super) fn check(tag: &str) -> Result<(), Problem> {
    if tag.is_empty() || tag.len() > VERSION_BYTES_MAX || !path::is_tag(tag) {
        return Err(Problem::malformed(format!(
            "tag {tag:?} is not legal: use letters, digits and -._~!'()*"
        )));
    }
    match is_range(tag) {
        true => Err(Problem::malformed(format!(
            "tag {tag:?} is not legal: clients take it for a version range"
        ))),
        false => Ok(()),
    }
}

/// Whether node-semver reads it as a range, of those texts that consist of a tag's letters: an
/// x-range, perhaps behind a tilde and `v`s.
fn is_range(tag: &str) -> bool {
    let text = tag.trim_start_matches('~').trim_start_matches('v');
    let (core, prerelease) = match text.split_once('-') {
        Some((core, _)) => (core, true),
        None => (text, false),
    };
    let parts: Vec<&str> = core.split('.').collect();
    let any = |part: &&str| matches!(*part, "x" | "X" | "*");
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let enough = if prerelease {
        parts.len() == 3
    } else {
        parts.len() <= 3
    };
    enough && parts.iter().all(|part| any(part) || number(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_no_ranges() {
        for tag in [
            "latest",
            "next",
            "beta-1",
            "v",
            "vnext",
            "release.2",
            "1st",
            "1-beta",
            "2.x.y.z",
            "~a",
        ] {
            assert_eq!(check(tag), Ok(()), "{tag}");
        }
        for tag in [
            "",
            "1",
            "1.2",
            "1.2.3",
            "v1",
            "~1.2",
            "x",
            "X",
            "*",
            "1.x",
            "1.2.3-rc.1",
            "a b",
            "a/b",
            "a%b",
            "\u{e9}",
            "^1",
        ] {
            assert!(check(tag).is_err(), "{tag}");
        }
    }

    #[test]
    fn a_target_is_a_version_in_quotes() {
        assert_eq!(tag_target(b"\"1.2.0-rc.1\"\n").as_deref(), Ok("1.2.0-rc.1"));
        for body in [
            &b""[..],
            b"1.2.0",
            b"\"latest\"",
            b"{\"version\":\"1.2.0\"}",
            b"\"1.2\"",
        ] {
            assert!(tag_target(body).is_err());
        }
    }
}
