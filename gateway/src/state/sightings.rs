//! When versions were first seen: a ledger that only grows.
//!
//! A public registry's dates can be forged or missing, so the age of a version also counts from the
//! first time we saw it. What a package had at our first look is its *baseline*: of those versions
//! we only know that they are older, and they get no time. What appears later gets the time of the
//! look that found it, for good.
//!
//! The baseline is one text and never changes, so a look that finds nothing new reads two small
//! answers, however many versions there are.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use rules::PackageName;
use sha2::{Digest as _, Sha256};

use super::error::Attempt as _;
use super::moment::{from_milliseconds, to_milliseconds};
use super::text::{insert_rows, list_text, read_list};
use super::{State, StateError};

const ATTEMPT: &str = "record when versions were first seen";

/// Rows of one insert; three parameters each.
const ROWS_MAX: usize = 500;

/// The longest version that is kept as it is.
const VERSION_BYTES_MAX: usize = 200;

impl State {
    /// Records a look at a package and returns those of the versions that came after the first
    /// look, with the time when they were first seen.
    pub async fn sight(
        &self,
        package: &PackageName,
        versions: &[&str],
        now: SystemTime,
    ) -> Result<Vec<(String, SystemTime)>, StateError> {
        let path = package.path();
        let baseline = match self.baseline(&path).await? {
            Some(baseline) => baseline,
            None if self.first_sight(&path, versions, now).await? => return Ok(Vec::new()),
            // Another look was first.
            None => self.baseline(&path).await?.unwrap_or_default(),
        };
        let keys: Vec<Cow<'_, str>> = versions.iter().map(|version| key(version)).collect();
        let mut late = self.late(&path).await?;
        let unseen: HashSet<&str> = keys
            .iter()
            .map(AsRef::as_ref)
            .filter(|key| !baseline.contains(*key) && !late.contains_key(*key))
            .collect();
        if !unseen.is_empty() {
            self.add_late(&path, &unseen, now).await?;
            // Whoever was first has set the time.
            late = self.late(&path).await?;
        }
        let seen = versions.iter().zip(&keys).filter_map(|(version, key)| {
            let first_seen = late.get(key.as_ref())?;
            Some(((*version).to_owned(), from_milliseconds(*first_seen)))
        });
        Ok(seen.collect())
    }

    /// When the package was first looked at.
    pub async fn first_look(
        &self,
        package: &PackageName,
    ) -> Result<Option<SystemTime>, StateError> {
        let moment = sqlx::query_scalar("SELECT first_look FROM looks WHERE package = $1")
            .bind(package.path())
            .fetch_optional(self.database.reader())
            .await
            .attempt("read when a package was first looked at")?;
        Ok(moment.map(from_milliseconds))
    }

    async fn baseline(&self, path: &str) -> Result<Option<HashSet<String>>, StateError> {
        let text: Option<String> =
            sqlx::query_scalar("SELECT baseline FROM looks WHERE package = $1")
                .bind(path)
                .fetch_optional(self.database.reader())
                .await
                .attempt(ATTEMPT)?;
        let Some(text) = text else {
            return Ok(None);
        };
        let baseline: Vec<String> = read_list(ATTEMPT, &text)?;
        Ok(Some(baseline.into_iter().collect()))
    }

    /// Writes the baseline. Not so if somebody else did meanwhile.
    async fn first_sight(
        &self,
        path: &str,
        versions: &[&str],
        now: SystemTime,
    ) -> Result<bool, StateError> {
        let keys: Vec<Cow<'_, str>> = versions.iter().map(|version| key(version)).collect();
        let insert = "INSERT INTO looks (package, first_look, baseline) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING";
        let done = sqlx::query(insert)
            .bind(path)
            .bind(to_milliseconds(now))
            .bind(list_text("versions", &keys)?)
            .execute(self.database.writer())
            .await
            .attempt(ATTEMPT)?;
        Ok(done.rows_affected() == 1)
    }

    async fn late(&self, path: &str) -> Result<HashMap<String, i64>, StateError> {
        let select = "SELECT version, first_seen FROM sightings WHERE package = $1";
        let rows: Vec<(String, i64)> = sqlx::query_as(select)
            .bind(path)
            .fetch_all(self.database.reader())
            .await
            .attempt(ATTEMPT)?;
        Ok(rows.into_iter().collect())
    }

    async fn add_late(
        &self,
        path: &str,
        unseen: &HashSet<&str>,
        now: SystemTime,
    ) -> Result<(), StateError> {
        let mut keys: Vec<&str> = unseen.iter().copied().collect();
        // One order for everybody, so that two gateways cannot wait for each other.
        keys.sort_unstable();
        let mut change = self.database.change().await.attempt(ATTEMPT)?;
        for keys in keys.chunks(ROWS_MAX) {
            let insert = "INSERT INTO sightings (package, version, first_seen)";
            let statement = insert_rows(insert, keys.len(), 3, "ON CONFLICT DO NOTHING");
            let mut query = sqlx::query(statement).persistent(false);
            for key in keys {
                query = query.bind(path).bind(*key).bind(to_milliseconds(now));
            }
            query.execute(&mut *change).await.attempt(ATTEMPT)?;
        }
        change.commit().await.attempt(ATTEMPT)
    }
}

/// The version as the ledger knows it. Versions are foreign: what no column could hold is known by
/// its digest, whose first character no version begins with by chance.
fn key(version: &str) -> Cow<'_, str> {
    if version.len() <= VERSION_BYTES_MAX && !version.contains('\0') {
        return Cow::Borrowed(version);
    }
    let digest = Sha256::digest(version.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Cow::Owned(format!("\u{fffd}{digest}"))
}
