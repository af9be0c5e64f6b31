//! Blobs and entries on disk, and what is remembered of them in memory.
//!
//! Everything here that touches the disk blocks. Names on disk change only under `changes`, held
//! for a rename or an unlink but never for an fsync, so that an eviction cannot remove what a
//! commit just made. Memory of entries changes under the same lock and never outlives the file.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use moka::sync::Cache as Memory;

use crate::blob::{Blob, Hit, Source};
use crate::digest::{DigestAlgorithm, Hasher};
use crate::disk::{self, Disk};
use crate::entry::Entry;
use crate::error::{Attempt as _, Error};
use crate::evict::{Accounts, Moment};
use crate::key::Key;
use crate::layout::{Layout, Name};
use crate::progress::Shared;
use crate::spool::{Spool, hash_file};
use crate::store::Limits;

/// Bodies up to this size are kept whole in memory, as far as the limit goes.
pub(crate) const SMALL: u64 = 64 * 1024;
/// Blobs up to this size are verified at their first read since the start.
const VERIFY_MAX: u64 = 4 * 1024 * 1024;
/// Larger than any entry; a bound on what is read.
const ENTRY_MAX: u64 = 4 * 1024 * 1024;
/// Open files kept for bodies that are not small.
const OPEN_FILES: u64 = 256;
/// A use is noted once in this time, in milliseconds.
const USE_EVERY: u64 = 60_000;

/// Numbers staging files: one count for the process, which may open a folder twice.
pub(crate) static STAGED: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Shelf {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
    pub(crate) limits: Limits,
    pub(crate) fills: Mutex<HashMap<Name, Arc<Shared>>>,
    pub(crate) evictions: AtomicU64,
    pub(crate) passed_through: AtomicU64,
    pub(crate) closing: AtomicBool,
    /// Locked for as long as the folder is open.
    pub(crate) sharing: OnceLock<File>,
    changes: Mutex<()>,
    accounts: Mutex<Accounts>,
    pub(crate) entries: Memory<Name, Arc<Remembered>>,
    pub(crate) small: Memory<Name, Bytes>,
    pub(crate) files: Memory<Name, Arc<File>>,
}

/// An entry in memory.
pub(crate) struct Remembered {
    pub(crate) entry: Arc<Entry>,
    used_at: AtomicU64,
}

/// What a lookup finds before freshness is asked.
pub(crate) enum Found {
    Stored(Hit),
    Absent(Arc<Entry>),
}

/// A lock whose holder panicked is still ours: every change under it is a single step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn moment() -> Moment {
    Moment::of(SystemTime::now())
}

impl Shelf {
    pub(crate) fn new(disk: Arc<dyn Disk>, layout: Layout, limits: Limits) -> Shelf {
        let weight = |_: &Name, body: &Bytes| u32::try_from(body.len() + 128).unwrap_or(u32::MAX);
        let small = Memory::builder()
            .weigher(weight)
            .max_capacity(limits.small_body_memory);
        Shelf {
            disk,
            layout,
            limits,
            fills: Mutex::default(),
            evictions: AtomicU64::new(0),
            passed_through: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            sharing: OnceLock::new(),
            changes: Mutex::default(),
            accounts: Mutex::default(),
            entries: Memory::new(limits.memory_entries),
            small: small.build(),
            files: Memory::new(OPEN_FILES.min(limits.memory_entries)),
        }
    }

    pub(crate) fn changes(&self) -> MutexGuard<'_, ()> {
        lock(&self.changes)
    }

    pub(crate) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        lock(&self.accounts)
    }

    pub(crate) fn spool(&self) -> Spool {
        let number = STAGED.fetch_add(1, Ordering::Relaxed);
        Spool::new(self.disk.clone(), self.layout.staged(number))
    }

    /// What memory alone can answer; never blocks on the disk. Whether the use is to be noted.
    pub(crate) fn remembered(&self, key: &Key) -> Option<(Found, bool)> {
        let remembered = self.entries.get(&key.name())?;
        let entry = remembered.entry.clone();
        let Some((name, size)) = entry.blob() else {
            return Some((Found::Absent(entry), remembered.is_due()));
        };
        let source = match self.small.get(&name) {
            Some(body) => Source::Memory(body),
            None => Source::File(self.files.get(&name)?),
        };
        let hit = Hit::new(entry, self.blob(source, size));
        Some((Found::Stored(hit), remembered.is_due()))
    }

    pub(crate) fn blob(&self, source: Source, size: u64) -> Blob {
        Blob {
            source,
            size,
            disk: self.disk.clone(),
        }
    }

    /// Notes that a key was used now.
    pub(crate) fn used(&self, key: &Key) {
        self.accounts().used(key.name(), moment());
        // Only the order after a restart depends on it.
        let _ = self.disk.touch(&self.layout.entry(key.name()));
    }

    /// Reads entry and blob from disk.
    pub(crate) fn load(&self, key: &Key) -> Option<Found> {
        let entry = self.load_entry(key)?;
        let Some((name, size)) = entry.blob() else {
            return Some(Found::Absent(entry));
        };
        match self.open_blob(name, size) {
            Ok(blob) => Some(Found::Stored(Hit::new(entry, blob))),
            Err(error) => {
                tracing::warn!(%key, %error, "stored body is unusable, fetching again");
                self.forget_hollow(key, &entry);
                None
            }
        }
    }

    /// The entry from memory or disk. A file that is not a whole entry of this key is removed.
    pub(crate) fn load_entry(&self, key: &Key) -> Option<Arc<Entry>> {
        if let Some(remembered) = self.entries.get(&key.name()) {
            return Some(remembered.entry.clone());
        }
        let _changes = self.changes();
        let (entry, used_at) = self.read_entry(key.name())?;
        let entry = Arc::new(entry);
        let remembered = Remembered::new(entry.clone(), used_at);
        self.entries.insert(key.name(), Arc::new(remembered));
        if !self.accounts().knows_entry(key.name()) {
            self.accounts().insert(key.name(), entry.blob(), used_at);
        }
        Some(entry)
    }

    /// Reads an entry; to be called under `changes`.
    pub(crate) fn read_entry(&self, name: Name) -> Option<(Entry, Moment)> {
        let path = self.layout.entry(name);
        let file = self.disk.open(&path).ok()?;
        let used_at = Moment::of(self.disk.stamp(&file).ok()?.used_at);
        let bytes = disk::read_whole(&*self.disk, &file, ENTRY_MAX).ok()?;
        match Entry::decode(&bytes) {
            Some(entry) if entry.key.name() == name => Some((entry, used_at)),
            _ => {
                tracing::warn!(path = %path.display(), "torn cache entry removed");
                let _ = self.disk.remove(&path);
                None
            }
        }
    }

    /// Opens a blob: its length always checked, its digest at the first read since the start.
    fn open_blob(&self, name: Name, size: u64) -> Result<Blob, Error> {
        let file = Arc::new(
            self.disk
                .open(&self.layout.blob(name))
                .attempt("open a blob")?,
        );
        let stamp = self.disk.stamp(&file).attempt("read a blob's length")?;
        if stamp.length != size {
            self.set_aside(name, size);
            return Err(Error::Damaged);
        }
        let verify = size <= VERIFY_MAX && !self.accounts().is_verified(name);
        if verify {
            if self.hash(&file, size)? != name {
                self.set_aside(name, size);
                return Err(Error::Damaged);
            }
            self.accounts().note_verified(name);
        }
        if size <= SMALL.min(self.limits.small_body_memory) {
            let whole = disk::read_whole(&*self.disk, &file, size).attempt("read a blob")?;
            let whole = Bytes::from(whole);
            self.small.insert(name, whole.clone());
            return Ok(self.blob(Source::Memory(whole), size));
        }
        self.files.insert(name, file.clone());
        Ok(self.blob(Source::File(file), size))
    }

    fn hash(&self, file: &File, size: u64) -> Result<Name, Error> {
        let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
        hash_file(&*self.disk, file, size, &mut hasher).attempt("read a blob")?;
        let digest = hasher.finish().bytes;
        Ok(Name(
            digest.as_slice().try_into().map_err(|_| Error::Damaged)?,
        ))
    }

    /// Verifies one blob by name and sets it aside if it is damaged; its size, if it is whole.
    pub(crate) fn verify_blob(&self, name: Name) -> Result<Option<u64>, Error> {
        let path = self.layout.blob(name);
        let Ok(file) = self.disk.open(&path) else {
            return Ok(None);
        };
        let size = self
            .disk
            .stamp(&file)
            .attempt("read a blob's length")?
            .length;
        if self.hash(&file, size)? == name {
            self.accounts().note_verified(name);
            return Ok(Some(size));
        }
        self.set_aside(name, size);
        Err(Error::Damaged)
    }

    /// Moves a damaged blob away, unless a commit has replaced it by a whole one meanwhile.
    fn set_aside(&self, name: Name, size: u64) {
        let _changes = self.changes();
        let path = self.layout.blob(name);
        let again = self.disk.open(&path).ok();
        let healed = again.is_some_and(|file| {
            let length = self.disk.stamp(&file).map(|stamp| stamp.length);
            length.is_ok_and(|length| length == size)
                && matches!(self.hash(&file, size), Ok(computed) if computed == name)
        });
        if healed {
            return;
        }
        tracing::error!(blob = %name, "damaged blob set aside");
        if self.disk.rename(&path, &self.layout.damaged(name)).is_err() {
            let _ = self.disk.remove(&path);
        }
        self.forget_blob(name);
        self.accounts().lost(name);
    }

    fn forget_blob(&self, name: Name) {
        self.small.invalidate(&name);
        self.files.invalidate(&name);
    }

    /// Removes an entry whose blob cannot be used, unless it has been replaced meanwhile.
    fn forget_hollow(&self, key: &Key, seen: &Arc<Entry>) {
        let _changes = self.changes();
        let Some((entry, _)) = self.read_entry(key.name()) else {
            self.entries.invalidate(&key.name());
            return;
        };
        let usable = entry.blob().is_none_or(|(name, size)| {
            let file = self.disk.open(&self.layout.blob(name));
            let length = file
                .and_then(|file| self.disk.stamp(&file))
                .map(|stamp| stamp.length);
            length.is_ok_and(|length| length == size)
        });
        if entry.kind == seen.kind && !usable {
            let _ = self.remove_entry(key.name());
        }
    }

    /// Removes an entry, and its blob if nobody else refers to it; to be called under `changes`.
    pub(crate) fn remove_entry(&self, name: Name) -> Result<(), Error> {
        self.entries.invalidate(&name);
        let removed = self
            .disk
            .remove(&self.layout.entry(name))
            .attempt("remove an entry");
        // Forgotten even when the disk refuses: else eviction would try this one for ever.
        let unused = self.accounts().remove(name);
        self.remove_blob(unused);
        removed
    }

    pub(crate) fn remove_blob(&self, unused: Option<Name>) {
        let Some(name) = unused else { return };
        self.forget_blob(name);
        self.accounts().unverify(name);
        if let Err(error) = self.disk.remove(&self.layout.blob(name)) {
            tracing::warn!(%error, blob = %name, "cannot remove an unused blob");
        }
    }

    /// Removes a blob that no entry refers to.
    pub(crate) fn remove_orphan(&self, name: Name) {
        let _changes = self.changes();
        if !self.accounts().knows_blob(name) {
            self.remove_blob(Some(name));
        }
    }

    /// Removes least recently used entries until the rest fits.
    pub(crate) fn evict(&self) {
        loop {
            let _changes = self.changes();
            let victim = self.accounts().victim(self.limits.bytes_max);
            let Some(name) = victim else { return };
            if let Err(error) = self.remove_entry(name) {
                tracing::warn!(%error, "cannot remove an evicted entry");
            }
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Remembered {
    pub(crate) fn new(entry: Arc<Entry>, used_at: Moment) -> Remembered {
        Remembered {
            entry,
            used_at: AtomicU64::new(used_at.0),
        }
    }

    /// Whether this use is to be noted: the first in a minute.
    fn is_due(&self) -> bool {
        let now = moment().0;
        let last = self.used_at.load(Ordering::Relaxed);
        let exchange = |last| {
            self.used_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        now.saturating_sub(last) >= USE_EVERY && exchange(last)
    }
}
