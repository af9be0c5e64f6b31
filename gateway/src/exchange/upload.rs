//! What a request carries: a few bytes in memory, or an upload in a file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

/// A request's body, whole.
pub enum Body {
    Memory(Bytes),
    File(Upload),
}

/// An upload in a file of its own, which is removed with this, unless it was moved away.
#[derive(Debug)]
pub struct Upload {
    path: PathBuf,
    length: u64,
    /// Given back with the file.
    _turn: OwnedSemaphorePermit,
}

/// Where an upload may be put, and the turn that it takes up until it is dealt with.
#[derive(Debug)]
pub struct Landing {
    pub folder: PathBuf,
    pub turn: OwnedSemaphorePermit,
}

impl Body {
    /// The bytes in memory, and the upload; one of them is nothing.
    pub fn parts(self) -> (Bytes, Option<Upload>) {
        match self {
            Self::Memory(bytes) => (bytes, None),
            Self::File(upload) => (Bytes::new(), Some(upload)),
        }
    }
}

impl Upload {
    /// Takes charge of a file with so many bytes.
    pub const fn new(path: PathBuf, length: u64, turn: OwnedSemaphorePermit) -> Self {
        Self {
            path,
            length,
            _turn: turn,
        }
    }

    /// The same with another length.
    #[must_use]
    pub fn with_length(mut self, length: u64) -> Self {
        self.length = length;
        self
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// In bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The content, from its beginning.
    pub fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
