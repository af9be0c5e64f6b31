//! Copying versions to another repository (promotion): all that were named, or none.

use std::collections::HashSet;
use std::time::SystemTime;

use rules::{Arrival, PackageName};
use sqlx::AnyConnection;

use super::commit::open;
use super::read::files;
use super::{Status, StoredFile};
use crate::state::error::Attempt as _;
use crate::state::moment::to_milliseconds;
use crate::state::text::check_key;
use crate::state::{State, StateError};

const ATTEMPT: &str = "copy versions";

/// Locks a package's row in PostgreSQL, and says whether there is one.
const HOLD: &str = "UPDATE packages SET generation = generation \
     WHERE repository = $1 AND package = $2";

const VERSION: &str = "INSERT INTO versions (repository, package, version, status, \
     published_at, publisher, metadata, revision) \
     SELECT $1, package, version, status, $2, publisher, metadata, $3 FROM versions \
     WHERE repository = $4 AND package = $5 AND version = $6 \
     ON CONFLICT (repository, package, version) DO UPDATE SET status = excluded.status, \
     published_at = excluded.published_at, publisher = excluded.publisher, \
     metadata = excluded.metadata, revision = excluded.revision";
const OLD_FILES: &str = "DELETE FROM files WHERE repository = $1 AND package = $2 AND version = $3";
const FILES: &str = "INSERT INTO files (repository, package, version, filename, size, sha256, \
     sha512, sha1, md5, metadata) \
     SELECT $1, package, version, filename, size, sha256, sha512, sha1, md5, metadata \
     FROM files WHERE repository = $2 AND package = $3 AND version = $4";
const TAGS: &str = "INSERT INTO tags (repository, package, tag, version) \
     SELECT $1, package, tag, version FROM tags \
     WHERE repository = $2 AND package = $3 AND version = $4 \
     ON CONFLICT (repository, package, tag) DO UPDATE SET version = excluded.version";

/// What to copy.
#[derive(Clone, Copy, Debug)]
pub struct CopyOrder<'a> {
    /// The repository that has the versions.
    pub from: &'a str,
    /// The repository that gets them.
    pub to: &'a str,
    /// The package.
    pub package: &'a PackageName,
    /// The versions; one that is named twice is copied once.
    pub versions: &'a [&'a str],
    /// Whether versions with other files are replaced.
    pub overwrite: bool,
    /// The time of publication in the repository that gets them.
    pub now: SystemTime,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Copying {
    /// Every version is there.
    Done(Vec<Copied>),
    /// Nothing was copied, because of these; the others were skipped.
    Refused(Vec<(String, CopyRefusal)>),
}

/// A version that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The version.
    pub version: String,
    /// Whether it was there already, file for file.
    pub unchanged: bool,
}

/// Why a version cannot be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyRefusal {
    /// The source has no such version.
    NotFound,
    /// It exists with other files, and nobody said to overwrite.
    AlreadyExists,
    /// The source does not serve the version, or it is a tombstone where it should go.
    NotAllowed(Status),
}

impl State {
    /// Copies versions with their status, files, metadata and publisher, and the tags that point
    /// at them. What is there already with the same files stays as it is.
    pub async fn copy_versions(&self, order: &CopyOrder<'_>) -> Result<Copying, StateError> {
        check(order)?;
        let path = order.package.path();
        let mut change = self.database.change().await.attempt(ATTEMPT)?;
        let generation = hold(&mut change, order, &path).await?;
        let (mut copied, mut refused) = (Vec::new(), Vec::new());
        for version in distinct(order.versions) {
            let source = find(&mut change, order.from, &path, version).await?;
            let present = find(&mut change, order.to, &path, version).await?;
            match judge(source, present, order.overwrite) {
                Ok(unchanged) => copied.push(Copied {
                    version: version.to_owned(),
                    unchanged,
                }),
                Err(refusal) => refused.push((version.to_owned(), refusal)),
            }
        }
        if !refused.is_empty() {
            return Ok(Copying::Refused(refused));
        }
        if copied.iter().all(|copied| copied.unchanged) {
            // Dropping the change takes the new generation back.
            return Ok(Copying::Done(copied));
        }
        for copied in copied.iter().filter(|copied| !copied.unchanged) {
            transfer(&mut change, order, &copied.version, generation).await?;
        }
        change.commit().await.attempt(ATTEMPT)?;
        Ok(Copying::Done(copied))
    }
}

fn check(order: &CopyOrder<'_>) -> Result<(), StateError> {
    check_key("repository", order.to)?;
    if order.from == order.to {
        let (what, problem) = ("repository", "it is source and destination of one copy");
        return Err(StateError::Unstorable { what, problem });
    }
    Ok(())
}

/// Locks the package in both repositories and raises its generation where it goes to. In one
/// order, so that two copies in opposite directions do not wait for each other.
async fn hold(
    connection: &mut AnyConnection,
    order: &CopyOrder<'_>,
    path: &str,
) -> Result<i64, StateError> {
    let opening = (order.to, path, Arrival::Published, order.now);
    if order.to < order.from {
        let generation = open(&mut *connection, opening).await?;
        hold_source(connection, order.from, path).await?;
        return Ok(generation);
    }
    hold_source(&mut *connection, order.from, path).await?;
    open(connection, opening).await
}

async fn hold_source(
    connection: &mut AnyConnection,
    repository: &str,
    path: &str,
) -> Result<(), StateError> {
    sqlx::query(HOLD)
        .bind(repository)
        .bind(path)
        .execute(connection)
        .await
        .attempt(ATTEMPT)?;
    Ok(())
}

type Found = (Status, Vec<StoredFile>);

async fn find(
    connection: &mut AnyConnection,
    repository: &str,
    path: &str,
    version: &str,
) -> Result<Option<Found>, StateError> {
    let Some(status) = Status::of(ATTEMPT, &mut *connection, (repository, path, version)).await?
    else {
        return Ok(None);
    };
    let mut files = files(connection, repository, path, Some(version)).await?;
    Ok(Some((status, files.remove(version).unwrap_or_default())))
}

/// Whether the version is there already, unless it cannot be copied.
fn judge(
    source: Option<Found>,
    present: Option<Found>,
    overwrite: bool,
) -> Result<bool, CopyRefusal> {
    let (status, files) = source.ok_or(CopyRefusal::NotFound)?;
    if !status.is_served() {
        return Err(CopyRefusal::NotAllowed(status));
    }
    let Some((status, present)) = present else {
        return Ok(false);
    };
    if matches!(status, Status::Archived | Status::Disposed) {
        return Err(CopyRefusal::NotAllowed(status));
    }
    if status.is_served() && is_same(&files, &present) {
        return Ok(true);
    }
    if overwrite {
        Ok(false)
    } else {
        Err(CopyRefusal::AlreadyExists)
    }
}

/// Whether two lists, both by name, are the same bytes under the same names.
fn is_same(files: &[StoredFile], others: &[StoredFile]) -> bool {
    let pairs = || files.iter().zip(others);
    files.len() == others.len()
        && pairs()
            .all(|(file, other)| (&file.filename, &file.sha256) == (&other.filename, &other.sha256))
}

/// Copies one version's rows. A row that is there is changed in place: tags keep pointing at it.
async fn transfer(
    connection: &mut AnyConnection,
    order: &CopyOrder<'_>,
    version: &str,
    generation: i64,
) -> Result<(), StateError> {
    let path = order.package.path();
    sqlx::query(VERSION)
        .bind(order.to)
        .bind(to_milliseconds(order.now))
        .bind(generation)
        .bind(order.from)
        .bind(path.as_str())
        .bind(version)
        .execute(&mut *connection)
        .await
        .attempt(ATTEMPT)?;
    sqlx::query(OLD_FILES)
        .bind(order.to)
        .bind(path.as_str())
        .bind(version)
        .execute(&mut *connection)
        .await
        .attempt(ATTEMPT)?;
    for statement in [FILES, TAGS] {
        sqlx::query(statement)
            .bind(order.to)
            .bind(order.from)
            .bind(path.as_str())
            .bind(version)
            .execute(&mut *connection)
            .await
            .attempt(ATTEMPT)?;
    }
    Ok(())
}

fn distinct<'a>(versions: &[&'a str]) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let fresh = versions.iter().filter(|version| seen.insert(**version));
    fresh.copied().collect()
}
