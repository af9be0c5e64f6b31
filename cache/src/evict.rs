//! What is stored, how large it is, and which entries go when the space is short.
//!
//! The accounts live in memory only; the scan after the start fills them from the disk. Until it is
//! complete a reference may be unknown, so no blob is removed and nothing is evicted.
//! Least recently used goes first; a use is noted at most once per minute and entry.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::layout::Name;

/// What an entry costs beside its body: a block for its file. Bounds negative entries too.
const ENTRY_BYTES: u64 = 4096;

/// The accounts of one cache.
#[derive(Default)]
pub(crate) struct Accounts {
    rows: HashMap<Name, Row>,
    order: BTreeSet<(Moment, Name)>,
    blobs: HashMap<Name, BlobRow>,
    bytes: u64,
    verified: HashSet<Name>,
    complete: bool,
}

/// Milliseconds since 1970: a use, in the order of uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) u64);

struct Row {
    blob: Option<Name>,
    used_at: Moment,
}

#[derive(Default)]
struct BlobRow {
    size: u64,
    references: u64,
    /// Commits between the blob's rename and its entry's.
    held: u64,
}

impl Moment {
    pub(crate) fn of(time: SystemTime) -> Moment {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Accounts {
    /// Notes an entry; answers a blob that nobody refers to any more.
    pub(crate) fn insert(
        &mut self,
        key: Name,
        blob: Option<(Name, u64)>,
        used_at: Moment,
    ) -> Option<Name> {
        if let Some((name, size)) = blob {
            let row = self.blobs.entry(name).or_default();
            row.references += 1;
            self.bytes = self.bytes + size - row.size;
            row.size = size;
        }
        let row = Row {
            blob: blob.map(|(name, _)| name),
            used_at,
        };
        self.order.insert((used_at, key));
        let replaced = self.rows.insert(key, row)?;
        if replaced.used_at != used_at {
            self.order.remove(&(replaced.used_at, key));
        }
        self.release(replaced.blob?)
    }

    /// Forgets an entry; answers a blob that nobody refers to any more.
    pub(crate) fn remove(&mut self, key: Name) -> Option<Name> {
        let row = self.rows.remove(&key)?;
        self.order.remove(&(row.used_at, key));
        self.release(row.blob?)
    }

    fn release(&mut self, blob: Name) -> Option<Name> {
        let row = self.blobs.get_mut(&blob)?;
        row.references = row.references.saturating_sub(1);
        self.drop_unused(blob)
    }

    fn drop_unused(&mut self, blob: Name) -> Option<Name> {
        let row = self.blobs.get(&blob)?;
        if row.references > 0 || row.held > 0 {
            return None;
        }
        self.bytes -= row.size;
        self.blobs.remove(&blob);
        // Before the scan is complete another entry may refer to it: the scan's end will tell.
        self.complete.then_some(blob)
    }

    /// Keeps a blob while its entry is being written.
    pub(crate) fn hold(&mut self, blob: Name) {
        self.blobs.entry(blob).or_default().held += 1;
    }

    /// Ends [`Accounts::hold`]; answers the blob if nobody refers to it.
    pub(crate) fn let_go(&mut self, blob: Name) -> Option<Name> {
        let row = self.blobs.get_mut(&blob)?;
        row.held = row.held.saturating_sub(1);
        self.drop_unused(blob)
    }

    /// The blob's file is gone or set aside; entries that refer to it will be found hollow.
    pub(crate) fn lost(&mut self, blob: Name) {
        self.verified.remove(&blob);
        if let Some(row) = self.blobs.get_mut(&blob) {
            self.bytes -= row.size;
            row.size = 0;
        }
    }

    pub(crate) fn used(&mut self, key: Name, used_at: Moment) {
        if let Some(row) = self.rows.get_mut(&key) {
            self.order.remove(&(row.used_at, key));
            row.used_at = used_at;
            self.order.insert((used_at, key));
        }
    }

    pub(crate) fn knows_entry(&self, key: Name) -> bool {
        self.rows.contains_key(&key)
    }

    pub(crate) fn knows_blob(&self, blob: Name) -> bool {
        self.blobs.contains_key(&blob)
    }

    pub(crate) fn is_verified(&self, blob: Name) -> bool {
        self.verified.contains(&blob)
    }

    pub(crate) fn note_verified(&mut self, blob: Name) {
        self.verified.insert(blob);
    }

    pub(crate) fn unverify(&mut self, blob: Name) {
        self.verified.remove(&blob);
    }

    pub(crate) fn note_complete(&mut self) {
        self.complete = true;
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The entry that goes next, if space is short.
    pub(crate) fn victim(&self, bytes_max: u64) -> Option<Name> {
        let cost = self
            .bytes
            .saturating_add(self.entries().saturating_mul(ENTRY_BYTES));
        let short = self.complete && cost > bytes_max;
        self.order.first().filter(|_| short).map(|(_, key)| *key)
    }

    pub(crate) fn entries(&self) -> u64 {
        self.rows.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u8) -> Name {
        Name([number; 32])
    }

    #[test]
    fn the_least_recently_used_goes_and_a_shared_blob_stays() {
        let mut accounts = Accounts::default();
        accounts.insert(name(1), Some((name(100), 10_000)), Moment(1));
        accounts.insert(name(2), Some((name(100), 10_000)), Moment(2));
        accounts.insert(name(3), Some((name(101), 10_000)), Moment(3));
        assert_eq!((accounts.bytes(), accounts.entries()), (20_000, 3));
        assert_eq!(accounts.victim(0), None, "not before the scan is complete");
        accounts.note_complete();
        accounts.used(name(1), Moment(9));
        assert_eq!(accounts.victim(20_000), Some(name(2)));
        assert_eq!(accounts.remove(name(2)), None, "entry 1 refers to it");
        assert_eq!(accounts.victim(20_000), Some(name(3)));
        assert_eq!(accounts.remove(name(3)), Some(name(101)));
        assert_eq!(accounts.victim(20_000), None);
        assert_eq!(accounts.insert(name(1), None, Moment(10)), Some(name(100)));
        assert_eq!((accounts.bytes(), accounts.entries()), (0, 1));
    }

    #[test]
    fn a_blob_held_by_a_commit_stays() {
        let mut accounts = Accounts::default();
        accounts.note_complete();
        accounts.insert(name(1), Some((name(100), 5)), Moment(1));
        accounts.hold(name(100));
        assert_eq!(accounts.remove(name(1)), None);
        assert_eq!(accounts.let_go(name(100)), Some(name(100)));
    }
}
