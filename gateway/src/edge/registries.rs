//! The registries that network mode speaks for: which hosts are theirs, and what a path there is in our own terms.

use std::collections::VecDeque;
use std::sync::Arc;

use rules::Ecosystem;

use super::route::Route;
use super::target;
use crate::config::Config;
use crate::exchange::Path;
use crate::origin::UpstreamTable;
use crate::origin::upstream::{Role, Upstream};

/// The registries of one repository, nearest first. None where network mode is off.
pub struct Registries {
    repository: Arc<str>,
    registries: Vec<Registry>,
}

/// The registry that a client believes to speak with, and what the host that it named is to that registry.
pub struct Spoken {
    pub upstream: Arc<Upstream>,
    pub role: Role,
}

struct Registry {
    upstream: Arc<Upstream>,
    /// The path of its address.
    base: Vec<String>,
    /// Its address, without a trailing slash: what is written into documents.
    address: Arc<str>,
}

impl Registries {
    pub fn new(config: &Config, upstreams: &UpstreamTable) -> Self {
        let repository: Arc<str> = config.network.repository.as_str().into();
        let mut registries = Vec::new();
        if config.network.is_on() {
            for name in searched(config, &repository) {
                let of = |ecosystem| upstreams.get(&(name.clone(), ecosystem));
                let found = Ecosystem::PROXIED.into_iter().filter_map(of);
                registries.extend(found.map(|upstream| Registry::new(Arc::clone(upstream))));
            }
        }
        Self {
            repository,
            registries,
        }
    }

    /// Whether a host name, in small letters, is one of theirs.
    pub fn know(&self, host: &str) -> bool {
        let mut upstreams = self.upstreams();
        upstreams.any(|upstream| upstream.role(host).is_some())
    }

    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.registries.iter().map(|registry| &registry.upstream)
    }

    /// The registry at a host and path, and the same address below our repository. Where several share a host, the one
    /// with the longest path has it.
    pub fn route(&self, host: &str, path: &Path) -> Option<(Route, Spoken)> {
        let fits = |registry: &&Registry| registry.rest(host, path).is_some();
        let nearness = |registry: &&Registry| {
            let is_below = path.segments.starts_with(&registry.base);
            (is_below, registry.base.len())
        };
        let registries = self.registries.iter().filter(fits);
        let registry = registries.max_by_key(nearness)?;
        let route = Route {
            ecosystem: registry.upstream.settings.ecosystem,
            repository: Arc::clone(&self.repository),
            rest: registry.rest(host, path)?,
            base: Arc::clone(&registry.address),
        };
        let spoken = Spoken {
            upstream: Arc::clone(&registry.upstream),
            role: registry.upstream.role(host)?,
        };
        Some((route, spoken))
    }
}

/// The repositories that a request to this one may reach.
fn searched(config: &Config, first: &str) -> Vec<String> {
    let mut order = Vec::new();
    let mut waiting = VecDeque::from([first.to_owned()]);
    while let Some(name) = waiting.pop_front() {
        let repository = config.repositories.iter().find(|it| it.spec.name == name);
        if order.contains(&name) {
            continue;
        }
        waiting.extend(repository.iter().flat_map(|it| it.spec.upstreams.clone()));
        order.push(name);
    }
    order
}

impl Registry {
    fn new(upstream: Arc<Upstream>) -> Self {
        let base = target::parse_path(upstream.base_path());
        let address = upstream.settings.url.trim_end_matches('/').into();
        Self {
            base: base.map(|path| path.segments).unwrap_or_default(),
            upstream,
            address,
        }
    }

    /// What a path at this registry is below a repository's address; `None` if it is not this registry's.
    fn rest(&self, host: &str, path: &Path) -> Option<Path> {
        let role = self.upstream.role(host)?;
        let below = path.segments.strip_prefix(self.base.as_slice());
        let is_pypi = self.upstream.settings.ecosystem == Ecosystem::Pypi;
        let segments = match (role, below) {
            (Role::Base, Some(rest)) if !is_pypi || is_index(rest) => rest.to_vec(),
            // PyPI's files lie anywhere: their own names say what they are.
            _ if is_pypi => file(&path.segments),
            // A host of files beside an npm or Maven registry is the registry under another name.
            (_, Some(rest)) => rest.to_vec(),
            (_, None) => return None,
        };
        Some(Path {
            segments,
            trailing_slash: path.trailing_slash,
        })
    }
}

/// Whether a path below PyPI's address is one that is not a file's.
fn is_index(rest: &[String]) -> bool {
    let first = rest.first().map(String::as_str);
    matches!(
        first,
        None | Some("simple" | "pypi" | "integrity" | "files")
    )
}

fn file(segments: &[String]) -> Vec<String> {
    let folder = std::iter::once("files".to_owned());
    folder.chain(segments.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Limits, Source};

    fn registry(ecosystem: Ecosystem, url: &str, hosts: &[&str]) -> Registry {
        let settings = config::Upstream {
            id: ecosystem.as_str().to_owned(),
            ecosystem,
            url: url.to_owned(),
            hosts: hosts.iter().map(ToString::to_string).collect(),
            credentials: None,
            allow_private: false,
            source: Source::Configuration,
        };
        let upstream = Upstream::new(settings, &Limits::default()).expect("an upstream");
        Registry::new(Arc::new(upstream))
    }

    #[test]
    fn an_address_of_a_registry_is_one_of_ours() {
        let registries = Registries {
            repository: "public".into(),
            registries: vec![
                registry(Ecosystem::Npm, "https://npm.test/", &["alias.test"]),
                registry(Ecosystem::Pypi, "https://pypi.test/", &["files.test"]),
                registry(Ecosystem::Maven, "https://maven.test/maven2/", &[]),
                registry(Ecosystem::Npm, "https://all.test/", &[]),
                registry(Ecosystem::Pypi, "https://all.test/pypi/", &[]),
            ],
        };
        for (host, path, expected) in [
            ("npm.test", "/left-pad", Some("npm left-pad")),
            ("alias.test", "/left-pad", Some("npm left-pad")),
            ("pypi.test", "/simple/six/", Some("pypi simple/six")),
            ("pypi.test", "/pypi/six/json", Some("pypi pypi/six/json")),
            (
                "pypi.test",
                "/a/six-1.0.tar.gz",
                Some("pypi files/a/six-1.0.tar.gz"),
            ),
            (
                "files.test",
                "/packages/a/b/c/six-1.0.tar.gz",
                Some("pypi files/packages/a/b/c/six-1.0.tar.gz"),
            ),
            ("files.test", "/simple/six/", Some("pypi files/simple/six")),
            (
                "maven.test",
                "/maven2/a/b/1/b-1.jar",
                Some("maven a/b/1/b-1.jar"),
            ),
            ("maven.test", "/other/a", None),
            ("all.test", "/left-pad", Some("npm left-pad")),
            ("all.test", "/pypi/simple/six/", Some("pypi simple/six")),
            ("other.test", "/left-pad", None),
        ] {
            let path = target::parse_path(path).expect("a path");
            let found = registries
                .route(host, &path)
                .map(|(route, _)| format!("{} {}", route.ecosystem, route.rest.segments.join("/")));
            assert_eq!(found.as_deref(), expected, "{host} {path:?}");
            assert_eq!(registries.know(host), host != "other.test", "{host}");
        }
    }
}
