//! Reloading: on SIGHUP and on a change of the file, all or nothing. A bad file keeps the old rules in force.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::Settings;
use super::load::{self, Stamp, lines, stamp};
use crate::app::{App, Snapshot};
use crate::edge::Tls;

/// The file, as it was when its content was taken.
pub struct Watched {
    pub file: Option<PathBuf>,
    pub stamp: Option<Stamp>,
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
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    let Watched {
        file,
        stamp: mut taken,
    } = watched;
    let mut before = taken;
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = hangup.recv() => {}
            _ = ticks.tick() => {
                // Twice the same: a file that is still being written is not read.
                let now = file.as_deref().and_then(stamp);
                let settled = now == before;
                before = now;
                if !settled || now == taken || now.is_none() {
                    continue;
                }
                taken = now;
            }
        }
        reload(&served, settings.clone()).await;
    }
}

async fn reload(served: &Served, settings: Settings) {
    let app = served.app.as_ref();
    // Discovery may ask package managers, which takes time and blocks.
    let loaded = tokio::task::spawn_blocking(move || load::load(&settings)).await;
    let loaded = match loaded {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(error)) => return refused(app, format!("{error:#}")),
        Err(error) => return refused(app, error.to_string()),
    };
    let earlier = app.snapshot.load_full();
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
    let public_url = loaded.config.seen_at(served.address);
    match Snapshot::build(loaded.config, &earlier.upstreams, public_url) {
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

fn refused(app: &App, why: String) {
    tracing::error!(why, "reload refused, the old rules stay in force");
    app.observer.metrics.reloaded(false);
    app.reload_refused.store(Some(Arc::new(why)));
}
