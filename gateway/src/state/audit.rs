//! The audit trail: every decision that is not a plain allow, as it was made.
//!
//! The words of a record are the caller's; nothing here knows what they mean.

use std::time::SystemTime;

use super::error::Attempt as _;
use super::moment::{from_milliseconds, to_milliseconds};
use super::text::{insert_rows, shown};
use super::{State, StateError};

/// Rows of one insert; twelve parameters each.
const ROWS_MAX: usize = 200;

/// Rows that one delete takes away, so that other writers get their turn.
const PRUNED_AT_ONCE: i64 = 5_000;

const INSERT: &str = "INSERT INTO audit (at, principal, client, repository, package, version, \
     verdict, control, package_group, sentence, observed, mode)";

const SELECT: &str = "SELECT at, principal, client, repository, package, version, verdict, \
     control, package_group, sentence, observed, mode FROM audit \
     WHERE ($1 IS NULL OR at >= $1) AND ($2 IS NULL OR at < $2) \
     AND ($3 IS NULL OR repository = $3) AND ($4 IS NULL OR package = $4) \
     AND ($5 IS NULL OR principal = $5) AND ($6 IS NULL OR verdict = $6) \
     AND ($7 IS NULL OR observed = $7) ORDER BY at DESC LIMIT $8";

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When it was made.
    pub at: SystemTime,
    /// Who asked, if that is known.
    pub principal: Option<String>,
    /// The client's address.
    pub client: String,
    /// The repository that was asked.
    pub repository: String,
    /// The package's path: `/npm/scope/name`.
    pub package: String,
    /// The version, if one was asked for.
    pub version: Option<String>,
    /// The verdict's word.
    pub verdict: String,
    /// The control that decided.
    pub control: String,
    /// The pattern of the group that set it.
    pub group: String,
    /// The sentence that the client was told.
    pub sentence: String,
    /// Whether it was only observed: the client was served all the same.
    pub observed: bool,
    /// The mode that the rules were in.
    pub mode: String,
}

/// Which records to read. Nothing set means all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Not before this moment.
    pub since: Option<SystemTime>,
    /// Before this moment.
    pub until: Option<SystemTime>,
    /// Of this repository.
    pub repository: Option<String>,
    /// Of the package with this path.
    pub package: Option<String>,
    /// Of this principal.
    pub principal: Option<String>,
    /// With this verdict.
    pub verdict: Option<String>,
    /// Only observed, or only enforced.
    pub observed: Option<bool>,
}

type Row = (
    i64,
    Option<String>,
    String,
    String,
    String,
    Option<String>,
    String,
    String,
    String,
    String,
    i64,
    String,
);

impl State {
    /// Adds records, all or none.
    pub async fn record(&self, records: &[AuditRecord]) -> Result<(), StateError> {
        let attempt = "write the audit trail";
        if records.is_empty() {
            return Ok(());
        }
        let mut change = self.database.change().await.attempt(attempt)?;
        for records in records.chunks(ROWS_MAX) {
            let statement = insert_rows(INSERT, records.len(), 12, "");
            let mut query = sqlx::query(statement).persistent(false);
            for record in records {
                query = query
                    .bind(to_milliseconds(record.at))
                    .bind(optional(record.principal.as_deref()))
                    .bind(shown(&record.client).into_owned())
                    .bind(shown(&record.repository).into_owned())
                    .bind(shown(&record.package).into_owned())
                    .bind(optional(record.version.as_deref()))
                    .bind(shown(&record.verdict).into_owned())
                    .bind(shown(&record.control).into_owned())
                    .bind(shown(&record.group).into_owned())
                    .bind(shown(&record.sentence).into_owned())
                    .bind(i64::from(record.observed))
                    .bind(shown(&record.mode).into_owned());
            }
            query.execute(&mut *change).await.attempt(attempt)?;
        }
        change.commit().await.attempt(attempt)
    }

    /// The newest records that pass the filter, newest first, at most `limit`.
    pub async fn audit(
        &self,
        limit: u32,
        filter: &AuditFilter,
    ) -> Result<Vec<AuditRecord>, StateError> {
        let rows: Vec<Row> = sqlx::query_as(SELECT)
            .bind(filter.since.map(to_milliseconds))
            .bind(filter.until.map(to_milliseconds))
            .bind(filter.repository.clone())
            .bind(filter.package.clone())
            .bind(filter.principal.clone())
            .bind(filter.verdict.clone())
            .bind(filter.observed.map(i64::from))
            .bind(i64::from(limit))
            .fetch_all(self.database.reader())
            .await
            .attempt("read the audit trail")?;
        Ok(rows.into_iter().map(AuditRecord::from_row).collect())
    }

    /// Forgets what is older than a moment, and returns how many records that were.
    pub async fn prune_audit(&self, before: SystemTime) -> Result<u64, StateError> {
        let attempt = "prune the audit trail";
        let before = to_milliseconds(before);
        let bound = "SELECT at FROM audit WHERE at < $1 ORDER BY at LIMIT 1 OFFSET $2";
        let mut pruned = 0;
        loop {
            let bound: Option<i64> = sqlx::query_scalar(bound)
                .bind(before)
                .bind(PRUNED_AT_ONCE)
                .fetch_optional(self.database.reader())
                .await
                .attempt(attempt)?;
            // The bound itself goes too, so every round makes the table smaller.
            let last = bound.unwrap_or(before.saturating_sub(1));
            let done = sqlx::query("DELETE FROM audit WHERE at <= $1")
                .bind(last)
                .execute(self.database.writer())
                .await
                .attempt(attempt)?;
            pruned += done.rows_affected();
            if bound.is_none() {
                return Ok(pruned);
            }
        }
    }
}

impl AuditRecord {
    fn from_row(row: Row) -> Self {
        Self {
            at: from_milliseconds(row.0),
            principal: row.1,
            client: row.2,
            repository: row.3,
            package: row.4,
            version: row.5,
            verdict: row.6,
            control: row.7,
            group: row.8,
            sentence: row.9,
            observed: row.10 != 0,
            mode: row.11,
        }
    }
}

fn optional(text: Option<&str>) -> Option<String> {
    text.map(|text| shown(text).into_owned())
}
