//! The places packages come from: the cache and the upstreams behind it (hosted storage will be the third).
//!
//! Handlers say what they want and show the proof that they may have it; only this room knows where it is kept.

mod artifact;
mod body;
mod document;
mod errand;
mod keys;
mod learning;
mod refresh;
mod retrieve;
mod service;
mod sighting;
pub mod subscription;
pub mod upstream;

use std::collections::BTreeMap;
use std::sync::Arc;

use moka::future::Cache as Table;

use crate::bounds::Budget;
use crate::config::{Config, Limits};
use crate::failure::Failure;
use crate::observe::metrics::Metrics;
use crate::protocol::{Body, Index};
use crate::state::State;
use upstream::{Fault, Network, Upstream};

pub use artifact::{Artifact, Fetching, Presence};
pub use document::{Listing, ListingAsk};
pub use learning::learn_files_host;

/// How the cache took part in an answer (RFC 9211 names; also a metric label).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOutcome {
    /// not a request for something storable
    None,
    Hit,
    Miss,
    /// served past its lifetime, because the upstream failed
    Stale,
    Revalidated,
    /// a remembered "not there"
    Negative,
}

impl CacheOutcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Negative => "negative",
        }
    }

    /// The `Cache-Status` field (RFC 9211); `None` for what no cache was asked about.
    pub fn cache_status(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Hit => Some("portcullis; hit"),
            Self::Miss => Some("portcullis; fwd=uri-miss; stored"),
            Self::Stale => Some("portcullis; hit; detail=stale-if-error"),
            Self::Revalidated => Some("portcullis; fwd=stale; fwd-status=304"),
            Self::Negative => Some("portcullis; hit; detail=negative"),
        }
    }
}

/// The cache, the upstreams, and the parsed indexes in between.
pub struct Supply {
    pub cache: cache::Cache,
    network: Arc<Network>,
    metrics: Arc<Metrics>,
    /// For the documents that are arriving.
    memory: Arc<Budget>,
    state: State,
    /// Parsed documents by cache key and content digest, so that an artifact request never parses an index again.
    indexes: Table<IndexName, Parsed>,
}

impl Supply {
    pub fn new(cache: cache::Cache, state: State, metrics: Arc<Metrics>, limits: &Limits) -> Self {
        let indexes = Table::builder()
            .max_capacity(limits.memo_bytes)
            .weigher(|_, parsed: &Parsed| parsed.weight)
            .build();
        Self {
            cache,
            network: Arc::default(),
            metrics,
            state,
            memory: Budget::new(limits.document_memory_bytes),
            indexes,
        }
    }
}

/// A document's key and the SHA-256 of its content.
type IndexName = (cache::Key, Box<[u8]>);

/// A parsed index, with about what it costs in memory.
#[derive(Clone)]
struct Parsed {
    index: Arc<Index>,
    weight: u32,
}

impl Parsed {
    /// `document` is the size of what it was parsed from, in bytes: npm keeps those bytes, the others a tree of them.
    fn new(index: Index, document: u64) -> Self {
        let kept = match index.body {
            Body::Npm(_) => document,
            Body::Pypi(_) | Body::Maven(_) | Body::Generic(_) => document.saturating_mul(4),
        };
        let files: usize = index
            .versions
            .iter()
            .map(|version| 1 + version.files.len())
            .sum();
        let weight = kept.saturating_add(4096 + files as u64 * 512);
        Self {
            index: Arc::new(index),
            weight: u32::try_from(weight).unwrap_or(u32::MAX),
        }
    }
}

/// The upstreams of a configuration, by repository and ecosystem. One upstream that several repositories name alike is
/// one upstream.
pub type UpstreamTable = BTreeMap<(String, rules::Ecosystem), Arc<Upstream>>;

/// Builds the table, keeping what an earlier one knows of unchanged upstreams.
pub fn upstream_table(config: &Config, earlier: &UpstreamTable) -> UpstreamTable {
    let mut by_id: BTreeMap<String, Arc<Upstream>> = earlier
        .values()
        .map(|upstream| (upstream.settings.id.clone(), Arc::clone(upstream)))
        .collect();
    let mut table = UpstreamTable::new();
    for repository in &config.repositories {
        for (ecosystem, settings) in &repository.upstream {
            let known = by_id.get(&settings.id).cloned();
            let upstream = match known {
                Some(known) if known.settings == *settings => Some(known),
                known => Upstream::new(settings.clone(), &config.limits).map(|upstream| {
                    // The same registry under other settings keeps the hosts that it was seen to have.
                    let same = known.filter(|known| known.settings.url == settings.url);
                    if let Some(known) = same {
                        upstream.remember(known.host_names());
                    }
                    Arc::new(upstream)
                }),
            };
            if let Some(upstream) = upstream {
                by_id.insert(settings.id.clone(), Arc::clone(&upstream));
                table.insert((repository.spec.name.clone(), *ecosystem), upstream);
            }
        }
    }
    table
}

/// An upstream fault, as the client is told.
pub(crate) fn failure_of(upstream: &Upstream, fault: &Fault) -> Failure {
    Failure::Upstream {
        status: fault.kind.status(),
        upstream: upstream.settings.id.clone(),
        detail: fault.detail.clone(),
    }
}
