//! One file's way from the upstream into the cache: a task of the cache, which no client owns.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cache::{Fill, Key, Lookup, Meta};
use http::header;
use rules::{Digest, DigestAlgorithm, PackageName};

use super::upstream::{
    Conditions, Fault, FaultKind, Fetched, Fetcher, Network, Responded, Upstream,
};
use crate::bounds::{Budget, Pace};
use crate::config::Limits;
use crate::edge::target;
use crate::exchange::{Ask, Method};
use crate::observe::metrics::Metrics;
use crate::protocol::{ArtifactTarget, Location, Protocol, Sidecar, Target};

/// Files of a version never change.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The attribute that holds when a version was published, in seconds since 1970.
pub const PUBLISHED: &str = "published";

/// What the task needs; it outlives the request that started it.
pub struct Retrieval {
    pub cache: cache::Cache,
    pub network: Arc<Network>,
    pub metrics: Arc<Metrics>,
    pub memory: Arc<Budget>,
    pub upstream: Arc<Upstream>,
    pub protocol: &'static dyn Protocol,
    pub target: ArtifactTarget,
    pub location: Location,
    pub expected: Vec<Digest>,
    pub published: Option<SystemTime>,
    pub limits: Arc<Limits>,
    pub now: SystemTime,
    /// The repository that was asked retains it too: from key, to key.
    pub retain: Option<(Key, Key)>,
}

impl Retrieval {
    /// Fetches, verifies, commits; or says in the fill why not.
    pub async fn run(self, fill: Fill) {
        // Another fill may have ended between the lookup and the join: then there is nothing to fetch.
        if let Lookup::Fresh(hit) = self.cache.lookup(fill.key(), self.now).await {
            return fill.settle(hit);
        }
        match self.fetch(&self.location).await {
            Ok(Fetched::Absent) => {
                let _ = fill.absent(self.meta(self.limits.negative_ttl, None)).await;
            }
            Ok(Fetched::Body(responded)) => match self.target.sidecar {
                Some(Sidecar::Checksum(algorithm) | Sidecar::SignatureChecksum(algorithm)) => {
                    self.store_checksum(fill, responded, algorithm).await;
                }
                _ => self.store(fill, responded).await,
            },
            Ok(Fetched::NotModified(_)) => {
                fill.fail(502, "it answered 304 to an unconditional request");
            }
            Err(fault) => fill.fail(fault.kind.status(), &fault.detail),
        }
    }

    async fn fetch(&self, location: &Location) -> Result<Fetched, Fault> {
        let url = self.upstream.address(location).map_err(|host| {
            Fault::new(
                FaultKind::Forbidden,
                format!("{host} is not a host of this upstream"),
            )
        })?;
        let fetcher = Fetcher {
            network: &self.network,
            upstream: &self.upstream,
            limits: &self.limits,
            metrics: Some(&self.metrics),
            same_thing: &|path| same_package(self.protocol, path, &self.target.package),
        };
        fetcher.fetch(url, &Conditions::default()).await
    }

    async fn store(self, mut fill: Fill, mut responded: Responded) {
        if let Err(fault) = self.check_head(&responded) {
            return fill.fail(fault.kind.status(), &fault.detail);
        }
        // Maven's clients ask for checksums of all kinds; the others only trust what the index promises.
        if self.protocol.index_lists_files() {
            let promised: Vec<_> = self
                .expected
                .iter()
                .map(|each| stored(each.algorithm))
                .collect();
            fill.compute_only(&promised);
        }
        let meta = self.meta(self.lifetime(), Some(&responded));
        let framed = responded.is_framed();
        let body = async {
            let length = responded.content_length();
            fill.start(meta, length)
                .await
                .map_err(|error| error.to_string())?;
            let mut received = 0u64;
            let mut pace = Pace::new(self.limits.minimum_rate);
            loop {
                let begun = Instant::now();
                let chunk = responded.next().await.map_err(|fault| fault.detail)?;
                let Some(chunk) = chunk else { break };
                received += chunk.len() as u64;
                if !pace.keep(chunk.len() as u64, begun.elapsed()) {
                    return Err("the file arrives slower than minimum_rate".to_owned());
                }
                if received > self.limits.artifact_bytes {
                    return Err("the file is larger than artifact_bytes".to_owned());
                }
                fill.write(chunk).await.map_err(|error| error.to_string())?;
            }
            Ok(())
        };
        if let Err(detail) = body.await {
            return fill.fail(502, &detail);
        }
        // Only now: the body has given its slot back, so a checksum never waits for a slot that a body holds.
        let promised = match self.promised().await {
            Ok(promised) => promised,
            Err(fault) => return fill.fail(fault.kind.status(), &fault.detail),
        };
        if promised.is_empty() && !framed {
            return fill.fail(
                502,
                "nothing tells whether its file is whole: no length and no digest",
            );
        }
        self.commit(fill, &promised).await;
    }

    /// A checksum file is kept only if it holds one: a web page under its name is as good as none.
    async fn store_checksum(
        self,
        mut fill: Fill,
        responded: Responded,
        algorithm: DigestAlgorithm,
    ) {
        let meta = self.meta(self.lifetime(), Some(&responded));
        let mut memory = self.memory.reservation();
        let text = match responded.bytes(CHECKSUM_BYTES, &mut memory).await {
            Ok(text) => text,
            Err(fault) => return fill.fail(fault.kind.status(), &fault.detail),
        };
        let Some(digest) = crate::protocol::maven::checksum_text(&text, algorithm) else {
            let _ = fill.absent(self.meta(self.limits.negative_ttl, None)).await;
            return;
        };
        let digits = Bytes::from(digest.hex());
        let kept = async {
            fill.start(meta, Some(digits.len() as u64)).await?;
            fill.write(digits).await?;
            fill.commit(&[]).await
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "a checksum was not kept");
        }
    }

    async fn commit(self, fill: Fill, promised: &[Digest]) {
        if promised
            .iter()
            .all(|digest| digest.algorithm < DigestAlgorithm::Sha256)
        {
            self.metrics.weak_integrity(self.target.package.ecosystem());
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
            && let Err(error) = self.cache.link(from, to).await
        {
            tracing::warn!(%error, "a file was not retained in the repository that was asked");
        }
    }

    fn check_head(&self, responded: &Responded) -> Result<(), Fault> {
        let media_type = responded.field(header::CONTENT_TYPE).unwrap_or_default();
        if media_type.starts_with("text/html") && !self.target.file.ends_with(".html") {
            return Err(Fault::new(
                FaultKind::Content,
                "it answered a web page instead of the file",
            ));
        }
        let coding = responded
            .field(header::CONTENT_ENCODING)
            .unwrap_or("identity");
        if coding != "identity" {
            return Err(Fault::new(
                FaultKind::Content,
                "it transformed the file with a content coding",
            ));
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
        let checksum = ArtifactTarget {
            sidecar: Some(of),
            ..self.target.clone()
        };
        let Some(location) = self.protocol.locate_artifact(&checksum, None) else {
            return Ok(Vec::new());
        };
        match self.fetch(&location).await? {
            Fetched::Body(responded) => {
                let mut memory = self.memory.reservation();
                let text = responded.bytes(CHECKSUM_BYTES, &mut memory).await?;
                let digest = crate::protocol::maven::checksum_text(&text, DigestAlgorithm::Sha1);
                Ok(digest.into_iter().collect())
            }
            Fetched::NotModified(_) | Fetched::Absent => Ok(Vec::new()),
        }
    }

    fn lifetime(&self) -> Duration {
        if self.target.is_mutable() {
            self.limits.fresh_maven
        } else {
            FOREVER
        }
    }

    fn meta(&self, fresh_for: Duration, responded: Option<&Responded>) -> Meta {
        let mut meta = Meta::new(self.now, fresh_for);
        let last_modified = responded.and_then(|responded| responded.field(header::LAST_MODIFIED));
        if let Some(date) = last_modified {
            let name = header::LAST_MODIFIED.as_str().to_owned();
            meta.attributes.insert(name, date.to_owned());
        }
        let published = self
            .published
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        if let Some(since) = published {
            // Rounded up: a hold never ends early.
            let seconds = since.as_secs() + u64::from(since.subsec_nanos() > 0);
            meta.attributes
                .insert(PUBLISHED.to_owned(), seconds.to_string());
        }
        meta
    }
}

/// A checksum file is one line.
const CHECKSUM_BYTES: u64 = 64 * 1024;

/// The cache's word for an algorithm.
pub fn stored(algorithm: DigestAlgorithm) -> cache::DigestAlgorithm {
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
pub fn same_package(protocol: &dyn Protocol, path: &str, package: &PackageName) -> bool {
    let Ok(path) = target::parse_path(path) else {
        return false;
    };
    let query = Vec::new();
    let ask = Ask {
        method: Method::Get,
        path: &path,
        query: &query,
        accept: None,
    };
    match protocol.parse(&ask) {
        Ok(Target::Index(index)) => index.package == *package,
        Ok(Target::Artifact(artifact)) => artifact.package == *package,
        _ => true,
    }
}
