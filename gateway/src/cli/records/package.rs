//! `portcullis package show|set-origin`.

use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use rules::{Flag, FlagSetting, Flags, PackageName};

use super::super::load::{Loaded, compile, load};
use super::super::{Settings, say};
use super::{known_repository, package, with_state};

#[derive(Args)]
pub struct PackageCommand {
    #[command(subcommand)]
    action: PackageAction,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum PackageAction {
    /// Show the record of a package in a repository: its flags, who set them, its versions
    Show {
        #[arg(value_parser = package)]
        package: PackageName,
        #[arg(long, default_value = "public")]
        repository: String,
    },
    /// Set both flags by hand; blocking always wins over what the group says
    SetOrigin {
        #[arg(value_parser = package)]
        package: PackageName,
        #[arg(long, default_value = "public")]
        repository: String,
        /// Whether new versions may be published
        #[arg(long, value_enum)]
        publish: FlagName,
        /// Whether new versions may come from elsewhere
        #[arg(long, value_enum)]
        upstream: FlagName,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum FlagName {
    Allow,
    Block,
}

impl FlagName {
    const fn flag(self) -> Flag {
        match self {
            Self::Allow => Flag::Allow,
            Self::Block => Flag::Block,
        }
    }
}

impl PackageCommand {
    pub fn run(self) -> Result<ExitCode> {
        let loaded = load(&self.settings)?;
        match self.action {
            PackageAction::Show {
                package,
                repository,
            } => show(&loaded, &package, &repository)?,
            PackageAction::SetOrigin {
                package,
                repository,
                publish,
                upstream,
            } => {
                known_repository(&loaded, &repository)?;
                let flags = (publish.flag(), upstream.flag());
                with_state(&loaded, async |state| {
                    let set = state.set_flags(&repository, &package, flags, SystemTime::now());
                    Ok(set.await?)
                })?;
                show(&loaded, &package, &repository)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(loaded: &Loaded, package: &PackageName, repository: &str) -> Result<()> {
    let (policy, _) = compile(&loaded.config)?;
    let (record, hosted) = with_state(loaded, async |state| {
        let record = state.package(repository, package).await?;
        Ok((record, state.hosted(repository, package).await?))
    })?;
    let Some(record) = record else {
        say(&format!(
            "{package} has no record in {repository}: its group decides alone"
        ));
        return Ok(());
    };
    let effective = record.flags.effective(&policy, package);
    let set = match record.flags.set {
        FlagSetting::ByHand => "set by hand",
        FlagSetting::Defaulted(rules::Arrival::Published) => "by default: it was published here",
        FlagSetting::Defaulted(rules::Arrival::Ingested) => "by default: it came from outside",
    };
    let word = |flag| match flag {
        Flag::Allow => "allow",
        Flag::Block => "block",
    };
    let Flags {
        publish, upstream, ..
    } = effective;
    say(&format!(
        "{package} in {repository}  publish {}  upstream {}  ({set})",
        word(publish),
        word(upstream)
    ));
    for version in hosted.iter().flat_map(|hosted| &hosted.versions) {
        say(&format!(
            "  {}  {}  {}Z  by {}  {} files",
            version.version,
            version.status,
            rules::moment::show(version.published_at),
            version.publisher.as_deref().unwrap_or("nobody known"),
            version.files.len()
        ));
    }
    Ok(())
}
