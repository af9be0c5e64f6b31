//! `portcullis cache stats|verify|purge`: on the folder, whether the gateway runs or not. What is published lies elsewhere,
//! but is verified with it.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::load::load;
use super::{Settings, say};
use crate::app::cache_limits;
use crate::config::Config;
use crate::hosted::{Blobs, Condition};
use crate::state::State;

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
    /// Read every body and compare its digest: damaged ones are set aside and fetched again when asked for; what is
    /// published here and damaged is named, to be restored from a backup
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
                Action::Verify => {
                    let kept = verify(&cache).await?;
                    let published = verify_published(&loaded.config).await?;
                    Ok(ExitCode::from(u8::from(!(kept && published))))
                }
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

/// Whether everything is whole.
async fn verify(cache: &cache::Cache) -> Result<bool> {
    let report = cache.verify().await?;
    say(&format!("bodies {}\nbytes  {}", report.blobs, report.bytes));
    for name in &report.damaged {
        say(&format!("damaged, set aside: {name}"));
    }
    for name in &report.unreadable {
        say(&format!("unreadable: {name}"));
    }
    Ok(report.damaged.is_empty() && report.unreadable.is_empty())
}

/// How many digests are read from the state database at once.
const PAGE: u32 = 1000;

/// Whether the bytes of everything that is published are there, and are what they were.
async fn verify_published(config: &Config) -> Result<bool> {
    let state = State::open(&config.state).await;
    let state = state.with_context(|| format!("state.url: {}", config.state))?;
    let blobs = Blobs::open(&config.data.join("hosted"))?;
    let (mut after, mut files, mut damaged) = (String::new(), 0_u64, 0_u64);
    loop {
        let page = state.blobs_in_use(&after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(last);
        for sha256 in &page {
            files += 1;
            let problem = match blobs.verify(sha256)? {
                Condition::Whole => continue,
                Condition::Absent => "missing",
                Condition::Damaged => "damaged",
            };
            damaged += 1;
            say(&format!("{problem}, published: {sha256}"));
        }
    }
    say(&format!("published {files}"));
    state.close().await;
    Ok(damaged == 0)
}
