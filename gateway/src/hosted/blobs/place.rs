//! The folders of the store, and this process's hold on its staging folder.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::BlobError;
use super::disk::{self, Disk, Hold};
use super::error::Attempt as _;

/// The lock's name in a process's staging folder.
const LOCK: &str = "lock";

/// Every path on disk.
pub(super) struct Place {
    pub(super) disk: Box<dyn Disk>,
    pub(super) blobs: PathBuf,
    /// This process's staging folder.
    pub(super) session: PathBuf,
    names: PathBuf,
    staged: AtomicU64,
    /// Says to other processes that the staging folder is in use, until this is dropped or the
    /// process dies.
    _held: File,
}

impl Place {
    pub(super) fn open(disk: Box<dyn Disk>, folder: &Path) -> Result<Place, BlobError> {
        let folder = std::path::absolute(folder).attempt("find the hosted folder")?;
        let (blobs, staging) = (folder.join("blobs"), folder.join("staging"));
        make_durable(&*disk, &folder, &blobs).attempt("make the folder of blobs")?;
        disk.make_folder(&staging)
            .attempt("make the staging folder")?;
        // A folder that has just been made is not locked yet: nobody may sweep meanwhile.
        let lock = disk
            .lock(&folder.join("staging.lock"), Hold::Exclusive)
            .attempt("lock the staging folder")?;
        sweep(&*disk, &staging).attempt("sweep the staging folder")?;
        let (session, held) = claim(&*disk, &staging).attempt("make a staging folder")?;
        drop(lock);
        Ok(Place {
            disk,
            blobs,
            session,
            names: folder.join("blobs.lock"),
            staged: AtomicU64::new(0),
            _held: held,
        })
    }

    /// The folder of a blob. The text must be a digest.
    pub(super) fn shelf(&self, sha256: &str) -> PathBuf {
        self.blobs.join(sha256.get(..2).unwrap_or_default())
    }

    /// The path of a blob. The text must be a digest.
    pub(super) fn blob(&self, sha256: &str) -> PathBuf {
        self.shelf(sha256).join(sha256)
    }

    /// A staging path that was not given before.
    pub(super) fn next_staged(&self) -> PathBuf {
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        self.session.join(format!("staged-{number}"))
    }

    /// Keeps others from removing (shared), or from naming and removing (exclusive), as long as
    /// the result lives. Opened each time, so that it holds between threads as well.
    pub(super) fn hold_names(&self, hold: Hold) -> Result<File, BlobError> {
        self.disk
            .lock(&self.names, hold)
            .attempt("lock the folder of blobs")
    }
}

/// Makes the folders so that their names survive a power cut.
fn make_durable(disk: &dyn Disk, folder: &Path, blobs: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    for above in folder.ancestors() {
        if disk.stamp(above)?.is_some() {
            break;
        }
        missing.push(above);
    }
    disk.make_folder(blobs)?;
    disk.sync_folder(folder)?;
    // The folder's own name in any case: an earlier start may have made it and come no further.
    sync_above(disk, folder)?;
    missing
        .into_iter()
        .skip(1)
        .try_for_each(|made| sync_above(disk, made))
}

/// Makes a folder's name survive a power cut, unless we may not look at the folder above: then
/// whoever owns that one made this one.
fn sync_above(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    match folder.parent().map(|above| disk.sync_folder(above)) {
        Some(Err(error)) if error.kind() != ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}

/// Removes everything in staging but the folders of living processes.
fn sweep(disk: &dyn Disk, staging: &Path) -> io::Result<()> {
    for name in disk.list(staging)? {
        let path = staging.join(name);
        let Some(stamp) = disk.stamp(&path)? else {
            continue;
        };
        if stamp.is_folder {
            // A folder without a lock is one that was not finished, or not swept to its end.
            let lock = path.join(LOCK);
            let dead = disk.stamp(&lock)?.is_none() || disk.try_lock(&lock)?.is_some();
            if dead {
                disk.remove_tree(&path)?;
            }
        } else {
            disk.remove(&path)?;
        }
    }
    Ok(())
}

/// Makes a new folder in staging and locks it.
fn claim(disk: &dyn Disk, staging: &Path) -> io::Result<(PathBuf, File)> {
    for number in 0..u32::MAX {
        let session = staging.join(number.to_string());
        match disk.make_new_folder(&session) {
            Ok(()) => {
                let held = disk.try_lock(&session.join(LOCK))?;
                return Ok((session, held.ok_or(ErrorKind::ResourceBusy)?));
            }
            Err(error) if disk::is_taken(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}
