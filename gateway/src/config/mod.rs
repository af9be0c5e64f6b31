//! The configuration as used: checked, complete, with every default in its place.
//!
//! [`file`] is the form as written; [`discover`] finds upstreams that nobody configured;
//! [`limits`] has every bound; [`keys`] documents every key. Nothing here starts anything.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rules::{Ecosystem, PolicySpec, RepositorySpec};

pub mod advisories;
pub mod discover;
mod file;
pub mod init;
pub mod keys;
pub mod limits;
mod network;
mod problem;
mod registries;
pub mod tls;
pub mod units;
pub mod upstream;

pub use advisories::{Advisories, FeedSource, Remote};
pub use discover::{Discovery, Found, Own, Surroundings};
pub use keys::key_table;
pub use limits::Limits;
pub use network::{Errand, Network, Passing};
pub use problem::{ConfigError, Problem};
pub use tls::Tls;
pub use upstream::{Secret, Source, Upstream};

use crate::state::Location;
use file::{File, LimitValue};
use problem::Findings;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients are served.
    pub listen: SocketAddr,
    /// Where metrics, health and decisions are served.
    pub admin: SocketAddr,
    /// The folder of the cache and of what was published.
    pub data: PathBuf,
    /// The address that clients see, without a trailing slash; else the bound one, see [`Config::seen_at`].
    pub public_url: Option<String>,
    /// The certificate of `listen`; without one it speaks no TLS.
    pub tls: Option<Tls>,
    /// The form of the log.
    pub log: Log,
    /// Whether refusals carry a problem document, RFC 9457.
    pub problem_json: bool,
    /// Every bound.
    pub limits: Limits,
    /// The repositories, by name.
    pub repositories: Vec<Repository>,
    /// Whether reading needs no token.
    pub anonymous_read: bool,
    /// Where the state database is.
    pub state: Location,
    /// The ways in for clients that were never configured.
    pub network: Arc<Network>,
    /// Where advisories are read from.
    pub advisories: Advisories,
    /// What the rules are compiled from.
    pub policy_spec: PolicySpec,
    /// What the operator should know, such as which ecosystem is off and how to turn it on.
    pub notes: Vec<String>,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// A repository with all that serves it.
#[derive(Debug, Clone)]
pub struct Repository {
    /// What the rules know of it; its external ecosystems are exactly the keys of `upstream`.
    pub spec: RepositorySpec,
    /// Host names at whose root an ecosystem is served, in small letters.
    pub hosts: BTreeMap<Ecosystem, String>,
    /// Where its external packages come from.
    pub upstream: BTreeMap<Ecosystem, Upstream>,
}

/// What the command line and the environment say; it goes before the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Instead of `listen`.
    pub listen: Option<SocketAddr>,
    /// Instead of `admin`.
    pub admin: Option<SocketAddr>,
    /// Instead of `data`.
    pub data: Option<PathBuf>,
    /// Instead of `public_url`.
    pub public_url: Option<String>,
    /// The environment, for secrets written as `env:NAME`.
    pub environment: Environment,
}

/// Environment variables; their values are never shown.
#[derive(Clone, Default)]
pub struct Environment(pub BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
const ADMIN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8081);

impl Config {
    /// Reads `text`, which came from `origin`, and completes it.
    ///
    /// All problems that can be told apart are reported at once. Whether the groups make sense is
    /// for the rules to say when they compile [`Config::policy_spec`].
    pub fn load(
        text: &str,
        origin: &Path,
        overrides: Overrides,
        discovered: &Discovery,
    ) -> Result<Config, ConfigError> {
        let mut findings = Findings::of(text, origin)?;
        if !findings.is_clean() {
            return Err(findings.into_error());
        }
        let file: File = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                findings.report_unread(&error);
                return Err(findings.into_error());
            }
        };
        let config = lower(file, overrides, discovered, &mut findings);
        if findings.is_clean() {
            Ok(config)
        } else {
            Err(findings.into_error())
        }
    }

    /// The address that clients see when `listen` was bound to this one; without a trailing slash.
    pub fn seen_at(&self, bound: SocketAddr) -> String {
        self.public_url
            .clone()
            .unwrap_or_else(|| format!("{}://{bound}", self.scheme()))
    }

    /// How addresses at `listen` begin.
    pub fn scheme(&self) -> &'static str {
        match self.tls {
            Some(_) => "https",
            None => "http",
        }
    }
}

/// The gateway's own addresses as far as a configuration tells them, for [`discover`] to leave
/// out. Says nothing about mistakes: [`Config::load`] does.
pub fn own_addresses(text: &str, overrides: &Overrides) -> Own {
    let table: toml::Table = text.parse().unwrap_or_default();
    let written = |key| {
        table
            .get(key)
            .and_then(toml::Value::as_str)
            .map(str::to_owned)
    };
    let listen = overrides
        .listen
        .or_else(|| written("listen")?.parse().ok())
        .unwrap_or(LISTEN);
    let public_url = overrides
        .public_url
        .clone()
        .or_else(|| written("public_url"));
    Own {
        listen: Some(listen),
        public_url,
    }
}

/// How the gateway's own addresses begin, as far as a configuration tells it.
pub fn own_scheme(text: &str) -> &'static str {
    let table: toml::Table = text.parse().unwrap_or_default();
    if table.contains_key("tls") {
        "https"
    } else {
        "http"
    }
}

fn lower(
    file: File,
    overrides: Overrides,
    discovered: &Discovery,
    findings: &mut Findings<'_>,
) -> Config {
    let listen = overrides
        .listen
        .unwrap_or_else(|| socket_address("listen", file.listen.as_deref(), LISTEN, findings));
    let admin = overrides
        .admin
        .unwrap_or_else(|| socket_address("admin", file.admin.as_deref(), ADMIN, findings));
    if listen == admin && listen.port() != 0 {
        findings.report(
            &["admin"],
            "this is the address of `listen`; give it another port",
        );
    }
    let public_url = public_url(overrides.public_url.or(file.public_url), findings);
    let tls = tls::lower(file.tls, findings);
    let limits = limits_of(&file.limits, findings);
    let own = Own {
        listen: Some(listen),
        public_url: public_url.clone(),
    };
    let written = registries::Written {
        common: file.upstreams,
        repositories: file.repository,
    };
    let (repositories, notes) =
        registries::lower(written, &own, discovered, &overrides.environment, findings);
    let data = overrides.data.or(file.data);
    let data = data.unwrap_or_else(|| PathBuf::from("data"));
    let names: Vec<&str> = repositories
        .iter()
        .map(|it| it.spec.name.as_str())
        .collect();
    let network = network::lower(file.network, &names, findings);
    let state = state_of(file.state, &overrides.environment, &data, findings);
    Config {
        listen,
        admin,
        data,
        anonymous_read: file.access.anonymous_read.unwrap_or(true),
        state,
        network,
        public_url,
        tls,
        log: log_of(file.log.as_deref(), findings),
        problem_json: file.problem_json.unwrap_or(true),
        limits,
        advisories: advisories::lower(file.advisories, findings),
        policy_spec: PolicySpec {
            groups: file.group,
            repositories: repositories.iter().map(|it| it.spec.clone()).collect(),
        },
        repositories,
        notes,
    }
}

fn state_of(
    written: file::StateEntry,
    environment: &Environment,
    data: &Path,
    findings: &mut Findings<'_>,
) -> Location {
    let default = Location::in_folder(data);
    let Some(written) = written.url else {
        return default;
    };
    let address = match written.strip_prefix("env:") {
        None => Some(&written),
        Some(name) => environment.0.get(name),
    };
    let parsed = match address {
        Some(address) => Location::parse(address).map_err(|error| error.to_string()),
        None => Err(format!(
            "the environment has no {}",
            &written["env:".len()..]
        )),
    };
    parsed.unwrap_or_else(|message| {
        findings.report(&["state", "url"], message);
        default
    })
}

fn socket_address(
    key: &str,
    written: Option<&str>,
    default: SocketAddr,
    findings: &mut Findings<'_>,
) -> SocketAddr {
    let Some(written) = written else {
        return default;
    };
    written.parse().unwrap_or_else(|_| {
        let message =
            format!("`{written}` is no address and port; write one such as \"{default}\"");
        findings.report(&[key], message);
        default
    })
}

fn public_url(written: Option<String>, findings: &mut Findings<'_>) -> Option<String> {
    match upstream::Address::parse(&written?) {
        Ok(address) if address.credentials.is_none() => {
            Some(address.url.trim_end_matches('/').to_owned())
        }
        Ok(_) => {
            findings.report(&["public_url"], "it must hold no credentials; remove them");
            None
        }
        Err(message) => {
            findings.report(&["public_url"], message);
            None
        }
    }
}

fn log_of(written: Option<&str>, findings: &mut Findings<'_>) -> Log {
    match written {
        None | Some("human") => Log::Human,
        Some("json") => Log::Json,
        Some(other) => {
            let message = format!("`{other}` is no form of log; write \"human\" or \"json\"");
            findings.report(&["log"], message);
            Log::Human
        }
    }
}

fn limits_of(written: &BTreeMap<String, LimitValue>, findings: &mut Findings<'_>) -> Limits {
    let mut limits = Limits::default();
    for row in limits::ROWS {
        let result = match written.get(row.name) {
            None => Ok(()),
            Some(LimitValue::Integer(value)) => row.set_integer(&mut limits, *value),
            Some(LimitValue::Text(text)) => row.set_text(&mut limits, text),
        };
        if let Err(message) = result {
            findings.report(&["limits", row.name], message);
        }
    }
    limits
}

/// The ecosystems as a set; a list may name one twice without harm.
fn every_ecosystem() -> BTreeSet<Ecosystem> {
    Ecosystem::PROXIED.into_iter().collect()
}

#[cfg(test)]
mod tests;
