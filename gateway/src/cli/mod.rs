//! The command line. Each command in a file; what they share is how configuration is found and how text goes out.

mod announce;
mod authority;
mod cache;
mod check;
mod crossing;
mod descriptors;
mod doctor;
mod exempt;
mod explain;
mod init;
mod lists;
mod load;
mod login;
mod network;
mod observe;
mod preflight;
mod records;
mod reload;
mod serve;
mod setup;
mod subscribe;
mod upkeep;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// A caching proxy gateway for npm, PyPI and Maven that decides by origin what may come in, and says why.
#[derive(Parser)]
#[command(name = "portcullis", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway (the default command)
    Serve(Settings),
    /// Write portcullis.toml with the upstreams that this machine's package managers use
    Init(init::Init),
    /// Read configuration and rules, start nothing, print findings (exit status 0 clean, 1 findings, 2 unusable)
    Check(Settings),
    /// Say what would be decided about a package, and why
    Explain(explain::Explain),
    /// Judge the packages of lockfiles without installing them (exit status 0 all served, 1 findings)
    Preflight(preflight::Preflight),
    /// Exempt packages from controls for a while, show and remove such exemptions
    Exempt(exempt::Exempt),
    /// The popular names that look-alikes are compared with
    Lists(lists::Lists),
    /// What controls that only observe would have refused
    Observe(observe::Observe),
    /// Configure a package manager to use the gateway
    Setup(setup::Setup),
    /// Make, show and revoke tokens
    Token(records::TokenCommand),
    /// Give a package manager a token to show
    Login(login::Login),
    /// Show what is known of a package here, or open and close its origins
    Package(records::PackageCommand),
    /// Change a published version: its status, its yank mark
    Version(records::VersionCommand),
    /// Copy published versions to another repository
    Copy(records::CopyCommand),
    /// The nftables rules of network mode
    Network(network::NetworkCommand),
    /// Make, show and renew the certificate authority of network mode
    Authority(authority::AuthorityCommand),
    /// Say for each package manager of this machine whether it trusts and reaches the gateway, and what to do
    Doctor(Settings),
    /// Look into the cache, check it, or remove from it
    Cache(cache::CacheCommand),
}

/// Where the configuration is and what goes before it.
#[derive(Args, Clone, Default)]
pub struct Settings {
    /// The configuration file [default: portcullis.toml, if there is one]
    #[arg(long, global = true, env = "PORTCULLIS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of cache and state [default: data]
    #[arg(long, global = true, env = "PORTCULLIS_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The address for clients [default: 127.0.0.1:8080]; port 0 takes a free one
    #[arg(long, global = true, env = "PORTCULLIS_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The address for the operator: metrics, health, decisions [default: 127.0.0.1:8081]
    #[arg(long, global = true, env = "PORTCULLIS_ADMIN", value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// The address that clients see, written into documents [default: http:// and the listen address]
    #[arg(long, global = true, env = "PORTCULLIS_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
}

/// Parses the command line and runs it.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or_else(|| {
        // `portcullis` alone serves; parsing the command anew reads its environment variables.
        match Arguments::parse_from(["portcullis", "serve"]).command {
            Some(command) => command,
            None => Command::Serve(Settings::default()),
        }
    });
    let result = match command {
        Command::Serve(settings) => serve::run(settings),
        Command::Init(init) => init.run(),
        Command::Check(settings) => check::run(settings),
        Command::Explain(explain) => explain.run(),
        Command::Preflight(preflight) => preflight.run(),
        Command::Exempt(exempt) => exempt.run(),
        Command::Lists(lists) => lists.run(),
        Command::Observe(observe) => observe.run(),
        Command::Setup(setup) => setup.run(),
        Command::Token(token) => token.run(),
        Command::Login(login) => login.run(),
        Command::Package(package) => package.run(),
        Command::Version(version) => version.run(),
        Command::Copy(copy) => copy.run(),
        Command::Network(network) => network.run(),
        Command::Authority(authority) => authority.run(),
        Command::Doctor(settings) => doctor::run(&settings),
        Command::Cache(cache) => cache.run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("portcullis: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Writes a line to standard output. A reader that left (a closed pipe) is no reason to panic.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes a line to standard error.
pub fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
