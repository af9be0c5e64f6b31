//! Host and path to a repository and the rest of the path.

use rules::Ecosystem;

use crate::app::Snapshot;
use crate::exchange::Path;

/// The repository a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub ecosystem: Ecosystem,
    pub repository: String,
    /// The path below the repository's address.
    pub rest: Path,
    /// The repository's public address, without a trailing slash.
    pub base: String,
}

/// Finds the repository: by a host name of its own, else by `/<ecosystem>/<repository>/…`.
pub fn route(snapshot: &Snapshot, host: &str, path: &Path) -> Option<Route> {
    by_host(snapshot, host, path).or_else(|| by_path(snapshot, path))
}

fn by_host(snapshot: &Snapshot, host: &str, path: &Path) -> Option<Route> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    snapshot.config.repositories.iter().find_map(|repository| {
        let (ecosystem, own) = repository
            .hosts
            .iter()
            .find(|(_, own)| own.eq_ignore_ascii_case(name))?;
        let (scheme, rest) = snapshot.public_url.split_once("://")?;
        let port = rest
            .rsplit_once(':')
            .map(|(_, port)| format!(":{port}"))
            .unwrap_or_default();
        Some(Route {
            ecosystem: *ecosystem,
            repository: repository.spec.name.clone(),
            rest: path.clone(),
            base: format!("{scheme}://{own}{port}"),
        })
    })
}

fn by_path(snapshot: &Snapshot, path: &Path) -> Option<Route> {
    let [ecosystem, repository, rest @ ..] = path.segments.as_slice() else {
        return None;
    };
    let ecosystem: Ecosystem = Ecosystem::ALL
        .into_iter()
        .find(|each| each.as_str() == ecosystem)?;
    snapshot
        .config
        .repositories
        .iter()
        .find(|each| each.spec.name == *repository)?;
    Some(Route {
        ecosystem,
        repository: repository.clone(),
        rest: Path {
            segments: rest.to_vec(),
            trailing_slash: path.trailing_slash,
        },
        base: format!("{}/{ecosystem}/{repository}", snapshot.public_url),
    })
}
