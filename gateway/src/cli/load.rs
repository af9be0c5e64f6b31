//! From the command line's settings to a configuration: file, environment, and what the package managers know.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};

use rules::Knowledge;

use super::Settings;
use crate::config::discover::discover;
use crate::config::{Config, Discovery, Environment, Overrides, Surroundings, own_addresses};

/// A configuration and where it came from.
pub struct Loaded {
    pub config: Config,
    /// The file, if there was one.
    pub file: Option<PathBuf>,
    /// The file's date and size, taken before it was read: a later change has another.
    pub stamp: Option<Stamp>,
    pub notes: Vec<String>,
    /// Whether the file says nothing at all.
    pub is_blank: bool,
}

/// What tells a changed file: its date and size.
pub type Stamp = (SystemTime, u64);

/// The stamp of a file as it is now.
pub fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

const DEFAULT_FILE: &str = "portcullis.toml";

/// Reads and completes the configuration.
pub fn load(settings: &Settings) -> Result<Loaded> {
    let (file, stamp, text) = text_of(settings)?;
    let surroundings = Surroundings::of_process();
    let overrides = overrides(settings, &surroundings);
    let discovery = if names_every_upstream(&text) {
        Discovery::default()
    } else {
        discover(&surroundings, &own_addresses(&text, &overrides))
    };
    let origin = file
        .clone()
        .unwrap_or_else(|| PathBuf::from("embedded defaults"));
    let config = Config::load(&text, &origin, overrides, &discovery)?;
    let mut notes = discovery.notes;
    notes.extend(config.notes.iter().cloned());
    let is_blank = text.trim().is_empty();
    Ok(Loaded {
        config,
        file,
        stamp,
        notes,
        is_blank,
    })
}

fn text_of(settings: &Settings) -> Result<(Option<PathBuf>, Option<Stamp>, String)> {
    let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.is_file());
    let Some(file) = settings.config.clone().or_else(default) else {
        return Ok((None, None, String::new()));
    };
    let before = stamp(&file);
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("{} can't be read", file.display()))?;
    Ok((Some(file), before, text))
}

fn overrides(settings: &Settings, surroundings: &Surroundings) -> Overrides {
    Overrides {
        listen: settings.listen,
        admin: settings.admin,
        data: settings.data.clone(),
        public_url: settings.public_url.clone(),
        environment: Environment(surroundings.env.clone()),
    }
}

/// Whether nothing is left to discover, so that no client has to be asked.
fn names_every_upstream(text: &str) -> bool {
    let table: toml::Table = text.parse().unwrap_or_default();
    let upstreams = table.get("upstreams").and_then(toml::Value::as_table);
    upstreams.is_some_and(|upstreams| {
        rules::Ecosystem::PROXIED
            .iter()
            .all(|each| upstreams.contains_key(each.as_str()))
    })
}

/// Compiles the rules of a configuration, to be judged with its advisories; the error lists every finding.
pub fn compile(config: &Config) -> Result<(rules::Policy, Vec<rules::Finding>)> {
    let knowledge = knowledge(config)?;
    rules::Policy::compile_with(&config.policy_spec, knowledge)
        .map_err(|findings| anyhow!(lines(&findings)))
}

/// Reads the popular names and advisories of a configuration.
pub fn knowledge(config: &Config) -> Result<Knowledge> {
    let knowledge = super::lists::kept(&config.data)?;
    if config.advisories.sources.is_empty() {
        return Ok(knowledge);
    }
    let feed = crate::feed::read(&config.advisories.files(&config.data))?;
    Ok(knowledge.with_advisories(Arc::new(feed.advisories)))
}

/// The repository named, or else `public`, or else the first.
pub fn repository_or_default(config: &Config, named: Option<&str>) -> Result<String> {
    let names: Vec<&str> = config
        .repositories
        .iter()
        .map(|each| each.spec.name.as_str())
        .collect();
    let default = names.iter().find(|name| **name == "public");
    match named {
        Some(name) if names.contains(&name) => Ok(name.to_owned()),
        Some(name) => Err(anyhow!(
            "no repository is called {name}; there are {}",
            names.join(", ")
        )),
        None => Ok(default
            .or(names.first())
            .map_or_else(String::new, |name| (*name).to_owned())),
    }
}

/// Findings, one a line.
pub fn lines(findings: &[rules::Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
