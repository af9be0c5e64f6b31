//! What is hosted: one package with everything, its generation, names, blobs in use.

use std::collections::HashMap;

use rules::{Flags, PackageName};
use sqlx::AnyConnection;

use super::{HostedPackage, HostedVersion, Status, StoredFile};
use crate::state::error::Attempt as _;
use crate::state::moment::from_milliseconds;
use crate::state::packages::{FlagRow, PackageRecord};
use crate::state::{State, StateError};

const ATTEMPT: &str = "read a hosted package";

const PACKAGE: &str = "SELECT generation, publish, upstream, setting, created FROM packages \
     WHERE repository = $1 AND package = $2";
const VERSIONS: &str = "SELECT version, status, published_at, publisher, metadata, revision \
     FROM versions WHERE repository = $1 AND package = $2";
const FILES: &str = "SELECT version, filename, size, sha256, sha512, sha1, md5, metadata \
     FROM files WHERE repository = $1 AND package = $2 AND ($3 IS NULL OR version = $3)";
const TAGS: &str = "SELECT tag, version FROM tags WHERE repository = $1 AND package = $2";
const GENERATION: &str = "SELECT generation FROM packages WHERE repository = $1 AND package = $2";
/// Files of a disposed version are records without bytes.
const BLOBS: &str = "SELECT DISTINCT files.sha256 FROM files \
     JOIN versions ON versions.repository = files.repository \
     AND versions.package = files.package AND versions.version = files.version \
     WHERE versions.status <> 'disposed' AND files.sha256 > $1 \
     ORDER BY files.sha256 LIMIT $2";

type PackageRow = (
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
);
type VersionRow = (String, String, i64, Option<String>, String, i64);
type FileRow = (String, String, i64, String, String, String, String, String);

impl State {
    /// A package with all its versions, files and tags as they were at one moment. None if no
    /// version of it is hosted, whatever its record says.
    pub async fn hosted(
        &self,
        repository: &str,
        package: &PackageName,
    ) -> Result<Option<HostedPackage>, StateError> {
        let path = package.path();
        // Most packages of a caching repository are not hosted: found out with one statement.
        if self.generation(repository, package).await? == 0 {
            return Ok(None);
        }
        let mut look = self.database.look().await.attempt(ATTEMPT)?;
        let row: Option<PackageRow> = sqlx::query_as(PACKAGE)
            .bind(repository)
            .bind(path.as_str())
            .fetch_optional(&mut *look)
            .await
            .attempt(ATTEMPT)?;
        let versions = versions(&mut look, repository, &path).await?;
        let tags = tags(&mut look, repository, &path).await?;
        look.rollback().await.attempt(ATTEMPT)?;
        let Some((generation, publish, upstream, setting, created)) = row else {
            return Ok(None);
        };
        if versions.is_empty() {
            return Ok(None);
        }
        let row: FlagRow = (publish, upstream, setting, created);
        let record = PackageRecord::from_row(ATTEMPT, &row)?;
        Ok(Some(HostedPackage {
            flags: record.map_or(Flags::DEFER, |record| record.flags),
            tags,
            versions,
            generation,
        }))
    }

    /// The generation of a package; 0 if it was never changed here.
    pub async fn generation(
        &self,
        repository: &str,
        package: &PackageName,
    ) -> Result<i64, StateError> {
        let generation = sqlx::query_scalar(GENERATION)
            .bind(repository)
            .bind(package.path())
            .fetch_optional(self.database.reader())
            .await
            .attempt("read the generation of a package")?;
        Ok(generation.unwrap_or(0))
    }

    /// A page of the SHA-256 of every blob that a version still needs, in order, behind `after`
    /// (nothing for the first page). Fewer than `limit` is the last page.
    ///
    /// A blob that is published while the pages are read may be missing: whoever collects garbage
    /// must spare what is young.
    pub async fn blobs_in_use(&self, after: &str, limit: u32) -> Result<Vec<String>, StateError> {
        sqlx::query_scalar(BLOBS)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(self.database.reader())
            .await
            .attempt("list the blobs in use")
    }
}

async fn versions(
    connection: &mut AnyConnection,
    repository: &str,
    path: &str,
) -> Result<Vec<HostedVersion>, StateError> {
    let rows: Vec<VersionRow> = sqlx::query_as(VERSIONS)
        .bind(repository)
        .bind(path)
        .fetch_all(&mut *connection)
        .await
        .attempt(ATTEMPT)?;
    let mut files = files(connection, repository, path, None).await?;
    let mut versions = Vec::with_capacity(rows.len());
    for (version, status, published_at, publisher, metadata, revision) in rows {
        versions.push(HostedVersion {
            status: Status::read(ATTEMPT, &status)?,
            published_at: from_milliseconds(published_at),
            publisher,
            metadata,
            revision,
            files: files.remove(&version).unwrap_or_default(),
            version,
        });
    }
    // Sorted here: databases differ in how they compare texts.
    versions.sort_by(|one, other| {
        let key = |version: &HostedVersion| version.published_at;
        (key(one), &one.version).cmp(&(key(other), &other.version))
    });
    Ok(versions)
}

/// The files of a package, or of one version of it, each list by name.
pub(super) async fn files(
    connection: &mut AnyConnection,
    repository: &str,
    path: &str,
    version: Option<&str>,
) -> Result<HashMap<String, Vec<StoredFile>>, StateError> {
    let rows: Vec<FileRow> = sqlx::query_as(FILES)
        .bind(repository)
        .bind(path)
        .bind(version)
        .fetch_all(connection)
        .await
        .attempt(ATTEMPT)?;
    let mut files: HashMap<String, Vec<StoredFile>> = HashMap::new();
    for (version, filename, size, sha256, sha512, sha1, md5, metadata) in rows {
        files.entry(version).or_default().push(StoredFile {
            filename,
            size: u64::try_from(size).unwrap_or(0),
            sha256,
            sha512,
            sha1,
            md5,
            metadata,
        });
    }
    for list in files.values_mut() {
        list.sort_by(|one, other| one.filename.cmp(&other.filename));
    }
    Ok(files)
}

async fn tags(
    connection: &mut AnyConnection,
    repository: &str,
    path: &str,
) -> Result<Vec<(String, String)>, StateError> {
    let mut tags: Vec<(String, String)> = sqlx::query_as(TAGS)
        .bind(repository)
        .bind(path)
        .fetch_all(connection)
        .await
        .attempt(ATTEMPT)?;
    tags.sort_unstable();
    Ok(tags)
}
