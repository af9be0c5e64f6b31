//! The state database: what the gateway has to remember beyond its cache.
//!
//! First-seen times, the audit trail, tokens, package records and the records of hosted versions.
//! It holds no bytes of artifacts, judges nothing and asks nobody what time it is.
//!
//! SQLite in the data folder, or PostgreSQL for several gateways; the same SQL for both. Every
//! write is one transaction that has reached the disk when the call returns. Dropping the future of
//! a call leaves either all of its write or nothing. Moments are kept in whole milliseconds.

mod audit;
mod database;
mod error;
mod hosted;
mod location;
mod moment;
mod packages;
mod report;
mod sightings;
mod text;
mod tokens;

#[cfg(test)]
mod tests;

use database::Database;

pub use audit::{AuditFilter, AuditRecord};
pub use error::StateError;
pub use hosted::{
    Committed, Conflict, Copied, CopyOrder, CopyRefusal, Copying, Edit, Edited, HostedPackage,
    HostedVersion, Mode, Record, Status, StatusChange, StoredFile, Submission, UnknownStatus,
    VersionAddress,
};
pub use location::Location;
pub use packages::{PackageFilter, PackageRecord};
pub use report::{PRINCIPALS_MAX, REPORT_ROWS_MAX, WouldHaveRefused};
pub use tokens::{Creation, NewToken, Right, Token};

/// The open state database. Cloning is cheap, clones share the connections.
#[derive(Clone)]
pub struct State {
    database: Database,
}

impl State {
    /// Opens the database, creating or upgrading it. A database that was written by a newer
    /// program is refused.
    pub async fn open(location: &Location) -> Result<Self, StateError> {
        let database = Database::open(location).await?;
        Ok(Self { database })
    }

    /// Waits for what is under way and closes every connection. Later calls are `Unavailable`.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Whether the database answers, for readiness.
    pub async fn is_well(&self) -> bool {
        self.database.is_well().await
    }
}
