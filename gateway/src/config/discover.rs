//! Upstreams that nobody configured: the registries that this machine's clients already use.
//!
//! In this order: environment variables that the clients honour, their configuration files, and
//! the installed client's built-in default. So a company's mirror is adopted before anything else,
//! and no registry address is written in the gateway.
//!
//! An address that leads back to the gateway itself is passed over. An address that was found but
//! can't be used ends the search for its ecosystem: going on would bypass a company's mirror.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rules::Ecosystem;

use super::upstream::{Address, Secret};

pub(crate) mod ask;
pub(crate) mod maven;
mod npm;
mod pypi;
pub(crate) mod xml;

/// What was found, and what the operator should know about the search.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// The registry of each ecosystem that has one.
    pub found: BTreeMap<Ecosystem, Found>,
    /// What was passed over or is missing, with what to do.
    pub notes: Vec<String>,
}

/// A registry's address and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As in [`super::Upstream::url`].
    pub url: String,
    /// From `user:password@` in the address.
    pub credentials: Option<Secret>,
    /// For people: the variable, the file, or the question that was asked.
    pub source: String,
}

/// The gateway's own addresses, which are never adopted.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// Where clients are served.
    pub listen: Option<SocketAddr>,
    /// The address that clients see.
    pub public_url: Option<String>,
}

/// The machine as discovery and set-up see it. Tests make one of text and temporary folders.
#[derive(Clone)]
pub struct Surroundings {
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// The user's home folder.
    pub home: PathBuf,
    /// The root of the file system.
    pub root: PathBuf,
}

/// An address as a client has it, not yet checked.
struct Candidate {
    written: String,
    source: String,
}

/// What becomes of a candidate.
enum Verdict {
    Adopt(Found),
    PassOver(String),
    Stop(String),
}

impl fmt::Debug for Surroundings {
    /// Shows no values: some are secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Surroundings")
            .field("home", &self.home)
            .field("root", &self.root)
            .finish()
    }
}

impl Surroundings {
    /// Those of this process: the one place where the environment is read.
    pub fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.into_string().ok();
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
            .collect();
        let home = env
            .get("HOME")
            .map_or_else(|| PathBuf::from("/"), PathBuf::from);
        Surroundings {
            env,
            home,
            root: PathBuf::from("/"),
        }
    }

    /// The folder of the user's configuration, XDG base directory specification.
    pub fn config_home(&self) -> PathBuf {
        match self.variable("XDG_CONFIG_HOME") {
            Some(folder) => PathBuf::from(folder),
            None => self.home.join(".config"),
        }
    }

    /// A variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.env
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }
}

impl Own {
    /// Whether the address is the gateway's.
    pub fn is(&self, address: &Address) -> bool {
        self.is_listening_at(address) || self.is_seen_as(address)
    }

    fn is_listening_at(&self, address: &Address) -> bool {
        let Some(listen) = self.listen.filter(|listen| listen.port() == address.port) else {
            return false;
        };
        let here = listen.ip().is_unspecified() || listen.ip().is_loopback();
        let number = address.host.parse::<std::net::IpAddr>();
        (here && address.is_loopback()) || number.is_ok_and(|number| number == listen.ip())
    }

    fn is_seen_as(&self, address: &Address) -> bool {
        let seen = self
            .public_url
            .as_deref()
            .and_then(|url| Address::parse(url).ok());
        seen.is_some_and(|seen| {
            seen.host == address.host
                && seen.port == address.port
                && address.path().starts_with(seen.path())
        })
    }
}

/// Looks for the registries of all ecosystems. Asks installed clients, so it may take seconds.
pub fn discover(surroundings: &Surroundings, own: &Own) -> Discovery {
    let mut discovery = Discovery::default();
    for ecosystem in Ecosystem::PROXIED {
        let candidates = match ecosystem {
            Ecosystem::Npm => npm::places(),
            Ecosystem::Pypi => pypi::places(),
            Ecosystem::Maven => maven::places(),
            Ecosystem::Generic => &[],
        };
        search(ecosystem, candidates, surroundings, own, &mut discovery);
    }
    discovery
}

/// One place to look: each is asked only when those before it had nothing to adopt.
type Place = fn(&Surroundings) -> Vec<Candidate>;

fn search(
    ecosystem: Ecosystem,
    places: &[Place],
    surroundings: &Surroundings,
    own: &Own,
    discovery: &mut Discovery,
) {
    let name = ecosystem.as_str();
    for candidate in places.iter().flat_map(|place| place(surroundings)) {
        match judge(ecosystem, &candidate, own) {
            Verdict::Adopt(found) => {
                discovery.found.insert(ecosystem, found);
                return;
            }
            Verdict::PassOver(note) => discovery.notes.push(note),
            Verdict::Stop(note) => {
                discovery.notes.push(note);
                return;
            }
        }
    }
    discovery.notes.push(format!(
        "no registry of {name} was found: no client says where it is; \
         set {name} = \"http://…\" below [upstreams]"
    ));
}

fn judge(ecosystem: Ecosystem, candidate: &Candidate, own: &Own) -> Verdict {
    let (name, source) = (ecosystem.as_str(), &candidate.source);
    let advice = format!("set {name} = \"http://…\" below [upstreams]");
    let address = match Address::parse(&candidate.written) {
        Ok(address) => address,
        Err(_) => return Verdict::Stop(format!("the address in {source} can't be used; {advice}")),
    };
    if own.is(&address) || (address.is_loopback() && is_shaped_like_ours(ecosystem, &address)) {
        return Verdict::PassOver(format!(
            "{source} names a gateway on this machine as the registry of {name}; passed over"
        ));
    }
    if ecosystem == Ecosystem::Pypi && !address.url.ends_with("/simple/") {
        return Verdict::Stop(format!(
            "the index in {source} does not end in /simple/ and can't be used; {advice}"
        ));
    }
    match Address::parse_for(ecosystem, &candidate.written) {
        Ok(Address {
            url, credentials, ..
        }) => Verdict::Adopt(Found {
            url,
            credentials,
            source: source.clone(),
        }),
        Err(_) => Verdict::Stop(format!("the address in {source} can't be used; {advice}")),
    }
}

/// `/npm/R/`, `/pypi/R/simple/`, `/maven/R/`: what `portcullis setup` writes.
fn is_shaped_like_ours(ecosystem: Ecosystem, address: &Address) -> bool {
    let path: Vec<&str> = address
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    matches!(
        (ecosystem, path.as_slice()),
        (Ecosystem::Npm, ["npm", _])
            | (Ecosystem::Maven, ["maven", _])
            | (Ecosystem::Pypi, ["pypi", _, "simple"])
    )
}

/// Variables by name, in order; each is a candidate if it is set.
fn from_variables(surroundings: &Surroundings, names: &[&str]) -> Vec<Candidate> {
    let candidate = |name: &&str| {
        let written = surroundings.variable(name)?.to_owned();
        Some(Candidate {
            written,
            source: format!("environment variable {name}"),
        })
    };
    names.iter().filter_map(candidate).collect()
}

/// Files in order; each is a candidate if `read` finds an address in it.
fn from_files(
    files: impl IntoIterator<Item = PathBuf>,
    read: impl Fn(&str) -> Option<String>,
) -> Vec<Candidate> {
    let candidate = |file: PathBuf| {
        let written = read(&text_of(&file)?)?;
        Some(Candidate {
            written,
            source: file.display().to_string(),
        })
    };
    files.into_iter().filter_map(candidate).collect()
}

/// A client's configuration file; none is larger than this.
const FILE_BYTES_MAX: u64 = 1 << 20;

fn text_of(file: &Path) -> Option<String> {
    let size = fs::metadata(file).ok().filter(|it| it.is_file())?.len();
    if size > FILE_BYTES_MAX {
        None
    } else {
        fs::read_to_string(file).ok()
    }
}

/// Replaces `${NAME}` (after `prefix`, such as `env.`) by the variable; unknown ones stay.
pub(crate) fn expand(text: &str, prefix: &str, surroundings: &Surroundings) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        expanded.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            rest = &rest[before.len()..];
            break;
        };
        let value = name
            .strip_prefix(prefix)
            .and_then(|name| surroundings.env.get(name));
        match value {
            Some(value) => expanded.push_str(value),
            None => expanded.push_str(&format!("${{{name}}}")),
        }
        rest = tail;
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests;
