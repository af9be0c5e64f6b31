//! The records that reading needs at hand: what is hosted where, and the flags that somebody chose.

use rules::{Flags, PackageName};

use super::super::error::Attempt as _;
use super::super::packages::{FlagRow, PackageRecord};
use super::super::text::read_package;
use super::super::{State, StateError};

const PULSE: &str = "SELECT CAST(COALESCE(SUM(generation), 0) AS BIGINT), \
     CAST(COUNT(*) AS BIGINT) FROM packages";

/// Packages that were merely ingested are left out: there are many, and only publishing asks for them.
const RECORDS: &str = "SELECT repository, package, publish, upstream, setting, created, generation, \
     CAST(CASE WHEN EXISTS (SELECT 1 FROM versions WHERE versions.repository = packages.repository \
     AND versions.package = packages.package) THEN 1 ELSE 0 END AS BIGINT) FROM packages \
     WHERE setting IS NOT NULL AND (setting <> 'ingested' OR EXISTS (SELECT 1 FROM versions \
     WHERE versions.repository = packages.repository AND versions.package = packages.package))";

/// A package in a repository that holds something of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub repository: String,
    pub package: PackageName,
    /// As they were set; ask [`Flags::effective`] what they mean today.
    pub flags: Flags,
    /// Grows with every change of the package.
    pub generation: i64,
    /// Whether a version is hosted.
    pub is_hosted: bool,
}

type Row = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    i64,
    i64,
);

impl State {
    /// A value that changes with every change of any package, whoever makes it.
    pub async fn pulse(&self) -> Result<(i64, i64), StateError> {
        sqlx::query_as(PULSE)
            .fetch_one(self.database.reader())
            .await
            .attempt("look for changed packages")
    }

    /// Every record that reading needs.
    pub async fn records(&self) -> Result<Vec<Record>, StateError> {
        let attempt = "read the package records";
        let rows: Vec<Row> = sqlx::query_as(RECORDS)
            .fetch_all(self.database.reader())
            .await
            .attempt(attempt)?;
        let record = |row: Row| {
            let (repository, package, publish, upstream, setting, created, generation, hosted) =
                row;
            let flags: FlagRow = (publish, upstream, setting, created);
            let record = PackageRecord::from_row(attempt, &flags)?;
            Ok(Record {
                repository,
                package: read_package(attempt, &package)?,
                flags: record.map_or(Flags::DEFER, |record| record.flags),
                generation,
                is_hosted: hosted != 0,
            })
        };
        rows.into_iter().map(record).collect()
    }
}
