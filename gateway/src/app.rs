//! The composition root: a configuration becomes rooms wired together. Nothing is built elsewhere.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};
use rules::{Ecosystem, Knowledge, Policy};
use tokio::sync::Semaphore;

use crate::access::Tokens;
use crate::config::{Config, Limits};
use crate::edge::registries::Registries;
use crate::edge::route::Mounts;
use crate::handlers::Memo;
use crate::hosted::{BlobError, Blobs, Building, Shelf};
use crate::observe::Observer;
use crate::observe::access::AccessLog;
use crate::observe::metrics::Metrics;
use crate::observe::trail::Trail;
use crate::origin::{Supply, UpstreamTable, upstream_table};
use crate::protocol::{Protocol, generic::Generic, maven::Maven, npm::Npm, pypi::Pypi};
use crate::state::{State, StateError};

/// What is in force at one moment; a request takes one and keeps it to its end.
pub struct Snapshot {
    pub config: Config,
    pub policy: Policy,
    pub limits: Arc<Limits>,
    pub upstreams: UpstreamTable,
    pub mounts: Mounts,
    pub registries: Registries,
    /// The address that is written into documents, without a trailing slash.
    pub public_url: String,
}

impl Snapshot {
    /// Compiles a configuration. `Err` lists what is wrong with its rules.
    pub fn build(
        config: Config,
        knowledge: Knowledge,
        earlier: &UpstreamTable,
        public_url: String,
    ) -> Result<Self, Vec<rules::Finding>> {
        let (policy, warnings) = Policy::compile_with(&config.policy_spec, knowledge)?;
        for warning in warnings {
            tracing::warn!(%warning, "finding in the rules");
        }
        let limits = Arc::new(config.limits.clone());
        let upstreams = upstream_table(&config, earlier);
        let mounts = Mounts::new(&config, &public_url);
        let registries = Registries::new(&config, &upstreams);
        Ok(Self {
            config,
            policy,
            limits,
            upstreams,
            mounts,
            registries,
            public_url,
        })
    }
}

/// The running program.
pub struct App {
    pub snapshot: ArcSwap<Snapshot>,
    pub supply: Supply,
    pub memo: Memo,
    pub observer: Observer,
    pub state: State,
    pub shelf: Shelf,
    pub building: Building,
    /// A turn for each upload that arrives, or is being published.
    pub uploads: Arc<Semaphore>,
    pub tokens: Tokens,
    /// Why the last reload was not taken; `None` if it was.
    pub reload_refused: ArcSwapOption<String>,
    pub started_at: SystemTime,
}

impl App {
    /// Opens the stores and wires the rooms.
    pub async fn open(
        snapshot: Snapshot,
        data: &Path,
        access: AccessLog,
        state: State,
    ) -> Result<Self, Unopened> {
        let metrics = Arc::new(Metrics::default());
        let limits = Arc::clone(&snapshot.limits);
        let blobs = Arc::new(Blobs::open(&data.join("hosted"))?);
        let trail = Trail::start(state.clone(), limits.audit_kept);
        let cache = cache::Cache::open(&data.join("cache"), cache_limits(&limits)).await?;
        Ok(Self {
            supply: Supply::new(cache, state.clone(), Arc::clone(&metrics), &limits),
            memo: Memo::new(&limits),
            observer: Observer::new(metrics, access, trail),
            shelf: Shelf::open(state.clone(), blobs).await?,
            building: Building::new(limits.deployments),
            uploads: Arc::new(Semaphore::new(limits.uploads)),
            tokens: Tokens::default(),
            state,
            snapshot: ArcSwap::from_pointee(snapshot),
            reload_refused: ArcSwapOption::empty(),
            started_at: SystemTime::now(),
        })
    }
}

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    #[error("the cache: {0}")]
    Cache(#[from] cache::Error),
    #[error("what was published: {0}")]
    Hosted(#[from] BlobError),
    #[error(transparent)]
    State(#[from] StateError),
}

/// The cache's bounds, as the limits table has them.
pub fn cache_limits(limits: &Limits) -> cache::Limits {
    cache::Limits {
        bytes_max: limits.cache_bytes,
        small_body_memory: limits.cache_memory_bytes,
        ..cache::Limits::default()
    }
}

/// The translator of an ecosystem.
pub fn protocol_of(ecosystem: Ecosystem) -> &'static dyn Protocol {
    match ecosystem {
        Ecosystem::Npm => &Npm,
        Ecosystem::Pypi => &Pypi,
        Ecosystem::Maven => &Maven,
        Ecosystem::Generic => &Generic,
    }
}
