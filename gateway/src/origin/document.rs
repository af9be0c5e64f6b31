//! Index documents: fresh from the cache, revalidated, filled, or stale when the upstream fails.
//!
//! A document is committed only after its protocol could read it: a login page or a truncated list never replaces a
//! good index.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cache::{Fill, Hit, Lookup, Meta};
use http::header;
use rules::{Ecosystem, Origin};

use super::upstream::{Conditions, Fault, FaultKind, Fetched, Fetcher, Responded, Upstream};
use super::{CacheOutcome, Supply, failure_of, keys};
use crate::config::Limits;
use crate::failure::Failure;
use crate::protocol::{Document, Index, IndexTarget, Protocol};

/// What is asked of an origin's index.
pub struct ListingAsk<'a> {
    pub protocol: &'static dyn Protocol,
    pub target: &'a IndexTarget,
    pub limits: &'a Arc<Limits>,
    pub now: SystemTime,
}

/// An index, with what a rendering of it depends on.
#[derive(Clone)]
pub struct Listing {
    pub index: Arc<Index>,
    /// The digest of the upstream's document.
    pub digest: String,
    pub outcome: CacheOutcome,
    /// `Last-Modified` as the upstream said it.
    pub last_modified: Option<String>,
}

impl Supply {
    /// The index that an external origin has; `None` if the upstream does not know the package.
    ///
    /// The `Origin` is the proof that the upstream may be asked for this package.
    pub async fn listing(
        &self,
        origin: &Origin,
        upstream: &Arc<Upstream>,
        ask: &ListingAsk<'_>,
    ) -> Result<Option<Listing>, Failure> {
        debug_assert_eq!(origin.package(), &ask.target.package);
        let key = keys::document(ask.target, upstream);
        match self.cache.lookup(&key, ask.now).await {
            Lookup::Fresh(hit) => self
                .read(upstream, ask, hit, CacheOutcome::Hit)
                .await
                .map(Some),
            Lookup::Stale(hit) if upstream.is_resting() => self
                .read(upstream, ask, hit, CacheOutcome::Stale)
                .await
                .map(Some),
            Lookup::Stale(hit) => self.refreshed(upstream, ask, hit).await,
            Lookup::Absent { fresh: true } => Ok(None),
            Lookup::Absent { fresh: false } | Lookup::Missing => {
                let settled = self.fill_document(upstream, ask, None).await;
                let hit = settled.map_err(|failed| failed_to(upstream, &failed))?;
                match hit {
                    Some(hit) => self
                        .read(upstream, ask, hit, CacheOutcome::Miss)
                        .await
                        .map(Some),
                    None => Ok(None),
                }
            }
        }
    }

    /// The index as it was last seen, without asking anybody: for what is retained under a rule that now blocks.
    pub async fn remembered_listing(
        &self,
        upstream: &Arc<Upstream>,
        ask: &ListingAsk<'_>,
    ) -> Option<Listing> {
        let key = keys::document(ask.target, upstream);
        match self.cache.lookup(&key, ask.now).await {
            Lookup::Fresh(hit) | Lookup::Stale(hit) => {
                self.read(upstream, ask, hit, CacheOutcome::Hit).await.ok()
            }
            _ => None,
        }
    }

    async fn refreshed(
        &self,
        upstream: &Arc<Upstream>,
        ask: &ListingAsk<'_>,
        hit: Hit,
    ) -> Result<Option<Listing>, Failure> {
        let before = stored_digest(&hit);
        match self.fill_document(upstream, ask, Some(&hit)).await {
            Ok(Some(now)) => {
                let same = stored_digest(&now) == before;
                let outcome = if same {
                    CacheOutcome::Revalidated
                } else {
                    CacheOutcome::Miss
                };
                self.read(upstream, ask, now, outcome).await.map(Some)
            }
            Ok(None) => Ok(None),
            Err(failed) => {
                let upstream_id = &upstream.settings.id;
                tracing::warn!(upstream = upstream_id, reason = %failed.detail, "serving a stale index");
                self.read(upstream, ask, hit, CacheOutcome::Stale)
                    .await
                    .map(Some)
            }
        }
    }

    async fn fill_document(
        &self,
        upstream: &Arc<Upstream>,
        ask: &ListingAsk<'_>,
        known: Option<&Hit>,
    ) -> Result<Option<Hit>, cache::Failed> {
        let key = keys::document(ask.target, upstream);
        let job = Job {
            cache: self.cache.clone(),
            network: Arc::clone(&self.network),
            metrics: Arc::clone(&self.metrics),
            upstream: Arc::clone(upstream),
            protocol: ask.protocol,
            target: ask.target.clone(),
            limits: Arc::clone(ask.limits),
            now: ask.now,
            known: known.map(|hit| hit.entry().meta.clone()),
        };
        self.cache
            .join(&key, move |fill| job.run(fill))
            .settled()
            .await
    }

    async fn read(
        &self,
        upstream: &Arc<Upstream>,
        ask: &ListingAsk<'_>,
        hit: Hit,
        outcome: CacheOutcome,
    ) -> Result<Listing, Failure> {
        let digest = stored_digest(&hit);
        let meta = hit.entry().meta.clone();
        let size = hit.entry().size().unwrap_or_default();
        let key = format!("{}#{digest}", hit.entry().key.as_str());
        let max = ask.limits.document_bytes;
        let (protocol, target) = (ask.protocol, ask.target.clone());
        let attributes = meta.attributes.clone();
        let load = async move {
            let bytes = hit.bytes(max).await.map_err(|error| error.to_string())?;
            let document = document(bytes, &attributes);
            let read = tokio::task::spawn_blocking(move || protocol.read(&target, document));
            let index = read.await.map_err(|error| error.to_string())?;
            let index = index.map_err(|error| error.to_string())?;
            Ok(super::Parsed::new(index, size))
        };
        let parsed = self
            .indexes
            .try_get_with(key, load)
            .await
            .map_err(|error: Arc<String>| {
                let fault = Fault::new(FaultKind::Content, error.as_str());
                failure_of(upstream, &fault)
            })?;
        let index = parsed.index;
        upstream.learn(&index);
        let last_modified = meta.attributes.get("last-modified").cloned();
        Ok(Listing {
            index,
            digest,
            outcome,
            last_modified,
        })
    }
}

fn stored_digest(hit: &Hit) -> String {
    hit.entry()
        .digest(cache::DigestAlgorithm::Sha256)
        .map(|digest| digest.hex())
        .unwrap_or_default()
}

fn document(bytes: Bytes, attributes: &BTreeMap<String, String>) -> Document {
    let text = |name: &str| attributes.get(name).cloned().unwrap_or_default();
    Document {
        bytes,
        content_type: text("content-type"),
        url: text("url"),
    }
}

/// What a failed fill tells the client. The code is the status that the fault carries.
pub(super) fn failed_to(upstream: &Upstream, failed: &cache::Failed) -> Failure {
    Failure::Upstream {
        status: if failed.code == 0 { 502 } else { failed.code },
        upstream: upstream.settings.id.clone(),
        detail: failed.detail.to_string(),
    }
}

/// One document's way from the upstream into the cache. It runs as a task of the cache.
struct Job {
    cache: cache::Cache,
    network: Arc<super::Network>,
    metrics: Arc<super::Metrics>,
    upstream: Arc<Upstream>,
    protocol: &'static dyn Protocol,
    target: IndexTarget,
    limits: Arc<Limits>,
    now: SystemTime,
    known: Option<Meta>,
}

impl Job {
    async fn run(self, mut fill: Fill) {
        // Another fill may have ended between the lookup and the join: then there is nothing to fetch.
        if let Lookup::Fresh(hit) = self.cache.lookup(fill.key(), self.now).await {
            return fill.settle(hit);
        }
        fill.keep_going();
        let settled = match self.fetch().await {
            Ok(Fetched::Absent) => fill.absent(self.meta(self.limits.negative_ttl, None)).await,
            Ok(Fetched::NotModified(responded)) => match &self.known {
                Some(_) => {
                    fill.renew(self.meta(self.lifetime(), Some(&responded)))
                        .await
                }
                None => return fill.fail(502, "it answered 304 to an unconditional request"),
            },
            Ok(Fetched::Body(responded)) => return self.store(fill, responded).await,
            Err(fault) => return fill.fail(fault.kind.status(), &fault.detail),
        };
        if let Err(error) = settled {
            tracing::warn!(%error, "an index could not be kept");
        }
    }

    async fn fetch(&self) -> Result<Fetched, Fault> {
        let (location, accept) = self.protocol.locate_index(&self.target);
        let url = self.upstream.address(&location).map_err(|host| {
            Fault::new(
                FaultKind::Forbidden,
                format!("{host} is not a host of this upstream"),
            )
        })?;
        let attribute = |name: &str| {
            self.known
                .as_ref()
                .and_then(|meta| meta.attributes.get(name).cloned())
        };
        let conditions = Conditions {
            accept,
            gzip: true,
            if_none_match: attribute("etag"),
            if_modified_since: attribute("last-modified"),
            ..Conditions::default()
        };
        let fetcher = Fetcher {
            network: &self.network,
            upstream: &self.upstream,
            limits: &self.limits,
            metrics: &self.metrics,
            same_thing: &|path| {
                super::retrieve::same_package(self.protocol, path, &self.target.package)
            },
        };
        fetcher.fetch(url, &conditions).await
    }

    async fn store(self, mut fill: Fill, responded: Responded) {
        let meta = self.meta(self.lifetime(), Some(&responded));
        let coding = responded
            .field(header::CONTENT_ENCODING)
            .unwrap_or("identity")
            .to_owned();
        let max = self.limits.document_bytes;
        let body = tokio::time::timeout(DOCUMENT_DEADLINE, responded.bytes(max))
            .await
            .unwrap_or_else(|_| Err(Fault::new(FaultKind::Timeout, "its document took too long")));
        let bytes = match body.and_then(|bytes| decoded(bytes, &coding, max)) {
            Ok(bytes) => bytes,
            Err(fault) => return fill.fail(fault.kind.status(), &fault.detail),
        };
        let (protocol, target) = (self.protocol, self.target.clone());
        let sample = document(bytes.clone(), &meta.attributes);
        let read = tokio::task::spawn_blocking(move || protocol.read(&target, sample).map(drop));
        match read.await {
            Ok(Ok(())) => {}
            Ok(Err(unreadable)) => {
                let text = format!("its document can't be read: {unreadable}");
                return fill.fail(502, &text);
            }
            Err(error) => return fill.fail(502, &error.to_string()),
        }
        let kept = async {
            fill.start(meta, Some(bytes.len() as u64)).await?;
            fill.write(bytes).await?;
            fill.commit(&[]).await
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "an index could not be kept");
        }
    }

    fn lifetime(&self) -> Duration {
        match self.target.package.ecosystem() {
            Ecosystem::Npm => self.limits.fresh_npm,
            Ecosystem::Pypi => self.limits.fresh_pypi,
            Ecosystem::Maven => self.limits.fresh_maven,
        }
    }

    /// What is remembered beside the bytes. A 304 keeps what it does not say anew.
    fn meta(&self, fresh_for: Duration, responded: Option<&Responded>) -> Meta {
        let mut attributes = self
            .known
            .as_ref()
            .map(|meta| meta.attributes.clone())
            .unwrap_or_default();
        if let Some(responded) = responded {
            for name in [header::CONTENT_TYPE, header::ETAG, header::LAST_MODIFIED] {
                let value = responded.field(name.clone()).map(str::to_owned);
                match value {
                    Some(value) => drop(attributes.insert(name.as_str().to_owned(), value)),
                    None if responded.status == 200 => drop(attributes.remove(name.as_str())),
                    None => {}
                }
            }
            attributes.insert("url".to_owned(), responded.url.to_string());
        }
        Meta {
            attributes,
            fetched_at: self.now,
            fresh_for,
        }
    }
}

/// Every client of a name waits for the same document: one that drips may not hold them for ever.
const DOCUMENT_DEADLINE: Duration = Duration::from_secs(60);

/// Undoes the content coding, within the limit: a small answer must not become a huge document.
fn decoded(bytes: Bytes, coding: &str, max: u64) -> Result<Bytes, Fault> {
    match coding {
        "identity" | "" => Ok(bytes),
        "gzip" | "x-gzip" => {
            let mut plain = Vec::new();
            let mut reader = flate2::read::MultiGzDecoder::new(&bytes[..]).take(max + 1);
            reader
                .read_to_end(&mut plain)
                .map_err(|_| Fault::new(FaultKind::Content, "its gzip coding is broken"))?;
            if plain.len() as u64 > max {
                let text = format!("its document is larger than the limit of {max} bytes");
                return Err(Fault::new(FaultKind::TooLarge, text));
            }
            Ok(plain.into())
        }
        other => {
            let text = format!("it used the content coding {other:?} without being asked");
            Err(Fault::new(FaultKind::Content, text))
        }
    }
}
