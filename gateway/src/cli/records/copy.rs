//! `portcullis copy`: promotion from one repository to another.

use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use rules::{Flags, PackageName};

use super::super::load::{compile, load};
use super::super::{Settings, say};
use super::{known_repository, package, with_state};
use crate::state::{CopyOrder, CopyRefusal, Copying};

/// Promotion: versions of one repository appear in another, all that are named or none.
#[derive(Args)]
pub struct CopyCommand {
    #[arg(value_parser = package)]
    package: PackageName,
    /// The versions to copy
    #[arg(required = true)]
    versions: Vec<String>,
    /// The repository that has them
    #[arg(long)]
    from: String,
    /// The repository that gets them
    #[arg(long)]
    to: String,
    /// Replace versions that have other files there
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    settings: Settings,
}

impl CopyCommand {
    pub fn run(self) -> Result<ExitCode> {
        let loaded = load(&self.settings)?;
        known_repository(&loaded, &self.from)?;
        known_repository(&loaded, &self.to)?;
        let (policy, _) = compile(&loaded.config)?;
        let versions: Vec<&str> = self.versions.iter().map(String::as_str).collect();
        let copying = with_state(&loaded, async |state| {
            let record = state.package(&self.to, &self.package).await?;
            let flags = record.map_or(Flags::DEFER, |record| record.flags);
            // What arrives here is as good as published here.
            policy
                .publish(&self.package, &self.to, flags)
                .map_err(|reason| anyhow!(reason.sentence))?;
            let order = CopyOrder {
                from: &self.from,
                to: &self.to,
                package: &self.package,
                versions: &versions,
                overwrite: self.overwrite,
                now: SystemTime::now(),
            };
            Ok(state.copy_versions(&order).await?)
        })?;
        self.tell(copying)
    }

    fn tell(&self, copying: Copying) -> Result<ExitCode> {
        match copying {
            Copying::Done(copied) => {
                for each in copied {
                    let how = if each.unchanged {
                        "was there"
                    } else {
                        "copied"
                    };
                    say(&format!(
                        "{} {} {how}: {}",
                        self.package, each.version, self.to
                    ));
                }
                Ok(ExitCode::SUCCESS)
            }
            Copying::Refused(refusals) => {
                let why = |refusal: &CopyRefusal| match refusal {
                    CopyRefusal::NotFound => "is not there".to_owned(),
                    CopyRefusal::AlreadyExists => "has other files at the destination".to_owned(),
                    CopyRefusal::NotAllowed(status) => format!("is {status}"),
                };
                let lines = refusals.iter();
                let lines = lines.map(|(version, refusal)| format!("{version} {}", why(refusal)));
                bail!(
                    "nothing was copied: {}",
                    lines.collect::<Vec<_>>().join("; ")
                )
            }
        }
    }
}
