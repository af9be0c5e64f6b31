//! `[network]`: the ways in for clients that were never configured.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::file::NetworkEntry;
use super::problem::Findings;

/// What becomes of connections that are no registry's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// They go by unread.
    Tunnel,
    Refuse,
}

/// What becomes of requests to a registry that are no package traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// They go on to the registry, and are logged.
    Pass,
    Refuse,
}

/// The settings of network mode.
#[derive(Debug, Clone)]
pub struct Network {
    /// Where the forward proxy listens.
    pub proxy: Option<SocketAddr>,
    /// Where connections come that the network redirects.
    pub redirect: Option<SocketAddr>,
    /// Whether they come by TPROXY, so that a socket's own address is where it was going.
    pub transparent: bool,
    /// The repository whose rules and upstreams judge what comes this way.
    pub repository: String,
    /// Connections to hosts that are no registry's.
    pub others: Passing,
    /// Connections that do not say whom they are for.
    pub nameless: Passing,
    /// The ports that `CONNECT` may ask for.
    pub ports: Vec<u16>,
    /// Whether the proxy reaches loopback and private addresses.
    pub allow_private: bool,
    /// Whether the proxy asks for a token.
    pub authenticate: bool,
    /// Logging in at a public registry.
    pub login: Errand,
    /// Publishing to a public registry, and changing what is published there.
    pub publish: Errand,
    /// Everything else of a registry's host.
    pub pages: Errand,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            proxy: None,
            redirect: None,
            transparent: false,
            repository: "public".to_owned(),
            others: Passing::Tunnel,
            nameless: Passing::Refuse,
            ports: vec![443],
            allow_private: false,
            authenticate: false,
            login: Errand::Refuse,
            publish: Errand::Refuse,
            pages: Errand::Refuse,
        }
    }
}

impl Network {
    /// Whether anything comes this way.
    pub fn is_on(&self) -> bool {
        self.proxy.is_some() || self.redirect.is_some()
    }

    /// The folder of the certificate authority.
    pub fn authority(data: &Path) -> std::path::PathBuf {
        data.join("authority")
    }
}

/// Checks and completes. `repositories` are the names that there are.
pub(super) fn lower(
    entry: NetworkEntry,
    repositories: &[&str],
    findings: &mut Findings<'_>,
) -> Arc<Network> {
    let default = Network::default();
    let proxy = address("proxy", entry.proxy, findings);
    let redirect = address("redirect", entry.redirect, findings);
    let repository = entry.repository.unwrap_or(default.repository);
    let is_on = proxy.is_some() || redirect.is_some();
    if is_on && !repositories.contains(&repository.as_str()) {
        let message = format!("there is no repository `{repository}`; name one that there is");
        findings.report(&["network", "repository"], message);
    }
    let ports = entry.ports.unwrap_or(default.ports);
    if ports.contains(&0) {
        findings.report(&["network", "ports"], "0 is no port; remove it");
    }
    Arc::new(Network {
        proxy,
        redirect,
        transparent: entry.transparent.unwrap_or(default.transparent),
        repository,
        others: choice("others", entry.others, PASSINGS, default.others, findings),
        nameless: choice(
            "nameless",
            entry.nameless,
            PASSINGS,
            default.nameless,
            findings,
        ),
        ports,
        allow_private: entry.allow_private.unwrap_or(default.allow_private),
        authenticate: entry.authenticate.unwrap_or(default.authenticate),
        login: choice("login", entry.login, ERRANDS, default.login, findings),
        publish: choice("publish", entry.publish, ERRANDS, default.publish, findings),
        pages: choice("pages", entry.pages, ERRANDS, default.pages, findings),
    })
}

fn address(key: &str, written: Option<String>, findings: &mut Findings<'_>) -> Option<SocketAddr> {
    let written = written?;
    let parsed = written.parse();
    if parsed.is_err() {
        let message =
            format!("`{written}` is no address and port; write one such as \"0.0.0.0:8443\"");
        findings.report(&["network", key], message);
    }
    parsed.ok()
}

const PASSINGS: [(&str, Passing); 2] = [("tunnel", Passing::Tunnel), ("refuse", Passing::Refuse)];
const ERRANDS: [(&str, Errand); 2] = [("pass", Errand::Pass), ("refuse", Errand::Refuse)];

/// One of two words.
fn choice<T: Copy>(
    key: &str,
    written: Option<String>,
    words: [(&str, T); 2],
    default: T,
    findings: &mut Findings<'_>,
) -> T {
    let Some(written) = written else {
        return default;
    };
    if let Some((_, meant)) = words.iter().find(|(word, _)| *word == written) {
        return *meant;
    }
    let [(one, _), (other, _)] = words;
    let message = format!("`{written}` is neither; write \"{one}\" or \"{other}\"");
    findings.report(&["network", key], message);
    default
}
