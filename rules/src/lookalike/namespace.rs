//! Namespaces: npm scopes and the organisations of Maven groups.
//!
//! Whoever owns a namespace decides what is in it. A package in a known namespace is not compared
//! with anything, and of a package in an unknown one the namespace is compared, not the name.
//!
//! The organisation of a group is its domain: `org.apache` of `org.apache.commons`, and with the
//! account at code hosts (`io.github.account`).

use super::edits::Edits;
use super::index::{DeletionIndex, Depth};
use super::list::NameList;
use super::squash::Squashed;
use crate::{Ecosystem, PackageName};

/// First labels after which the third one tells who it is.
const CODE_HOSTS: [&str; 8] = [
    "github",
    "gitlab",
    "gitee",
    "bitbucket",
    "sourceforge",
    "googlecode",
    "sonatype",
    "java",
];

/// Shorter namespaces are too near to each other to be compared; the second is for our own.
const LENGTHS_MIN: [usize; 2] = [5, 4];

/// What can be put behind a scope to make it look like an official one.
const AFFIXES: [&[u8]; 14] = [
    b"js",
    b"ts",
    b"io",
    b"hq",
    b"org",
    b"inc",
    b"dev",
    b"lib",
    b"libs",
    b"team",
    b"labs",
    b"official",
    b"sdk",
    b"v",
];

/// The namespaces of listed names, in order of the best rank in them.
pub(super) struct Namespaces {
    ecosystem: Ecosystem,
    is_internal: bool,
    list: NameList,
    index: DeletionIndex,
}

/// The namespace that an unknown one looks like.
pub(super) struct NearNamespace<'a> {
    pub(super) namespace: &'a str,
    /// Whether letters differ, and not only separators or the top-level domain.
    pub(super) is_altered: bool,
    /// How many letters were compared.
    pub(super) length: usize,
    /// What follows in the name behind the part that looks alike: labels of a group.
    pub(super) rest: &'a str,
}

impl Namespaces {
    /// Collects the namespaces of the names, and those that are claimed as a whole.
    pub(super) fn new(
        ecosystem: Ecosystem,
        is_internal: bool,
        names: &NameList,
        claimed: &[&str],
    ) -> Self {
        let own = names
            .iter()
            .filter_map(|name| namespace_of(ecosystem, name));
        let list = NameList::new(claimed.iter().copied().chain(own));
        let squashed: Vec<_> = list.iter().map(|name| compared(ecosystem, name)).collect();
        let texts = squashed.iter().enumerate();
        let index = DeletionIndex::build(texts.filter_map(|(place, squashed)| {
            Some((place as u16, squashed.as_ref()?.bytes(), Depth::One))
        }));
        Self {
            ecosystem,
            is_internal,
            list,
            index,
        }
    }

    /// Whether the package lies in one of these namespaces.
    pub(super) fn knows(&self, name: &PackageName) -> bool {
        match (self.ecosystem, name.namespace()) {
            (_, "") => false,
            (Ecosystem::Maven, group) => self.knows_group(group),
            (_, scope) => self.list.position(scope).is_some(),
        }
    }

    /// A claimed group speaks for all groups below it; a listed one makes its organisation known.
    fn knows_group(&self, group: &str) -> bool {
        if self.list.position(organisation(group)).is_some() {
            return true;
        }
        let ends = group.match_indices('.').map(|(at, _)| at);
        let mut parents = ends.chain([group.len()]);
        self.is_internal && parents.any(|end| self.list.position(&group[..end]).is_some())
    }

    /// Whether this is a namespace of the house.
    pub(super) fn is_ours(&self, namespace: &str) -> bool {
        self.is_internal && self.list.position(namespace).is_some()
    }

    /// The best known namespace that an unknown one looks like.
    pub(super) fn near<'a>(&'a self, namespace: &'a str) -> Option<NearNamespace<'a>> {
        if self.ecosystem != Ecosystem::Maven {
            let name = Squashed::of(namespace)?;
            let near = self.best(&name, Depth::One, "");
            return near.or_else(|| self.affixed(&name));
        }
        if !self.is_internal {
            return self.near_group(namespace, organisation(namespace).len());
        }
        let ends = namespace.match_indices('.').map(|(at, _)| at).skip(1);
        let mut ends = ends.chain([namespace.len()]);
        ends.find_map(|end| self.near_group(namespace, end))
    }

    fn near_group<'a>(&'a self, group: &'a str, end: usize) -> Option<NearNamespace<'a>> {
        let name = compared(self.ecosystem, &group[..end])?;
        self.best(&name, Depth::One, &group[end..])
    }

    fn best<'a>(
        &'a self,
        name: &Squashed,
        depth: Depth,
        rest: &'a str,
    ) -> Option<NearNamespace<'a>> {
        let found = self.index.candidates(name.bytes(), depth);
        let places = found.as_slice().iter().map(|&place| usize::from(place));
        let near = places.filter_map(|place| {
            let target = compared(self.ecosystem, self.list.name(place))?;
            let edits = Edits::between(name.bytes(), target.bytes())?.count();
            let is_near = edits < 2 && target.bytes().len() >= self.length_min();
            is_near.then_some((edits, place, target.bytes().len()))
        });
        let (edit_count, place, length) = near.min()?;
        let is_altered = edit_count > 0 || depth == Depth::Exact;
        Some(NearNamespace {
            namespace: self.list.name(place),
            is_altered,
            length,
            rest,
        })
    }

    const fn length_min(&self) -> usize {
        LENGTHS_MIN[self.is_internal as usize]
    }

    /// A known namespace with digits or an affix behind it.
    fn affixed(&self, name: &Squashed) -> Option<NearNamespace<'_>> {
        let bytes = name.bytes();
        let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit());
        let stem = &bytes[..bytes.len() - digits.count()];
        let affixes = AFFIXES.iter().filter_map(|affix| stem.strip_suffix(*affix));
        let mut stems = affixes
            .chain([stem])
            .filter(|stem| stem.len() >= self.length_min());
        stems.find_map(|stem| self.best(&name.truncated(stem.len())?, Depth::Exact, ""))
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.list.heap_bytes() + self.index.heap_bytes()
    }
}

/// The part of a group that is somebody's domain or account.
pub(super) fn organisation(group: &str) -> &str {
    let mut labels = group.split('.');
    let second = labels.nth(1).unwrap_or_default();
    let count = 2 + usize::from(CODE_HOSTS.contains(&second));
    let end = group.match_indices('.').nth(count - 1);
    end.map_or(group, |(at, _)| &group[..at])
}

/// The namespace of a listed name.
fn namespace_of(ecosystem: Ecosystem, name: &str) -> Option<&str> {
    match ecosystem {
        Ecosystem::Npm => Some(name.strip_prefix('@')?.split_once('/')?.0),
        Ecosystem::Pypi | Ecosystem::Generic => None,
        Ecosystem::Maven => Some(organisation(name.split_once(':')?.0)),
    }
}

/// What is compared of a namespace: a scope, or an organisation without its top-level domain.
fn compared(ecosystem: Ecosystem, namespace: &str) -> Option<Squashed> {
    let text = match ecosystem {
        Ecosystem::Maven => namespace
            .split_once('.')
            .map_or(namespace, |(_, rest)| rest),
        _ => namespace,
    };
    Squashed::of(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisations_are_domains_or_accounts() {
        for (group, expected) in [
            ("org.apache.commons", "org.apache"),
            ("junit", "junit"),
            ("com.github.ben-manes.caffeine", "com.github.ben-manes"),
            ("com.google.guava", "com.google"),
            ("", ""),
        ] {
            assert_eq!(organisation(group), expected);
        }
    }

    #[test]
    fn near_scopes_are_found() {
        let names = [
            "@aws-amplify/core",
            "@solana/web3.js",
            "@babel/core",
            "@nx/js",
        ];
        let names = NameList::new(names);
        let scopes = Namespaces::new(Ecosystem::Npm, false, &names, &[]);
        for (scope, expected) in [
            ("ws-amplify", Some("aws-amplify")),
            ("awsamplify", Some("aws-amplify")),
            ("solana-js", Some("solana")),
            ("solana2", Some("solana")),
            ("mx", None),
            ("unrelated", None),
        ] {
            assert_eq!(
                scopes.near(scope).map(|near| near.namespace),
                expected,
                "{scope}"
            );
        }
    }
}
