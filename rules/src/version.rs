//! Order and sameness of versions, each by its ecosystem's own specification.
//!
//! Nothing here parses ranges: gateways serve versions, clients choose among them. Versions that
//! an ecosystem's rules cannot read sort below all others, by their text, and generic versions have
//! nothing but their text.

mod maven;
mod npm;
mod pypi;

use std::cmp::Ordering;

use crate::package::Ecosystem;

/// Longer versions are not read: no registry has them, and their cost would be the client's choice.
const VERSION_BYTES_MAX: usize = 256;

/// Compares two versions: Semantic Versioning 2.0.0 for npm, PEP 440 for PyPI, Maven's
/// `ComparableVersion` for Maven. Generic versions have no order of their own: by their text.
///
/// ```
/// use rules::{Ecosystem, compare};
/// assert!(compare(Ecosystem::Npm, "1.0.0-rc.2", "1.0.0-rc.10").is_lt());
/// assert!(compare(Ecosystem::Pypi, "1!0.1", "2.0").is_gt());
/// assert!(compare(Ecosystem::Maven, "1.0-SNAPSHOT", "1.0").is_lt());
/// ```
pub fn compare(ecosystem: Ecosystem, left: &str, right: &str) -> Ordering {
    VersionKey::new(ecosystem, left).cmp(&VersionKey::new(ecosystem, right))
}

/// A version read once, for those who compare it many times: sorts as [`compare`] says.
#[derive(Debug)]
pub struct VersionKey<'a> {
    text: &'a str,
    read: Read<'a>,
}

/// `None` is what cannot be read; it is less than any `Some`, so it sorts lowest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Read<'a> {
    Npm(Option<npm::Version<'a>>),
    Pypi(Option<pypi::Version<'a>>),
    Maven(Option<maven::Version>),
    Generic,
}

impl<'a> VersionKey<'a> {
    /// Reads a version of an ecosystem.
    pub fn new(ecosystem: Ecosystem, text: &'a str) -> Self {
        let read = match ecosystem {
            Ecosystem::Npm => Read::Npm(read(npm::Version::parse, text)),
            Ecosystem::Pypi => Read::Pypi(read(pypi::Version::parse, text)),
            Ecosystem::Maven => Read::Maven(read(maven::Version::parse, text)),
            Ecosystem::Generic => Read::Generic,
        };
        Self { text, read }
    }

    /// The version as it is written.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    const fn is_read(&self) -> bool {
        !matches!(
            self.read,
            Read::Npm(None) | Read::Pypi(None) | Read::Maven(None) | Read::Generic
        )
    }
}

impl Ord for VersionKey<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = self.read.cmp(&other.read);
        if order.is_eq() && !self.is_read() {
            self.text.cmp(other.text)
        } else {
            order
        }
    }
}

impl PartialOrd for VersionKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for VersionKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for VersionKey<'_> {}

/// Whether the version announces itself as not final; one that cannot be read does not count as
/// final either.
pub fn is_prerelease(ecosystem: Ecosystem, version: &str) -> bool {
    match ecosystem {
        Ecosystem::Npm => npm::Version::parse(version).is_none_or(|parsed| parsed.is_prerelease()),
        Ecosystem::Pypi => {
            pypi::Version::parse(version).is_none_or(|parsed| parsed.is_prerelease())
        }
        Ecosystem::Maven => maven::is_prerelease(version),
        Ecosystem::Generic => false,
    }
}

/// Whether both texts name one version of a package.
///
/// PyPI's `3.0`, `3.0.0` and `0!3.0` are one; npm ignores build metadata; Maven's `1` and `1.0`
/// compare as equal but are two versions, in two folders. Generic versions are one only if their
/// texts are.
pub fn same(ecosystem: Ecosystem, left: &str, right: &str) -> bool {
    left == right
        || match ecosystem {
            Ecosystem::Npm => equal(npm::Version::parse, left, right),
            Ecosystem::Pypi => equal(pypi::Version::parse, left, right),
            Ecosystem::Maven | Ecosystem::Generic => false,
        }
}

fn equal<'a, V: Ord>(parse: fn(&'a str) -> Option<V>, left: &'a str, right: &'a str) -> bool {
    match (read(parse, left), read(parse, right)) {
        (Some(left), Some(right)) => left.cmp(&right).is_eq(),
        _ => false,
    }
}

fn read<'a, V>(parse: fn(&'a str) -> Option<V>, text: &'a str) -> Option<V> {
    if text.len() > VERSION_BYTES_MAX {
        None
    } else {
        parse(text)
    }
}

/// A decimal number of any length, compared by value without being computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number<'a>(&'a str);

impl<'a> Number<'a> {
    const ZERO: Number<'static> = Number("");

    /// Reads digits; leading zeros do not count.
    fn parse(text: &'a str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| Self(text.trim_start_matches('0')))
    }

    const fn is_zero(self) -> bool {
        self.0.is_empty()
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ascending(ecosystem: Ecosystem, versions: &[&str]) {
        for (low, left) in versions.iter().enumerate() {
            for (high, right) in versions.iter().enumerate() {
                assert_eq!(
                    compare(ecosystem, left, right),
                    low.cmp(&high),
                    "{left} {right}"
                );
            }
        }
    }

    #[test]
    fn npm_follows_semantic_versioning() {
        let versions = [
            "1.0",
            "latest",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.10.0",
            "2.0.0",
            "2.0.99999999999999999999",
        ];
        ascending(Ecosystem::Npm, &versions);
        assert!(same(Ecosystem::Npm, "1.0.0+a", "v1.0.0"));
        assert!(
            is_prerelease(Ecosystem::Npm, "1.0.0-0") && !is_prerelease(Ecosystem::Npm, "1.0.0")
        );
    }

    #[test]
    fn pypi_follows_pep_440() {
        let versions = [
            "2004d",
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.15",
            "1.1.dev1",
            "1!0.1",
        ];
        ascending(Ecosystem::Pypi, &versions);
        for (left, right) in [
            ("3.0", "3.0.0"),
            ("3.0", "0!3.0"),
            ("1.0c1", "1.0-RC-1"),
            ("1.0-1", "1.0.post1"),
            ("v1.0", " 1.0 "),
            ("1.0.r2", "1.0_rev2"),
            ("1.0a", "1.0alpha0"),
            ("1.0+a_b", "1.0+A.b"),
        ] {
            assert!(same(Ecosystem::Pypi, left, right), "{left} {right}");
        }
        assert!(!same(Ecosystem::Pypi, "3.0", "3.0.post0"));
        assert!(
            is_prerelease(Ecosystem::Pypi, "1.0.dev1") && !is_prerelease(Ecosystem::Pypi, "1.0")
        );
        for text in [
            "", "1.", "1.0+", "1.0a1b2", "1.0 1", "1!", "!1", "1.0+a..b", "\u{661}",
        ] {
            assert!(pypi::Version::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn maven_follows_comparable_version() {
        // From Maven's own ComparableVersionTest.
        ascending(
            Ecosystem::Maven,
            &[
                "1-alpha2snapshot",
                "1-alpha2",
                "1-alpha-123",
                "1-beta-2",
                "1-beta123",
                "1-m2",
                "1-m11",
                "1-rc",
                "1-cr2",
                "1-rc123",
                "1-SNAPSHOT",
                "1",
                "1-sp",
                "1-sp2",
                "1-sp123",
                "1-abc",
                "1-def",
                "1-pom-1",
                "1-1-snapshot",
                "1-1",
                "1-2",
                "1-123",
            ],
        );
        ascending(
            Ecosystem::Maven,
            &[
                "2.0", "2.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0", "2.1-a", "2.1b", "2.1-c",
                "2.1-1",
            ],
        );
        for (left, right) in [
            ("1", "1.0.0"),
            ("1-0", "1.0"),
            ("1a", "1-a"),
            ("1x", "1.0.0-x"),
            ("1ga", "1"),
            ("1.final", "1.0"),
            ("1cr", "1rc"),
            ("1a1", "1-alpha-1"),
            ("1M3", "1-milestone-3"),
            ("0.0.7", "0.0.007"),
            ("1X", "1x"),
        ] {
            assert_eq!(
                compare(Ecosystem::Maven, left, right),
                Ordering::Equal,
                "{left} {right}"
            );
        }
        assert!(!same(Ecosystem::Maven, "1", "1.0"));
        for version in [
            "1.0-SNAPSHOT",
            "1.0-alpha1",
            "1.0.Beta2",
            "2.0-RC1",
            "5.0-M1",
            "1.0b3",
        ] {
            assert!(is_prerelease(Ecosystem::Maven, version), "{version}");
        }
        for version in ["1.0", "32.1-jre", "1.0.Final", "2.0-M", "1.march"] {
            assert!(!is_prerelease(Ecosystem::Maven, version), "{version}");
        }
    }

    #[test]
    fn generic_versions_are_texts() {
        ascending(
            Ecosystem::Generic,
            &["", "1.0", "1.0-rc", "1.0.0", "10", "2", "Latest", "v1"],
        );
        assert!(same(Ecosystem::Generic, "1.0", "1.0"));
        assert!(!same(Ecosystem::Generic, "1.0", "1.0.0"));
        assert!(!is_prerelease(Ecosystem::Generic, "1.0-rc.1"));
    }

    #[test]
    fn foreign_texts_do_no_harm() {
        let deep = "1-".repeat(4_000);
        let texts = [
            deep.as_str(),
            "",
            "-",
            ".",
            "..",
            "--1",
            "1--",
            "\u{1f600}1",
            "-\u{e9}-",
            "1.-.",
        ];
        for ecosystem in Ecosystem::ALL {
            for (left, right) in texts
                .iter()
                .flat_map(|left| texts.map(|right| (left, right)))
            {
                assert_eq!(
                    compare(ecosystem, left, right),
                    compare(ecosystem, right, left).reverse()
                );
                is_prerelease(ecosystem, left);
            }
        }
    }
}
