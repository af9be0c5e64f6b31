//! The listeners of network mode, and what they need while the program runs: the hosts of the registries, and the
//! authority as it is on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rules::{Ecosystem, Knowledge};

use super::load::stamp;
use crate::app::{App, Snapshot};
use crate::config;
use crate::edge::network::Crossing;
use crate::edge::{Listener, Speaks};
use crate::network::interception::Interception;
use crate::origin::upstream::{Network, Upstream};
use crate::origin::{UpstreamTable, learn_files_host};

/// The authority and the registries' hosts are looked at so often.
const LOOK: Duration = Duration::from_secs(1);
/// A registry that did not say where its files lie is asked again after this long.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// The project whose page is asked for: the one that pip updates itself from.
const PROJECT: &str = "pip";
/// Hosts that were learnt are kept here, in the data folder: after a restart they are known at once.
const KEPT: &str = "registry-hosts";

/// The listeners that are configured, each with its key; none where network mode is off.
pub async fn listeners(
    app: &Arc<App>,
) -> Result<(Vec<(&'static str, Listener)>, Option<Arc<Interception>>)> {
    let settings = Arc::clone(&app.snapshot.load().config.network);
    if !settings.is_on() {
        return Ok((Vec::new(), None));
    }
    remember(&app.snapshot.load());
    let interception = Interception::new(Arc::clone(app))
        .context("network mode opens connections with an authority of its own; run: portcullis authority create")?;
    let interception = Arc::new(interception);
    let crossing: Arc<dyn Crossing> = Arc::clone(&interception) as _;
    let mut listeners = Vec::new();
    if let Some(address) = settings.proxy {
        let mut listener = super::serve::bind(address, "network.proxy").await?;
        listener.speaks = Speaks::Proxy(Arc::clone(&crossing));
        listeners.push(("proxy", listener));
    }
    if let Some(address) = settings.redirect {
        let mut listener = match settings.transparent {
            true => Listener::bind_transparent(address).await.with_context(|| {
                format!("{address} can't take connections to any address; network.transparent needs CAP_NET_ADMIN")
            })?,
            false => super::serve::bind(address, "network.redirect").await?,
        };
        listener.speaks = Speaks::Anything(crossing);
        listeners.push(("redirect", listener));
    }
    Ok((listeners, Some(interception)))
}

/// A configuration with network mode on, for commands that prepare it: what it would be for which registries.
pub fn as_if_on(mut config: config::Config) -> Result<Snapshot> {
    let mut network = config::Network::clone(&config.network);
    network.redirect = network.redirect.or(Some(config.listen));
    config.network = Arc::new(network);
    let url = config.seen_at(config.listen);
    let snapshot = Snapshot::build(config, Knowledge::default(), &UpstreamTable::new(), url);
    let snapshot = snapshot.map_err(|findings| anyhow!(super::load::lines(&findings)))?;
    remember(&snapshot);
    Ok(snapshot)
}

/// Asks where files lie, keeps what was learnt, and takes a rotated authority, until aborted.
pub async fn watch(app: Arc<App>, interception: Arc<Interception>) {
    let mut looks = tokio::time::interval(LOOK);
    let network = Arc::default();
    let mut taken = authority_stamp(&app);
    let mut kept = hosts(&app.snapshot.load());
    let mut ask_at = tokio::time::Instant::now();
    loop {
        looks.tick().await;
        if tokio::time::Instant::now() >= ask_at {
            learn(&app.snapshot.load_full(), &network).await;
            ask_at = tokio::time::Instant::now() + ASK_AGAIN;
        }
        let now = hosts(&app.snapshot.load());
        if now != kept {
            keep(&app.snapshot.load(), &now);
            kept = now;
        }
        let stamp = authority_stamp(&app);
        if stamp != taken {
            match interception.renew() {
                Ok(()) => tracing::info!("the authority was taken anew"),
                Err(error) => tracing::error!(%error, "the authority of before stays in use"),
            }
            taken = stamp;
        }
    }
}

fn authority_stamp(app: &App) -> Option<super::load::Stamp> {
    let folder = config::Network::authority(&app.snapshot.load().config.data);
    stamp(&folder.join("authority.pem"))
}

/// Asks each PyPI registry whose files' host is not known.
pub async fn learn(snapshot: &Snapshot, network: &Arc<Network>) {
    for upstream in snapshot.registries.upstreams().filter(|it| is_unknown(it)) {
        let learning = learn_files_host(network, upstream, PROJECT, &snapshot.limits);
        if let Err(fault) = learning.await {
            let (upstream, reason) = (&upstream.settings.id, &fault.detail);
            tracing::warn!(
                upstream,
                reason,
                "where its files lie is not known yet: connections there go by unread; \
                 name the host in `upstreams.pypi.hosts`"
            );
        }
    }
}

fn is_unknown(upstream: &Arc<Upstream>) -> bool {
    upstream.settings.ecosystem == Ecosystem::Pypi && upstream.host_names().len() < 2
}

/// The hosts of each upstream, by its id.
fn hosts(snapshot: &Snapshot) -> BTreeMap<String, Vec<String>> {
    let of = |upstream: &Arc<Upstream>| {
        let names = upstream.host_names().into_iter().collect();
        (upstream.settings.id.clone(), names)
    };
    snapshot.registries.upstreams().map(of).collect()
}

fn file(data: &Path) -> PathBuf {
    data.join(KEPT)
}

fn keep(snapshot: &Snapshot, hosts: &BTreeMap<String, Vec<String>>) {
    let lines = hosts
        .iter()
        .map(|(id, hosts)| format!("{id} {}\n", hosts.join(" ")));
    let text: String = lines.collect();
    let (target, draft) = (
        file(&snapshot.config.data),
        file(&snapshot.config.data).with_extension("new"),
    );
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &target));
    if let Err(error) = written {
        tracing::error!(%error, file = %target.display(), "the registries' hosts are not kept");
    }
}

/// Takes the hosts of before for upstreams that are the same.
fn remember(snapshot: &Snapshot) {
    let text = std::fs::read_to_string(file(&snapshot.config.data)).unwrap_or_default();
    for upstream in snapshot.registries.upstreams() {
        let line = text.lines().find_map(|line| {
            let (id, hosts) = line.split_once(' ')?;
            (id == upstream.settings.id).then_some(hosts)
        });
        let names: Vec<&str> = line.unwrap_or_default().split(' ').collect();
        // Another registry under the same id has other hosts.
        if names.iter().any(|name| upstream.role(name).is_some()) {
            upstream.remember(names);
        }
    }
}
