//! A body on its way to the disk: the staging file and the digests, in one pass.
//!
//! All of it blocks; [`crate::Fill`] calls it on the blocking pool.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::digest::{Digest, DigestAlgorithm, Digests, Hasher};
use crate::disk::{self, Disk};
use crate::error::{Attempt as _, Error};

/// The body so far. Dropped without a rename, it removes its staging file.
pub(crate) struct Spool {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Option<Arc<File>>,
    digests: Digests,
    written: u64,
    good: u64,
    broken: bool,
}

impl Spool {
    pub(crate) fn new(disk: Arc<dyn Disk>, path: PathBuf) -> Spool {
        let digests = Digests::default();
        Spool {
            disk,
            path,
            file: None,
            digests,
            written: 0,
            good: 0,
            broken: false,
        }
    }

    /// Computes only these digests besides SHA-256; to be called before the first piece.
    pub(crate) fn compute_only(&mut self, algorithms: &[DigestAlgorithm]) {
        self.digests = Digests::with(algorithms);
    }

    /// Takes the next pieces. A disk error does not fail: it turns the spool to broken, which
    /// only counts and hashes.
    pub(crate) fn take(&mut self, pieces: &[Bytes]) {
        for piece in pieces {
            self.digests.update(piece);
            if !self.broken
                && let Err(error) = self.write(piece)
            {
                self.give_up(&error);
            }
            self.written += piece.len() as u64;
        }
    }

    fn write(&mut self, piece: &Bytes) -> io::Result<()> {
        let file = self.open()?;
        self.disk.write(&file, piece, self.written)?;
        self.good = self.written + piece.len() as u64;
        Ok(())
    }

    /// The staging file, made when first needed.
    fn open(&mut self) -> io::Result<Arc<File>> {
        if self.file.is_none() {
            self.file = Some(Arc::new(self.disk.create(&self.path)?));
        }
        self.file.clone().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn give_up(&mut self, error: &io::Error) {
        tracing::warn!(%error, "cache disk failed, body passes through without being kept");
        self.broken = true;
        // No space says nothing about the bytes already taken; any other error does.
        if !matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded
        ) {
            self.good = 0;
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether bytes read from the staging file can be believed.
    pub(crate) fn is_good(&self) -> bool {
        !self.broken || self.good > 0
    }

    /// The staging file and how many of its bytes followers may read.
    pub(crate) fn readable(&self) -> Option<(Arc<File>, u64)> {
        self.file.clone().map(|file| (file, self.good))
    }

    /// Makes the staging file durable and hands it over, to be renamed. Breaks the spool if the
    /// disk refuses.
    pub(crate) fn finish(&mut self) -> Option<(PathBuf, Arc<File>)> {
        if self.broken {
            return None;
        }
        let synced = self
            .open()
            .and_then(|file| self.disk.sync(&file).map(|()| file));
        match synced {
            Ok(file) => Some((self.path.clone(), file)),
            Err(error) => {
                self.give_up(&error);
                self.good = 0;
                None
            }
        }
    }

    pub(crate) fn digests(&self) -> Vec<Digest> {
        self.digests.clone().finish()
    }

    /// Compares every offered digest; `whole` is the body if memory has it.
    pub(crate) fn check(&self, offered: &[Digest], whole: Option<&Bytes>) -> Result<(), Error> {
        let computed = self.digests();
        for expected in offered {
            let known = computed
                .iter()
                .find(|one| one.algorithm == expected.algorithm);
            let found = match known {
                Some(digest) => digest.clone(),
                None => self.compute(expected, whole)?,
            };
            if found != *expected {
                return Err(Error::Mismatch {
                    expected: expected.clone(),
                    computed: found,
                });
            }
        }
        Ok(())
    }

    /// A digest outside the one pass (SHA-384): the body is read again.
    fn compute(&self, expected: &Digest, whole: Option<&Bytes>) -> Result<Digest, Error> {
        let mut hasher = Hasher::new(expected.algorithm);
        match (whole, &self.file) {
            (Some(bytes), _) => hasher.update(bytes),
            (None, Some(file)) if self.good == self.written => {
                hash_file(&*self.disk, file, self.written, &mut hasher)
                    .attempt("read the staged body again")?;
            }
            _ => {
                let source = ErrorKind::StorageFull.into();
                return Err(Error::Disk {
                    attempt: "compute a rarely used digest",
                    source,
                });
            }
        }
        Ok(hasher.finish())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // After a rename the name is gone, which is fine; after a crash the next start sweeps.
        if self.file.is_some() {
            let _ = self.disk.remove(&self.path);
        }
    }
}

/// Hashes a file of this size; a shorter one is an error.
pub(crate) fn hash_file(
    disk: &dyn Disk,
    file: &File,
    size: u64,
    hasher: &mut Hasher,
) -> io::Result<()> {
    let mut buffer = vec![0; 128 * 1024];
    let mut offset = 0;
    while offset < size {
        let left = usize::try_from(size - offset)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        disk::read_exact(disk, file, &mut buffer[..left], offset)?;
        hasher.update(&buffer[..left]);
        offset += left as u64;
    }
    Ok(())
}
