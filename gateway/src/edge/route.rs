//! Host and path to a repository and the rest of the path.

use std::sync::Arc;

use rules::Ecosystem;

use crate::app::Snapshot;
use crate::config::Config;
use crate::exchange::Path;

/// The repository a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub ecosystem: Ecosystem,
    pub repository: Arc<str>,
    /// The path below the repository's address.
    pub rest: Path,
    /// The repository's public address, without a trailing slash.
    pub base: Arc<str>,
}

/// The addresses at which one ecosystem of one repository is served.
struct Mount {
    ecosystem: Ecosystem,
    repository: Arc<str>,
    base: Arc<str>,
    /// A host name of its own, in small letters, and the public address there.
    own: Option<(String, Arc<str>)>,
}

/// Every address of a configuration.
pub struct Mounts(Vec<Mount>);

impl Mounts {
    /// `public_url` is the address of the gateway as clients see it, without a trailing slash.
    pub fn new(config: &Config, public_url: &str) -> Self {
        let mut mounts = Vec::new();
        for repository in &config.repositories {
            let name: Arc<str> = repository.spec.name.as_str().into();
            for ecosystem in Ecosystem::ALL {
                let own = repository.hosts.get(&ecosystem);
                mounts.push(Mount {
                    ecosystem,
                    repository: Arc::clone(&name),
                    base: format!("{public_url}/{ecosystem}/{name}").into(),
                    own: own.map(|host| (host.clone(), own_address(public_url, host))),
                });
            }
        }
        Self(mounts)
    }
}

/// The gateway's public address with another host name.
fn own_address(public_url: &str, host: &str) -> Arc<str> {
    let (scheme, rest) = public_url.split_once("://").unwrap_or(("http", public_url));
    let port = rest
        .rsplit_once(':')
        .map(|(_, port)| format!(":{port}"))
        .unwrap_or_default();
    format!("{scheme}://{host}{port}").into()
}

/// Finds the repository: by a host name of its own, else by `/<ecosystem>/<repository>/…`.
pub fn route(snapshot: &Snapshot, host: &str, mut path: Path) -> Option<Route> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let mounts = &snapshot.mounts.0;
    let by_host = mounts.iter().find_map(|mount| {
        let (own, base) = mount.own.as_ref()?;
        own.eq_ignore_ascii_case(name).then_some((mount, base))
    });
    let (mount, base) = match by_host {
        Some(found) => found,
        None => {
            let [ecosystem, repository, ..] = path.segments.as_slice() else {
                return None;
            };
            let is_it = |mount: &&Mount| {
                *mount.repository == **repository && mount.ecosystem.as_str() == ecosystem
            };
            let mount = mounts.iter().find(is_it)?;
            path.segments.drain(..2);
            (mount, &mount.base)
        }
    };
    Some(Route {
        ecosystem: mount.ecosystem,
        repository: Arc::clone(&mount.repository),
        rest: path,
        base: Arc::clone(base),
    })
}
