//! Start-up, and the walks over everything on disk: what survives a crash, counting, purging,
//! verifying.
//!
//! The start does constant work: folders, the format, and sweeping `staging`, where a crash leaves
//! its only traces. Everything else is found whole or not at all: see [`crate::layout`].

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::sync::Weak;
use std::sync::atomic::Ordering;

use crate::disk::{self, Disk};
use crate::error::{Attempt as _, Error};
use crate::layout::{FORMAT, Name};
use crate::shelf::Shelf;

/// What [`crate::Cache::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Blobs read.
    pub blobs: u64,
    /// Bytes of the whole ones.
    pub bytes: u64,
    /// SHA-256 names of those set aside in `damaged/`.
    pub damaged: Vec<String>,
    /// SHA-256 names of those that the disk could not read; they are left where they are.
    pub unreadable: Vec<String>,
}

/// Makes the folders, checks the format, sweeps what a crash left.
pub(crate) fn prepare(shelf: &Shelf) -> Result<(), Error> {
    let (disk, layout) = (&*shelf.disk, &shelf.layout);
    disk.make_folder(&layout.staging())
        .attempt("make the cache folder")?;
    share(shelf)?;
    let known = read_format(shelf)?;
    if known.as_deref().is_some_and(|found| found != FORMAT) {
        return Err(Error::Format {
            found: known.unwrap_or_default(),
            wanted: FORMAT,
        });
    }
    disk.make_folder(&layout.damaged_folder())
        .attempt("make a cache folder")?;
    if known.is_some() {
        return Ok(());
    }
    for shelf in 0..=u8::MAX {
        disk.make_folder(&layout.blob_folder(shelf))
            .attempt("make a cache folder")?;
        disk.make_folder(&layout.entry_folder(shelf))
            .attempt("make a cache folder")?;
    }
    for folder in [layout.blobs(), layout.entries()] {
        disk.sync_folder(&folder).attempt("sync a cache folder")?;
    }
    // Last: a folder with a format has all its folders.
    write_format(shelf)
}

/// Sweeps `staging` if nobody else has the folder open, and says for as long as we run that we have:
/// the running fills of a sibling (a restart that overlaps, a command beside the gateway) are left alone.
fn share(shelf: &Shelf) -> Result<(), Error> {
    let file = File::create(shelf.layout.lock()).attempt("make the cache's lock file")?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {}
        // Locks may be unknown to the file system: then every start sweeps.
        Ok(()) | Err(TryLockError::Error(_)) => sweep(shelf)?,
    }
    // On Linux this turns our own exclusive lock into a shared one.
    let _ = file.try_lock_shared();
    let _ = shelf.sharing.set(file);
    Ok(())
}

/// Removes what a crash left.
fn sweep(shelf: &Shelf) -> Result<(), Error> {
    let folder = shelf.layout.staging();
    for name in shelf
        .disk
        .list(&folder)
        .attempt("list the staging folder")?
    {
        shelf
            .disk
            .remove(&folder.join(name))
            .attempt("sweep the staging folder")?;
    }
    Ok(())
}

fn read_format(shelf: &Shelf) -> Result<Option<String>, Error> {
    let attempt = "read the cache's format";
    let file = match shelf.disk.open(&shelf.layout.format()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.attempt(attempt)?,
    };
    let bytes = disk::read_whole(&*shelf.disk, &file, 4096).attempt(attempt)?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn write_format(shelf: &Shelf) -> Result<(), Error> {
    let staged = shelf.layout.staging().join("format");
    let write = |disk: &dyn Disk| {
        let file = disk.create(&staged)?;
        disk.write(&file, FORMAT.as_bytes(), 0)?;
        disk.sync(&file)?;
        disk.rename(&staged, &shelf.layout.format())?;
        disk.sync_folder(shelf.layout.root())
    };
    write(&*shelf.disk).attempt("write the cache's format")
}

/// Counts what is on disk, then removes blobs that no entry refers to. Stops when the cache goes.
pub(crate) fn scan(shelf: &Weak<Shelf>) {
    let mut whole = true;
    for folder in 0..=u8::MAX {
        let Some(shelf) = open(shelf) else { return };
        whole &= scan_entries(&shelf, folder).is_ok();
    }
    for folder in 0..=u8::MAX {
        let Some(shelf) = open(shelf) else { return };
        // With an entry unseen, a blob without reference may not be an orphan.
        if whole {
            remove_orphans(&shelf, folder);
        }
    }
    if !whole {
        tracing::error!("cannot list the cache's entries; nothing will be evicted");
        return;
    }
    if let Some(shelf) = open(shelf) {
        shelf.accounts().note_complete();
        shelf.evict();
    }
}

fn open(shelf: &Weak<Shelf>) -> Option<std::sync::Arc<Shelf>> {
    shelf
        .upgrade()
        .filter(|shelf| !shelf.closing.load(Ordering::Relaxed))
}

fn scan_entries(shelf: &Shelf, folder: u8) -> Result<(), Error> {
    for name in names(shelf, &shelf.layout.entry_folder(folder))? {
        // One at a time, so that commits and loads get their turn.
        let _changes = shelf.changes();
        if shelf.accounts().knows_entry(name) {
            continue;
        }
        if let Some((entry, used_at)) = shelf.read_entry(name) {
            shelf.accounts().insert(name, entry.blob(), used_at);
        }
    }
    Ok(())
}

fn remove_orphans(shelf: &Shelf, folder: u8) {
    let names = names(shelf, &shelf.layout.blob_folder(folder)).unwrap_or_default();
    names.into_iter().for_each(|name| shelf.remove_orphan(name));
}

fn names(shelf: &Shelf, folder: &std::path::Path) -> Result<HashSet<Name>, Error> {
    let names = shelf.disk.list(folder).attempt("list a cache folder")?;
    Ok(names.iter().filter_map(|name| Name::parse(name)).collect())
}

/// Removes the entries whose key starts with this text.
pub(crate) fn purge(shelf: &Shelf, prefix: &str) -> Result<u64, Error> {
    let mut purged = 0;
    for folder in 0..=u8::MAX {
        for name in names(shelf, &shelf.layout.entry_folder(folder))? {
            let _changes = shelf.changes();
            let entry = shelf.read_entry(name);
            if entry.is_some_and(|(entry, _)| entry.key.as_str().starts_with(prefix)) {
                shelf.remove_entry(name)?;
                purged += 1;
            }
        }
    }
    Ok(purged)
}

/// Reads every blob.
pub(crate) fn verify(shelf: &Shelf) -> Result<Report, Error> {
    let mut report = Report::default();
    for folder in 0..=u8::MAX {
        for name in names(shelf, &shelf.layout.blob_folder(folder))? {
            report.blobs += 1;
            match shelf.verify_blob(name) {
                Ok(size) => report.bytes += size.unwrap_or(0),
                Err(Error::Damaged) => report.damaged.push(name.to_string()),
                Err(_) => report.unreadable.push(name.to_string()),
            }
        }
    }
    Ok(report)
}
