//! What can go wrong, with a full disk told apart: a publish answers that differently.

use std::io::{self, ErrorKind};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// There is no room: the disk is full, or the quota is used up.
    #[error("cannot {attempt}: no room on the disk of the hosted folder: {source}")]
    Full {
        /// What was attempted.
        attempt: &'static str,
        /// The file system's answer.
        source: io::Error,
    },
    /// The file system refused for another reason.
    #[error("cannot {attempt}: {source}")]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// The file system's answer.
        source: io::Error,
    },
    /// More bytes came than the limit given to [`super::Blobs::stage`].
    #[error("the body has more than the {limit} bytes allowed here")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// A blob's name is 64 small hexadecimal letters; this was not.
    #[error("a blob is named by a SHA-256 in 64 small hexadecimal letters")]
    NotADigest,
    /// A staged file is not a plain file of the length that was written.
    #[error("the staged file was changed or removed by somebody else; upload it again")]
    Changed,
}

impl BlobError {
    /// What a write to a [`super::Staging`] failed with, out of the envelope that `io::Write`
    /// demands.
    pub fn of_write(error: io::Error) -> BlobError {
        error
            .downcast::<BlobError>()
            .unwrap_or_else(|source| BlobError::of(WRITE, source))
    }

    fn of(attempt: &'static str, source: io::Error) -> BlobError {
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                BlobError::Full { attempt, source }
            }
            _ => BlobError::Disk { attempt, source },
        }
    }
}

/// The attempt of every write.
pub(super) const WRITE: &str = "write a staged file";

/// Names the attempt when the file system refuses.
pub(super) trait Attempt<T> {
    fn attempt(self, attempt: &'static str) -> Result<T, BlobError>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, attempt: &'static str) -> Result<T, BlobError> {
        self.map_err(|source| BlobError::of(attempt, source))
    }
}
