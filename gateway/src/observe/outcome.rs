//! The one record of a finished request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rules::{Ecosystem, PackageName};

use crate::exchange::Mode;
use crate::origin::CacheOutcome;

/// The kind of a request (closed set, a metric label).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Index,
    Artifact,
    Publish,
    Service,
    Other,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Artifact => "artifact",
            Self::Publish => "publish",
            Self::Service => "service",
            Self::Other => "other",
        }
    }
}

/// A decision that was not a plain allow.
#[derive(Clone, Debug)]
pub struct Decided {
    pub id: String,
    pub verdict: &'static str,
    pub control: &'static str,
    pub group: String,
    pub sentence: String,
}

/// What happened to a request.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub received_at: SystemTime,
    pub method: &'static str,
    /// The raw target; control characters can't be in it.
    pub target: Arc<str>,
    pub peer: SocketAddr,
    pub mode: Mode,
    pub client: &'static str,
    pub ecosystem: Option<Ecosystem>,
    pub repository: Option<Arc<str>>,
    pub kind: Kind,
    pub package: Option<PackageName>,
    pub version: Option<String>,
    pub status: u16,
    pub cache: CacheOutcome,
    pub decision: Option<Decided>,
    /// The name of the token that was shown.
    pub principal: Option<String>,
    pub bytes: u64,
    pub complete: bool,
    pub duration: Duration,
}

impl Outcome {
    /// The label of the ecosystem.
    pub fn ecosystem_label(&self) -> &'static str {
        self.ecosystem
            .map_or("none", |ecosystem| ecosystem.as_str())
    }
}

/// The client family of a User-Agent (closed set): for counting, never for deciding.
pub fn client_family(agent: &str) -> &'static str {
    const FAMILIES: [(&str, &str); 11] = [
        ("npm/", "npm"),
        ("pnpm/", "pnpm"),
        ("yarn/", "yarn"),
        ("got ", "yarn"),
        ("Bun/", "bun"),
        ("pip/", "pip"),
        ("uv/", "uv"),
        ("poetry/", "poetry"),
        ("pdm/", "pdm"),
        ("Apache-Maven/", "maven"),
        ("Gradle/", "gradle"),
    ];
    FAMILIES
        .iter()
        .find(|(prefix, _)| agent.starts_with(prefix))
        .map_or("other", |(_, family)| family)
}
