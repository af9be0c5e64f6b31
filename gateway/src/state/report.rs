//! What would have been refused: the observed part of the audit trail, summed up.

use std::collections::HashMap;
use std::time::SystemTime;

use super::error::Attempt as _;
use super::moment::{from_milliseconds, to_milliseconds};
use super::{State, StateError};

/// How many rows a report has at most; those with most requests come first.
pub const REPORT_ROWS_MAX: usize = 10_000;

/// How many principals a row names at most.
pub const PRINCIPALS_MAX: usize = 20;

const ATTEMPT: &str = "report what would have been refused";

const ROWS: &str = "SELECT control, package_group, package, version, COUNT(DISTINCT client), \
     COUNT(*), MIN(at), MAX(at), MAX(sentence) FROM audit WHERE observed = 1 AND at >= $1 \
     GROUP BY control, package_group, package, version \
     ORDER BY COUNT(*) DESC, MAX(at) DESC LIMIT $2";

const PRINCIPALS: &str = "SELECT control, package_group, package, version, principal FROM ( \
     SELECT control, package_group, package, version, principal, ROW_NUMBER() OVER \
     (PARTITION BY control, package_group, package, version ORDER BY principal) AS place FROM ( \
     SELECT DISTINCT control, package_group, package, version, \
     COALESCE(principal, client) AS principal FROM audit \
     WHERE observed = 1 AND at >= $1) AS named) AS numbered \
     WHERE place <= $2 ORDER BY place";

/// Requests that one control of one group would have refused, for one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldHaveRefused {
    /// The control that would have refused.
    pub control: String,
    /// The pattern of the group that sets it.
    pub group: String,
    /// The package's path.
    pub package: String,
    /// The version, or none if it was the package as a whole.
    pub version: Option<String>,
    /// How many different clients asked.
    pub clients: u64,
    /// Who asked, or else from which addresses: at most [`PRINCIPALS_MAX`].
    pub principals: Vec<String>,
    /// How many requests.
    pub count: u64,
    /// The first of them.
    pub first: SystemTime,
    /// The last of them.
    pub last: SystemTime,
    /// What a client would have been told (one of the sentences, if it changed).
    pub sentence: String,
}

type Key = (String, String, String, Option<String>);
type Row = (
    String,
    String,
    String,
    Option<String>,
    i64,
    i64,
    i64,
    i64,
    String,
);
type Named = (String, String, String, Option<String>, String);

impl State {
    /// Sums up what was only observed since a moment, the most frequent first.
    pub async fn would_have_refused(
        &self,
        since: SystemTime,
    ) -> Result<Vec<WouldHaveRefused>, StateError> {
        let since = to_milliseconds(since);
        let mut look = self.database.look().await.attempt(ATTEMPT)?;
        let rows: Vec<Row> = sqlx::query_as(ROWS)
            .bind(since)
            .bind(i64::try_from(REPORT_ROWS_MAX).unwrap_or(i64::MAX))
            .fetch_all(&mut *look)
            .await
            .attempt(ATTEMPT)?;
        let named: Vec<Named> = sqlx::query_as(PRINCIPALS)
            .bind(since)
            .bind(i64::try_from(PRINCIPALS_MAX).unwrap_or(i64::MAX))
            .fetch_all(&mut *look)
            .await
            .attempt(ATTEMPT)?;
        look.rollback().await.attempt(ATTEMPT)?;
        let mut principals: HashMap<Key, Vec<String>> = HashMap::new();
        for (control, group, package, version, principal) in named {
            let key = (control, group, package, version);
            principals.entry(key).or_default().push(principal);
        }
        Ok(rows
            .into_iter()
            .map(|row| WouldHaveRefused::from_row(row, &mut principals))
            .collect())
    }
}

impl WouldHaveRefused {
    fn from_row(row: Row, principals: &mut HashMap<Key, Vec<String>>) -> Self {
        let key = (row.0, row.1, row.2, row.3);
        let principals = principals.remove(&key).unwrap_or_default();
        Self {
            control: key.0,
            group: key.1,
            package: key.2,
            version: key.3,
            clients: u64::try_from(row.4).unwrap_or(0),
            principals,
            count: u64::try_from(row.5).unwrap_or(0),
            first: from_milliseconds(row.6),
            last: from_milliseconds(row.7),
            sentence: row.8,
        }
    }
}
