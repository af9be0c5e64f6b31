//! `portcullis exempt add|list|remove`: named exceptions with an end and a reason, written into the configuration.
//!
//! Policy stands in groups only, so an exemption is three keys of a group; what else stands in the file stays as it is.
//! A running gateway takes the file within a second.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::load::{compile, load};
use super::{Settings, say};
use crate::setup::replace;

#[derive(Args)]
pub struct Exempt {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Action {
    /// Exempt a package or a group of packages from controls
    Add {
        /// The group's pattern: /npm//left-pad$, /pypi/*
        pattern: String,
        /// lookalike, min_age, malware, vulnerability; several with commas
        #[arg(long, required = true, value_delimiter = ',')]
        controls: Vec<String>,
        /// The last day of it (2027-01-31), or a moment (RFC 3339)
        #[arg(long)]
        until: String,
        /// Why, and who said so
        #[arg(long)]
        reason: String,
    },
    /// Show every exemption and when it ends
    List,
    /// Take an exemption back
    Remove {
        /// The group's pattern
        pattern: String,
    },
}

impl Exempt {
    pub fn run(self) -> Result<ExitCode> {
        let loaded = load(&self.settings)?;
        match self.action {
            Action::List => {
                let (policy, _) = compile(&loaded.config)?;
                list(&policy);
                Ok(ExitCode::SUCCESS)
            }
            Action::Add {
                pattern,
                controls,
                until,
                reason,
            } => self.settings.clone().edit(loaded.file, |file| {
                if rules::moment::read_end(&until).is_some_and(|end| end <= SystemTime::now()) {
                    bail!("--until {until} is over already");
                }
                let group = group_of(file, &pattern)?;
                let mut known = controls_of(group);
                known.extend(controls.iter().cloned());
                known.sort();
                known.dedup();
                group["exempt"] = value(known.iter().collect::<Array>());
                group["until"] = value(&until);
                group["reason"] = value(&reason);
                Ok(format!(
                    "{pattern} is exempt from {} until {until}",
                    known.join(", ")
                ))
            }),
            Action::Remove { pattern } => self.settings.clone().edit(loaded.file, |file| {
                remove(file, &pattern)?;
                Ok(format!("{pattern} is exempt from nothing"))
            }),
        }
    }
}

impl Settings {
    /// Edits the configuration file; what could not be loaded is not written.
    fn edit(
        self,
        file: Option<PathBuf>,
        edit: impl FnOnce(&mut DocumentMut) -> Result<String>,
    ) -> Result<ExitCode> {
        let file =
            file.context("there is no portcullis.toml to write to; run `portcullis init`")?;
        let text = std::fs::read_to_string(&file)?;
        let mut document: DocumentMut = text.parse()?;
        let done = edit(&mut document)?;
        let draft = beside(&file);
        replace(&draft, &document.to_string())?;
        let drafted = Settings {
            config: Some(draft.clone()),
            ..self
        };
        let checked = load(&drafted).and_then(|loaded| compile(&loaded.config));
        std::fs::remove_file(&draft)?;
        checked.map_err(|error| anyhow!("{}", words_about(&error, &draft, &file)))?;
        replace(&file, &document.to_string())?;
        say(&done);
        Ok(ExitCode::SUCCESS)
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut draft = file.as_os_str().to_owned();
    draft.push(".draft");
    draft.into()
}

/// The error as if it were about the file itself.
fn words_about(error: &anyhow::Error, draft: &Path, file: &Path) -> String {
    let (draft, file) = (draft.display().to_string(), file.display().to_string());
    format!("{error:#}").replace(&draft, &file)
}

/// The group of this pattern, made if there is none.
fn group_of<'a>(file: &'a mut DocumentMut, pattern: &str) -> Result<&'a mut Table> {
    let groups = groups(file)?;
    let place = groups.iter().position(|group| is_of(group, pattern));
    let place = place.unwrap_or_else(|| {
        let mut group = Table::new();
        group["pattern"] = value(pattern);
        groups.push(group);
        groups.len() - 1
    });
    groups.get_mut(place).context("the group was there")
}

fn groups(file: &mut DocumentMut) -> Result<&mut ArrayOfTables> {
    let groups = file
        .entry("group")
        .or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    groups
        .as_array_of_tables_mut()
        .context("`group` is not written as [[group]]; write it so, or edit the file by hand")
}

fn is_of(group: &Table, pattern: &str) -> bool {
    group.get("pattern").and_then(Item::as_str) == Some(pattern)
}

fn controls_of(group: &Table) -> Vec<String> {
    let controls = group.get("exempt").and_then(Item::as_array);
    let controls = controls.into_iter().flatten();
    controls
        .filter_map(|control| control.as_str().map(str::to_owned))
        .collect()
}

/// Takes the three keys out, and the group with them if it said nothing else.
fn remove(file: &mut DocumentMut, pattern: &str) -> Result<()> {
    let groups = groups(file)?;
    let exempt = |group: &Table| is_of(group, pattern) && group.contains_key("exempt");
    let Some(place) = groups.iter().position(exempt) else {
        bail!("no group {pattern} has an exemption; `portcullis exempt list` shows them");
    };
    if let Some(group) = groups.get_mut(place) {
        for key in ["exempt", "until", "reason"] {
            group.remove(key);
        }
        if group.len() == 1 {
            groups.remove(place);
        }
    }
    Ok(())
}

fn list(policy: &rules::Policy) {
    let now = SystemTime::now();
    let mut none = true;
    for exemption in policy.exemptions() {
        none = false;
        let controls = exemption.controls.iter().map(|control| control.as_str());
        let controls = controls.collect::<Vec<_>>().join(", ");
        let ends = match exemption.until {
            None => "without end".to_owned(),
            Some(until) if until <= now => format!("ended {}Z", rules::moment::show(until)),
            Some(until) => format!("until {}Z", rules::moment::show(until)),
        };
        let reason = exemption.reason.unwrap_or("no reason given");
        say(&format!(
            "{}  {controls}  {ends}  {reason}",
            exemption.group
        ));
    }
    if none {
        say("nothing is exempt");
    }
}
