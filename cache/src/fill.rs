//! The one writer of a key.
//!
//! ```text
//!            start          write…            commit
//! Waiting ──────────► Started ──────► Started ──────► Settled (or passed through: disk broken)
//!    │ renew, settle ─► Settled          │
//!    │ absent ────────► Absent           │
//!    └──── fail, drop, wrong body ───────┴──────────► Failed
//! ```
//!
//! Pieces go to a window in memory, where followers usually find them, and in batches to a staging
//! file, where late followers do. Hashing and writing happen together on the blocking pool. When
//! the disk fails, the window grows, the writer keeps pace with the fastest follower, and nothing
//! is kept in the end. The table of fills and the followers' count are read under one lock, so
//! nobody can join a fill that has just been called unwanted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::blob::{Hit, blocking};
use crate::digest::{Digest, DigestAlgorithm};
use crate::entry::{Entry, Kind, Meta};
use crate::error::{Error, Failed};
use crate::key::Key;
use crate::progress::{Outcome, Progress, Shared, window_size};
use crate::shelf::{Found, Shelf, lock};
use crate::spool::Spool;

/// Bytes gathered before they are hashed and written.
const BATCH: u64 = 256 * 1024;
/// A body with less than this to go is finished although nobody waits.
const NEARLY: u64 = 1024 * 1024;

/// The one writer of a key. Dropped without an end, it fails all followers.
pub struct Fill {
    shelf: Arc<Shelf>,
    shared: Arc<Shared>,
    key: Key,
    begun: Option<(Meta, Option<u64>)>,
    spool: Option<Spool>,
    batch: Vec<Bytes>,
    batched: u64,
    written: u64,
    always: bool,
    ended: bool,
}

impl Fill {
    pub(crate) fn new(shelf: Arc<Shelf>, shared: Arc<Shared>, key: Key) -> Fill {
        let spool = Some(shelf.spool());
        Fill {
            shelf,
            shared,
            key,
            begun: None,
            spool,
            batch: Vec::new(),
            batched: 0,
            written: 0,
            always: false,
            ended: false,
        }
    }

    /// The key that is being filled.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// To be finished even when every follower leaves: for documents.
    pub fn keep_going(&mut self) {
        self.always = true;
    }

    /// Computes only these digests of the body besides SHA-256, instead of all four: for bodies that
    /// nobody will ask the others of. To be called before the first piece.
    pub fn compute_only(&mut self, algorithms: &[DigestAlgorithm]) {
        if let Some(spool) = self.spool.as_mut().filter(|_| self.written == 0) {
            spool.compute_only(algorithms);
        }
    }

    /// Waits until every follower has left, for work that itself waits for an upstream. Never
    /// returns after [`Fill::keep_going`].
    pub async fn deserted(&self) {
        if self.always {
            std::future::pending::<()>().await;
        }
        self.shared.progress.closed().await;
    }

    /// The head is known: followers wake.
    pub async fn start(&mut self, meta: Meta, length: Option<u64>) -> Result<(), Error> {
        if self.begun.is_some() || self.ended {
            return Err(Error::OutOfOrder);
        }
        self.begun = Some((meta, length));
        self.shared
            .progress
            .send_modify(|progress| progress.begun.clone_from(&self.begun));
        Ok(())
    }

    /// The next piece of the body. [`Error::Unwanted`] when every follower left and there is much
    /// to go; [`Error::Length`] when there is more than announced. Both end the fill.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        let Some((_, length)) = &self.begun else {
            return Err(Error::OutOfOrder);
        };
        let length = *length;
        if self.ended {
            return Err(Error::OutOfOrder);
        }
        if chunk.is_empty() {
            return Ok(());
        }
        self.written += chunk.len() as u64;
        if let Some(announced) = length.filter(|announced| self.written > *announced) {
            let error = Error::Length {
                announced,
                received: self.written,
            };
            self.end(Outcome::Failed(Failed::new(
                Failed::WRONG_BODY,
                &error.to_string(),
            )));
            return Err(error);
        }
        if self.is_unwanted(length) {
            return Err(Error::Unwanted);
        }
        self.batched += chunk.len() as u64;
        self.batch.push(chunk.clone());
        let held_back = self.shelf.limits.held_back;
        self.shared.progress.send_modify(|progress| {
            progress.window.push(chunk);
            progress.released = self.written.saturating_sub(held_back);
        });
        if self.batched >= BATCH {
            self.flush().await?;
        }
        Ok(())
    }

    /// Ends the fill if nobody waits and it is not nearly done.
    fn is_unwanted(&mut self, length: Option<u64>) -> bool {
        let nearly = length.is_some_and(|length| length - self.written <= NEARLY.max(length / 20));
        if self.always || nearly || self.shared.progress.receiver_count() > 0 {
            return false;
        }
        let mut fills = lock(&self.shelf.fills);
        if self.shared.progress.receiver_count() > 0 {
            return false;
        }
        fills.remove(&self.key.name());
        drop(fills);
        self.end(Outcome::Failed(Failed::new(Failed::ABANDONED, "unwanted")));
        true
    }

    /// Hashes and writes the batch.
    async fn flush(&mut self) -> Result<(), Error> {
        let mut spool = self.spool.take().ok_or(Error::OutOfOrder)?;
        let batch = std::mem::take(&mut self.batch);
        self.batched = 0;
        let spool = blocking(move || {
            spool.take(&batch);
            spool
        })
        .await?;
        let broken = spool.is_broken();
        let (held_back, readable) = (self.shelf.limits.held_back, spool.readable());
        self.spool = Some(spool);
        self.shared.progress.send_modify(|progress| {
            let good = readable.as_ref().map_or(0, |(_, good)| *good);
            let floor = if broken { u64::MAX } else { good };
            progress.window.trim(window_size(broken, held_back), floor);
            progress.file = readable;
        });
        if broken && !self.always {
            self.shared.wait_for_readers(self.written, held_back).await;
        }
        Ok(())
    }

    /// The body is complete. Verifies its length and every offered digest, releases its end, makes it
    /// durable and gives it its entry. On a mismatch all followers fail, nothing is
    /// kept, and the error says which digest. A disk that refuses does not fail the followers: the
    /// verified body passes through and is not kept ([`crate::Stats::passed_through`]).
    pub async fn commit(mut self, expected: &[Digest]) -> Result<(), Error> {
        let Some((meta, length)) = self.begun.clone() else {
            return Err(Error::OutOfOrder);
        };
        if self.ended {
            return Err(Error::OutOfOrder);
        }
        if let Some(announced) = length.filter(|announced| *announced != self.written) {
            return Err(self.refuse(Error::Length {
                announced,
                received: self.written,
            }));
        }
        let mut spool = self.spool.take().ok_or(Error::OutOfOrder)?;
        let batch = std::mem::take(&mut self.batch);
        let (shelf, key, size) = (self.shelf.clone(), self.key.clone(), self.written);
        let shared = self.shared.clone();
        let expected = expected.to_vec();
        let committed = blocking(move || {
            spool.take(&batch);
            let whole = shared.progress.borrow().window.whole();
            spool.check(&expected, whole.as_ref())?;
            // Verified: nobody has to wait for the disk.
            let release = |progress: &mut Progress| progress.released = size;
            shared.progress.send_modify(release);
            let entry = entry(key, meta, spool.digests(), size)?;
            Ok(keep(&shelf, entry, &mut spool, whole))
        });
        match committed.await.unwrap_or_else(Err) {
            Ok(outcome) => {
                self.end(outcome);
                let shelf = self.shelf.clone();
                blocking(move || shelf.evict()).await
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// The stored body is still right (RFC 9110 §15.4.5): only what is said of it changes. If the
    /// disk refuses, this fill's followers get the renewed hit all the same.
    pub async fn renew(mut self, meta: Meta) -> Result<(), Error> {
        if self.begun.is_some() || self.ended {
            return Err(Error::OutOfOrder);
        }
        let (shelf, key) = (self.shelf.clone(), self.key.clone());
        let renewed = blocking(move || {
            let Some(Found::Stored(hit)) = shelf.load(&key) else {
                return None;
            };
            let entry = Entry {
                meta,
                ..hit.entry().clone()
            };
            let written = shelf.refer(entry.clone()).ok().flatten();
            Some(hit.with_entry(written.unwrap_or_else(|| Arc::new(entry))))
        });
        let Some(hit) = renewed.await? else {
            return Err(self.refuse(Error::NothingToRenew));
        };
        self.end(Outcome::Settled(hit));
        Ok(())
    }

    /// There is no such thing: a negative entry. The followers learn it even if the disk refuses
    /// to remember it.
    pub async fn absent(mut self, meta: Meta) -> Result<(), Error> {
        if self.begun.is_some() || self.ended {
            return Err(Error::OutOfOrder);
        }
        let entry = Entry {
            key: self.key.clone(),
            meta,
            kind: Kind::Absent,
        };
        let shelf = self.shelf.clone();
        let written = blocking(move || {
            let written = shelf.write_entry(entry).map(|_| ());
            shelf.evict();
            written
        });
        let written = written.await.unwrap_or_else(Err);
        self.end(Outcome::Absent);
        written
    }

    /// Another fill was faster: the followers get its hit.
    pub fn settle(mut self, hit: Hit) {
        if self.begun.is_none() && !self.ended {
            self.end(Outcome::Settled(hit));
        }
    }

    /// Fails all followers; code and words are the caller's.
    pub fn fail(mut self, code: u16, detail: &str) {
        self.end(Outcome::Failed(Failed::new(code, detail)));
    }

    fn refuse(&mut self, error: Error) -> Error {
        let code = match error {
            Error::Length { .. } | Error::Mismatch { .. } => Failed::WRONG_BODY,
            Error::Disk { .. } => Failed::DISK,
            _ => Failed::ABANDONED,
        };
        self.end(Outcome::Failed(Failed::new(code, &error.to_string())));
        error
    }

    /// Tells the followers first and leaves the table then: whoever joins in between shares the
    /// outcome instead of starting again.
    fn end(&mut self, outcome: Outcome) {
        if self.ended {
            return;
        }
        self.ended = true;
        let passed = matches!(outcome, Outcome::PassedThrough { .. });
        self.shared.progress.send_modify(|progress| {
            if passed {
                progress.released = self.written;
            }
            progress.ended = Some(outcome);
        });
        let mut fills = lock(&self.shelf.fills);
        if fills
            .get(&self.key.name())
            .is_some_and(|shared| Arc::ptr_eq(shared, &self.shared))
        {
            fills.remove(&self.key.name());
        }
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        self.end(Outcome::Failed(Failed::new(Failed::ABANDONED, "abandoned")));
    }
}

fn entry(key: Key, meta: Meta, digests: Vec<Digest>, size: u64) -> Result<Entry, Error> {
    let content = digests
        .iter()
        .find(|digest| digest.algorithm == DigestAlgorithm::Sha256);
    let digest = content.cloned().ok_or(Error::OutOfOrder)?;
    Ok(Entry {
        key,
        meta,
        kind: Kind::Stored {
            digest,
            size,
            digests,
        },
    })
}

/// Commits a verified body, or makes the best of a disk that refuses.
fn keep(shelf: &Shelf, entry: Entry, spool: &mut Spool, whole: Option<Bytes>) -> Outcome {
    match shelf.commit(entry.clone(), spool, whole.clone()) {
        Ok(hit) => Outcome::Settled(hit),
        Err(error) => {
            tracing::warn!(key = %entry.key, %error, "body passed through, not kept");
            shelf.passed_through.fetch_add(1, Ordering::Relaxed);
            match whole {
                Some(whole) => Outcome::Settled(shelf.hit_in_memory(entry, whole)),
                None => Outcome::PassedThrough {
                    file_is_good: spool.is_good(),
                },
            }
        }
    }
}
