//! Bytes on their way to be kept: being written ([`Staging`]), and written ([`Staged`]).

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::digests::{DigestPass, Digests};
use super::disk;
use super::error::{Attempt as _, BlobError, WRITE};
use super::place::Place;

/// Takes bytes into a staging file. Dropping it removes the file. After a write that failed, all
/// writes and [`Staging::finish`] fail.
pub struct Staging {
    staged: StagedFile,
    file: File,
    pass: DigestPass,
    size: u64,
    limit: u64,
    refused: Option<Refused>,
}

/// A whole staging file, synced. Dropping it removes the file (not the blob that was kept of it).
pub struct Staged {
    /// How many bytes.
    pub size: u64,
    /// In small hexadecimal letters, as are the others.
    pub sha256: String,
    /// npm's `shasum`, Maven's `.sha1`.
    pub sha1: String,
    /// npm's `integrity` is this in base64.
    pub sha512: String,
    /// Maven's `.md5`, PyPI's `md5_digest`.
    pub md5: String,
    /// PyPI's `blake2_256_digest`.
    pub blake2b256: String,
    staged: StagedFile,
}

/// Removes the file when dropped, and keeps the staging folder from being swept.
struct StagedFile {
    path: PathBuf,
    place: Arc<Place>,
}

/// Why writes are refused from now on.
#[derive(Clone, Copy)]
enum Refused {
    TooLarge,
    Disk(ErrorKind),
}

impl Staging {
    pub(super) fn begin(place: &Arc<Place>, limit: u64) -> Result<Staging, BlobError> {
        let path = place.next_staged();
        let file = place.disk.create(&path).attempt("make a staged file")?;
        let place = place.clone();
        Ok(Staging {
            staged: StagedFile { path, place },
            file,
            pass: DigestPass::default(),
            size: 0,
            limit,
            refused: None,
        })
    }

    /// How many bytes were taken.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Ends the writing: the bytes are on the disk, not only in its queue.
    pub fn finish(self) -> Result<Staged, BlobError> {
        if let Some(refused) = self.refused {
            return Err(self.failure(refused));
        }
        let place = &self.staged.place;
        place.disk.sync(&self.file).attempt("sync a staged file")?;
        check_length(place, &self.staged.path, self.size)?;
        Ok(Staged::new(self.staged, self.size, self.pass.finish()))
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        if let Some(refused) = self.refused {
            return Err(self.failure(refused));
        }
        let size = self.size.saturating_add(bytes.len() as u64);
        if size > self.limit {
            self.refused = Some(Refused::TooLarge);
            return Err(self.failure(Refused::TooLarge));
        }
        let disk = &self.staged.place.disk;
        if let Err(error) = disk.write(&self.file, bytes, self.size) {
            self.refused = Some(Refused::Disk(error.kind()));
            return Err(error).attempt(WRITE);
        }
        self.pass.update(bytes);
        self.size = size;
        Ok(())
    }

    fn failure(&self, refused: Refused) -> BlobError {
        match refused {
            Refused::TooLarge => BlobError::TooLarge { limit: self.limit },
            Refused::Disk(kind) => BlobError::of_write(kind.into()),
        }
    }
}

impl Write for Staging {
    /// Takes all of it, or fails with an error that [`BlobError::of_write`] reads.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    /// Nothing is held back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Staged {
    fn new(staged: StagedFile, size: u64, digests: Digests) -> Staged {
        Staged {
            size,
            sha256: digests.sha256,
            sha1: digests.sha1,
            sha512: digests.sha512,
            md5: digests.md5,
            blake2b256: digests.blake2b256,
            staged,
        }
    }

    pub(super) fn adopt(place: &Arc<Place>, spooled: &Path) -> Result<Staged, BlobError> {
        let disk = &*place.disk;
        let file = disk.open(spooled).attempt("open a spooled file")?;
        let mut pass = DigestPass::default();
        let size = disk::read_through(disk, &file, |bytes| pass.update(bytes))
            .attempt("read a spooled file")?;
        disk.sync(&file).attempt("sync a spooled file")?;
        check_length(place, spooled, size)?;
        // A name of our own: the one who spooled may remove what is left under the old one.
        let path = place.next_staged();
        disk.rename(spooled, &path)
            .attempt("take over a spooled file")?;
        let place = place.clone();
        Ok(Staged::new(StagedFile { path, place }, size, pass.finish()))
    }

    /// Where the file is, until it is kept or dropped.
    pub fn path(&self) -> &Path {
        &self.staged.path
    }

    /// Opens the file for reading, from its beginning: to look into an archive before it is kept.
    pub fn reopen(&self) -> Result<File, BlobError> {
        let disk = &self.staged.place.disk;
        disk.open(self.path()).attempt("read a staged file")
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        // If this fails the next process to open the folder sweeps it.
        let _ = self.place.disk.remove(&self.path);
    }
}

/// A plain file of this length; a symbolic link would be kept as a link.
fn check_length(place: &Place, path: &Path, size: u64) -> Result<(), BlobError> {
    let stamp = place.disk.stamp(path).attempt("look at a staged file")?;
    match stamp {
        Some(stamp) if stamp.is_file && stamp.length == size => Ok(()),
        _ => Err(BlobError::Changed),
    }
}
