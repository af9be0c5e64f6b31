//! Index documents: fresh from the cache, revalidated, filled, or stale when the upstream fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cache::{Hit, Key, Lookup};
use rules::Origin;

use super::refresh::Refresh;
use super::sighting::sighted;
use super::upstream::Upstream;
use super::{CacheOutcome, IndexName, Supply, keys};
use crate::config::Limits;
use crate::failure::Failure;
use crate::hosted::Shown;
use crate::protocol::{Document, Index, IndexTarget, Protocol};

/// What is asked of an origin's index.
pub struct ListingAsk<'a> {
    pub protocol: &'static dyn Protocol,
    pub target: &'a IndexTarget,
    pub limits: &'a Arc<Limits>,
    pub now: SystemTime,
}

/// An index document at hand, not read yet: a rendering of it may be there already.
pub struct Listing {
    pub outcome: CacheOutcome,
    content: Content,
}

enum Content {
    Kept(Hit),
    /// Of what is published here.
    Hosted {
        key: Key,
        digest: Vec<u8>,
        document: Document,
    },
}

impl Listing {
    /// The SHA-256 of the upstream's document, in hexadecimal digits.
    pub fn digest(&self) -> String {
        match &self.content {
            Content::Kept(hit) => stored_digest(hit),
            Content::Hosted { digest, .. } => hex(digest),
        }
    }

    /// Whether it lists what was published here.
    pub fn is_hosted(&self) -> bool {
        matches!(self.content, Content::Hosted { .. })
    }

    /// The listing of what a repository hosts.
    pub fn hosted(target: &IndexTarget, repository: &str, shown: &Shown) -> Self {
        Self {
            outcome: CacheOutcome::Hit,
            content: Content::Hosted {
                key: keys::hosted(target, repository),
                digest: shown.digest.clone(),
                document: shown.document.clone(),
            },
        }
    }

    fn kept(hit: Hit, outcome: CacheOutcome) -> Self {
        Self {
            outcome,
            content: Content::Kept(hit),
        }
    }

    /// `Last-Modified` as the upstream said it.
    pub fn last_modified(&self) -> Option<&str> {
        let Content::Kept(hit) = &self.content else {
            return None;
        };
        let attributes = &hit.entry().meta.attributes;
        attributes.get("last-modified").map(String::as_str)
    }
}

/// The attribute that tells which registry a document came from: another one's is never served as this one's.
pub(super) const REGISTRY: &str = "registry";

impl Supply {
    /// The index that an external origin has; `None` if the upstream does not know the package.
    ///
    /// The `Origin` is the proof that the upstream may be asked for this package. The repository that was asked
    /// retains what it saw.
    pub async fn listing(
        &self,
        origin: &Origin,
        upstream: &Arc<Upstream>,
        ask: &ListingAsk<'_>,
    ) -> Result<Option<Listing>, Failure> {
        debug_assert_eq!(origin.package(), &ask.target.package);
        let key = keys::document(ask.target, origin.repository());
        let Some((hit, outcome)) = self.obtained(&key, upstream, ask).await? else {
            return Ok(None);
        };
        if origin.asked() != origin.repository() {
            let asked = keys::document(ask.target, origin.asked());
            self.retain(&key, &asked, outcome == CacheOutcome::Hit)
                .await;
        }
        Ok(Some(Listing::kept(hit, outcome)))
    }

    /// As [`Supply::index`], and the upstream learns from its links which host has its files.
    pub async fn upstream_index(
        &self,
        listing: &Listing,
        ask: &ListingAsk<'_>,
        upstream: &Upstream,
    ) -> Result<Arc<Index>, Failure> {
        let index = self.index(listing, ask).await?;
        upstream.learn(&index);
        Ok(index)
    }

    /// What a document says, read once for all requests.
    pub async fn index(
        &self,
        listing: &Listing,
        ask: &ListingAsk<'_>,
    ) -> Result<Arc<Index>, Failure> {
        let hit = match &listing.content {
            Content::Kept(hit) => hit.clone(),
            Content::Hosted {
                key,
                digest,
                document,
            } => return self.hosted_index(key, digest, document, ask).await,
        };
        let size = hit.entry().size().unwrap_or_default();
        let content = hit.entry().digest(cache::DigestAlgorithm::Sha256);
        let content = content.map_or(&[][..], |digest| &digest.bytes);
        let key = index_name(&hit.entry().key, content);
        if let Some(parsed) = self.indexes.get(&key).await {
            return Ok(parsed.index);
        }
        let max = ask.limits.document_bytes;
        let (protocol, target, state) = (ask.protocol, ask.target.clone(), self.state.clone());
        let load = async move {
            let bytes = hit.bytes(max).await.map_err(|error| error.to_string())?;
            let document = document(bytes, &hit.entry().meta.attributes);
            let read = tokio::task::spawn_blocking(move || protocol.read(&target, document));
            let index = read.await.map_err(|error| error.to_string())?;
            let index = index.map_err(|error| error.to_string())?;
            let index = sighted(&state, ask.target, index, ask.now).await;
            Ok(super::Parsed::new(index, size))
        };
        let parsed = self.indexes.try_get_with(key.clone(), load).await;
        let unreadable =
            |error: Arc<String>| Failure::Internal(format!("a kept index can't be read: {error}"));
        let index = parsed.map_err(unreadable)?.index;
        if index.unsighted().is_some() {
            // The next one asks the ledger again.
            self.indexes.invalidate(&key).await;
        }
        Ok(index)
    }

    /// What a hosted document says. The ledger is not asked: nobody outside can forge its dates.
    async fn hosted_index(
        &self,
        key: &Key,
        digest: &[u8],
        document: &Document,
        ask: &ListingAsk<'_>,
    ) -> Result<Arc<Index>, Failure> {
        let (protocol, target) = (ask.protocol, ask.target.clone());
        let (document, size) = (document.clone(), document.bytes.len() as u64);
        let load = async move {
            let read = tokio::task::spawn_blocking(move || protocol.read(&target, document));
            let index = read.await.map_err(|error| error.to_string())?;
            let index = index.map_err(|error| error.to_string())?;
            Ok::<_, String>(super::Parsed::new(index, size))
        };
        let parsed = self
            .indexes
            .try_get_with(index_name(key, digest), load)
            .await;
        let unreadable = |error: Arc<String>| {
            Failure::Internal(format!("a hosted index can't be read: {error}"))
        };
        Ok(parsed.map_err(unreadable)?.index)
    }

    /// The index as a repository last saw it, without asking anybody: for what is retained under a rule that now
    /// blocks, or of an upstream that is gone.
    pub async fn remembered_listing(
        &self,
        holding: &Origin,
        ask: &ListingAsk<'_>,
    ) -> Option<Listing> {
        let key = keys::document(ask.target, holding.repository());
        match self.cache.lookup(&key, ask.now).await {
            Lookup::Fresh(hit) | Lookup::Stale(hit) => Some(Listing::kept(hit, CacheOutcome::Hit)),
            _ => None,
        }
    }

    /// Remembers under a second repository's key what the first one's leads to. With `once`, what is there already
    /// is left as it is.
    pub(super) async fn retain(&self, from: &Key, to: &Key, once: bool) {
        if once && self.cache.contains(to).await {
            return;
        }
        if let Err(error) = self.cache.link(from, to).await {
            tracing::warn!(%error, "not retained in the repository that was asked");
        }
    }

    async fn obtained(
        &self,
        key: &Key,
        upstream: &Arc<Upstream>,
        ask: &ListingAsk<'_>,
    ) -> Result<Option<(Hit, CacheOutcome)>, Failure> {
        match self.cache.lookup(key, ask.now).await {
            Lookup::Fresh(hit) if is_of(&hit, upstream) => Ok(Some((hit, CacheOutcome::Hit))),
            Lookup::Stale(hit) if is_of(&hit, upstream) => {
                if upstream.is_resting(ask.limits) {
                    return Ok(Some((hit, CacheOutcome::Stale)));
                }
                Ok(Box::pin(self.refreshed(key, upstream, ask, hit)).await)
            }
            Lookup::Absent { fresh: true } => Ok(None),
            _ => {
                // Boxed, as all that a hit does not come to.
                let settled = Box::pin(self.fill_document(key, upstream, ask, None)).await;
                let hit = settled.map_err(|failed| failed_to(upstream, &failed))?;
                Ok(hit.map(|hit| (hit, CacheOutcome::Miss)))
            }
        }
    }

    async fn refreshed(
        &self,
        key: &Key,
        upstream: &Arc<Upstream>,
        ask: &ListingAsk<'_>,
        hit: Hit,
    ) -> Option<(Hit, CacheOutcome)> {
        match self.fill_document(key, upstream, ask, Some(&hit)).await {
            Ok(Some(now)) if stored_digest(&now) == stored_digest(&hit) => {
                Some((now, CacheOutcome::Revalidated))
            }
            Ok(Some(now)) => Some((now, CacheOutcome::Miss)),
            Ok(None) => None,
            Err(failed) => {
                let upstream = &upstream.settings.id;
                tracing::warn!(upstream, reason = %failed.detail, "serving a stale index");
                Some((hit, CacheOutcome::Stale))
            }
        }
    }

    async fn fill_document(
        &self,
        key: &Key,
        upstream: &Arc<Upstream>,
        ask: &ListingAsk<'_>,
        known: Option<&Hit>,
    ) -> Result<Option<Hit>, cache::Failed> {
        let refresh = Refresh {
            cache: self.cache.clone(),
            network: Arc::clone(&self.network),
            metrics: Arc::clone(&self.metrics),
            memory: Arc::clone(&self.memory),
            indexes: self.indexes.clone(),
            state: self.state.clone(),
            upstream: Arc::clone(upstream),
            protocol: ask.protocol,
            target: ask.target.clone(),
            limits: Arc::clone(ask.limits),
            now: ask.now,
            known: known.map(|hit| hit.entry().meta.clone()),
        };
        self.cache
            .join(key, move |fill| refresh.run(fill))
            .settled()
            .await
    }
}

/// Under what a parsed document is remembered: its key and its content.
pub(super) fn index_name(key: &Key, digest: &[u8]) -> IndexName {
    (key.clone(), digest.into())
}

/// Whether a document came from this registry.
pub(super) fn is_of(hit: &Hit, upstream: &Upstream) -> bool {
    let registry = hit.entry().meta.attributes.get(REGISTRY);
    registry.is_some_and(|registry| *registry == upstream.settings.url)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn stored_digest(hit: &Hit) -> String {
    hit.entry()
        .digest(cache::DigestAlgorithm::Sha256)
        .map(|digest| digest.hex())
        .unwrap_or_default()
}

pub(super) fn document(bytes: Bytes, attributes: &BTreeMap<String, String>) -> Document {
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
