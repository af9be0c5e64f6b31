//! The advisory feed: OSV records read from a folder, a zip or lines of JSON.
//!
//! Knows the JSON of the OSV schema 1.x and the layout of the OpenSSF malicious-packages
//! collection (`osv/malicious/<ecosystem>/<name>/<id>.json`, `osv/withdrawn/…`); what the records
//! mean is [`Advisories`]' business. It asks no network: who polls hands the bytes in.
//!
//! A record that can't be used is a [`Problem`] and costs itself only. A source that can't be read
//! as a whole, is beyond the bounds or holds no record is a [`FeedError`]: keep the feed in force.
//!
//! ```no_run
//! # use gateway::feed::{Feed, Loader};
//! # fn main() -> Result<(), gateway::feed::FeedError> {
//! let feed = Feed::from_folder("malicious-packages".as_ref())?;
//! assert!(feed.advisories.len() > 1000);
//! let file = std::fs::File::open("npm.zip").expect("a zip");
//! let both = Loader::default().folder("mine".as_ref())?.zip(file)?.finish()?;
//! # Ok(())
//! # }
//! ```

mod archive;
mod difference;
mod folder;
mod inflate;
mod load;
mod osv;
mod problem;
mod severity;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use rules::advisories::Advisories;

pub use difference::{Change, Difference};
pub use load::Loader;
pub use problem::{Problem, Problems};

/// The largest record, in bytes; the largest ones known have a few hundred thousand.
pub const RECORD_BYTES_MAX: usize = 8 << 20;

/// The most records of all sources together, those of other ecosystems counted.
pub const RECORDS_MAX: usize = 4_000_000;

/// The most bytes of all records together, unpacked.
pub const FEED_BYTES_MAX: u64 = 4 << 30;

/// How many folders may lie within each other.
pub const FOLDER_DEPTH_MAX: usize = 16;

/// How many problems are kept with their words; all are counted.
pub const PROBLEMS_MAX: usize = 100;

/// The most threads that read records.
pub const THREADS_MAX: usize = 8;

/// A feed as it was read, all sources together.
#[derive(Debug)]
pub struct Feed {
    /// What it says.
    pub advisories: Advisories,
    /// What could not be understood.
    pub problems: Problems,
    /// How many records concern our ecosystems, withdrawn ones too.
    pub records: usize,
    /// How many records were left out because they concern other ecosystems only.
    pub foreign: usize,
}

/// Why a feed could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The folder can't be listed.
    #[error("reading the feed's folder {path}: {source}")]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file can't be opened.
    #[error("reading the feed's file {path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The zip has no readable directory.
    #[error("reading the feed's zip: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The lines can't be read to their end.
    #[error("reading the feed's lines: {0}")]
    Lines(io::Error),
    /// There is more than a feed may have.
    #[error("the feed has more than {bound} {what}: it was not read further")]
    TooLarge {
        /// `records`, `bytes` or `folders within each other`.
        what: &'static str,
        /// The bound.
        bound: u64,
    },
    /// There is not one usable record.
    #[error("the feed has no record for npm, PyPI or Maven: is this the right place?")]
    Empty,
    /// A thread stopped in disorder.
    #[error("reading the feed stopped in disorder")]
    Stopped,
}

/// Reads sources of any form: folders, zips (`.zip`), and files of JSON lines.
pub fn read(sources: &[PathBuf]) -> Result<Feed, FeedError> {
    let mut loader = Loader::default();
    for source in sources {
        let opened = || {
            File::open(source).map_err(|error| FeedError::File {
                path: source.clone(),
                source: error,
            })
        };
        loader = if source.is_dir() {
            loader.folder(source)?
        } else if source
            .extension()
            .is_some_and(|extension| extension == "zip")
        {
            loader.zip(opened()?)?
        } else {
            loader.json_lines(BufReader::new(opened()?))?
        };
    }
    loader.finish()
}

impl Feed {
    /// Reads all `.json` files of a folder and the folders within; hidden ones are left out.
    pub fn from_folder(folder: &Path) -> Result<Self, FeedError> {
        Loader::default().folder(folder)?.finish()
    }

    /// Reads all `.json` files of a zip.
    pub fn from_zip(zip: impl Read + Seek) -> Result<Self, FeedError> {
        Loader::default().zip(zip)?.finish()
    }

    /// Reads one record from each line.
    pub fn from_json_lines(lines: impl BufRead) -> Result<Self, FeedError> {
        Loader::default().json_lines(lines)?.finish()
    }
}
