//! `portcullis network rules`: the nftables rules that bring connections to the gateway, for an operator to load.

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};

use super::{Settings, complain, load, say};
use crate::network::nft::{self, Kind, Redirection, Script};

#[derive(Args)]
pub struct NetworkCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Print the nftables rules that redirect connections to the gateway: portcullis network rules | nft -f -
    Rules(Rules),
}

#[derive(Args)]
struct Rules {
    /// Print them (what the command does anyway: it loads nothing)
    #[arg(long)]
    print: bool,
    /// For traffic that this machine forwards for others (the default)
    #[arg(long, conflicts_with = "local")]
    router: bool,
    /// For traffic of this machine's own programs
    #[arg(long)]
    local: bool,
    /// The user that the gateway runs as, whose own connections are left alone; needed with --local
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only traffic of this interface
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// A destination that is left alone; repeat for more
    #[arg(long, value_name = "ADDRESS")]
    exclude: Vec<IpAddr>,
    /// Let QUIC pass (UDP port 443), which the gateway can't read
    #[arg(long)]
    allow_quic: bool,
    /// Print what takes the rules away again
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    settings: Settings,
}

impl NetworkCommand {
    pub fn run(self) -> Result<ExitCode> {
        let Act::Rules(rules) = self.act;
        let script = match rules.undo {
            true => nft::undo(),
            false => rules.script()?,
        };
        print(&script);
        Ok(ExitCode::SUCCESS)
    }
}

impl Rules {
    fn script(self) -> Result<Script> {
        let config = load::load(&self.settings)?.config;
        let listener = config.network.redirect.ok_or_else(|| {
            anyhow!("`network.redirect` is not set; write where redirected connections are taken, such as \"[::]:8443\"")
        })?;
        if listener.is_ipv4() {
            complain(&format!(
                "note: {listener} takes no IPv6 connections, which the rules bring too; listen on \"[::]:{}\"",
                listener.port()
            ));
        }
        let kind = match self.local {
            true => Kind::Local,
            false => Kind::Router,
        };
        let redirection = Redirection {
            kind,
            redirect_port: listener.port(),
            transparent: config.network.transparent,
            interface: self.interface,
            user: self.user,
            quic: !self.allow_quic,
            ports: vec![443, 80],
            exclude: self.exclude,
        };
        Ok(redirection.script()?)
    }
}

/// What nft reads on standard output, what a shell runs on standard error.
fn print(script: &Script) {
    say(script.nft.trim_end());
    for line in &script.shell {
        complain(&format!("run: {line}"));
    }
}
