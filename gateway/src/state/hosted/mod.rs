//! Records of hosted versions: what was published here, file by file.
//!
//! The bytes are elsewhere, known by their SHA-256. A package has a *generation* that grows with
//! every change of it and never comes twice, not even when the package is deleted and published
//! anew; a version's *revision* is the generation that changed it last.
//!
//! Every change begins by raising the generation. That locks the package's row in PostgreSQL, so
//! changes of one package happen one after the other, as they do in SQLite anyway.

mod commit;
mod copy;
mod edit;
mod read;
mod records;
mod status;

use std::time::SystemTime;

use rules::{Flags, PackageName};

pub use commit::{Committed, Conflict};
pub use copy::{Copied, CopyOrder, CopyRefusal, Copying};
pub use edit::{Edit, Edited};
pub use records::Record;
pub use status::{Status, StatusChange, UnknownStatus};

/// One version of one package in one repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionAddress<'a> {
    /// The repository.
    pub repository: &'a str,
    /// The package.
    pub package: &'a PackageName,
    /// The version, as it was published.
    pub version: &'a str,
}

/// A file of a version. Digests are lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name, unique in its version.
    pub filename: String,
    /// Its length in bytes.
    pub size: u64,
    /// What it is known by.
    pub sha256: String,
    /// For npm's `integrity` and Maven's `.sha512`.
    pub sha512: String,
    /// For npm's `shasum` and Maven's `.sha1`.
    pub sha1: String,
    /// For Maven's `.md5`.
    pub md5: String,
    /// What the ecosystem says of this file (PyPI: `requires-python`, yanked and the like).
    pub metadata: String,
}

/// Whether files may come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The submission is the whole version (npm).
    NewVersion,
    /// Files may be added to a version that exists (PyPI, Maven). What the version's metadata,
    /// publisher and time are was said with its first file.
    AddFiles,
    /// The version is published with this, whatever it has by then; one that is published already
    /// takes nothing but what it has (generic).
    Finishes,
}

/// What a client publishes, checked and with its bytes already stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Where to.
    pub repository: String,
    /// The package.
    pub package: PackageName,
    /// The version.
    pub version: String,
    /// The ecosystem's own document of the version.
    pub metadata: String,
    /// Its files.
    pub files: Vec<StoredFile>,
    /// Tags to point at it.
    pub tags: Vec<String>,
    /// Who publishes.
    pub publisher: Option<String>,
    /// When.
    pub at: SystemTime,
    /// Whether files may come later.
    pub mode: Mode,
    /// The status of a version that is not there yet: [`Status::Published`], or
    /// [`Status::Unfinished`] where a later file or call finishes it (Maven).
    pub status: Status,
}

/// A package as it is hosted in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedPackage {
    /// Its flags as they were set.
    pub flags: Flags,
    /// Tags and the versions they point at, by tag.
    pub tags: Vec<(String, String)>,
    /// Its versions whatever their status, by time of publication.
    pub versions: Vec<HostedVersion>,
    /// Grows with every change of the package.
    pub generation: i64,
}

/// A version as it is hosted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedVersion {
    /// The version, as it was published.
    pub version: String,
    /// Where it is in its life.
    pub status: Status,
    /// When it came into this repository.
    pub published_at: SystemTime,
    /// Who published it.
    pub publisher: Option<String>,
    /// The ecosystem's own document.
    pub metadata: String,
    /// The generation that changed it last.
    pub revision: i64,
    /// Its files by name. Those of a disposed version are records of bytes that are gone.
    pub files: Vec<StoredFile>,
}
