//! `portcullis version set-status|yank`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use rules::PackageName;

use super::super::load::load;
use super::super::{Settings, say};
use super::{package, with_state};
use crate::state::{State, Status, StatusChange, VersionAddress};

#[derive(Args)]
pub struct VersionCommand {
    #[command(subcommand)]
    action: VersionAction,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum VersionAction {
    /// Change what clients see of a version: published, unlisted, archived, disposed, or deleted
    SetStatus {
        #[arg(value_parser = package)]
        package: PackageName,
        version: String,
        status: String,
        #[arg(long, default_value = "public")]
        repository: String,
        /// Only if this is its status now
        #[arg(long)]
        expected: Option<Status>,
    },
    /// Mark a PyPI file's version as yanked (PEP 592), or take the mark off
    Yank {
        #[arg(value_parser = package)]
        package: PackageName,
        version: String,
        /// Why; installers show it
        #[arg(long, default_value = "")]
        reason: String,
        /// Take the mark off
        #[arg(long)]
        undo: bool,
        #[arg(long, default_value = "public")]
        repository: String,
    },
}

impl VersionCommand {
    pub fn run(self) -> Result<ExitCode> {
        let loaded = load(&self.settings)?;
        match self.action {
            VersionAction::SetStatus {
                package,
                version,
                status,
                repository,
                expected,
            } => {
                let address = VersionAddress {
                    repository: &repository,
                    package: &package,
                    version: &version,
                };
                with_state(&loaded, async |state| {
                    changed(state, &address, expected, &status).await
                })?;
                say(&format!("{package} {version} is {status} in {repository}"));
            }
            VersionAction::Yank {
                package,
                version,
                reason,
                undo,
                repository,
            } => {
                if package.ecosystem() != rules::Ecosystem::Pypi {
                    bail!("only PyPI knows yanking; npm has `npm deprecate`");
                }
                let yanked = (!undo).then_some(reason);
                let address = VersionAddress {
                    repository: &repository,
                    package: &package,
                    version: &version,
                };
                let files = with_state(&loaded, async |state| yank(state, &address, yanked).await)?;
                say(&format!("{files} files of {package} {version} changed"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn changed(
    state: &State,
    address: &VersionAddress<'_>,
    expected: Option<Status>,
    status: &str,
) -> Result<()> {
    let VersionAddress {
        package, version, ..
    } = address;
    if status == "deleted" {
        return match state.delete_version(address).await? {
            true => Ok(()),
            false => bail!("{package} {version} is not published here"),
        };
    }
    let to: Status = status.parse()?;
    match state.set_status(address, expected, to).await? {
        StatusChange::Changed | StatusChange::Unchanged => Ok(()),
        StatusChange::NotFound => bail!("{package} {version} is not published here"),
        StatusChange::Mismatched(now) => bail!("{package} {version} is {now}, not as expected"),
        StatusChange::NotAllowed(now) => {
            bail!("{package} {version} is {now} and can't become {to}")
        }
    }
}

async fn yank(
    state: &State,
    address: &VersionAddress<'_>,
    yanked: Option<String>,
) -> Result<usize> {
    let hosted = state.hosted(address.repository, address.package).await?;
    let versions = hosted.iter().flat_map(|hosted| &hosted.versions);
    let files = versions
        .filter(|it| it.version == address.version)
        .flat_map(|it| &it.files);
    let mut changed = 0;
    for file in files {
        let mut note: crate::hosted::notes::File = crate::hosted::notes::read(&file.metadata);
        if note.beside {
            continue;
        }
        note.yanked.clone_from(&yanked);
        let note = crate::hosted::notes::write(&note);
        state
            .set_file_metadata(address, &file.filename, &note)
            .await?;
        changed += 1;
    }
    match changed {
        0 => bail!(
            "{} {} is not published here",
            address.package,
            address.version
        ),
        changed => Ok(changed),
    }
}
