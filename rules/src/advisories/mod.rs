//! Advisories: which versions of which packages are known to be malicious or vulnerable.
//!
//! An [`Advisories`] is an immutable index, made once from records by an [`AdvisoriesBuilder`] and
//! then only asked. It knows the meaning of the OSV schema 1.x (section "Evaluation"), not its
//! JSON; it reads no file and no clock. Versions are ordered as their ecosystem orders them, in
//! ranges of type `SEMVER` too: npm's order is Semantic Versioning already, and a bound in another
//! ecosystem's range is a version of that ecosystem.
//!
//! What it says of a name is true of the public registries only: never ask it about what came
//! from anywhere else.

mod build;
mod interval;
mod package;
mod record;
mod score;
mod store;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::PackageName;
use serde::Serialize;

pub use build::AdvisoriesBuilder;
pub use package::PackageAdvisories;
pub use record::{AdvisoryRecord, AffectedPackage, Fault, RangeEvent};
pub use score::Score;

use store::{Entry, Header, Slice, Tables};

/// Everything that is known of all packages; cheap to ask, replaced as a whole.
#[derive(Debug, Default)]
pub struct Advisories {
    tables: Tables,
    packages: HashMap<PackageName, Slice>,
    withdrawn: Vec<u32>,
}

/// One advisory, as far as it concerns one package.
#[derive(Clone, Copy, Debug)]
pub struct Advisory<'a> {
    tables: &'a Tables,
    header: &'a Header,
    entry: &'a Entry,
}

/// An advisory without its packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdvisoryHead<'a> {
    /// The id.
    pub id: &'a str,
    /// What it warns of.
    pub kind: AdvisoryKind,
    /// When it was last changed.
    pub modified: Option<SystemTime>,
}

/// What an advisory warns of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AdvisoryKind {
    /// The package was made, or taken over, to do harm.
    Malware,
    /// The package has a weakness that others can use.
    Vulnerability,
}

/// Which versions of a package an advisory affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Affects {
    /// Every version there is and will be.
    All,
    /// Those within ranges, and perhaps a few that are listed besides.
    Ranges,
    /// Those that are listed, no others.
    Listed,
}

impl Advisories {
    /// What is known of a package; nothing is allocated if nothing is known.
    pub fn of(&self, package: &PackageName) -> Option<PackageAdvisories<'_>> {
        let entries = self.entries(package);
        (!entries.is_empty())
            .then(|| PackageAdvisories::new(&self.tables, package.ecosystem(), entries))
    }

    /// The advisories that affect a version, or without one, all that there are for the package.
    ///
    /// For many versions of one package, ask [`Advisories::of`] once.
    pub fn find<'a>(
        &'a self,
        package: &PackageName,
        version: Option<&str>,
    ) -> impl Iterator<Item = Advisory<'a>> + use<'a> {
        let known = self.of(package);
        let found: Vec<Advisory<'a>> = match (&known, version) {
            (None, _) => Vec::new(),
            (Some(known), None) => known.iter().collect(),
            (Some(known), Some(version)) => known.affecting(version).collect(),
        };
        found.into_iter()
    }

    /// The ids of the advisories that name this version as one that fixes them.
    pub fn is_fixed_by<'a>(
        &'a self,
        package: &PackageName,
        version: &str,
    ) -> impl Iterator<Item = &'a str> {
        let ecosystem = package.ecosystem();
        self.advisories(self.entries(package))
            .filter(move |advisory| {
                advisory
                    .fixed()
                    .any(|fixed| crate::same(ecosystem, fixed, version))
            })
            .map(|advisory| advisory.id())
    }

    /// How many advisories are in force.
    pub fn len(&self) -> usize {
        self.tables.headers.len() - self.withdrawn.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many packages have at least one.
    pub fn packages_len(&self) -> usize {
        self.packages.len()
    }

    /// When the newest record, in force or withdrawn, was last changed: the age of the feed.
    pub fn newest(&self) -> Option<SystemTime> {
        let newest = self.tables.headers.iter().map(|header| header.modified);
        newest.max().and_then(moment)
    }

    /// Every advisory of every package, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&PackageName, Advisory<'_>)> {
        self.packages.iter().flat_map(|(package, entries)| {
            self.advisories(entries.of(&self.tables.entries))
                .map(move |advisory| (package, advisory))
        })
    }

    /// The advisories that are in force, in the order of their ids.
    pub fn heads(&self) -> impl Iterator<Item = AdvisoryHead<'_>> {
        let headers = self.tables.headers.iter();
        let in_force = headers.filter(|header| !header.withdrawn);
        in_force.map(|header| AdvisoryHead {
            id: self.tables.text(header.id),
            kind: header.kind,
            modified: moment(header.modified),
        })
    }

    /// The ids of the records that were taken back, in order.
    pub fn withdrawn(&self) -> impl Iterator<Item = &str> {
        let headers = self.withdrawn.iter();
        headers.map(|header| self.tables.text(self.tables.headers[*header as usize].id))
    }

    /// Whether a record of this id was taken back.
    pub fn is_withdrawn(&self, id: &str) -> bool {
        let text = |header: &u32| self.tables.text(self.tables.headers[*header as usize].id);
        let found = self
            .withdrawn
            .binary_search_by(|header| text(header).cmp(id));
        found.is_ok()
    }

    /// About how many bytes the index holds.
    pub fn heap_bytes(&self) -> usize {
        let names = self.packages.keys();
        let names: usize = names
            .map(|name| 32 + name.namespace().len() + name.name().len())
            .sum();
        let slots = self.packages.capacity() * (size_of::<(PackageName, Slice)>() + 1);
        self.tables.heap_bytes() + names + slots + self.withdrawn.len() * size_of::<u32>()
    }

    fn entries(&self, package: &PackageName) -> &[Entry] {
        match self.packages.get(package) {
            Some(slice) => slice.of(&self.tables.entries),
            None => &[],
        }
    }

    fn advisories<'a>(&'a self, entries: &'a [Entry]) -> impl Iterator<Item = Advisory<'a>> {
        entries
            .iter()
            .map(|entry| Advisory::new(&self.tables, entry))
    }
}

impl<'a> Advisory<'a> {
    fn new(tables: &'a Tables, entry: &'a Entry) -> Self {
        let header = &tables.headers[entry.header as usize];
        Self {
            tables,
            header,
            entry,
        }
    }

    /// The id that the database gave it, such as `MAL-2025-1` or `GHSA-….`.
    pub fn id(&self) -> &'a str {
        self.tables.text(self.header.id)
    }

    /// What it warns of.
    pub const fn kind(&self) -> AdvisoryKind {
        self.header.kind
    }

    /// How severe it is, if that is known.
    pub const fn severity(&self) -> Option<Score> {
        self.entry.severity
    }

    /// One line of the database's own words; may be empty, may hold any character but controls.
    pub fn summary(&self) -> &'a str {
        self.tables.text(self.header.summary)
    }

    /// Which versions it affects.
    pub const fn affects(&self) -> Affects {
        self.entry.affects
    }

    /// The versions that are named as fixed, in the order of the record.
    pub fn fixed(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let tables = self.tables;
        let fixed = self.entry.fixed.of(&tables.versions);
        fixed.iter().map(|version| tables.text(*version))
    }

    /// When it was first published.
    pub fn published(&self) -> Option<SystemTime> {
        moment(self.header.published)
    }

    /// When it was last changed.
    pub fn modified(&self) -> Option<SystemTime> {
        moment(self.header.modified)
    }
}

impl PartialEq for Advisory<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.entry, other.entry)
    }
}

impl Eq for Advisory<'_> {}

impl AdvisoryKind {
    /// `malware` or `vulnerability`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malware => "malware",
            Self::Vulnerability => "vulnerability",
        }
    }
}

impl std::fmt::Display for AdvisoryKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A stored time; 0 is none.
fn moment(seconds: u32) -> Option<SystemTime> {
    let moment = UNIX_EPOCH + Duration::from_secs(seconds.into());
    (seconds != 0).then_some(moment)
}
