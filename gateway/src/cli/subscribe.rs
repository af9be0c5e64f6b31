//! Feeds that are published under an address: had before the first start, asked for news from then on.
//!
//! What is fetched lands in a file; that the file has changed is for `reload` to notice.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::app::App;
use crate::config::{Config, Limits, Remote};
use crate::feed::{self, FEED_BYTES_MAX};
use crate::origin::subscription::{News, NoNews, Subscription};
use crate::origin::upstream::Network;

/// Fetches the feeds of which there is no copy yet: without them the gateway would serve what they name.
pub async fn complete(config: &Config) -> Result<()> {
    let network = Arc::default();
    for remote in config.advisories.remotes() {
        if !remote.file(&config.data).exists() {
            ask(remote, &config.data, &network, &config.limits)
                .await
                .context("advisories.sources")?;
        }
    }
    Ok(())
}

/// Asks for news until aborted.
pub async fn poll(app: Arc<App>) {
    let network = Arc::default();
    loop {
        let pause = app.snapshot.load().config.advisories.poll.duration();
        tokio::time::sleep(pause.max(SHORTEST_PAUSE)).await;
        let snapshot = app.snapshot.load_full();
        let config = &snapshot.config;
        for remote in config.advisories.remotes() {
            let asked = ask(remote, &config.data, &network, &config.limits).await;
            let result = match &asked {
                Ok(News::Changed) => "changed",
                Ok(News::Unchanged) => "unchanged",
                Err(_) => "failed",
            };
            app.observer.metrics.feed_polled(result);
            match asked {
                Ok(news) => tracing::debug!(url = remote.url, ?news, "feed asked"),
                Err(error) => tracing::warn!(%error, "the advisories in force stay"),
            }
        }
    }
}

/// Nobody is asked more often.
const SHORTEST_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

async fn ask(
    remote: &Remote,
    data: &Path,
    network: &Arc<Network>,
    limits: &Limits,
) -> Result<News, NoNews> {
    let subscription = Subscription {
        remote,
        file: remote.file(data),
        network,
        limits,
        bytes_max: FEED_BYTES_MAX,
        check: |file| {
            let read = feed::read(&[file.to_owned()]);
            read.map(|_| ()).map_err(|error| error.to_string())
        },
    };
    subscription.refresh().await
}
