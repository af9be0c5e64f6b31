//! Files: retained copies first, else fetched once, verified, and followed while they arrive.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cache::{Begun, Entry, Follower, Hit, Key, Lookup};
use http::header;
use rules::{Digest, DigestAlgorithm, Inspection, Origin, Permit};

use super::body::{Growing, Kept, Published};
use super::document::failed_to;
use super::retrieve::{PUBLISHED, Retrieval, stored};
use super::upstream::Upstream;
use super::{CacheOutcome, Supply, keys};
use crate::config::Limits;
use crate::exchange::{ReplyBody, Source};
use crate::failure::Failure;
use crate::protocol::{ArtifactTarget, ListedFile, Protocol, Sidecar};

/// Whether a file is at hand.
pub enum Presence {
    Here(Artifact),
    Absent(CacheOutcome),
}

/// A file that may be served: what is known of it, and its bytes.
pub struct Artifact {
    pub length: u64,
    pub outcome: CacheOutcome,
    pub last_modified: Option<String>,
    bytes: Backing,
}

enum Backing {
    Kept(Hit),
    Growing(Follower),
    /// Published here.
    Hosted(Arc<File>, Vec<cache::Digest>),
    /// Known by its size only: enough for HEAD.
    Unfetched,
}

impl Artifact {
    /// A digest of the bytes, where they are all here already.
    pub fn digest(&self, algorithm: cache::DigestAlgorithm) -> Option<&cache::Digest> {
        match &self.bytes {
            Backing::Kept(hit) => hit.entry().digest(algorithm),
            Backing::Hosted(_, digests) => {
                digests.iter().find(|digest| digest.algorithm == algorithm)
            }
            Backing::Growing(_) | Backing::Unfetched => None,
        }
    }

    /// A file that was published here.
    pub fn hosted(file: File, length: u64, digests: Vec<cache::Digest>) -> Self {
        Self {
            length,
            outcome: CacheOutcome::None,
            last_modified: None,
            bytes: Backing::Hosted(Arc::new(file), digests),
        }
    }

    /// The bytes from `start` up to `end` (exclusive).
    pub fn range(self, start: u64, end: u64) -> ReplyBody {
        let length = end - start;
        let source: Box<dyn Source> = match self.bytes {
            Backing::Kept(hit) => {
                let body = hit.body().range(start, end);
                match body.in_memory() {
                    Some(bytes) => return ReplyBody::Full(bytes),
                    None => Box::new(Kept(body)),
                }
            }
            Backing::Hosted(file, _) => Box::new(Published { file, start, end }),
            Backing::Growing(mut follower) => {
                follower.range(start, end);
                Box::new(Growing(follower))
            }
            Backing::Unfetched => return ReplyBody::Head { length },
        };
        ReplyBody::Stream { source, length }
    }
}

/// What a fetch of a file needs to know.
#[derive(Clone, Copy)]
pub struct Fetching<'a> {
    pub protocol: &'static dyn Protocol,
    pub target: &'a ArtifactTarget,
    pub listed: Option<&'a ListedFile>,
    /// When the version was published; kept with the bytes.
    pub published: Option<SystemTime>,
    pub limits: &'a Arc<Limits>,
    pub now: SystemTime,
    pub head_only: bool,
}

impl Supply {
    /// The copy that a repository retains, whatever its upstream says today; the repository that was asked retains it
    /// too.
    pub async fn retained(
        &self,
        permit: &Permit,
        target: &ArtifactTarget,
        now: SystemTime,
    ) -> Option<Artifact> {
        let origin = permit.origin();
        let key = keys::artifact(target, origin.repository());
        match self.cache.lookup(&key, now).await {
            Lookup::Fresh(hit) => {
                if let Some(asked) = asked_key(target, origin) {
                    self.retain(&key, &asked, true).await;
                }
                Some(kept(hit, CacheOutcome::Hit))
            }
            // Only a snapshot's lifetime ends: its upstream may have a newer build.
            _ => None,
        }
    }

    /// Which of these files a repository retains.
    pub async fn retains(&self, files: &[ArtifactTarget], repository: &str) -> Vec<bool> {
        let key = |file: &ArtifactTarget| keys::artifact(file, repository);
        self.cache
            .contains_each(files.iter().map(key).collect())
            .await
    }

    /// A checksum that follows from bytes that are here.
    pub async fn computed_checksum(
        &self,
        permit: &Permit,
        target: &ArtifactTarget,
        now: SystemTime,
    ) -> Option<Bytes> {
        let (algorithm, of) = match target.sidecar? {
            Sidecar::Checksum(algorithm) => (algorithm, None),
            Sidecar::SignatureChecksum(algorithm) => (algorithm, Some(Sidecar::Signature)),
            _ => return None,
        };
        let main = ArtifactTarget {
            sidecar: of,
            ..target.clone()
        };
        let artifact = self.retained(permit, &main, now).await?;
        let digest = artifact.digest(stored(algorithm))?;
        Some(Bytes::from(digest.hex()))
    }

    /// When the version of a retained file was published, as its index said when it was fetched.
    pub async fn published(
        &self,
        inspection: &Inspection,
        target: &ArtifactTarget,
        now: SystemTime,
    ) -> Option<SystemTime> {
        let key = keys::artifact(target, inspection.origin().repository());
        let Lookup::Fresh(hit) = self.cache.lookup(&key, now).await else {
            return None;
        };
        let seconds = hit.entry().meta.attributes.get(PUBLISHED)?;
        let since = Duration::from_secs(seconds.parse().ok()?);
        UNIX_EPOCH.checked_add(since)
    }

    /// Fetches a file from an external origin into the cache, and hands out a reader of it.
    pub async fn fetched(
        &self,
        permit: &Permit,
        upstream: &Arc<Upstream>,
        fetching: &Fetching<'_>,
    ) -> Result<Presence, Failure> {
        self.sought(permit.origin(), upstream, fetching).await
    }

    /// Fetches a file to be looked at: the date that its registry gives it (`Last-Modified`).
    pub async fn last_modified(
        &self,
        inspection: &Inspection,
        upstream: &Arc<Upstream>,
        fetching: &Fetching<'_>,
    ) -> Result<Option<String>, Failure> {
        let origin = inspection.origin();
        match self.sought(origin, upstream, fetching).await? {
            Presence::Here(artifact) => Ok(artifact.last_modified),
            Presence::Absent(_) => Ok(None),
        }
    }

    async fn sought(
        &self,
        origin: &Origin,
        upstream: &Arc<Upstream>,
        fetching: &Fetching<'_>,
    ) -> Result<Presence, Failure> {
        let key = keys::artifact(fetching.target, origin.repository());
        let asked = asked_key(fetching.target, origin);
        match self.cache.lookup(&key, fetching.now).await {
            Lookup::Fresh(hit) => {
                if let Some(asked) = &asked {
                    self.retain(&key, asked, true).await;
                }
                return Ok(Presence::Here(kept(hit, CacheOutcome::Hit)));
            }
            Lookup::Absent { fresh: true } => return Ok(Presence::Absent(CacheOutcome::Negative)),
            _ => {}
        }
        if let Some(unfetched) = by_size_only(fetching) {
            return Ok(Presence::Here(unfetched));
        }
        let Some(location) = fetching
            .protocol
            .locate_artifact(fetching.target, fetching.listed)
        else {
            return Ok(Presence::Absent(CacheOutcome::Miss));
        };
        let retrieval = Retrieval {
            cache: self.cache.clone(),
            network: Arc::clone(&self.network),
            metrics: Arc::clone(&self.metrics),
            memory: Arc::clone(&self.memory),
            upstream: Arc::clone(upstream),
            protocol: fetching.protocol,
            target: fetching.target.clone(),
            location,
            expected: expected(fetching),
            published: fetching.published,
            limits: Arc::clone(fetching.limits),
            now: fetching.now,
            retain: asked.map(|asked| (key.clone(), asked)),
        };
        let follower = self.cache.join(&key, move |fill| retrieval.run(fill));
        self.begun(follower, upstream).await
    }

    async fn begun(
        &self,
        mut follower: Follower,
        upstream: &Upstream,
    ) -> Result<Presence, Failure> {
        let to_failure = |failed: cache::Failed| failed_to(upstream, &failed);
        match follower.head().await.map_err(to_failure)? {
            Begun::Absent => Ok(Presence::Absent(CacheOutcome::Miss)),
            Begun::Settled(hit) => Ok(Presence::Here(kept(hit, CacheOutcome::Miss))),
            // No byte of a small body may leave before it is verified, so its head can wait too: then a wrong body
            // is a clean 502 instead of a cut connection. A body of unknown length waits for its end as well: every
            // artifact is sent with a length, so that no client can take a part for the whole.
            Begun::Started {
                meta,
                length: Some(length),
            } if length > SMALL_BYTES => Ok(Presence::Here(Artifact {
                length,
                outcome: CacheOutcome::Miss,
                last_modified: meta.attributes.get(header::LAST_MODIFIED.as_str()).cloned(),
                bytes: Backing::Growing(follower),
            })),
            Begun::Started { .. } => match follower.settled().await.map_err(to_failure)? {
                Some(hit) => Ok(Presence::Here(kept(hit, CacheOutcome::Miss))),
                None => Ok(Presence::Absent(CacheOutcome::Miss)),
            },
        }
    }
}

/// Bodies up to this size are answered only when they are whole.
const SMALL_BYTES: u64 = 64 * 1024;

/// What the repository that was asked calls the file, if it is another than the origin's.
fn asked_key(target: &ArtifactTarget, origin: &Origin) -> Option<Key> {
    (origin.asked() != origin.repository()).then(|| keys::artifact(target, origin.asked()))
}

fn kept(hit: Hit, outcome: CacheOutcome) -> Artifact {
    let entry: &Entry = hit.entry();
    Artifact {
        length: entry.size().unwrap_or_default(),
        outcome,
        last_modified: entry
            .meta
            .attributes
            .get(header::LAST_MODIFIED.as_str())
            .cloned(),
        bytes: Backing::Kept(hit),
    }
}

/// HEAD of a file that is not here: its size stands in the index, so nothing is fetched.
fn by_size_only(fetching: &Fetching<'_>) -> Option<Artifact> {
    if !fetching.head_only || fetching.target.sidecar.is_some() {
        return None;
    }
    Some(Artifact {
        length: fetching.listed?.size?,
        outcome: CacheOutcome::Miss,
        last_modified: None,
        bytes: Backing::Unfetched,
    })
}

/// What the index promises of these bytes: beside a digest that can be relied on, a broken one says nothing more.
fn expected(fetching: &Fetching<'_>) -> Vec<Digest> {
    let Some(listed) = fetching.listed else {
        return Vec::new();
    };
    let mut promised = match fetching.target.sidecar {
        None => listed.digests.clone(),
        Some(Sidecar::Metadata) => listed.metadata.clone().unwrap_or_default(),
        Some(_) => Vec::new(),
    };
    let is_strong = |digest: &Digest| digest.algorithm >= DigestAlgorithm::Sha256;
    if promised.iter().any(is_strong) {
        promised.retain(is_strong);
    }
    promised
}
