//! What the program knows of connections that cross it: whose hosts are registries', what they are opened with, who may
//! use the proxy. Counts what became of each.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use http::{HeaderValue, header};
use tokio_rustls::TlsAcceptor;

use crate::access::Denial;
use crate::app::{App, Snapshot};
use crate::authority::{Authority, AuthorityError, Leaves, is_host};
use crate::config;
use crate::edge::network::{Admitting, Asking, Crossing, Passage};
use crate::exchange::{Mode, Reply};
use crate::failure::Failure;
use crate::handlers;

/// The crossings of one program.
pub struct Interception {
    app: Arc<App>,
    authority: ArcSwap<Authority>,
    leaves: Leaves,
    /// The hosts that `leaves` was last told.
    hosts: Mutex<BTreeSet<String>>,
    /// Where the gateway itself listens.
    ports: Vec<u16>,
}

impl Interception {
    /// With the authority that the data folder holds.
    pub fn new(app: Arc<App>, ports: Vec<u16>) -> Result<Self, AuthorityError> {
        let authority = Arc::new(load(&app)?);
        let hosts = host_names(&app.snapshot.load());
        let listed: Vec<String> = coverable(&authority, &hosts);
        Ok(Self {
            leaves: Leaves::new(Arc::clone(&authority), &listed, SystemTime::now)?,
            authority: ArcSwap::new(authority),
            hosts: Mutex::new(hosts),
            ports,
            app,
        })
    }

    /// Takes the authority anew from the data folder, after it was rotated.
    pub fn renew(&self) -> Result<(), AuthorityError> {
        self.authority.store(Arc::new(load(&self.app)?));
        let hosts = host_names(&self.app.snapshot.load());
        self.tell(hosts)
    }

    fn tell(&self, hosts: BTreeSet<String>) -> Result<(), AuthorityError> {
        let authority = self.authority.load_full();
        let listed = coverable(&authority, &hosts);
        *self.hosts.lock().unwrap_or_else(PoisonError::into_inner) = hosts;
        self.leaves.renew(authority, &listed)
    }
}

fn load(app: &App) -> Result<Authority, AuthorityError> {
    let folder = config::Network::authority(&app.snapshot.load().config.data);
    Authority::load(&folder, SystemTime::now())
}

/// The host names of every registry that is known by now.
pub fn host_names(snapshot: &Snapshot) -> BTreeSet<String> {
    let upstreams = snapshot.registries.upstreams();
    upstreams
        .flat_map(|upstream| upstream.host_names())
        .collect()
}

/// The hosts that the authority is good for. The others are refused, never passed by.
fn coverable(authority: &Authority, hosts: &BTreeSet<String>) -> Vec<String> {
    let (covered, beyond): (Vec<String>, Vec<String>) = hosts
        .iter()
        .cloned()
        .partition(|host| is_host(host) && authority.covers(host));
    if !beyond.is_empty() {
        tracing::warn!(
            hosts = beyond.join(" "),
            "the authority is not good for these registry hosts, whose connections are refused; \
             run: portcullis authority rotate"
        );
    }
    covered
}

impl Crossing for Interception {
    fn settings(&self) -> Arc<config::Network> {
        Arc::clone(&self.app.snapshot.load().config.network)
    }

    fn is_registry(&self, host: &str) -> bool {
        self.app.snapshot.load().registries.know(host)
    }

    fn is_registry_port(&self, port: u16) -> bool {
        let snapshot = self.app.snapshot.load();
        let mut upstreams = snapshot.registries.upstreams();
        matches!(port, 80 | 443) || upstreams.any(|upstream| upstream.port() == Some(port))
    }

    fn leads_to_registry(&self, address: IpAddr) -> Asking<'_> {
        Box::pin(async move {
            let snapshot = self.app.snapshot.load_full();
            for host in host_names(&snapshot) {
                let lookup = tokio::net::lookup_host((host.trim_matches(['[', ']']), 443));
                let found = tokio::time::timeout(snapshot.limits.resolve, lookup).await;
                let Ok(Ok(mut found)) = found else {
                    continue;
                };
                if found.any(|each| each.ip().to_canonical() == address) {
                    return true;
                }
            }
            false
        })
    }

    fn is_own(&self, address: SocketAddr) -> bool {
        // Only an address of this machine can be bound.
        self.ports.contains(&address.port()) && UdpSocket::bind((address.ip(), 0)).is_ok()
    }

    fn acceptor(&self) -> TlsAcceptor {
        // A registry may have got another host since: a reload, or files that lie elsewhere than they did.
        let hosts = host_names(&self.app.snapshot.load());
        let is_news = *self.hosts.lock().unwrap_or_else(PoisonError::into_inner) != hosts;
        if is_news && let Err(error) = self.tell(hosts) {
            tracing::error!(%error, "no certificates for the registries' new hosts");
        }
        TlsAcceptor::from(self.leaves.config())
    }

    fn admit<'a>(&'a self, shown: Option<&'a HeaderValue>) -> Admitting<'a> {
        Box::pin(async move {
            let snapshot = self.app.snapshot.load_full();
            if !snapshot.config.network.authenticate {
                return Ok(());
            }
            let shown = shown.map(HeaderValue::as_bytes);
            let principal = handlers::principal_of(&self.app, shown, SystemTime::now()).await;
            match principal {
                Ok(Some(_)) => Ok(()),
                Ok(None) => Err(asked_for(&handlers::denied(Denial::ReadNeedsToken))),
                Err(failure) => Err(asked_for(&failure)),
            }
        })
    }

    fn passed(&self, mode: Mode, passage: Passage) {
        self.app.observer.metrics.passed(mode, passage);
    }

    fn carried(&self, mode: Mode, from_client: u64, to_client: u64) {
        let metrics = &self.app.observer.metrics;
        metrics.carried(mode, from_client, to_client);
    }
}

/// 407 (RFC 9110 §15.5.8), or what keeps us from knowing.
fn asked_for(failure: &Failure) -> Box<Reply> {
    let status = match failure {
        Failure::Denied(_) => 407,
        other => other.status(),
    };
    let text = format!("portcullis: {}\n", failure.sentence());
    let reply = Reply::full(status, "text/plain; charset=utf-8", text)
        .with_static(header::CACHE_CONTROL, "no-store")
        .with_static(header::PROXY_AUTHENTICATE, r#"Basic realm="portcullis""#);
    Box::new(reply)
}
