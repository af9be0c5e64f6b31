//! What can go wrong: [`Error`] for whoever calls, [`Failed`] for those who follow a fill.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::digest::Digest;

/// Why a call of the cache did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("cannot {attempt}: {source}")]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// The file system's answer.
        source: io::Error,
    },
    /// The folder was written by another version of this crate.
    #[error(
        "the cache folder has format {found:?}, this program reads {wanted:?}; delete the folder"
    )]
    Format {
        /// What the folder says.
        found: String,
        /// What we read and write.
        wanted: &'static str,
    },
    /// The body is longer or shorter than announced.
    #[error("the body has {received} bytes where {announced} were announced")]
    Length {
        /// The length given to [`crate::Fill::start`].
        announced: u64,
        /// What came.
        received: u64,
    },
    /// The body is not the one that was promised.
    #[error("the body's digest is {computed} where {expected} was promised")]
    Mismatch {
        /// What was promised.
        expected: Digest,
        /// What came; for an algorithm that could not be computed, the SHA-256.
        computed: Digest,
    },
    /// Every follower left: stop fetching.
    #[error("nobody is waiting for this body")]
    Unwanted,
    /// The fill has ended, or was not started, or was started twice.
    #[error("the fill is not in a state for this call")]
    OutOfOrder,
    /// The stored body to be renewed is gone.
    #[error("there is no stored body to renew")]
    NothingToRenew,
    /// A stored body is shorter than its entry says.
    #[error("the stored body is damaged")]
    Damaged,
    /// The body is larger than the caller's bound.
    #[error("the body has {size} bytes, more than the {max} allowed here")]
    TooLarge {
        /// The body's size.
        size: u64,
        /// The caller's bound.
        max: u64,
    },
    /// The runtime is shutting down.
    #[error("the program is shutting down")]
    Stopped,
}

/// Why a fill failed, as every follower learns it. The code is the caller's own, given to
/// [`crate::Fill::fail`], except for the three constants here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The caller's code.
    pub code: u16,
    /// The caller's words.
    pub detail: Arc<str>,
}

impl Failed {
    /// The fill was dropped without an end.
    pub const ABANDONED: u16 = 0;
    /// Length or digest did not match.
    pub const WRONG_BODY: u16 = 502;
    /// The disk failed and this follower was too far behind for memory.
    pub const DISK: u16 = 507;

    pub(crate) fn new(code: u16, detail: &str) -> Failed {
        Failed {
            code,
            detail: Arc::from(detail),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the fill failed ({}): {}",
            self.code, self.detail
        )
    }
}

impl std::error::Error for Failed {}

/// Names the attempt when the file system refuses.
pub(crate) trait Attempt<T> {
    fn attempt(self, attempt: &'static str) -> Result<T, Error>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, attempt: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Disk { attempt, source })
    }
}
