//! Publishing: a submission becomes a hosted version, whole or not at all.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use rules::Arrival;
use sqlx::AnyConnection;

use super::read::files;
use super::{Mode, Status, StoredFile, Submission};
use crate::state::error::Attempt as _;
use crate::state::moment::to_milliseconds;
use crate::state::packages::arrival_word;
use crate::state::text::{check_key, check_text, insert_rows, shown};
use crate::state::{State, StateError};

const ATTEMPT: &str = "publish a version";

/// Rows of one insert; ten parameters each.
const ROWS_MAX: usize = 100;

/// Raises the generation of a package, and makes its record where there is none.
const OPEN: &str = "INSERT INTO packages \
     (repository, package, generation, publish, upstream, setting, created) \
     VALUES ($1, $2, 1, 'allow', 'allow', $3, $4) \
     ON CONFLICT (repository, package) DO UPDATE SET generation = packages.generation + 1, \
     publish = coalesce(packages.publish, excluded.publish), \
     upstream = coalesce(packages.upstream, excluded.upstream), \
     setting = coalesce(packages.setting, excluded.setting), \
     created = coalesce(packages.created, excluded.created) RETURNING generation";

/// What came of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Committed {
    /// It is on disk; the package has this generation now.
    Stored {
        /// The generation.
        generation: i64,
    },
    /// All of it was there already, byte for byte.
    Unchanged,
    /// Nothing was stored.
    Conflict(Conflict),
}

/// Why a submission cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A file of this name exists with other bytes.
    File {
        /// The name.
        filename: String,
    },
    /// The version exists with other files.
    Version,
    /// The version exists, and its status takes no files.
    Status(Status),
}

/// How a submission compares with what is there.
enum Comparison<'a> {
    /// These files are missing.
    Missing(Vec<&'a StoredFile>),
    Unchanged,
    Conflict(Conflict),
}

impl State {
    /// Publishes a version, or adds files to one. Makes the package record where there is none.
    /// What is answered with [`Committed::Stored`] survives a power cut.
    pub async fn commit(&self, submission: &Submission) -> Result<Committed, StateError> {
        check(submission)?;
        let path = submission.package.path();
        let mut change = self.database.change().await.attempt(ATTEMPT)?;
        let repository = submission.repository.as_str();
        let opening = (repository, path.as_str(), Arrival::Published, submission.at);
        let generation = open(&mut change, opening).await?;
        let present = present(&mut change, submission, &path).await?;
        let missing = match compare(submission, present.as_ref()) {
            // Dropping the change takes the new generation back.
            Comparison::Unchanged => return Ok(Committed::Unchanged),
            Comparison::Conflict(conflict) => return Ok(Committed::Conflict(conflict)),
            Comparison::Missing(missing) => missing,
        };
        put_version(&mut change, submission, &path, generation).await?;
        put_files(&mut change, submission, &path, &missing).await?;
        if submission.mode == Mode::Finishes {
            show_version(&mut change, submission, &path).await?;
        }
        for tag in &submission.tags {
            put_tag(&mut change, submission, &path, tag).await?;
        }
        change.commit().await.attempt(ATTEMPT)?;
        Ok(Committed::Stored { generation })
    }
}

/// Repository, package path, how the package came if this is its first version, and when.
pub(super) type Opening<'a> = (&'a str, &'a str, Arrival, SystemTime);

/// Raises the generation of a package, and makes its record where there is none.
pub(super) async fn open(
    connection: &mut AnyConnection,
    (repository, path, arrival, at): Opening<'_>,
) -> Result<i64, StateError> {
    let generation = sqlx::query_scalar(OPEN)
        .bind(repository)
        .bind(path)
        .bind(arrival_word(arrival))
        .bind(to_milliseconds(at))
        .fetch_one(connection)
        .await;
    generation.attempt(ATTEMPT)
}

type Present = (Status, HashMap<String, StoredFile>);

/// Status and files of the version as it is.
async fn present(
    connection: &mut AnyConnection,
    submission: &Submission,
    path: &str,
) -> Result<Option<Present>, StateError> {
    let address = (
        submission.repository.as_str(),
        path,
        submission.version.as_str(),
    );
    let Some(status) = Status::of(ATTEMPT, &mut *connection, address).await? else {
        return Ok(None);
    };
    let version = submission.version.as_str();
    let mut files = files(connection, &submission.repository, path, Some(version)).await?;
    let files = files.remove(version).unwrap_or_default();
    let files = files.into_iter().map(|file| (file.filename.clone(), file));
    Ok(Some((status, files.collect())))
}

fn compare<'a>(submission: &'a Submission, present: Option<&Present>) -> Comparison<'a> {
    let Some((status, stored)) = present else {
        return Comparison::Missing(submission.files.iter().collect());
    };
    if !matches!(status, Status::Published | Status::Unfinished) {
        return Comparison::Conflict(Conflict::Status(*status));
    }
    let mut missing = Vec::new();
    for file in &submission.files {
        match stored.get(&file.filename) {
            None => missing.push(file),
            Some(stored) if stored.sha256 == file.sha256 => {}
            Some(_) => {
                let filename = file.filename.clone();
                return Comparison::Conflict(Conflict::File { filename });
            }
        }
    }
    let is_closed = *status == Status::Published && submission.status == Status::Unfinished;
    match submission.mode {
        // What is begun to be finished later adds nothing to what was finished.
        _ if is_closed && !missing.is_empty() => Comparison::Conflict(Conflict::Version),
        Mode::Finishes if *status == Status::Unfinished => Comparison::Missing(missing),
        Mode::Finishes if !missing.is_empty() => Comparison::Conflict(Conflict::Version),
        Mode::NewVersion if !missing.is_empty() || stored.len() != submission.files.len() => {
            Comparison::Conflict(Conflict::Version)
        }
        _ if missing.is_empty() => Comparison::Unchanged,
        _ => Comparison::Missing(missing),
    }
}

/// Writes the version, or only its revision if it is there.
async fn put_version(
    connection: &mut AnyConnection,
    submission: &Submission,
    path: &str,
    generation: i64,
) -> Result<(), StateError> {
    let publisher = submission.publisher.as_deref();
    sqlx::query(
        "INSERT INTO versions (repository, package, version, status, published_at, publisher, \
         metadata, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (repository, package, version) DO UPDATE SET revision = excluded.revision",
    )
    .bind(submission.repository.as_str())
    .bind(path)
    .bind(submission.version.as_str())
    .bind(submission.status.as_str())
    .bind(to_milliseconds(submission.at))
    .bind(publisher.map(|publisher| shown(publisher).into_owned()))
    .bind(submission.metadata.as_str())
    .bind(generation)
    .execute(connection)
    .await
    .attempt(ATTEMPT)?;
    Ok(())
}

/// Publishes a version that was begun.
async fn show_version(
    connection: &mut AnyConnection,
    submission: &Submission,
    path: &str,
) -> Result<(), StateError> {
    sqlx::query(
        "UPDATE versions SET status = $1 \
         WHERE repository = $2 AND package = $3 AND version = $4 AND status = $5",
    )
    .bind(Status::Published.as_str())
    .bind(submission.repository.as_str())
    .bind(path)
    .bind(submission.version.as_str())
    .bind(Status::Unfinished.as_str())
    .execute(connection)
    .await
    .attempt(ATTEMPT)?;
    Ok(())
}

async fn put_files(
    connection: &mut AnyConnection,
    submission: &Submission,
    path: &str,
    files: &[&StoredFile],
) -> Result<(), StateError> {
    let insert = "INSERT INTO files (repository, package, version, filename, size, sha256, \
         sha512, sha1, md5, metadata)";
    for files in files.chunks(ROWS_MAX) {
        let mut query = sqlx::query(insert_rows(insert, files.len(), 10, "")).persistent(false);
        for file in files {
            query = query
                .bind(submission.repository.as_str())
                .bind(path)
                .bind(submission.version.as_str())
                .bind(file.filename.as_str())
                .bind(i64::try_from(file.size).unwrap_or(i64::MAX))
                .bind(file.sha256.as_str())
                .bind(file.sha512.as_str())
                .bind(file.sha1.as_str())
                .bind(file.md5.as_str())
                .bind(file.metadata.as_str());
        }
        query.execute(&mut *connection).await.attempt(ATTEMPT)?;
    }
    Ok(())
}

async fn put_tag(
    connection: &mut AnyConnection,
    submission: &Submission,
    path: &str,
    tag: &str,
) -> Result<(), StateError> {
    sqlx::query(
        "INSERT INTO tags (repository, package, tag, version) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (repository, package, tag) DO UPDATE SET version = excluded.version",
    )
    .bind(submission.repository.as_str())
    .bind(path)
    .bind(tag)
    .bind(submission.version.as_str())
    .execute(connection)
    .await
    .attempt(ATTEMPT)?;
    Ok(())
}

/// Refuses what no column can hold, before anything is asked of the database.
fn check(submission: &Submission) -> Result<(), StateError> {
    check_key("repository", &submission.repository)?;
    check_key("version", &submission.version)?;
    check_text("metadata", &submission.metadata)?;
    for tag in &submission.tags {
        check_key("tag", tag)?;
    }
    let mut names = HashSet::new();
    for file in &submission.files {
        check_key("file name", &file.filename)?;
        check_text("metadata of a file", &file.metadata)?;
        for digest in [&file.sha256, &file.sha512, &file.sha1, &file.md5] {
            check_text("digest", digest)?;
        }
        if !names.insert(&file.filename) {
            let (what, problem) = ("file name", "it is there twice in one submission");
            return Err(StateError::Unstorable { what, problem });
        }
    }
    if !matches!(submission.status, Status::Published | Status::Unfinished) {
        let (what, problem) = ("status", "a version begins published or unfinished");
        return Err(StateError::Unstorable { what, problem });
    }
    Ok(())
}
