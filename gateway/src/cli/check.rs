//! `portcullis check`: reads everything, starts nothing.

use std::process::ExitCode;

use anyhow::Result;

use super::load::load;
use super::{Settings, say};

/// Exit status 0 clean, 1 findings, 2 unusable: rules or a configuration that `serve` would refuse.
pub fn run(settings: Settings) -> Result<ExitCode> {
    let loaded = load(&settings)?;
    let (findings, usable) = match rules::Policy::compile(&loaded.config.policy_spec) {
        Ok((_, warnings)) => (warnings, true),
        Err(findings) => (findings, false),
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
            "clean: {}, {}",
            counted(repositories, "repository", "repositories"),
            counted(groups, "package group", "package groups"),
        ));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(if usable { 1 } else { 2 }))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
