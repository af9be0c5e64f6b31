//! `portcullis check`: reads everything, starts nothing.

use std::process::ExitCode;

use anyhow::Result;

use super::load::load;
use super::{Settings, say};

/// Exit status 0 clean, 1 findings in the rules, 2 a configuration that can't be read (by the caller, from the error).
pub fn run(settings: Settings) -> Result<ExitCode> {
    let loaded = load(&settings)?;
    let findings = match rules::Policy::compile(&loaded.config.policy_spec) {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    };
    for finding in &findings {
        say(&finding.to_string());
    }
    for note in &loaded.notes {
        say(&format!("note: {note}"));
    }
    if findings.is_empty() {
        let groups = loaded.config.policy_spec.groups.len();
        let repositories = loaded.config.repositories.len();
        say(&format!(
            "clean: {repositories} repositories, {groups} package groups"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(1))
}
