//! Every path on disk. Nothing else in the crate joins paths.
//!
//! ```text
//! <root>/
//! ├── format                      "1": the version of this tree
//! ├── staging/<process>-<n>       being written; swept at start
//! ├── blobs/ab/ab12…              a body; the name is its SHA-256
//! ├── entries/cd/cd34…            an entry; the name is the SHA-256 of its key's text
//! └── damaged/ab12…               blobs whose digest was found wrong, for a person to look at
//! ```
//!
//! A blob is reached only through an entry; an entry whose blob is gone is missing. The 256 folders
//! below `blobs` and `entries` are made at start, so a commit never makes a folder.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::digest::{hex, unhex};

/// The version of the tree that this program reads and writes.
pub(crate) const FORMAT: &str = "1";

/// A SHA-256 as a name on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub(crate) [u8; 32]);

/// The paths below one root.
pub(crate) struct Layout {
    root: PathBuf,
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

impl Name {
    pub(crate) fn parse(text: &str) -> Option<Name> {
        Some(Name(unhex(text)?.try_into().ok()?))
    }
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Layout {
        Layout {
            root: root.to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.root.join("format")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    /// A name nobody else uses: two programs may share the folder during a restart.
    pub(crate) fn staged(&self, number: u64) -> PathBuf {
        self.staging()
            .join(format!("{}-{number}", std::process::id()))
    }

    /// The folder of all blobs, and the one that holds this name's.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(crate) fn blob_folder(&self, shelf: u8) -> PathBuf {
        self.blobs().join(hex(&[shelf]))
    }

    pub(crate) fn blob(&self, name: Name) -> PathBuf {
        self.blob_folder(name.0[0]).join(name.to_string())
    }

    pub(crate) fn entries(&self) -> PathBuf {
        self.root.join("entries")
    }

    pub(crate) fn entry_folder(&self, shelf: u8) -> PathBuf {
        self.entries().join(hex(&[shelf]))
    }

    pub(crate) fn entry(&self, name: Name) -> PathBuf {
        self.entry_folder(name.0[0]).join(name.to_string())
    }

    pub(crate) fn damaged_folder(&self) -> PathBuf {
        self.root.join("damaged")
    }

    pub(crate) fn damaged(&self, name: Name) -> PathBuf {
        self.damaged_folder().join(name.to_string())
    }
}
