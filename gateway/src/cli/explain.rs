//! `portcullis explain`: the decision about a package, by the very judge that serves; no network.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result};
use clap::Args;
use rules::{Ecosystem, PackageName, Policy};

use super::load::{compile, load, repository_or_default};
use super::{Settings, say};

#[derive(Args)]
pub struct Explain {
    /// The package: /npm//left-pad, /npm/scope/name, /pypi//six, /maven/group/artifact
    #[arg(required_unless_present = "batch")]
    package: Option<String>,
    /// A version of it
    #[arg(long)]
    version: Option<String>,
    /// The repository that is asked [default: public, else the first]
    #[arg(long)]
    repository: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Read `ecosystem<TAB>name[<TAB>version]` lines, print `verdict<TAB>rule<TAB>imitated<TAB>reason` lines
    #[arg(long)]
    batch: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Explain {
    pub fn run(self) -> Result<ExitCode> {
        let loaded = load(&self.settings)?;
        let (policy, _) = compile(&loaded.config)?;
        let repository = repository_or_default(&loaded.config, self.repository.as_deref())?;
        if self.batch {
            return batch(&policy, &repository);
        }
        let path = self.package.as_deref().unwrap_or_default();
        let package = rules::parse_path(path).with_context(|| path.to_owned())?;
        let explanation = policy.explain(
            &package,
            &repository,
            self.version.as_deref(),
            SystemTime::now(),
        );
        match self.json {
            true => say(&serde_json::to_string_pretty(&explanation)?),
            false => say(explanation.to_string().trim_end()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// One line out for each line in, in order, while it streams.
fn batch(policy: &Policy, repository: &str) -> Result<ExitCode> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let answer = answer(policy, repository, &line?);
        if writeln!(out, "{answer}").is_err() {
            break;
        }
    }
    let _ = out.flush();
    Ok(ExitCode::SUCCESS)
}

fn answer(policy: &Policy, repository: &str, line: &str) -> String {
    let mut columns = line.split('\t');
    let ecosystem = columns.next().unwrap_or_default();
    let name = columns.next().unwrap_or_default();
    let version = columns.next();
    let package = ecosystem
        .parse::<Ecosystem>()
        .map_err(|error| error.to_string())
        .and_then(|ecosystem| {
            PackageName::parse(ecosystem, name).map_err(|error| error.to_string())
        });
    match package {
        // No such name can exist here, so nothing of that name is ever served.
        Err(error) => format!("deny\tname\t\t{}", error.replace(['\t', '\n', '\r'], " ")),
        Ok(package) => {
            let explained = policy.explain(&package, repository, version, SystemTime::now());
            let imitated = explained
                .reason
                .as_ref()
                .and_then(|reason| reason.imitates.as_deref());
            let rule = match &explained.reason {
                Some(reason) => format!("{}:{}", reason.control.as_str(), reason.group),
                None => explained.group.clone(),
            };
            format!(
                "{}\t{rule}\t{}\t{}",
                explained.verdict.as_str(),
                imitated.unwrap_or_default(),
                explained.sentence
            )
        }
    }
}
