//! What is known of one package, with its versions read once.

use crate::{Ecosystem, VersionKey};

use super::interval::Interval;
use super::store::{Entry, Tables, Text};
use super::{Advisory, Affects};

/// The advisories of one package; ask it about as many versions as there are.
#[derive(Debug)]
pub struct PackageAdvisories<'a> {
    ecosystem: Ecosystem,
    known: Vec<Known<'a>>,
}

#[derive(Debug)]
struct Known<'a> {
    advisory: Advisory<'a>,
    intervals: Vec<Interval<VersionKey<'a>>>,
}

impl<'a> PackageAdvisories<'a> {
    pub(super) fn new(tables: &'a Tables, ecosystem: Ecosystem, entries: &'a [Entry]) -> Self {
        let known = |entry: &'a Entry| {
            let intervals = entry.intervals.of(&tables.intervals).iter();
            let key = |text: &Text| VersionKey::new(ecosystem, tables.text(*text));
            Known {
                advisory: Advisory::new(tables, entry),
                intervals: intervals.map(|interval| interval.map(key)).collect(),
            }
        };
        Self {
            ecosystem,
            known: entries.iter().map(known).collect(),
        }
    }

    /// All of them, whatever versions they affect.
    pub fn iter(&self) -> impl Iterator<Item = Advisory<'a>> + '_ {
        self.known.iter().map(|known| known.advisory)
    }

    /// Those that affect a version.
    pub fn affecting<'s>(&'s self, version: &'s str) -> impl Iterator<Item = Advisory<'a>> + 's {
        let key = VersionKey::new(self.ecosystem, version);
        let affected = move |known: &&Known<'a>| known.affects(self.ecosystem, &key);
        self.known
            .iter()
            .filter(affected)
            .map(|known| known.advisory)
    }
}

impl Known<'_> {
    fn affects(&self, ecosystem: Ecosystem, version: &VersionKey<'_>) -> bool {
        let Advisory { tables, entry, .. } = self.advisory;
        let mut intervals = self.intervals.iter();
        let mut listed = entry.listed.of(&tables.versions).iter();
        entry.affects == Affects::All
            || intervals.any(|interval| interval.contains(version))
            || listed.any(|listed| is_same(ecosystem, tables.text(*listed), version))
    }
}

/// [`crate::same`] for a version that was read already.
fn is_same(ecosystem: Ecosystem, listed: &str, version: &VersionKey<'_>) -> bool {
    listed == version.text()
        || (ecosystem != Ecosystem::Maven && VersionKey::new(ecosystem, listed) == *version)
}
