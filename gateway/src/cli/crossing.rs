//! The listeners of network mode, and what they need while the program runs: the hosts of the registries, and the
//! authority as it is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
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

/// The listeners that are configured, each with its key, and what they cross by; none where network mode is off. `taken`
/// are the ports that the gateway listens at already: nobody is connected there through it.
pub async fn listeners(app: &Arc<App>, taken: [u16; 2]) -> Result<Option<Crossings>> {
    let settings = Arc::clone(&app.snapshot.load().config.network);
    if !settings.is_on() {
        return Ok(None);
    }
    let mut listeners = Vec::new();
    if let Some(address) = settings.proxy {
        listeners.push(("proxy", super::serve::bind(address, "network.proxy").await?));
    }
    if let Some(address) = settings.redirect {
        listeners.push(("redirect", redirect(address, settings.transparent).await?));
    }
    remember(&app.snapshot.load());
    let ports = listeners
        .iter()
        .map(|(_, listener)| listener.address.port());
    let interception = Interception::new(Arc::clone(app), taken.into_iter().chain(ports).collect())
        .context("network mode opens connections with an authority of its own")?;
    let interception = Arc::new(interception);
    for (name, listener) in &mut listeners {
        let crossing: Arc<dyn Crossing> = Arc::clone(&interception) as _;
        listener.speaks = match *name {
            "proxy" => Speaks::Proxy(crossing),
            _ => Speaks::Anything(crossing),
        };
    }
    Ok(Some(Crossings {
        listeners,
        interception,
    }))
}

/// What serves network mode.
pub struct Crossings {
    pub listeners: Vec<(&'static str, Listener)>,
    pub interception: Arc<Interception>,
}

async fn redirect(address: SocketAddr, is_transparent: bool) -> Result<Listener> {
    if !is_transparent {
        return super::serve::bind(address, "network.redirect").await;
    }
    Listener::bind_transparent(address).await.with_context(|| {
        format!(
            "{address} can't take connections to any address; network.transparent needs CAP_NET_ADMIN"
        )
    })
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
    let (mut learnt, mut asked) = (BTreeSet::new(), BTreeSet::new());
    let mut ask_at = tokio::time::Instant::now();
    loop {
        looks.tick().await;
        let snapshot = app.snapshot.load_full();
        let is_news =
            unlearnt(&snapshot, &learnt).any(|upstream| !asked.contains(&upstream.settings.url));
        if is_news || tokio::time::Instant::now() >= ask_at {
            asked = unlearnt(&snapshot, &learnt)
                .map(|it| it.settings.url.clone())
                .collect();
            learn(&snapshot, &network, &mut learnt).await;
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

/// Asks each PyPI registry that has not said yet where its files lie.
pub async fn learn(snapshot: &Snapshot, network: &Arc<Network>, learnt: &mut BTreeSet<String>) {
    let upstreams: Vec<_> = unlearnt(snapshot, learnt).map(Arc::clone).collect();
    for upstream in upstreams {
        let learning = learn_files_host(network, &upstream, PROJECT, &snapshot.limits);
        match learning.await {
            Ok(()) => {
                learnt.insert(upstream.settings.url.clone());
            }
            Err(fault) => {
                let (upstream, reason) = (&upstream.settings.id, &fault.detail);
                tracing::warn!(
                    upstream,
                    reason,
                    "where its files lie was not told: connections to hosts that are not known go by unread; \
                     name the host in `upstreams.pypi.hosts`"
                );
            }
        }
    }
}

fn unlearnt<'a>(
    snapshot: &'a Snapshot,
    learnt: &'a BTreeSet<String>,
) -> impl Iterator<Item = &'a Arc<Upstream>> {
    let is_unlearnt = |upstream: &&Arc<Upstream>| {
        let settings = &upstream.settings;
        settings.ecosystem == Ecosystem::Pypi && !learnt.contains(&settings.url)
    };
    snapshot.registries.upstreams().filter(is_unlearnt)
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
            upstream.remember(names.into_iter().map(str::to_owned));
        }
    }
}
