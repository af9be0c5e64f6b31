//! Package records: one package in one repository, with its flags.
//!
//! A defaulted flag is kept as its cause only, the arrival; what it means today is worked out by
//! [`rules::Flags::effective`].

use std::time::SystemTime;

use rules::{Arrival, Ecosystem, Flag, FlagSetting, Flags, PackageName};

use super::error::Attempt as _;
use super::moment::{from_milliseconds, to_milliseconds};
use super::text::{check_key, read_package};
use super::{State, StateError};

const ALLOW: &str = "allow";
const BLOCK: &str = "block";
const BY_HAND: &str = "by_hand";
const PUBLISHED: &str = "published";
const INGESTED: &str = "ingested";

const ONE: &str = "SELECT publish, upstream, setting, created FROM packages \
     WHERE repository = $1 AND package = $2 AND setting IS NOT NULL";

/// Makes a record where there is none, and nothing else.
const ARRIVED: &str = "INSERT INTO packages \
     (repository, package, generation, publish, upstream, setting, created) \
     VALUES ($1, $2, 1, 'allow', 'allow', $3, $4) \
     ON CONFLICT (repository, package) DO UPDATE SET generation = packages.generation + 1, \
     publish = excluded.publish, upstream = excluded.upstream, setting = excluded.setting, \
     created = excluded.created WHERE packages.setting IS NULL";

const BY_HAND_FLAGS: &str = "INSERT INTO packages \
     (repository, package, generation, publish, upstream, setting, created) \
     VALUES ($1, $2, 1, $3, $4, 'by_hand', $5) \
     ON CONFLICT (repository, package) DO UPDATE SET generation = packages.generation + 1, \
     publish = excluded.publish, upstream = excluded.upstream, setting = excluded.setting, \
     created = coalesce(packages.created, excluded.created)";

const LIST: &str = "SELECT package, publish, upstream, setting, created FROM packages \
     WHERE repository = $1 AND setting IS NOT NULL AND package LIKE $2 \
     AND ($3 IS NULL OR lower(package) LIKE $3 ESCAPE '!') AND ($4 IS NULL OR package > $4) \
     ORDER BY package LIMIT $5";

/// What is known of a package in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackageRecord {
    /// Its flags as they were set; ask [`Flags::effective`] what they mean today.
    pub flags: Flags,
    /// When the record was made.
    pub created: SystemTime,
}

/// Which packages of a repository to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFilter {
    /// Of this ecosystem.
    pub ecosystem: Option<Ecosystem>,
    /// With this text in their path, whatever the case.
    pub contains: Option<String>,
    /// Behind this one, the last of the page before.
    pub after: Option<PackageName>,
    /// At most so many.
    pub limit: u32,
}

/// Columns `publish, upstream, setting, created` of a package.
pub(super) type FlagRow = (Option<String>, Option<String>, Option<String>, Option<i64>);

impl State {
    /// The record of a package, if there is one.
    pub async fn package(
        &self,
        repository: &str,
        package: &PackageName,
    ) -> Result<Option<PackageRecord>, StateError> {
        let attempt = "read a package record";
        let row: Option<FlagRow> = sqlx::query_as(ONE)
            .bind(repository)
            .bind(package.path())
            .fetch_optional(self.database.reader())
            .await
            .attempt(attempt)?;
        match row {
            Some(row) => PackageRecord::from_row(attempt, &row),
            None => Ok(None),
        }
    }

    /// Sets both flags by hand. Makes an empty record where there is none.
    pub async fn set_flags(
        &self,
        repository: &str,
        package: &PackageName,
        flags: (Flag, Flag),
        now: SystemTime,
    ) -> Result<(), StateError> {
        check_key("repository", repository)?;
        let (publish, upstream) = flags;
        sqlx::query(BY_HAND_FLAGS)
            .bind(repository)
            .bind(package.path())
            .bind(flag_word(publish))
            .bind(flag_word(upstream))
            .bind(to_milliseconds(now))
            .execute(self.database.writer())
            .await
            .attempt("set the flags of a package")?;
        Ok(())
    }

    /// Notes how the first version of a package came. True if that made the record; a record that
    /// is there already is not changed.
    pub async fn arrived(
        &self,
        repository: &str,
        package: &PackageName,
        arrival: Arrival,
        now: SystemTime,
    ) -> Result<bool, StateError> {
        check_key("repository", repository)?;
        // Every ingestion asks; only the first has to write.
        if self.package(repository, package).await?.is_some() {
            return Ok(false);
        }
        let done = sqlx::query(ARRIVED)
            .bind(repository)
            .bind(package.path())
            .bind(arrival_word(arrival))
            .bind(to_milliseconds(now))
            .execute(self.database.writer())
            .await
            .attempt("make a package record")?;
        Ok(done.rows_affected() > 0)
    }

    /// The records of a repository that pass the filter, in an order that pages can follow.
    pub async fn packages(
        &self,
        repository: &str,
        filter: &PackageFilter,
    ) -> Result<Vec<(PackageName, PackageRecord)>, StateError> {
        let attempt = "list package records";
        type Row = (
            String,
            Option<String>,
            Option<String>,
            Option<String>,
            Option<i64>,
        );
        let rows: Vec<Row> = sqlx::query_as(LIST)
            .bind(repository)
            .bind(prefix(filter.ecosystem))
            .bind(filter.contains.as_deref().map(containing))
            .bind(filter.after.as_ref().map(PackageName::path))
            .bind(i64::from(filter.limit))
            .fetch_all(self.database.reader())
            .await
            .attempt(attempt)?;
        let mut found = Vec::with_capacity(rows.len());
        for (path, publish, upstream, setting, created) in rows {
            let row = (publish, upstream, setting, created);
            if let Some(record) = PackageRecord::from_row(attempt, &row)? {
                found.push((read_package(attempt, &path)?, record));
            }
        }
        Ok(found)
    }
}

impl PackageRecord {
    /// None where the row only keeps a generation.
    pub(super) fn from_row(
        attempt: &'static str,
        row: &FlagRow,
    ) -> Result<Option<Self>, StateError> {
        let (Some(publish), Some(upstream), Some(setting), Some(created)) = row else {
            return Ok(None);
        };
        let set = match setting.as_str() {
            BY_HAND => FlagSetting::ByHand,
            PUBLISHED => FlagSetting::Defaulted(Arrival::Published),
            INGESTED => FlagSetting::Defaulted(Arrival::Ingested),
            _ => {
                let what = "setting of flags";
                return Err(StateError::Damaged { attempt, what });
            }
        };
        let flags = Flags {
            publish: read_flag(attempt, publish)?,
            upstream: read_flag(attempt, upstream)?,
            set,
        };
        let created = from_milliseconds(*created);
        Ok(Some(Self { flags, created }))
    }
}

impl Default for PackageFilter {
    fn default() -> Self {
        Self {
            ecosystem: None,
            contains: None,
            after: None,
            limit: 1_000,
        }
    }
}

/// The word for how a package came.
pub(super) const fn arrival_word(arrival: Arrival) -> &'static str {
    match arrival {
        Arrival::Published => PUBLISHED,
        Arrival::Ingested => INGESTED,
    }
}

/// The pattern that the paths of an ecosystem match.
pub(super) fn prefix(ecosystem: Option<Ecosystem>) -> String {
    match ecosystem {
        Some(ecosystem) => format!("/{ecosystem}/%"),
        None => "%".to_owned(),
    }
}

const fn flag_word(flag: Flag) -> &'static str {
    match flag {
        Flag::Allow => ALLOW,
        Flag::Block => BLOCK,
    }
}

fn read_flag(attempt: &'static str, word: &str) -> Result<Flag, StateError> {
    match word {
        ALLOW => Ok(Flag::Allow),
        BLOCK => Ok(Flag::Block),
        _ => Err(StateError::Damaged {
            attempt,
            what: "flag",
        }),
    }
}

/// The pattern of a text anywhere; its own wildcards stand for themselves.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text
        .to_lowercase()
        .chars()
        .filter(|character| *character != '\0')
    {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
