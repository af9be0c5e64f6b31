//! `portcullis cache stats|verify|purge`: on the folder, whether the gateway runs or not.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::load::load;
use super::{Settings, say};
use crate::app::cache_limits;

#[derive(Args)]
pub struct CacheCommand {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Action {
    /// Count what is kept
    Stats,
    /// Read every body and compare its digest; damaged ones are set aside and fetched again when asked for
    Verify,
    /// Remove entries by the start of their name: npm/left-pad/ or pypi/ or maven/org.slf4j:slf4j-api/2.0.9/
    Purge {
        /// What the names start with
        prefix: String,
    },
}

impl CacheCommand {
    pub fn run(self) -> Result<ExitCode> {
        let loaded = load(&self.settings)?;
        let folder = loaded.config.data.join("cache");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let cache = cache::Cache::open(&folder, cache_limits(&loaded.config.limits))
                .await
                .with_context(|| format!("{} can't be opened", folder.display()))?;
            match self.action {
                Action::Stats => stats(&cache).await,
                Action::Verify => verify(&cache).await,
                Action::Purge { prefix } => {
                    let removed = cache.purge(&prefix).await?;
                    say(&format!("{removed} entries removed"));
                    Ok(ExitCode::SUCCESS)
                }
            }
        })
    }
}

async fn stats(cache: &cache::Cache) -> Result<ExitCode> {
    // The count runs in the background after opening; it is done when it says so.
    while !cache.stats().scan_complete {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let stats = cache.stats();
    say(&format!(
        "entries {}\nbytes   {}",
        stats.entries, stats.bytes
    ));
    Ok(ExitCode::SUCCESS)
}

async fn verify(cache: &cache::Cache) -> Result<ExitCode> {
    let report = cache.verify().await?;
    say(&format!("bodies {}\nbytes  {}", report.blobs, report.bytes));
    for name in &report.damaged {
        say(&format!("damaged, set aside: {name}"));
    }
    for name in &report.unreadable {
        say(&format!("unreadable: {name}"));
    }
    Ok(
        if report.damaged.is_empty() && report.unreadable.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        },
    )
}
