//! `portcullis preflight`: what would become of a lockfile's packages.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};

use super::load::{compile, load, repository_or_default};
use super::{Settings, say};
use crate::preflight::check::Report;
use crate::preflight::lockfile::{Reach, discover, read, settle};

#[derive(Args)]
pub struct Preflight {
    /// Lockfiles, or folders that hold some [default: this folder]
    files: Vec<PathBuf>,
    /// Look into the folders below, too
    #[arg(long)]
    tree: bool,
    /// The repository that would be asked [default: public, else the first]
    #[arg(long)]
    repository: Option<String>,
    /// How to tell it
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// What is not plainly allowed, for people
    Table,
    /// Every package
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

impl Preflight {
    /// Exit status: 0 all would be served, 1 something would be refused or was not understood.
    pub fn run(self) -> Result<ExitCode> {
        let loaded = load(&self.settings)?;
        let (policy, _) = compile(&loaded.config)?;
        let repository = repository_or_default(&loaded.config, self.repository.as_deref())?;
        let mut lockfiles = Vec::new();
        for file in self.lockfiles()? {
            lockfiles.push(read(&file)?);
        }
        settle(&mut lockfiles);
        let report = Report::of(&lockfiles, &policy, &repository, SystemTime::now());
        say(&match self.format {
            Format::Table => report.table(),
            Format::Json => serde_json::to_string_pretty(&report)?,
            Format::Sarif => serde_json::to_string_pretty(&report.sarif())?,
        });
        let clean = report.refused().next().is_none() && report.problems.is_empty();
        Ok(ExitCode::from(u8::from(!clean)))
    }

    fn lockfiles(&self) -> Result<Vec<PathBuf>> {
        let here = [PathBuf::from(".")];
        let given = if self.files.is_empty() {
            &here[..]
        } else {
            &self.files
        };
        let reach = if self.tree {
            Reach::Tree
        } else {
            Reach::Folder
        };
        let mut files = Vec::new();
        for path in given {
            if path.is_dir() {
                files.extend(discover(path, reach)?);
            } else {
                files.push(path.clone());
            }
        }
        if files.is_empty() {
            return Err(anyhow!(
                "there is no lockfile here; name one, or a folder that has one"
            ));
        }
        Ok(files)
    }
}
