//! Files: retained copies first, else fetched once, verified, and followed while they arrive.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cache::{Begun, Entry, Fill, Follower, Hit, Key, Lookup, Meta};
use http::header;
use rules::{Digest, DigestAlgorithm, Ecosystem, PackageName, Permit};

use super::body::{Growing, Kept};
use super::document::failed_to;
use super::upstream::{Conditions, Fault, FaultKind, Fetched, Fetcher, Responded, Upstream};
use super::{CacheOutcome, Supply, keys};
use crate::config::Limits;
use crate::edge::target;
use crate::exchange::{Ask, Method, Source};
use crate::failure::Failure;
use crate::protocol::{ArtifactTarget, ListedFile, Location, Protocol, Sidecar, Target};

/// Whether a file is at hand.
pub enum Presence {
    Here(Artifact),
    Absent(CacheOutcome),
}

/// A file that may be served: what is known of it, and its bytes.
pub struct Artifact {
    pub length: Option<u64>,
    pub outcome: CacheOutcome,
    pub last_modified: Option<String>,
    /// Digests of the bytes, where they are all here already.
    pub digests: Vec<cache::Digest>,
    bytes: Backing,
}

enum Backing {
    Kept(Hit),
    Growing(Follower),
    /// Known by its size only: enough for HEAD.
    Unfetched,
}

impl Artifact {
    /// The bytes from `start` up to `end` (exclusive).
    pub fn range(self, start: u64, end: u64) -> Box<dyn Source> {
        match self.bytes {
            Backing::Kept(hit) => Box::new(Kept(hit.body().range(start, end))),
            Backing::Growing(mut follower) => {
                follower.range(start, end);
                Box::new(Growing(follower))
            }
            Backing::Unfetched => Box::new(super::body::Whole(None)),
        }
    }

    /// All bytes, to whatever end.
    pub fn all(self) -> Box<dyn Source> {
        match self.bytes {
            Backing::Kept(hit) => Box::new(Kept(hit.body())),
            Backing::Growing(follower) => Box::new(Growing(follower)),
            Backing::Unfetched => Box::new(super::body::Whole(None)),
        }
    }
}

/// What a fetch of a file needs to know.
pub struct Fetching<'a> {
    pub protocol: &'static dyn Protocol,
    pub target: &'a ArtifactTarget,
    pub listed: Option<&'a ListedFile>,
    pub limits: &'a Arc<Limits>,
    pub now: SystemTime,
    pub head_only: bool,
}

impl Supply {
    /// The copy that a repository retains, whatever its upstream says today.
    pub async fn retained(&self, permit: &Permit, target: &ArtifactTarget, now: SystemTime) -> Option<Artifact> {
        let key = keys::artifact(target, permit.origin().repository());
        match self.cache.lookup(&key, now).await {
            Lookup::Fresh(hit) | Lookup::Stale(hit) => Some(kept(hit, CacheOutcome::Hit)),
            _ => None,
        }
    }

    /// Whether a repository retains a file.
    pub async fn retains(&self, target: &ArtifactTarget, repository: &str) -> bool {
        self.cache.contains(&keys::artifact(target, repository)).await
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
        let main = ArtifactTarget { sidecar: of, ..target.clone() };
        let artifact = self.retained(permit, &main, now).await?;
        let digest = artifact.digests.iter().find(|each| each.algorithm == stored(algorithm))?;
        Some(Bytes::from(digest.hex()))
    }

    /// Fetches a file from an external origin into the cache, and hands out a reader of it.
    pub async fn fetched(
        &self,
        permit: &Permit,
        upstream: &Arc<Upstream>,
        fetching: &Fetching<'_>,
    ) -> Result<Presence, Failure> {
        let origin = permit.origin();
        let key = keys::artifact(fetching.target, origin.repository());
        match self.cache.lookup(&key, fetching.now).await {
            Lookup::Fresh(hit) => return Ok(Presence::Here(kept(hit, CacheOutcome::Hit))),
            Lookup::Absent { fresh: true } => return Ok(Presence::Absent(CacheOutcome::Negative)),
            _ => {}
        }
        if let Some(unfetched) = by_size_only(fetching) {
            return Ok(Presence::Here(unfetched));
        }
        let Some(location) = fetching.protocol.locate_artifact(fetching.target, fetching.listed)
        else {
            return Ok(Presence::Absent(CacheOutcome::Miss));
        };
        let retain = keys::artifact(fetching.target, origin.asked());
        let job = Job {
            supply: self.parts(),
            upstream: Arc::clone(upstream),
            protocol: fetching.protocol,
            target: fetching.target.clone(),
            location,
            expected: expected(fetching),
            limits: Arc::clone(fetching.limits),
            now: fetching.now,
            retain: (retain.as_str() != key.as_str()).then_some((key.clone(), retain)),
        };
        let follower = self.cache.join(&key, move |fill| job.run(fill));
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
            // is a clean 502 instead of a cut connection.
            Begun::Started { length: Some(length), .. } if length <= SMALL_BYTES => {
                match follower.settled().await.map_err(to_failure)? {
                    Some(hit) => Ok(Presence::Here(kept(hit, CacheOutcome::Miss))),
                    None => Ok(Presence::Absent(CacheOutcome::Miss)),
                }
            }
            Begun::Started { meta, length } => Ok(Presence::Here(Artifact {
                length,
                outcome: CacheOutcome::Miss,
                last_modified: meta.attributes.get(header::LAST_MODIFIED.as_str()).cloned(),
                digests: Vec::new(),
                bytes: Backing::Growing(follower),
            })),
        }
    }

    fn parts(&self) -> Parts {
        Parts {
            cache: self.cache.clone(),
            network: Arc::clone(&self.network),
            metrics: Arc::clone(&self.metrics),
        }
    }
}

/// Bodies up to this size are answered only when they are whole.
const SMALL_BYTES: u64 = 64 * 1024;

/// Files of a version never change.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

fn kept(hit: Hit, outcome: CacheOutcome) -> Artifact {
    let entry: &Entry = hit.entry();
    Artifact {
        length: entry.size(),
        outcome,
        last_modified: entry.meta.attributes.get(header::LAST_MODIFIED.as_str()).cloned(),
        digests: digests(entry),
        bytes: Backing::Kept(hit),
    }
}

fn digests(entry: &Entry) -> Vec<cache::Digest> {
    use cache::DigestAlgorithm::{Md5, Sha1, Sha256, Sha512};
    [Md5, Sha1, Sha256, Sha512].into_iter().filter_map(|each| entry.digest(each).cloned()).collect()
}

/// HEAD of a file that is not here: its size stands in the index, so nothing is fetched.
fn by_size_only(fetching: &Fetching<'_>) -> Option<Artifact> {
    if !fetching.head_only || fetching.target.sidecar.is_some() {
        return None;
    }
    Some(Artifact {
        length: Some(fetching.listed?.size?),
        outcome: CacheOutcome::Miss,
        last_modified: None,
        digests: Vec::new(),
        bytes: Backing::Unfetched,
    })
}

/// What the index promises of these bytes.
fn expected(fetching: &Fetching<'_>) -> Vec<Digest> {
    let Some(listed) = fetching.listed else { return Vec::new() };
    match fetching.target.sidecar {
        None => listed.digests.clone(),
        Some(Sidecar::Metadata) => listed.metadata.clone().unwrap_or_default(),
        Some(_) => Vec::new(),
    }
}

fn stored(algorithm: DigestAlgorithm) -> cache::DigestAlgorithm {
    match algorithm {
        DigestAlgorithm::Md5 => cache::DigestAlgorithm::Md5,
        DigestAlgorithm::Sha1 => cache::DigestAlgorithm::Sha1,
        DigestAlgorithm::Sha256 => cache::DigestAlgorithm::Sha256,
        DigestAlgorithm::Sha384 => cache::DigestAlgorithm::Sha384,
        DigestAlgorithm::Sha512 => cache::DigestAlgorithm::Sha512,
    }
}

/// Whether a path at a registry leads to the package that was asked for, as far as its grammar tells: a redirect to
/// another package is refused, one to a place that is no package address (a content store) is judged by its digest.
pub(super) fn same_package(protocol: &dyn Protocol, path: &str, package: &PackageName) -> bool {
    let Ok(path) = target::parse_path(path) else { return false };
    let query = Vec::new();
    let ask = Ask { method: Method::Get, path: &path, query: &query, accept: None };
    match protocol.parse(&ask) {
        Ok(Target::Index(index)) => index.package == *package,
        Ok(Target::Artifact(artifact)) => artifact.package == *package,
        _ => true,
    }
}

struct Parts {
    cache: cache::Cache,
    network: Arc<super::Network>,
    metrics: Arc<super::Metrics>,
}

/// One file's way from the upstream into the cache. It runs as a task of the cache.
struct Job {
    supply: Parts,
    upstream: Arc<Upstream>,
    protocol: &'static dyn Protocol,
    target: ArtifactTarget,
    location: Location,
    expected: Vec<Digest>,
    limits: Arc<Limits>,
    now: SystemTime,
    /// The repository that was asked retains it too: from key, to key.
    retain: Option<(Key, Key)>,
}

impl Job {
    async fn run(self, fill: Fill) {
        match self.fetch(&self.location).await {
            Ok(Fetched::Absent) => {
                let _ = fill.absent(self.meta(self.limits.negative_ttl, None)).await;
            }
            Ok(Fetched::Body(responded)) => self.store(fill, responded).await,
            Ok(Fetched::NotModified(_)) => {
                fill.fail(502, "it answered 304 to an unconditional request");
            }
            Err(fault) => fill.fail(fault.kind.status(), &fault.detail),
        }
    }

    async fn fetch(&self, location: &Location) -> Result<Fetched, Fault> {
        let url = self.upstream.address(location).map_err(|host| {
            Fault::new(FaultKind::Forbidden, format!("{host} is not a host of this upstream"))
        })?;
        let fetcher = Fetcher {
            network: &self.supply.network,
            upstream: &self.upstream,
            limits: &self.limits,
            metrics: &self.supply.metrics,
            same_thing: &|path| same_package(self.protocol, path, &self.target.package),
        };
        fetcher.fetch(url, &Conditions::default()).await
    }

    async fn store(self, mut fill: Fill, mut responded: Responded) {
        if let Err(fault) = self.check_head(&responded) {
            return fill.fail(fault.kind.status(), &fault.detail);
        }
        let meta = self.meta(self.lifetime(), Some(&responded));
        let promised = self.promised();
        let body = async {
            let length = responded.content_length();
            fill.start(meta, length).await.map_err(|error| error.to_string())?;
            let mut received = 0u64;
            while let Some(chunk) = responded.next().await.map_err(|fault| fault.detail)? {
                received += chunk.len() as u64;
                if received > self.limits.artifact_bytes {
                    return Err("the file is larger than artifact_bytes".to_owned());
                }
                fill.write(chunk).await.map_err(|error| error.to_string())?;
            }
            Ok(())
        };
        let (received, promised) = futures::future::join(body, promised).await;
        if let Err(detail) = received {
            return fill.fail(502, &detail);
        }
        let promised = match promised {
            Ok(promised) => promised,
            Err(fault) => return fill.fail(fault.kind.status(), &fault.detail),
        };
        self.commit(fill, &promised).await;
    }

    async fn commit(self, fill: Fill, promised: &[Digest]) {
        if promised.iter().all(|digest| digest.algorithm < DigestAlgorithm::Sha256) {
            self.supply.metrics.weak_integrity(self.target.package.ecosystem());
        }
        let expected: Vec<cache::Digest> = promised
            .iter()
            .map(|digest| cache::Digest {
                algorithm: stored(digest.algorithm),
                bytes: digest.bytes.clone(),
            })
            .collect();
        if let Err(error) = fill.commit(&expected).await {
            let (package, file) = (&self.target.package, &self.target.file);
            tracing::error!(%package, file, %error, "a file was not kept");
            return;
        }
        if let Some((from, to)) = &self.retain
            && let Err(error) = self.supply.cache.link(from, to).await
        {
            tracing::warn!(%error, "a file was not retained in the repository that was asked");
        }
    }

    fn check_head(&self, responded: &Responded) -> Result<(), Fault> {
        let media_type = responded.field(header::CONTENT_TYPE).unwrap_or_default();
        if media_type.starts_with("text/html") && !self.target.file.ends_with(".html") {
            return Err(Fault::new(FaultKind::Content, "it answered a web page instead of the file"));
        }
        let coding = responded.field(header::CONTENT_ENCODING).unwrap_or("identity");
        if coding != "identity" {
            return Err(Fault::new(FaultKind::Content, "it transformed the file with a content coding"));
        }
        Ok(())
    }

    /// The digests that these bytes must have: from the index, or (Maven) from the upstream's checksum file.
    async fn promised(&self) -> Result<Vec<Digest>, Fault> {
        if !self.expected.is_empty() || self.protocol.index_lists_files() {
            return Ok(self.expected.clone());
        }
        let of = match self.target.sidecar {
            None => Sidecar::Checksum(DigestAlgorithm::Sha1),
            Some(Sidecar::Signature) => Sidecar::SignatureChecksum(DigestAlgorithm::Sha1),
            Some(_) => return Ok(Vec::new()),
        };
        let checksum = ArtifactTarget { sidecar: Some(of), ..self.target.clone() };
        let Some(location) = self.protocol.locate_artifact(&checksum, None) else {
            return Ok(Vec::new());
        };
        match self.fetch(&location).await? {
            Fetched::Body(responded) => {
                let text = responded.bytes(CHECKSUM_BYTES).await?;
                let digest = crate::protocol::maven::checksum_text(&text, DigestAlgorithm::Sha1);
                Ok(digest.into_iter().collect())
            }
            Fetched::NotModified(_) | Fetched::Absent => Ok(Vec::new()),
        }
    }

    fn lifetime(&self) -> Duration {
        let snapshot = self.target.package.ecosystem() == Ecosystem::Maven
            && self.target.version.ends_with("-SNAPSHOT");
        if snapshot { self.limits.fresh_maven } else { FOREVER }
    }

    fn meta(&self, fresh_for: Duration, responded: Option<&Responded>) -> Meta {
        let mut meta = Meta::new(self.now, fresh_for);
        let last_modified =
            responded.and_then(|responded| responded.field(header::LAST_MODIFIED));
        if let Some(date) = last_modified {
            let name = header::LAST_MODIFIED.as_str().to_owned();
            meta.attributes.insert(name, date.to_owned());
        }
        meta
    }
}

/// A checksum file is one line.
const CHECKSUM_BYTES: u64 = 64 * 1024;
