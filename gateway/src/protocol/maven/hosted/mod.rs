//! What is published here in the Maven layout: writes read, deployments staged, documents made.
//!
//! Pure: no socket, no disk, no clock. `write` reads a PUT's path, `pom` an uploaded POM,
//! `announcement` an uploaded `maven-metadata.xml`; `deployment` says what each PUT is answered and
//! when a version becomes visible; `documents` makes the `maven-metadata.xml` of what is hosted,
//! which [`Protocol::read`](crate::protocol::Protocol::read) then takes like an upstream's. Not
//! here: who may publish, and keeping the bytes.

mod announcement;
mod deployment;
mod digests;
mod documents;
mod pom;
mod write;

pub use announcement::{Announcement, announcement};
pub use deployment::{
    Answer, Checksum, Deployment, Due, Hosted, Kind, Limits, Put, Refusal, Staged,
};
pub use digests::Digests;
pub use documents::{HostedFile, alias, package_metadata, snapshot_metadata};
pub use pom::{Coordinates, UnreadablePom, coordinates};
pub use write::{Build, FileName, FileWrite, MetadataPlace, MetadataWrite, Write, parse_write};

#[cfg(test)]
mod tests;
