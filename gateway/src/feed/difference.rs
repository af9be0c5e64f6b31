//! What a new feed changes: for the audit log, above all what it releases at once.

use std::cmp::Ordering;

use rules::PackageName;

use rules::advisories::{Advisories, AdvisoryHead, AdvisoryKind};

/// What is different in a feed from the one before, each list in the order of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Advisories that were not there.
    pub added: Vec<Change>,
    /// Advisories that were modified: they may affect more or less than before.
    pub changed: Vec<Change>,
    /// Advisories that were taken back: what only they held is released.
    pub withdrawn: Vec<Change>,
    /// Advisories that are gone without a word. Many of them speak of a broken feed.
    pub removed: Vec<Change>,
}

/// One advisory that is different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The advisory's id.
    pub id: String,
    /// What it warns of.
    pub kind: AdvisoryKind,
    /// The packages it affects or affected.
    pub packages: Vec<PackageName>,
}

impl Difference {
    /// Compares two feeds by the ids and times of their advisories.
    pub fn between(before: &Advisories, after: &Advisories) -> Self {
        let mut difference = Self::default();
        let (mut old, mut new) = (before.heads().peekable(), after.heads().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some(old), Some(new)) => old.id.cmp(new.id),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            let gone = old.next_if(|_old| order.is_le());
            let come = new.next_if(|_new| order.is_ge());
            match (gone, come) {
                (Some(old), Some(new)) if old == new => {}
                (Some(_), Some(new)) => difference.changed.push(Change::new(new)),
                (Some(old), None) if after.is_withdrawn(old.id) => {
                    difference.withdrawn.push(Change::new(old));
                }
                (Some(old), None) => difference.removed.push(Change::new(old)),
                (None, new) => difference.added.extend(new.map(Change::new)),
            }
        }
        name_packages(&mut difference.added, &[after]);
        name_packages(&mut difference.changed, &[before, after]);
        name_packages(&mut difference.withdrawn, &[before]);
        name_packages(&mut difference.removed, &[before]);
        difference
    }

    /// Whether nothing is different.
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.changed.is_empty()
            && self.withdrawn.is_empty()
            && self.removed.is_empty()
    }
}

impl Change {
    fn new(head: AdvisoryHead<'_>) -> Self {
        Self {
            id: head.id.to_owned(),
            kind: head.kind,
            packages: Vec::new(),
        }
    }
}

/// Fills in the packages of changes, which are in the order of their ids.
fn name_packages(changes: &mut [Change], feeds: &[&Advisories]) {
    if changes.is_empty() {
        return;
    }
    for (package, advisory) in feeds.iter().flat_map(|feed| feed.iter()) {
        let found = changes.binary_search_by(|change| change.id.as_str().cmp(advisory.id()));
        if let Ok(found) = found {
            changes[found].packages.push(package.clone());
        }
    }
    for change in changes {
        change.packages.sort();
        change.packages.dedup();
    }
}
