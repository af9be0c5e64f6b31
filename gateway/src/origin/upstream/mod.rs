//! The registries outside: addresses we may speak to, and what they answer. pingora's client lives here.
//!
//! Credentials belong to one scheme, host and port and go nowhere else. A redirect or a link of an index is followed
//! only to a host that is allowed for that upstream, and never to an address more private than the upstream's own.

mod connect;
mod fault;
mod fetch;
mod pass;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Instant;

use tokio::sync::Semaphore;
use url::Url;

use crate::config;
use crate::protocol::{Index, Location};

pub use connect::Network;
pub use fault::{Fault, FaultKind};
pub use fetch::{Conditions, Fetched, Fetcher, Responded};
pub use pass::Passing;

/// One upstream registry at run time.
pub struct Upstream {
    pub settings: config::Upstream,
    base: Url,
    /// Hosts (with port) that files may come from besides the base: configured, or learnt from the index's own links.
    hosts: Mutex<BTreeSet<String>>,
    slots: Semaphore,
    queue: Semaphore,
    failed_at: Mutex<Option<Instant>>,
}

/// What a host is to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The host of its address.
    Base,
    /// Another host that its files come from.
    Files,
}

/// More hosts are not taken for one upstream's.
const HOSTS_MAX: usize = 16;

/// The framework logs what we handle and log ourselves (a connection that broke, a pool that missed).
pub const LOG_FILTER: &str = "pingora_core=off";

impl Upstream {
    /// `None` if the configured address is no URL (the configuration check says so first).
    pub fn new(settings: config::Upstream, limits: &config::Limits) -> Option<Self> {
        let base = Url::parse(&settings.url).ok()?;
        let hosts = settings.hosts.iter().cloned().collect();
        Some(Self {
            base,
            hosts: Mutex::new(hosts),
            slots: Semaphore::new(limits.upstream_concurrency),
            queue: Semaphore::new(limits.upstream_queue),
            failed_at: Mutex::new(None),
            settings,
        })
    }

    /// The address of something at this upstream; `Err` names the host that is not allowed.
    pub fn address(&self, location: &Location) -> Result<Url, String> {
        match location {
            Location::Path(path) => self.base.join(path).map_err(|error| error.to_string()),
            Location::Url(url) => {
                let url = Url::parse(url).map_err(|error| error.to_string())?;
                if self.allows(&url) {
                    Ok(url)
                } else {
                    Err(authority(&url))
                }
            }
        }
    }

    /// Whether a URL's host is one of this upstream's. A step down from https to http never is.
    pub fn allows(&self, url: &Url) -> bool {
        let scheme = match self.base.scheme() {
            "https" => url.scheme() == "https",
            _ => matches!(url.scheme(), "http" | "https"),
        };
        let plain = url.username().is_empty() && url.password().is_none();
        scheme && plain && (self.is_base(url) || self.knows(&authority(url)))
    }

    /// Whether a URL has the very scheme, host and port that were configured.
    pub fn is_base(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// The part of a URL below the base address; `None` if it is elsewhere.
    pub fn below_base<'a>(&self, url: &'a Url) -> Option<&'a str> {
        if !self.is_base(url) {
            return None;
        }
        url.path()
            .strip_prefix(self.base.path().trim_end_matches('/'))
    }

    /// What a host name, in small letters and without a port, is to this upstream.
    pub fn role(&self, host: &str) -> Option<Role> {
        let own = self.base.host_str().unwrap_or_default();
        if own.trim_matches(['[', ']']) == host {
            return Some(Role::Base);
        }
        let without_port = |known: &String| known.split(':').next() == Some(host);
        let hosts = self.hosts.lock().ok()?;
        hosts.iter().any(without_port).then_some(Role::Files)
    }

    /// The port of the address.
    pub fn port(&self) -> Option<u16> {
        self.base.port_or_known_default()
    }

    /// The path of the address, with a slash at both ends.
    pub fn base_path(&self) -> &str {
        self.base.path()
    }

    /// Every host name of this upstream that is known by now.
    pub fn host_names(&self) -> BTreeSet<String> {
        let known = self
            .hosts
            .lock()
            .map(|hosts| hosts.clone())
            .unwrap_or_default();
        let mut names: BTreeSet<String> = known
            .iter()
            .filter_map(|host| host.split(':').next().map(str::to_owned))
            .collect();
        names.extend(self.base.host_str().map(str::to_owned));
        names
    }

    fn knows(&self, authority: &str) -> bool {
        let host = authority.split(':').next().unwrap_or(authority);
        self.hosts
            .lock()
            .is_ok_and(|hosts| hosts.contains(authority) || hosts.contains(host))
    }

    /// Learns the host that serves files from an index's own links, if none is known yet: one host, that of most links.
    pub fn learn(&self, index: &Index) {
        let is_known = self.hosts.lock().is_ok_and(|hosts| !hosts.is_empty());
        if is_known {
            return;
        }
        if let Some(host) = self.linked(index).into_iter().next() {
            tracing::info!(
                upstream = self.settings.id,
                host,
                "learnt the host of the upstream's files"
            );
            self.remember([host]);
        }
    }

    /// The hosts besides its own that an index links to, that of most links first.
    pub fn linked(&self, index: &Index) -> Vec<String> {
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        let files = index.versions.iter().flat_map(|version| &version.files);
        for file in files.take(1000) {
            if let Location::Url(text) = &file.location
                && let Ok(url) = Url::parse(text)
                && !self.is_base(&url)
            {
                *counts.entry(authority(&url)).or_default() += 1;
            }
        }
        let mut hosts: Vec<(String, usize)> = counts.into_iter().collect();
        hosts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        hosts.into_iter().map(|(host, _)| host).collect()
    }

    /// Takes hosts that were learnt before.
    pub fn remember(&self, names: impl IntoIterator<Item = String>) {
        let base = self.base.host_str();
        let others = names.into_iter().filter(|name| Some(name.as_str()) != base);
        if let Ok(mut hosts) = self.hosts.lock() {
            hosts.extend(others.take(HOSTS_MAX));
        }
    }

    /// Whether the upstream failed so recently that a stale copy is better than another try.
    pub fn is_resting(&self, limits: &config::Limits) -> bool {
        let failed = self.failed_at.lock().ok().and_then(|at| *at);
        failed.is_some_and(|at| at.elapsed() < limits.upstream_rest)
    }

    fn note(&self, failed: bool) {
        if let Ok(mut at) = self.failed_at.lock() {
            *at = failed.then(Instant::now);
        }
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
