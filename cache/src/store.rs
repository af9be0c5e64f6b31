//! The cache: look up, join a fill, link, purge, verify.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use crate::blob::{Hit, blocking};
use crate::disk::{Disk, Real};
use crate::error::Error;
use crate::fill::Fill;
use crate::follow::Follower;
use crate::key::Key;
use crate::progress::Shared;
use crate::recover::{self, Report};
use crate::shelf::{Found, Shelf, lock};

/// The cache of one folder. A clone is the same cache.
#[derive(Clone)]
pub struct Cache {
    pub(crate) shelf: Arc<Shelf>,
    _open: Arc<Open>,
}

/// The bounds of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// On disk: bodies, and 4 KiB for each entry. Fills in progress come on top.
    pub bytes_max: u64,
    /// The end of each body that followers get only after the commit.
    pub held_back: u64,
    /// Entries kept in memory.
    pub memory_entries: u64,
    /// Bytes of bodies up to 64 KiB kept in memory.
    pub small_body_memory: u64,
}

/// What is known of a key.
#[derive(Debug)]
pub enum Lookup {
    /// A body that may be used without asking.
    Fresh(Hit),
    /// A body to be confirmed before use.
    Stale(Hit),
    /// Known to be absent.
    Absent {
        /// Whether that may be believed without asking.
        fresh: bool,
    },
    /// Nothing is known.
    Missing,
}

/// Figures for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Entries on disk, as far as they are counted.
    pub entries: u64,
    /// Bytes of blobs on disk, each counted once.
    pub bytes: u64,
    /// Fills in progress.
    pub fills_in_flight: u64,
    /// Entries removed for space since the start.
    pub evictions: u64,
    /// Bodies given to followers but not kept since the start, because the disk failed.
    pub passed_through: u64,
    /// Whether everything on disk has been counted.
    pub scan_complete: bool,
}

/// Ends the scan when the last clone goes.
struct Open(Arc<Shelf>);

impl Default for Limits {
    /// 10 GiB on disk, 64 KiB held back, 100,000 entries and 64 MiB of small bodies in memory.
    fn default() -> Limits {
        Limits {
            bytes_max: 10 << 30,
            held_back: 64 << 10,
            memory_entries: 100_000,
            small_body_memory: 64 << 20,
        }
    }
}

impl Cache {
    /// Opens the folder, or makes it. Does not read the entries: they are read when asked for,
    /// and a scan in the background counts them.
    pub async fn open(root: &Path, limits: Limits) -> Result<Cache, Error> {
        Cache::open_on(Arc::new(Real), root, limits).await
    }

    pub(crate) async fn open_on(
        disk: Arc<dyn Disk>,
        root: &Path,
        limits: Limits,
    ) -> Result<Cache, Error> {
        let layout = crate::layout::Layout::new(root);
        let shelf = Arc::new(Shelf::new(disk, layout, limits));
        let preparing = shelf.clone();
        blocking(move || recover::prepare(&preparing)).await??;
        let scanning = Arc::downgrade(&shelf);
        tokio::task::spawn_blocking(move || recover::scan(&scanning));
        Ok(Cache {
            _open: Arc::new(Open(shelf.clone())),
            shelf,
        })
    }

    /// What is known of a key at this time. A disk that cannot be read is [`Lookup::Missing`].
    pub async fn lookup(&self, key: &Key, now: SystemTime) -> Lookup {
        let found = match self.shelf.remembered(key) {
            Some((found, due)) => {
                if due {
                    let (shelf, key) = (self.shelf.clone(), key.clone());
                    tokio::task::spawn_blocking(move || shelf.used(&key));
                }
                Some(found)
            }
            None => {
                let (shelf, key) = (self.shelf.clone(), key.clone());
                let load = move || shelf.load(&key).inspect(|_| shelf.used(&key));
                blocking(load).await.unwrap_or(None)
            }
        };
        match found {
            Some(Found::Stored(hit)) if hit.entry().meta.is_fresh(now) => Lookup::Fresh(hit),
            Some(Found::Stored(hit)) => Lookup::Stale(hit),
            Some(Found::Absent(entry)) => Lookup::Absent {
                fresh: entry.meta.is_fresh(now),
            },
            None => Lookup::Missing,
        }
    }

    /// Joins the fill in progress for the key, or starts one: `work` is spawned with the
    /// [`Fill`], which belongs to the cache and not to the caller. Must run inside tokio.
    ///
    /// A fill may have ended between the caller's lookup and this call. Work that costs an
    /// upstream request should therefore look up once more, and end with [`Fill::settle`] if it
    /// finds a fresh hit.
    pub fn join<F, Fut>(&self, key: &Key, work: F) -> Follower
    where
        F: FnOnce(Fill) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let follow = |shared: Arc<Shared>| {
            Follower::new(shared, self.shelf.disk.clone(), self.shelf.limits.held_back)
        };
        let (shared, follower) = {
            let mut fills = lock(&self.shelf.fills);
            if let Some(shared) = fills.get(&key.name()) {
                return follow(shared.clone());
            }
            let shared = Arc::new(Shared::new());
            fills.insert(key.name(), shared.clone());
            (shared.clone(), follow(shared))
        };
        tokio::spawn(work(Fill::new(self.shelf.clone(), shared, key.clone())));
        follower
    }

    /// Remembers the body of `from` under `to` too, without another copy; false if `from` has
    /// no body.
    pub async fn link(&self, from: &Key, to: &Key) -> Result<bool, Error> {
        let (shelf, from, to) = (self.shelf.clone(), from.clone(), to.clone());
        blocking(move || shelf.link(&from, &to)).await?
    }

    /// Whether a body is stored under the key, fresh or not.
    pub async fn contains(&self, key: &Key) -> bool {
        if let Some((found, _)) = self.shelf.remembered(key) {
            return matches!(found, Found::Stored(_));
        }
        let (shelf, key) = (self.shelf.clone(), key.clone());
        blocking(move || matches!(shelf.load(&key), Some(Found::Stored(_))))
            .await
            .unwrap_or(false)
    }

    /// [`Cache::contains`] of many keys, in their order, with one trip to the disk.
    pub async fn contains_each(&self, keys: Vec<Key>) -> Vec<bool> {
        let (shelf, count) = (self.shelf.clone(), keys.len());
        let look = move || {
            let stored = |key: &Key| {
                let remembered = shelf.remembered(key).map(|(found, _)| found);
                matches!(
                    remembered.or_else(|| shelf.load(key)),
                    Some(Found::Stored(_))
                )
            };
            keys.iter().map(stored).collect()
        };
        blocking(look).await.unwrap_or_else(|_| vec![false; count])
    }

    /// Removes the entries whose key's text starts with `prefix`; answers how many. Reads every
    /// entry on disk. A fill in progress is not touched: it will commit.
    pub async fn purge(&self, prefix: &str) -> Result<u64, Error> {
        let (shelf, prefix) = (self.shelf.clone(), prefix.to_owned());
        blocking(move || recover::purge(&shelf, &prefix)).await?
    }

    /// Reads every blob and sets the damaged ones aside.
    pub async fn verify(&self) -> Result<Report, Error> {
        let shelf = self.shelf.clone();
        blocking(move || recover::verify(&shelf)).await?
    }

    /// Figures for metrics.
    pub fn stats(&self) -> Stats {
        let accounts = self.shelf.accounts();
        let (entries, bytes) = (accounts.entries(), accounts.bytes());
        let scan_complete = accounts.is_complete();
        drop(accounts);
        Stats {
            entries,
            bytes,
            fills_in_flight: lock(&self.shelf.fills).len() as u64,
            evictions: self.shelf.evictions.load(Ordering::Relaxed),
            passed_through: self.shelf.passed_through.load(Ordering::Relaxed),
            scan_complete,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closing.store(true, Ordering::Relaxed);
    }
}
