//! Changes of what is hosted: documents, tags, deletion.

use rules::PackageName;

use super::VersionAddress;
use crate::state::database::Change;
use crate::state::error::Attempt as _;
use crate::state::text::{check_key, check_text};
use crate::state::{State, StateError};

const RAISE: &str = "UPDATE packages SET generation = generation + 1 \
     WHERE repository = $1 AND package = $2 RETURNING generation";

impl State {
    /// Replaces the ecosystem's document of a version (npm: deprecation). False if there is none.
    pub async fn set_version_metadata(
        &self,
        address: &VersionAddress<'_>,
        metadata: &str,
    ) -> Result<bool, StateError> {
        let attempt = "change the metadata of a version";
        check_text("metadata", metadata)?;
        let path = address.package.path();
        let Some((mut change, generation)) = self.raise(attempt, address.repository, &path).await?
        else {
            return Ok(false);
        };
        let done = sqlx::query(
            "UPDATE versions SET metadata = $1, revision = $2 \
             WHERE repository = $3 AND package = $4 AND version = $5",
        )
        .bind(metadata)
        .bind(generation)
        .bind(address.repository)
        .bind(path)
        .bind(address.version)
        .execute(&mut *change)
        .await
        .attempt(attempt)?;
        finish(attempt, change, done.rows_affected()).await
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
        let attempt = "set a tag";
        check_key("tag", tag)?;
        let path = address.package.path();
        let Some((mut change, _)) = self.raise(attempt, address.repository, &path).await? else {
            return Ok(false);
        };
        let done = sqlx::query(
            "INSERT INTO tags (repository, package, tag, version) \
             SELECT repository, package, $1, version FROM versions \
             WHERE repository = $2 AND package = $3 AND version = $4 \
             ON CONFLICT (repository, package, tag) DO UPDATE SET version = excluded.version",
        )
        .bind(tag)
        .bind(address.repository)
        .bind(path)
        .bind(address.version)
        .execute(&mut *change)
        .await
        .attempt(attempt)?;
        finish(attempt, change, done.rows_affected()).await
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
        let attempt = "delete a version";
        let path = address.package.path();
        let Some((mut change, _)) = self.raise(attempt, address.repository, &path).await? else {
            return Ok(false);
        };
        let done = sqlx::query(
            "DELETE FROM versions WHERE repository = $1 AND package = $2 AND version = $3",
        )
        .bind(address.repository)
        .bind(path)
        .bind(address.version)
        .execute(&mut *change)
        .await
        .attempt(attempt)?;
        finish(attempt, change, done.rows_affected()).await
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

/// Commits, unless nothing was done: then the generation is taken back too.
async fn finish(attempt: &'static str, change: Change, rows: u64) -> Result<bool, StateError> {
    if rows == 0 {
        change.rollback().await.attempt(attempt)?;
        return Ok(false);
    }
    change.commit().await.attempt(attempt)?;
    Ok(true)
}
