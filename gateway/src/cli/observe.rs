//! `portcullis observe report`: what controls that only observe would have refused, and for whom.

use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use rules::Age;
use serde_json::{Value, json};

use super::load::load;
use super::{Settings, say};
use crate::state::{State, WouldHaveRefused};

#[derive(Args)]
pub struct Observe {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Action {
    /// Sum up what observed controls would have refused
    Report {
        /// How far back: 12h, 7d, 4w
        #[arg(long, default_value = "7d", value_parser = age)]
        since: Age,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn age(text: &str) -> Result<Age, String> {
    Age::parse(text).ok_or_else(|| "write a number and a unit, such as 12h, 7d or 4w".to_owned())
}

impl Observe {
    pub fn run(self) -> Result<ExitCode> {
        let Action::Report { since, json } = self.action;
        let place = load(&self.settings)?.config.state;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let from = SystemTime::now()
            .checked_sub(since.duration())
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let rows = runtime.block_on(async {
            let state = State::open(&place).await;
            let state = state.with_context(|| format!("state.url: {place}"))?;
            let rows = state.would_have_refused(from).await?;
            state.close().await;
            Ok::<_, anyhow::Error>(rows)
        })?;
        match json {
            true => {
                let rows: Vec<Value> = rows.iter().map(as_json).collect();
                say(&serde_json::to_string_pretty(&rows)?);
            }
            false => tell(&rows, since),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn as_json(row: &WouldHaveRefused) -> Value {
    json!({
        "control": row.control,
        "group": row.group,
        "package": row.package,
        "version": row.version,
        "requests": row.count,
        "clients": row.clients,
        "asked_by": row.principals,
        "first": format!("{}Z", rules::moment::show(row.first)),
        "last": format!("{}Z", rules::moment::show(row.last)),
        "reason": row.sentence,
    })
}

fn tell(rows: &[WouldHaveRefused], since: Age) {
    if rows.is_empty() {
        return say(&format!(
            "nothing would have been refused in the last {since}"
        ));
    }
    for row in rows {
        let version = row.version.as_deref().unwrap_or("(whole package)");
        say(&format!(
            "{} {version}  {} by {}  {} requests of {} clients: {}\n      {}",
            row.package,
            row.control,
            row.group,
            row.count,
            row.clients,
            row.principals.join(", "),
            row.sentence,
        ));
    }
}
