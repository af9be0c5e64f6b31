//! Bytes, kept and given back.
//!
//! The crate remembers responses: a [`Key`] made by the caller leads to an [`Entry`] (the caller's
//! attributes, a lifetime, the digests), and the entry leads to a blob, a body stored under its
//! SHA-256. It knows no ecosystem, no rule and no HTTP.
//!
//! - [`Cache::lookup`] answers [`Lookup`]: fresh, stale, known to be absent, or missing.
//! - [`Cache::join`] joins the one [`Fill`] in progress for a key, or starts it; every [`Follower`]
//!   reads the growing body.
//! - A [`Hit`] gives a [`Body`], read by range in pieces.
//!
//! # Promises
//!
//! 1. **Right bytes or a clean error.** The last bytes of a body ([`Limits::held_back`]) are given
//!    to followers only when length and every offered digest match; on a mismatch nothing is kept.
//! 2. **The fill belongs to the cache.** A follower that leaves does not end it; all leaving does,
//!    unless the body is nearly whole.
//! 3. **Only verified bytes are committed; only committed bytes are found again.** Staging name,
//!    fsync, rename, fsync of the folder, then the entry. After a crash at any point an entry is
//!    the old one, the new one, or missing; never half.
//! 4. **A broken disk degrades to passing through.** Followers keep receiving verified bodies from
//!    a bounded window in memory; nothing is kept.
//! 5. **Damage is found**: a wrong length when a blob is opened, a wrong digest at its first read
//!    since the start (bodies up to 4 MiB) and by [`Cache::verify`] (all). A damaged blob is set
//!    aside in `damaged/` and its key is [`Lookup::Missing`].
//! 6. **Bounded.** When blobs exceed [`Limits::bytes_max`], least recently used entries go.
//!
//! The whole folder may be deleted at any time the program does not run. Two programs on one
//! folder (a restart that overlaps) do not harm each other: at worst something is fetched again.
//!
//! ```
//! # use cache::{Begun, Cache, Key, Limits, Lookup, Meta};
//! # use std::time::{Duration, SystemTime};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let now = SystemTime::now();
//! let cache = Cache::open(folder.path(), Limits::default()).await?;
//! let key = Key::new("npm|public|artifact|left-pad|left-pad-1.3.0.tgz");
//! let follower = cache.join(&key, |mut fill| async move {
//!     let meta = Meta::new(now, Duration::from_secs(60));
//!     if fill.start(meta, Some(4)).await.is_ok() && fill.write("body".into()).await.is_ok() {
//!         let _ = fill.commit(&[]).await;
//!     }
//! });
//! let hit = follower.settled().await.map_err(|failed| failed.to_string())?.ok_or("absent")?;
//! assert_eq!(hit.bytes(1024).await?, "body");
//! assert!(matches!(cache.lookup(&key, now).await, Lookup::Fresh(_)));
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

mod blob;
mod commit;
mod digest;
mod disk;
mod entry;
mod error;
mod evict;
mod fill;
mod follow;
mod key;
mod layout;
mod progress;
mod recover;
mod shelf;
mod spool;
mod store;
#[cfg(test)]
mod tests;

pub use blob::{Body, Hit, InFile};
pub use digest::{Digest, DigestAlgorithm, Digests};
pub use entry::{Entry, Kind, Meta};
pub use error::{Error, Failed};
pub use fill::Fill;
pub use follow::{Begun, Follower};
pub use key::Key;
pub use recover::Report;
pub use store::{Cache, Limits, Lookup, Stats};
