//! The bytes that were published here: the only copy, never evicted. Not the cache, and not the
//! record of which package version owns which blob; that is the state database's.
//!
//! ```text
//! <folder>/
//! ├── blobs/ab/ab12…        an artifact; the name is its SHA-256
//! ├── blobs.lock            shared while a blob gets its name, exclusive while one is removed
//! ├── staging/<n>/lock      held by the process that writes here, as long as it lives
//! ├── staging/<n>/…         being written; swept by the next process that opens the folder
//! └── staging.lock          exclusive while a process sweeps and makes its own staging folder
//! ```
//!
//! The order of the disk's calls is the promise. Bytes are written and synced under a staging
//! name; only then are they linked to their final name, and the folders synced. So a name below
//! `blobs` has whole bytes behind it at every moment, and [`Blobs::keep`] returns only after a
//! power cut could not take them away. A keep that failed leaves the blob whole or absent, never
//! takes the name back (another process may just have acknowledged the same bytes), and can be
//! repeated.
//!
//! All calls block: call them from blocking threads.
//!
//! ```text
//! let mut staging = blobs.stage(limit)?;
//! std::io::copy(&mut body, &mut staging).map_err(BlobError::of_write)?;
//! let staged = staging.finish()?;
//! let blob = blobs.keep(&staged)?;
//! ```

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use collect::{Collected, Listed};
pub use error::BlobError;
pub use staging::{Staged, Staging};

use digests::{ContentPass, is_sha256};
use disk::{Disk, Hold, Real};
use error::Attempt as _;
use place::Place;

mod collect;
mod digests;
mod disk;
mod error;
mod place;
mod staging;
#[cfg(test)]
mod tests;

/// The store below one folder. Clones share it; several processes may open the same folder.
#[derive(Clone)]
pub struct Blobs {
    place: Arc<Place>,
}

/// Bytes that are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The content address, in small hexadecimal letters.
    pub sha256: String,
    /// How many bytes.
    pub size: u64,
    /// What was there before.
    pub kept: Kept,
}

/// How a blob came to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The bytes are new.
    New,
    /// The same bytes were kept already.
    Existing,
    /// A blob of the wrong length had this name: it was damaged, and is whole now.
    Mended,
}

/// What reading a blob to its end told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no such blob.
    Absent,
    /// The bytes have the digest that is their name.
    Whole,
    /// They do not.
    Damaged,
}

impl Blobs {
    /// Opens the store, making its folders, and removes what dead processes left in staging.
    pub fn open(folder: &Path) -> Result<Blobs, BlobError> {
        Blobs::open_on(Box::new(Real), folder)
    }

    fn open_on(disk: Box<dyn Disk>, folder: &Path) -> Result<Blobs, BlobError> {
        let place = Arc::new(Place::open(disk, folder)?);
        Ok(Blobs { place })
    }

    /// Begins to take bytes, at most `limit` of them.
    pub fn stage(&self, limit: u64) -> Result<Staging, BlobError> {
        Staging::begin(&self.place, limit)
    }

    /// Where others may write files for [`Blobs::adopt`]: on the same file system, and swept when
    /// this process is gone. Names beginning with `staged-` are taken.
    pub fn spool_folder(&self) -> &Path {
        &self.place.session
    }

    /// Takes over a file that somebody else has finished writing: nobody may write to it after.
    /// It is read once for its digests, synced, and renamed; if this fails it stays as it was.
    pub fn adopt(&self, spooled: &Path) -> Result<Staged, BlobError> {
        Staged::adopt(&self.place, spooled)
    }

    /// Keeps the bytes under their SHA-256. Once this returns, they survive a power cut. If it
    /// fails it can be repeated with the same `staged`.
    pub fn keep(&self, staged: &Staged) -> Result<Blob, BlobError> {
        let disk = &*self.place.disk;
        let shelf = self.place.shelf(&staged.sha256);
        let path = self.place.blob(&staged.sha256);
        disk.make_folder(&shelf).attempt("make a blob's folder")?;
        let kept = self.name(staged, &path)?;
        // Also for a blob that was there: whoever linked it may not have come so far.
        let file = disk.open(&path).attempt("open a blob")?;
        disk.sync(&file).attempt("sync a blob")?;
        disk.sync_folder(&shelf).attempt("sync a blob's folder")?;
        disk.sync_folder(&self.place.blobs)
            .attempt("sync the folder of blobs")?;
        Ok(Blob {
            sha256: staged.sha256.clone(),
            size: staged.size,
            kept,
        })
    }

    /// Gives the staged bytes their final name, and today's date: a blob that nothing refers to
    /// yet must not be collected. The lock keeps a collection from looking in between.
    fn name(&self, staged: &Staged, path: &Path) -> Result<Kept, BlobError> {
        let disk = &*self.place.disk;
        let lock = self.place.hold_names(Hold::Shared)?;
        let mut kept = self.name_new(staged, path)?;
        if kept == Kept::Existing && !self.has_length(path, staged.size)? {
            // Nothing but damage makes a short blob. These bytes are known to be the right ones,
            // and readers of the damaged file keep the file that they opened.
            disk.rename(staged.path(), path).attempt("mend a blob")?;
            kept = Kept::Mended;
        }
        disk.touch(path).attempt("date a blob")?;
        drop(lock);
        Ok(kept)
    }

    fn name_new(&self, staged: &Staged, path: &Path) -> Result<Kept, BlobError> {
        let disk = &*self.place.disk;
        // First, because a keep that is repeated may have lost its staging name to a rename.
        if self.has_length(path, staged.size)? {
            return Ok(Kept::Existing);
        }
        if !self.has_length(staged.path(), staged.size)? {
            return Err(BlobError::Changed);
        }
        match disk.link(staged.path(), path) {
            Ok(()) => Ok(Kept::New),
            Err(error) if disk::is_taken(&error) => Ok(Kept::Existing),
            // A file system without hard links. Should another process be faster now, then the
            // same bytes replace the same bytes.
            Err(error) if disk::is_unlinkable(&error) && !self.is_there(path)? => {
                disk.rename(staged.path(), path).attempt("name a blob")?;
                Ok(Kept::New)
            }
            Err(error) if disk::is_unlinkable(&error) => Ok(Kept::Existing),
            Err(error) => Err(error).attempt("name a blob"),
        }
    }

    /// Opens a blob for reading; nothing if there is none.
    pub fn open_blob(&self, sha256: &str) -> Result<Option<File>, BlobError> {
        let path = self.path(sha256)?;
        disk::if_there(self.place.disk.open(&path)).attempt("open a blob")
    }

    /// Reads a blob to its end and compares its digest with its name.
    pub fn verify(&self, sha256: &str) -> Result<Condition, BlobError> {
        let Some(file) = self.open_blob(sha256)? else {
            return Ok(Condition::Absent);
        };
        let mut pass = ContentPass::default();
        disk::read_through(&*self.place.disk, &file, |bytes| pass.update(bytes))
            .attempt("read a blob")?;
        Ok(match pass.finish() == sha256 {
            true => Condition::Whole,
            false => Condition::Damaged,
        })
    }

    /// Removes a blob, whether or not something refers to it; false if there was none.
    pub fn remove(&self, sha256: &str) -> Result<bool, BlobError> {
        let disk = &*self.place.disk;
        let path = self.path(sha256)?;
        let lock = self.place.hold_names(Hold::Exclusive)?;
        let removed = disk.remove(&path).attempt("remove a blob")?;
        drop(lock);
        if removed {
            disk.sync_folder(&self.place.shelf(sha256))
                .attempt("sync a blob's folder")?;
        }
        Ok(removed)
    }

    /// All blobs, in no order, folder by folder as the iterator moves on. Files that do not have
    /// a blob's name are left out.
    pub fn iter(&self) -> Result<impl Iterator<Item = Result<Listed, BlobError>>, BlobError> {
        collect::list(&self.place)
    }

    /// Removes the blobs that were kept (or kept again) before `older_than` and are not in use.
    /// `older_than` must leave a publish the time between [`Blobs::keep`] and the record that
    /// refers to the blob; where `in_use` cannot tell, it must say yes.
    pub fn collect(
        &self,
        in_use: impl FnMut(&str) -> bool,
        older_than: SystemTime,
    ) -> Result<Collected, BlobError> {
        collect::collect(&self.place, in_use, older_than)
    }

    fn path(&self, sha256: &str) -> Result<PathBuf, BlobError> {
        match is_sha256(sha256) {
            true => Ok(self.place.blob(sha256)),
            false => Err(BlobError::NotADigest),
        }
    }

    fn is_there(&self, path: &Path) -> Result<bool, BlobError> {
        let stamp = self.place.disk.stamp(path).attempt("look at a blob")?;
        Ok(stamp.is_some())
    }

    fn has_length(&self, path: &Path, size: u64) -> Result<bool, BlobError> {
        let stamp = self.place.disk.stamp(path).attempt("look at a blob")?;
        Ok(stamp.is_some_and(|stamp| stamp.is_file && stamp.length == size))
    }
}
