//! `portcullis preflight`: what would become of a lockfile's packages.

mod live;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use rules::Verdict;

use super::load::{compile, load, repository_or_default};
use super::{Settings, say};
use crate::preflight::check::{Report, by_rules, questions};
use crate::preflight::exchange::{Answer, Question};
use crate::preflight::lockfile::{Lockfile, Reach, discover, read, settle};

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
    /// Ask the running gateway at this address, which knows dates, instead of the configuration's rules
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
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
        let mut lockfiles = Vec::new();
        for file in self.lockfiles()? {
            lockfiles.push(read(&file)?);
        }
        settle(&mut lockfiles);
        let report = match &self.gateway {
            Some(gateway) => self.by_gateway(gateway, &lockfiles)?,
            None => self.by_configuration(&lockfiles)?,
        };
        say(&match self.format {
            Format::Table => report.table(),
            Format::Json => serde_json::to_string_pretty(&report)?,
            Format::Sarif => serde_json::to_string_pretty(&report.sarif())?,
        });
        let clean = report.refused().next().is_none() && report.problems.is_empty();
        Ok(ExitCode::from(u8::from(!clean)))
    }

    fn by_configuration(&self, lockfiles: &[Lockfile]) -> Result<Report> {
        let loaded = load(&self.settings)?;
        let (policy, _) = compile(&loaded.config)?;
        let repository = repository_or_default(&loaded.config, self.repository.as_deref())?;
        let now = SystemTime::now();
        Ok(Report::of(lockfiles, |question| {
            by_rules(&policy, &repository, question, now)
                .unwrap_or_else(|error| unjudged(question, error.to_string()))
        }))
    }

    fn by_gateway(&self, gateway: &str, lockfiles: &[Lockfile]) -> Result<Report> {
        let asked = lockfiles
            .iter()
            .flat_map(questions)
            .map(|(_, question)| question);
        let asked: BTreeSet<Question> = asked.collect();
        let asked: Vec<Question> = asked.into_iter().collect();
        let repository = self.repository.as_deref().unwrap_or("public");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let answers = runtime.block_on(live::ask(gateway, repository, &asked))?;
        let key = |answer: &Answer| Question {
            ecosystem: answer.ecosystem,
            package: answer.package.clone(),
            version: answer.version.clone(),
        };
        let answers: HashMap<Question, Answer> = answers
            .into_iter()
            .map(|answer| (key(&answer), answer))
            .collect();
        Ok(Report::of(lockfiles, |question| {
            let answer = answers.get(question).cloned();
            answer.unwrap_or_else(|| unjudged(question, "the gateway did not answer".to_owned()))
        }))
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

/// A version that nobody could judge: that is a finding.
fn unjudged(question: &Question, problem: String) -> Answer {
    Answer {
        ecosystem: question.ecosystem,
        package: question.package.clone(),
        version: question.version.clone(),
        verdict: Verdict::Hold,
        rule: String::new(),
        reason: problem.clone(),
        nearest: None,
        problem: Some(problem),
    }
}
