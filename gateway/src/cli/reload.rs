//! Reloading: on SIGHUP and on a change of the file, all or nothing. A bad file keeps the old rules in force.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rules::Knowledge;
use tokio::signal::unix::Signal;

use super::Settings;
use super::load::{self, Stamp, lines, stamp};
use crate::app::{App, Snapshot};
use crate::config::Config;
use crate::edge::Tls;
use crate::feed::Difference;

/// The file, as it was when its content was taken.
pub struct Watched {
    pub file: Option<PathBuf>,
    pub stamp: Option<Stamp>,
    /// Taken before anybody knows that the program runs: until then the signal would end it.
    pub hangup: Signal,
}

/// What a reload changes.
pub struct Served {
    pub app: Arc<App>,
    /// Where clients are served.
    pub address: SocketAddr,
    /// What they shake hands with, if they use https.
    pub tls: Option<Arc<Tls>>,
}

/// How often the file's date is looked at: a change is in force within a second.
const LOOK: Duration = Duration::from_millis(250);

/// Reloads until aborted.
pub async fn watch(served: Served, settings: Settings, watched: Watched) {
    let Watched {
        file,
        stamp: mut taken,
        mut hangup,
    } = watched;
    let mut feed_taken = feed_stamps(&served.app);
    let (mut before, mut feed_before) = (taken, feed_taken.clone());
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        let feed_changed = tokio::select! {
            _ = hangup.recv() => true,
            _ = ticks.tick() => {
                // Twice the same: a file that is still being written is not read.
                let (now, feed_now) = (file.as_deref().and_then(stamp), feed_stamps(&served.app));
                let settled = now == before && feed_now == feed_before;
                (before, feed_before) = (now, feed_now.clone());
                let file_changed = now != taken && now.is_some();
                let feed_changed = feed_now != feed_taken;
                if !settled || !(file_changed || feed_changed) {
                    continue;
                }
                (taken, feed_taken) = (now.or(taken), feed_now);
                feed_changed
            }
        };
        reload(&served, settings.clone(), feed_changed).await;
    }
}

/// What tells that advisories or popular names have changed. Of a folder only its own date is looked at.
fn feed_stamps(app: &App) -> Vec<Option<Stamp>> {
    let snapshot = app.snapshot.load();
    let config = &snapshot.config;
    let mut files = config.advisories.files(&config.data);
    files.extend(super::lists::files(&config.data));
    files.iter().map(|file| stamp(file)).collect()
}

async fn reload(served: &Served, settings: Settings, feed_changed: bool) {
    let app = served.app.as_ref();
    let earlier = app.snapshot.load_full();
    let known = Arc::clone(&earlier);
    // Discovery may ask package managers, and a feed is large: both take time and block.
    let loading = move || {
        let loaded = load::load(&settings)?;
        let sources = &loaded.config.advisories.sources;
        let same = !feed_changed && *sources == known.config.advisories.sources;
        let knowledge = if same {
            known.policy.knowledge().clone()
        } else {
            load::knowledge(&loaded.config)?
        };
        Ok::<_, anyhow::Error>((loaded, knowledge))
    };
    let (loaded, knowledge) = match tokio::task::spawn_blocking(loading).await {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(error)) => return refused(app, format!("{error:#}")),
        Err(error) => return refused(app, error.to_string()),
    };
    let emptied = loaded.config.policy_spec.groups.is_empty() && loaded.is_blank;
    if emptied && !earlier.config.policy_spec.groups.is_empty() {
        return refused(app, "the configuration file is empty".to_owned());
    }
    let certificate = match (&served.tls, loaded.config.tls.clone()) {
        (None, None) => None,
        (Some(tls), Some(certificate)) => Some((tls, certificate)),
        _ => {
            let why = "`[tls]` is turned on or off by a restart, not by a reload";
            return refused(app, why.to_owned());
        }
    };
    let ways = |config: &Config| {
        let network = &config.network;
        (network.proxy, network.redirect, network.transparent)
    };
    if ways(&loaded.config) != ways(&earlier.config) {
        // Listeners that go on without their rules would let everything by.
        let why = "`network.proxy`, `network.redirect` and `network.transparent` are changed by a restart, \
                   not by a reload";
        return refused(app, why.to_owned());
    }
    let public_url = loaded.config.seen_at(served.address);
    tell_difference(earlier.policy.knowledge(), &knowledge);
    match Snapshot::build(loaded.config, knowledge, &earlier.upstreams, public_url) {
        Ok(snapshot) => {
            if let Some((tls, certificate)) = certificate
                && let Err(error) = tls.renew(&certificate)
            {
                return refused(app, format!("tls.certificate: {error}"));
            }
            let revision = snapshot.policy.revision();
            app.snapshot.store(Arc::new(snapshot));
            app.reload_refused.store(None);
            app.observer.metrics.reloaded(true);
            tracing::info!(revision = format!("{revision:x}"), "configuration reloaded");
        }
        Err(findings) => refused(app, lines(&findings)),
    }
}

/// One line in the audit log for each advisory that came or went.
fn tell_difference(before: &Knowledge, after: &Knowledge) {
    let difference = Difference::between(before.advisories(), after.advisories());
    for (change, advisories) in [
        ("added", difference.added),
        ("changed", difference.changed),
        ("withdrawn", difference.withdrawn),
        ("removed", difference.removed),
    ] {
        if advisories.len() > TOLD_MAX {
            tracing::info!(target: "audit", change, count = advisories.len(), "advisories");
            continue;
        }
        for advisory in advisories {
            let packages: Vec<String> = advisory.packages.iter().map(ToString::to_string).collect();
            let (id, packages) = (advisory.id, packages.join(" "));
            tracing::info!(target: "audit", change, advisory = id, packages, "advisory");
        }
    }
}

/// More advisories than this, as at the first load, are told by their number.
const TOLD_MAX: usize = 100;

fn refused(app: &App, why: String) {
    tracing::error!(why, "reload refused, the old rules stay in force");
    app.observer.metrics.reloaded(false);
    app.reload_refused.store(Some(Arc::new(why)));
}
