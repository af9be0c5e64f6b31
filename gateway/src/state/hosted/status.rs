//! Where a hosted version is in its life, and which steps there are.
//!
//! A deleted version has no status: it is gone, and its number is free again. Archived and disposed
//! ones are tombstones that keep the number taken.

use std::fmt;
use std::str::FromStr;

use sqlx::AnyConnection;

use super::VersionAddress;
use crate::state::error::Attempt as _;
use crate::state::{State, StateError};

/// Where a version is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Being published: neither listed nor served.
    Unfinished,
    /// Listed and served.
    Published,
    /// Served to those who know it, such as lockfiles, but not listed.
    Unlisted,
    /// Neither listed nor served; can come back.
    Archived,
    /// Its bytes are gone, its record stays.
    Disposed,
}

/// What came of changing a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum StatusChange {
    /// It has changed.
    Changed,
    /// It was so already.
    Unchanged,
    /// There is no such version.
    NotFound,
    /// The version is not in the status that the caller expected.
    Mismatched(Status),
    /// There is no step from this status to the wanted one.
    NotAllowed(Status),
}

/// A word that is no status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown status {0:?}: use published, unlisted, archived or disposed")]
pub struct UnknownStatus(String);

impl Status {
    /// Every status, in the order of a version's life.
    pub const ALL: [Self; 5] = [
        Self::Unfinished,
        Self::Published,
        Self::Unlisted,
        Self::Archived,
        Self::Disposed,
    ];

    /// The word that stands for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::Published => "published",
            Self::Unlisted => "unlisted",
            Self::Archived => "archived",
            Self::Disposed => "disposed",
        }
    }

    /// Whether there is a step from here to there. Staying is none.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Unfinished => matches!(next, Self::Published),
            Self::Published => {
                matches!(next, Self::Unlisted | Self::Archived | Self::Disposed)
            }
            Self::Unlisted => matches!(next, Self::Published | Self::Archived),
            Self::Archived => matches!(next, Self::Published | Self::Unlisted),
            Self::Disposed => false,
        }
    }

    /// Whether the version is in lists.
    pub const fn is_listed(self) -> bool {
        matches!(self, Self::Published)
    }

    /// Whether its files are served.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Published | Self::Unlisted)
    }

    /// The status of the version in a repository, by its package's path.
    pub(super) async fn of(
        attempt: &'static str,
        connection: &mut AnyConnection,
        (repository, path, version): (&str, &str, &str),
    ) -> Result<Option<Self>, StateError> {
        let word: Option<String> = sqlx::query_scalar(
            "SELECT status FROM versions WHERE repository = $1 AND package = $2 AND version = $3",
        )
        .bind(repository)
        .bind(path)
        .bind(version)
        .fetch_optional(connection)
        .await
        .attempt(attempt)?;
        word.map(|word| Self::read(attempt, &word)).transpose()
    }

    pub(super) fn read(attempt: &'static str, word: &str) -> Result<Self, StateError> {
        let what = "status";
        word.parse()
            .map_err(|_| StateError::Damaged { attempt, what })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

impl State {
    /// Changes the status of a version, if it is the expected one and there is such a step.
    pub async fn set_status(
        &self,
        address: &VersionAddress<'_>,
        from: Option<Status>,
        to: Status,
    ) -> Result<StatusChange, StateError> {
        let attempt = "change the status of a version";
        let path = address.package.path();
        let Some((mut change, generation)) = self.raise(attempt, address.repository, &path).await?
        else {
            return Ok(StatusChange::NotFound);
        };
        let row = (address.repository, path.as_str(), address.version);
        let Some(present) = Status::of(attempt, &mut change, row).await? else {
            return Ok(StatusChange::NotFound);
        };
        let answer = judge(present, from, to);
        if answer == StatusChange::Changed {
            sqlx::query(
                "UPDATE versions SET status = $1, revision = $2 \
                 WHERE repository = $3 AND package = $4 AND version = $5",
            )
            .bind(to.as_str())
            .bind(generation)
            .bind(address.repository)
            .bind(path.as_str())
            .bind(address.version)
            .execute(&mut *change)
            .await
            .attempt(attempt)?;
            change.commit().await.attempt(attempt)?;
        }
        Ok(answer)
    }
}

fn judge(present: Status, expected: Option<Status>, next: Status) -> StatusChange {
    if expected.is_some_and(|expected| expected != present) {
        StatusChange::Mismatched(present)
    } else if present == next {
        StatusChange::Unchanged
    } else if present.may_become(next) {
        StatusChange::Changed
    } else {
        StatusChange::NotAllowed(present)
    }
}
