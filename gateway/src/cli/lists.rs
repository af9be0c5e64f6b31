//! `portcullis lists show|update`: the popular names that look-alikes are compared with, in place of the embedded ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use rules::lookalike::{LIST_BYTES_MAX, Popular};
use rules::{Ecosystem, Knowledge};

use super::load::load;
use super::{Settings, say};
use crate::config::{Config, Remote};
use crate::origin::subscription::Subscription;
use crate::setup::replace_bytes;

#[derive(Args)]
pub struct Lists {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Action {
    /// Show which lists are in force
    Show,
    /// Replace the list of an ecosystem; a running gateway takes it within a second
    Update {
        /// Whose list it is: npm, pypi, maven
        ecosystem: Ecosystem,
        /// A file or an address: one name a line, CSV, JSON, or this program's own form; most popular first
        #[arg(long)]
        from: String,
    },
    /// Go back to the embedded list
    Reset {
        /// Whose list it is: npm, pypi, maven
        ecosystem: Ecosystem,
    },
}

impl Lists {
    pub fn run(self) -> Result<ExitCode> {
        let config = load(&self.settings)?.config;
        match self.action {
            Action::Show => show(&kept(&config.data)?),
            Action::Update { ecosystem, from } => update(&config, ecosystem, &from)?,
            Action::Reset { ecosystem } => {
                let file = file_of(&config.data, ecosystem);
                if file.exists() {
                    fs::remove_file(&file).with_context(|| file.display().to_string())?;
                }
                say(&format!("{ecosystem}: the embedded list is in force"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Where a list is kept that stands in place of an embedded one.
fn file_of(data: &Path, ecosystem: Ecosystem) -> PathBuf {
    data.join("lists").join(format!("{ecosystem}.names"))
}

/// The files of all lists, whether they are there or not.
pub fn files(data: &Path) -> Vec<PathBuf> {
    Ecosystem::PROXIED
        .map(|ecosystem| file_of(data, ecosystem))
        .into()
}

/// The lists in force: kept ones in place of the embedded.
pub fn kept(data: &Path) -> Result<Knowledge> {
    let mut knowledge = Knowledge::default();
    for file in files(data) {
        if !file.exists() {
            continue;
        }
        let name = || format!("{}: remove it, or update the list again", file.display());
        let bytes = fs::read(&file).with_context(name)?;
        let popular = Popular::decode(&bytes).with_context(name)?;
        knowledge = knowledge.with_popular(Arc::new(popular));
    }
    Ok(knowledge)
}

fn show(knowledge: &Knowledge) {
    for ecosystem in Ecosystem::PROXIED {
        let popular = knowledge.popular(ecosystem);
        let date = Some(popular.date()).filter(|date| !date.is_empty());
        say(&format!(
            "{ecosystem:<6} {:>6} names  of {}  {}",
            popular.len(),
            date.unwrap_or("no date"),
            popular.source()
        ));
    }
}

fn update(config: &Config, ecosystem: Ecosystem, from: &str) -> Result<()> {
    let bytes = match from.contains("://") {
        true => download(config, from)?,
        false => fs::read(from).with_context(|| from.to_owned())?,
    };
    let mut popular = Popular::from_bytes(ecosystem, &bytes).with_context(|| from.to_owned())?;
    if popular.date().is_empty() {
        let now = rules::moment::show(SystemTime::now());
        popular = popular.with_date(now.split('T').next().unwrap_or_default());
    }
    if popular.source().is_empty() {
        popular = popular.with_source(from);
    }
    let file = file_of(&config.data, ecosystem);
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    replace_bytes(&file, &popular.encode()).with_context(|| file.display().to_string())?;
    let (names, date) = (popular.len(), popular.date());
    say(&format!(
        "{ecosystem}: {names} names of {date} are in force"
    ));
    Ok(())
}

fn download(config: &Config, from: &str) -> Result<Vec<u8>> {
    let remote = Remote::parse(from).map_err(anyhow::Error::msg)?;
    let file = remote.file(&config.data);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let subscription = Subscription {
        remote: &remote,
        file: file.clone(),
        network: &Arc::default(),
        limits: &config.limits,
        bytes_max: LIST_BYTES_MAX as u64,
        check: |_| Ok(()),
    };
    runtime.block_on(subscription.refresh())?;
    fs::read(&file).with_context(|| file.display().to_string())
}
