//! Every case runs against SQLite in a temporary folder, and against PostgreSQL where it is
//! installed.

mod audit;
mod faults;
mod hosted;
mod packages;
mod postgres;
mod promotion;
mod sightings;
mod status;
mod tokens;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rules::PackageName;
use tempfile::TempDir;

use super::{Location, Mode, State, Status, StoredFile, Submission, VersionAddress};

/// An empty database, gone at the end of its test.
struct Place {
    location: Location,
    folder: Option<TempDir>,
}

impl Place {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            location: Location::in_folder(&folder.path().join("data")),
            folder: Some(folder),
        }
    }

    /// One empty database of every engine that is there.
    fn all() -> Vec<Self> {
        let mut places = vec![Self::sqlite()];
        places.extend(postgres::empty_database().map(|address| Self {
            location: Location::parse(&address).unwrap(),
            folder: None,
        }));
        places
    }

    fn is_sqlite(&self) -> bool {
        self.folder.is_some()
    }

    async fn open(&self) -> State {
        State::open(&self.location).await.unwrap()
    }
}

/// A moment, in seconds after some beginning.
fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_000_000 + seconds)
}

fn npm(name: &str) -> PackageName {
    PackageName::npm(name).unwrap()
}

/// A file whose digests are made from its content.
fn file(filename: &str, content: &str) -> StoredFile {
    StoredFile {
        filename: filename.to_owned(),
        size: content.len() as u64,
        sha256: format!("sha256-{content}"),
        sha512: format!("sha512-{content}"),
        sha1: format!("sha1-{content}"),
        md5: format!("md5-{content}"),
        metadata: "{}".to_owned(),
    }
}

/// A version of `left-pad` in `house` with one file.
fn submission(version: &str) -> Submission {
    Submission {
        repository: "house".to_owned(),
        package: npm("left-pad"),
        version: version.to_owned(),
        metadata: format!("{{\"version\":\"{version}\"}}"),
        files: vec![file(&format!("left-pad-{version}.tgz"), version)],
        tags: vec!["latest".to_owned()],
        publisher: Some("anna".to_owned()),
        at: at(0),
        mode: Mode::NewVersion,
        status: Status::Published,
    }
}

fn address<'a>(
    repository: &'a str,
    package: &'a PackageName,
    version: &'a str,
) -> VersionAddress<'a> {
    VersionAddress {
        repository,
        package,
        version,
    }
}
