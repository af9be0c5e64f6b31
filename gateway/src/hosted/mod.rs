//! What the house publishes itself: records in the state database, bytes in `data/hosted`, both the only copy.
//!
//! Who reads finds what is hosted in memory (`shelf`); a change made by another process is seen within a second. A
//! package is shown as a document of its ecosystem, as if an upstream had sent it, so that reading, judging, merging and
//! rendering are the ones that every package goes through.

mod blobs;
mod building;
pub mod documents;
pub mod notes;
mod shelf;

pub use blobs::{BlobError, Blobs, Condition, Staged, Staging};
pub use building::{Building, Place};
pub use shelf::{Found, Shelf, Shown, checksum, digests};
