//! `portcullis authority`: the certificate authority that network mode opens connections with.

mod trust;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::{Settings, complain, crossing, load, say};
use crate::authority::{self, LIFE, Terms};
use crate::config::{Config, Network};
use crate::network::interception::host_names;

#[derive(Args)]
pub struct AuthorityCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Make a key and a certificate that is good for the registries' hosts and nothing else
    Create(Create),
    /// Say what the authority is good for, and for how long
    Show(Settings),
    /// Make a successor; clients that trust the present one go on working
    Rotate(Hosts),
    /// Make clients trust it; trust is added, never replaced
    Trust(TrustCommand),
}

#[derive(Args)]
struct TrustCommand {
    #[command(flatten)]
    trust: trust::Trust,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
struct Create {
    /// Whose it is; stands in its name
    #[arg(long)]
    owner: Option<String>,
    /// How many days it is valid
    #[arg(long, default_value_t = LIFE.as_secs() / DAY)]
    days: u64,
    #[command(flatten)]
    hosts: Hosts,
}

#[derive(Args)]
struct Hosts {
    /// Another host that it is to be good for; repeat for more
    #[arg(long = "host", value_name = "NAME")]
    more: Vec<String>,
    #[command(flatten)]
    settings: Settings,
}

const DAY: u64 = 86_400;

impl AuthorityCommand {
    pub fn run(self) -> Result<ExitCode> {
        match self.act {
            Act::Create(create) => create.run(),
            Act::Show(settings) => {
                let folder = folder(&load::load(&settings)?.config);
                say(&authority::show(&folder, SystemTime::now())?.to_string());
                Ok(ExitCode::SUCCESS)
            }
            Act::Trust(command) => {
                let config = load::load(&command.settings)?.config;
                command.trust.run(config.data)
            }
            Act::Rotate(hosts) => {
                let (folder, hosts) = hosts.find()?;
                let rotation = authority::rotate(&folder, &hosts, SystemTime::now())?;
                say(&rotation.summary.to_string());
                if !rotation.unreached.is_empty() {
                    complain(&format!(
                        "note: clients that trust only the predecessor refuse {}: let them trust the successor first",
                        rotation.unreached.join(" ")
                    ));
                }
                say(
                    "next: portcullis authority trust CLIENT…, on each machine, before the predecessor expires",
                );
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Create {
    fn run(self) -> Result<ExitCode> {
        let (folder, hosts) = self.hosts.find()?;
        let terms = Terms {
            owner: self.owner.as_deref(),
            hosts: &hosts,
            life: Duration::from_secs(self.days.saturating_mul(DAY)),
        };
        say(&authority::create(&folder, &terms, SystemTime::now())?.to_string());
        say("next: portcullis authority trust CLIENT…, on each machine that is to use the gateway");
        Ok(ExitCode::SUCCESS)
    }
}

fn folder(config: &Config) -> PathBuf {
    Network::authority(&config.data)
}

impl Hosts {
    /// The authority's folder, and the hosts of every registry that the configured repository may ask, its files' hosts
    /// included.
    fn find(self) -> Result<(PathBuf, Vec<String>)> {
        let snapshot = crossing::as_if_on(load::load(&self.settings)?.config)?;
        let folder = folder(&snapshot.config);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(crossing::learn(
            &snapshot,
            &Arc::default(),
            &mut BTreeSet::new(),
        ));
        let found = host_names(&snapshot);
        let (names, others): (Vec<String>, Vec<String>) = found
            .into_iter()
            .chain(self.more)
            .partition(|host| authority::is_host(host));
        for host in others {
            complain(&format!(
                "note: {host} is an address or a single label, for which no certificate is made"
            ));
        }
        if names.is_empty() {
            bail!(
                "no registry of repository `{}` has a host name; name one with --host, or set [upstreams]",
                snapshot.config.network.repository
            );
        }
        Ok((folder, names))
    }
}
