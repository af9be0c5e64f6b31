//! `portcullis check`: reads everything, starts nothing.

use std::process::ExitCode;

use anyhow::Result;

use super::load::{compile, load};
use super::{Settings, say};

/// Exit status 0 clean, 1 findings, 2 unusable.
pub fn run(settings: Settings) -> Result<ExitCode> {
    let loaded = load(&settings)?;
    let (_, warnings) = compile(&loaded.config)?;
    for warning in &warnings {
        say(&warning.to_string());
    }
    for note in &loaded.notes {
        say(&format!("note: {note}"));
    }
    if warnings.is_empty() {
        let groups = loaded.config.policy_spec.groups.len();
        let repositories = loaded.config.repositories.len();
        say(&format!("clean: {repositories} repositories, {groups} package groups"));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(1))
}
