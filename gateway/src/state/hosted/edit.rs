//! Changes of what is hosted: documents, tags, deletion.

use rules::PackageName;
use sqlx::AnyConnection;

use super::VersionAddress;
use crate::state::database::Change;
use crate::state::error::Attempt as _;
use crate::state::text::{check_key, check_text};
use crate::state::{State, StateError};

const RAISE: &str = "UPDATE packages SET generation = generation + 1 \
     WHERE repository = $1 AND package = $2 RETURNING generation";

const SET_METADATA: &str = "UPDATE versions SET metadata = $1, revision = $2 \
     WHERE repository = $3 AND package = $4 AND version = $5";

const SET_TAG: &str = "INSERT INTO tags (repository, package, tag, version) \
     SELECT repository, package, $1, version FROM versions \
     WHERE repository = $2 AND package = $3 AND version = $4 \
     ON CONFLICT (repository, package, tag) DO UPDATE SET version = excluded.version";

const DELETE_VERSION: &str =
    "DELETE FROM versions WHERE repository = $1 AND package = $2 AND version = $3";

/// One of the changes that are made together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// Replaces the ecosystem's document of a version.
    Metadata {
        /// Of this version.
        version: &'a str,
        /// The document.
        metadata: &'a str,
    },
    /// Points a tag at a version.
    Tag {
        /// The tag.
        tag: &'a str,
        /// Where it points from now on.
        version: &'a str,
    },
    /// Deletes a version with its files and the tags that point at it.
    Delete {
        /// This version.
        version: &'a str,
    },
}

/// What came of several changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Edited {
    /// All of them are on disk.
    Done,
    /// None was made: the package was changed since it was seen.
    Meanwhile,
    /// There was nothing to change.
    Nothing,
}

impl State {
    /// Makes several changes of a package together, if it is still as it was `seen`: all of them or none.
    pub async fn edit(
        &self,
        repository: &str,
        package: &PackageName,
        seen: i64,
        edits: &[Edit<'_>],
    ) -> Result<Edited, StateError> {
        let attempt = "edit a package";
        let path = package.path();
        let Some((mut change, generation)) = self.raise(attempt, repository, &path).await? else {
            return Ok(Edited::Nothing);
        };
        if generation != seen + 1 {
            change.rollback().await.attempt(attempt)?;
            return Ok(Edited::Meanwhile);
        }
        let mut rows = 0;
        for edit in edits {
            rows += edit
                .apply(&mut change, (repository, &path), generation)
                .await?;
        }
        match finish(attempt, change, rows).await? {
            true => Ok(Edited::Done),
            false => Ok(Edited::Nothing),
        }
    }

    /// Replaces the ecosystem's document of a version (npm: deprecation). False if there is none.
    pub async fn set_version_metadata(
        &self,
        address: &VersionAddress<'_>,
        metadata: &str,
    ) -> Result<bool, StateError> {
        let version = address.version;
        self.one(address, Edit::Metadata { version, metadata })
            .await
    }

    /// Replaces what the ecosystem says of one file (PyPI: yanking). False if there is none.
    pub async fn set_file_metadata(
        &self,
        address: &VersionAddress<'_>,
        filename: &str,
        metadata: &str,
    ) -> Result<bool, StateError> {
        let attempt = "change the metadata of a file";
        check_text("metadata of a file", metadata)?;
        let path = address.package.path();
        let Some((mut change, generation)) = self.raise(attempt, address.repository, &path).await?
        else {
            return Ok(false);
        };
        let done = sqlx::query(
            "UPDATE files SET metadata = $1 WHERE repository = $2 AND package = $3 \
             AND version = $4 AND filename = $5",
        )
        .bind(metadata)
        .bind(address.repository)
        .bind(path.as_str())
        .bind(address.version)
        .bind(filename)
        .execute(&mut *change)
        .await
        .attempt(attempt)?;
        sqlx::query(
            "UPDATE versions SET revision = $1 \
             WHERE repository = $2 AND package = $3 AND version = $4",
        )
        .bind(generation)
        .bind(address.repository)
        .bind(path.as_str())
        .bind(address.version)
        .execute(&mut *change)
        .await
        .attempt(attempt)?;
        finish(attempt, change, done.rows_affected()).await
    }

    /// Points a tag at a version. False if there is no such version.
    pub async fn set_tag(
        &self,
        address: &VersionAddress<'_>,
        tag: &str,
    ) -> Result<bool, StateError> {
        let version = address.version;
        self.one(address, Edit::Tag { tag, version }).await
    }

    /// Takes a tag away. False if there is none.
    pub async fn remove_tag(
        &self,
        repository: &str,
        package: &PackageName,
        tag: &str,
    ) -> Result<bool, StateError> {
        let attempt = "remove a tag";
        let path = package.path();
        let Some((mut change, _)) = self.raise(attempt, repository, &path).await? else {
            return Ok(false);
        };
        let done =
            sqlx::query("DELETE FROM tags WHERE repository = $1 AND package = $2 AND tag = $3")
                .bind(repository)
                .bind(path)
                .bind(tag)
                .execute(&mut *change)
                .await
                .attempt(attempt)?;
        finish(attempt, change, done.rows_affected()).await
    }

    /// Deletes a version with its files and the tags that point at it, whatever its status. It
    /// can be published anew. False if there is none.
    pub async fn delete_version(&self, address: &VersionAddress<'_>) -> Result<bool, StateError> {
        let version = address.version;
        self.one(address, Edit::Delete { version }).await
    }

    async fn one(&self, address: &VersionAddress<'_>, edit: Edit<'_>) -> Result<bool, StateError> {
        let (attempt, path) = (edit.attempt(), address.package.path());
        let Some((mut change, generation)) = self.raise(attempt, address.repository, &path).await?
        else {
            return Ok(false);
        };
        let place = (address.repository, path.as_str());
        let rows = edit.apply(&mut change, place, generation).await?;
        finish(attempt, change, rows).await
    }

    /// Deletes a package with all its versions and its record, flags set by hand included. False
    /// if there is nothing to delete.
    pub async fn delete_package(
        &self,
        repository: &str,
        package: &PackageName,
    ) -> Result<bool, StateError> {
        let attempt = "delete a package";
        let path = package.path();
        let Some((mut change, _)) = self.raise(attempt, repository, &path).await? else {
            return Ok(false);
        };
        let versions = sqlx::query("DELETE FROM versions WHERE repository = $1 AND package = $2")
            .bind(repository)
            .bind(path.as_str())
            .execute(&mut *change)
            .await
            .attempt(attempt)?;
        // The row stays for its generation.
        let record = sqlx::query(
            "UPDATE packages SET publish = NULL, upstream = NULL, setting = NULL, \
             created = NULL WHERE repository = $1 AND package = $2 AND setting IS NOT NULL",
        )
        .bind(repository)
        .bind(path.as_str())
        .execute(&mut *change)
        .await
        .attempt(attempt)?;
        let rows = versions.rows_affected() + record.rows_affected();
        finish(attempt, change, rows).await
    }

    /// Begins a change of a package that is known here by raising its generation.
    pub(super) async fn raise(
        &self,
        attempt: &'static str,
        repository: &str,
        path: &str,
    ) -> Result<Option<(Change, i64)>, StateError> {
        let mut change = self.database.change().await.attempt(attempt)?;
        let generation: Option<i64> = sqlx::query_scalar(RAISE)
            .bind(repository)
            .bind(path)
            .fetch_optional(&mut *change)
            .await
            .attempt(attempt)?;
        Ok(generation.map(|generation| (change, generation)))
    }
}

impl Edit<'_> {
    fn attempt(&self) -> &'static str {
        match self {
            Self::Metadata { .. } => "change the metadata of a version",
            Self::Tag { .. } => "set a tag",
            Self::Delete { .. } => "delete a version",
        }
    }

    /// Gives how many rows were changed.
    async fn apply(
        &self,
        connection: &mut AnyConnection,
        (repository, path): (&str, &str),
        generation: i64,
    ) -> Result<u64, StateError> {
        let query = match self {
            Self::Metadata { version, metadata } => {
                check_text("metadata", metadata)?;
                sqlx::query(SET_METADATA)
                    .bind(*metadata)
                    .bind(generation)
                    .bind(repository)
                    .bind(path)
                    .bind(*version)
            }
            Self::Tag { tag, version } => {
                check_key("tag", tag)?;
                let query = sqlx::query(SET_TAG).bind(*tag);
                query.bind(repository).bind(path).bind(*version)
            }
            Self::Delete { version } => {
                let query = sqlx::query(DELETE_VERSION).bind(repository);
                query.bind(path).bind(*version)
            }
        };
        let done = query.execute(connection).await.attempt(self.attempt())?;
        Ok(done.rows_affected())
    }
}

/// Commits, unless nothing was done: then the generation is taken back too.
async fn finish(attempt: &'static str, change: Change, rows: u64) -> Result<bool, StateError> {
    if rows == 0 {
        change.rollback().await.attempt(attempt)?;
        return Ok(false);
    }
    change.commit().await.attempt(attempt)?;
    Ok(true)
}
