//! `pnpm-lock.yaml`, `lockfileVersion` 5, 6 and 9.
//!
//! Packages are keyed by a dependency path: `/name/1.0.0_peers` (5), `/name@1.0.0(peers)` (6) and
//! `name@1.0.0` (9), each with a registry's host in front if it is not the usual one. Aliases stand
//! only with those who use them; the key has the real name. Version 9 no longer says what is for
//! development, so it is found by following the edges from the importers.

use std::collections::{HashMap, HashSet};

use rules::Digest;
use serde::Deserialize;

use super::address::of_resolved;
use super::{package_lock, yaml};
use crate::preflight::lockfile::draft::{Draft, Entry};
use crate::preflight::lockfile::pairs::Pairs;
use crate::preflight::lockfile::{Source, SourceKind};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    lockfile_version: String,
    #[serde(default)]
    importers: Pairs<Importer>,
    /// Of a project without workspace, before version 9.
    #[serde(flatten)]
    project: Importer,
    #[serde(default)]
    packages: Pairs<Package>,
    #[serde(default)]
    snapshots: Pairs<Snapshot>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Importer {
    #[serde(default)]
    dependencies: Pairs<Reference>,
    #[serde(default)]
    optional_dependencies: Pairs<Reference>,
    #[serde(default)]
    dev_dependencies: Pairs<Reference>,
    /// Settings and hooks as packages: pnpm runs them in every install.
    #[serde(default)]
    config_dependencies: Pairs<Reference>,
    /// pnpm itself.
    #[serde(default)]
    package_manager_dependencies: Pairs<Reference>,
}

/// What an importer uses: a version, or a specifier and a version.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    Version(String),
    Resolved { version: String },
}

#[derive(Deserialize)]
struct Package {
    name: Option<String>,
    version: Option<String>,
    #[serde(default)]
    resolution: Resolution,
    dev: Option<bool>,
}

#[derive(Default, Deserialize)]
struct Resolution {
    integrity: Option<String>,
    tarball: Option<String>,
    directory: Option<String>,
    repo: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    #[serde(default)]
    dependencies: Pairs<String>,
    #[serde(default)]
    optional_dependencies: Pairs<String>,
}

/// A dependency path, taken apart.
struct Key<'a> {
    name: &'a str,
    version: &'a str,
    host: Option<&'a str>,
}

pub(crate) fn fill(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let documents: Vec<Document> = yaml::documents(text)?;
    if documents.is_empty() {
        return Err("it is empty".to_owned());
    }
    for document in documents {
        let stated = document.lockfile_version.as_str();
        let major = stated
            .split('.')
            .next()
            .and_then(|major| major.parse().ok());
        let Some(major @ (5 | 6 | 9)) = major else {
            return Err(format!(
                "lockfileVersion {stated:?} is unknown: 5, 6 and 9 are read; run pnpm install \
                 with a pnpm of today"
            ));
        };
        fill_document(major, &document, draft);
    }
    Ok(())
}

fn fill_document(major: u32, document: &Document, draft: &mut Draft<'_>) {
    let needed = (major == 9)
        .then(|| needed_outside_development(document))
        .flatten();
    fill_links(document, draft);
    for (path, package) in &document.packages.0 {
        let quote = if path.starts_with('@') { "'" } else { "" };
        let place = draft.place(path, &format!("\n  {quote}{path}{quote}:"));
        let key = split_key(path, major);
        let version = package.version.as_deref().unwrap_or(key.version);
        let source = source(package, &key, version);
        let stated = match &source {
            Source::Registry(_) => version,
            Source::Other(_) => package.version.as_deref().unwrap_or_default(),
        };
        let integrity = package.resolution.integrity.as_deref();
        let entry = Entry {
            name: package.name.as_deref().unwrap_or(key.name),
            version: stated,
            integrity: integrity.map(Digest::from_sri).unwrap_or_default(),
            source,
            dev: match &needed {
                Some(needed) => Some(!needed.contains(path.as_str())),
                None => package.dev,
            },
            place,
        };
        package_lock::add(entry, draft);
    }
}

fn source(package: &Package, key: &Key<'_>, version: &str) -> Source {
    let resolution = &package.resolution;
    // What is no version is an address or a runtime: the source, whatever the tarball looks like.
    let stated = |text: &str| text.starts_with(|start: char| start.is_ascii_digit());
    match &resolution.tarball {
        _ if resolution.repo.is_some() => Source::Other(SourceKind::Git),
        _ if resolution.directory.is_some() => Source::Other(SourceKind::File),
        Some(tarball) if tarball.starts_with("file:") => Source::Other(SourceKind::File),
        _ if !stated(key.version) => Source::Other(SourceKind::Url),
        Some(tarball) => of_resolved(tarball, version),
        None => Source::Registry(key.host.map(str::to_owned)),
    }
}

/// Links to folders of the workspace: they stand with the importers alone.
fn fill_links(document: &Document, draft: &mut Draft<'_>) {
    for importer in importers(document) {
        let for_development = [
            (&importer.dependencies, false),
            (&importer.optional_dependencies, false),
            (&importer.dev_dependencies, true),
        ];
        for (references, dev) in for_development {
            for (name, reference) in &references.0 {
                if !reference.version().starts_with("link:") {
                    continue;
                }
                let place = draft.place_of(name);
                draft.add(Entry {
                    name,
                    version: "",
                    integrity: Vec::new(),
                    source: Source::Other(SourceKind::Link),
                    dev: Some(dev),
                    place,
                });
            }
        }
    }
}

fn importers(document: &Document) -> impl Iterator<Item = &Importer> {
    let importers = document.importers.0.iter().map(|(_, importer)| importer);
    importers.chain([&document.project])
}

/// The packages that are reached from what importers need to run; `None` if an edge leads nowhere.
fn needed_outside_development(document: &Document) -> Option<HashSet<&str>> {
    let snapshots: HashMap<&str, &Snapshot> = document
        .snapshots
        .0
        .iter()
        .map(|(key, snapshot)| (key.as_str(), snapshot))
        .collect();
    let mut pending: Vec<String> = importers(document)
        .flat_map(Importer::needed_to_run)
        .flat_map(|references| &references.0)
        .filter(|(_, reference)| !reference.version().starts_with("link:"))
        .map(|(name, reference)| snapshot_key(name, reference.version(), &snapshots))
        .collect();
    let (mut seen, mut needed) = (HashSet::new(), HashSet::new());
    while let Some(key) = pending.pop() {
        let (key, snapshot) = snapshots.get_key_value(key.as_str())?;
        if !seen.insert(*key) {
            continue;
        }
        needed.insert(without_peers(key));
        let edges = [&snapshot.dependencies, &snapshot.optional_dependencies];
        let edges = edges.into_iter().flat_map(|edges| &edges.0);
        let edges = edges.filter(|(_, version)| !version.starts_with("link:"));
        pending.extend(edges.map(|(name, version)| snapshot_key(name, version, &snapshots)));
    }
    Some(needed)
}

/// The key that an edge leads to: an alias has the whole key where others have the version.
fn snapshot_key(name: &str, version: &str, snapshots: &HashMap<&str, &Snapshot>) -> String {
    match snapshots.contains_key(version) {
        true => version.to_owned(),
        false => format!("{name}@{version}"),
    }
}

fn split_key(path: &str, major: u32) -> Key<'_> {
    let (host, rest) = match path.strip_prefix('/') {
        Some(rest) => (None, rest),
        // `registry.test/name/1.0.0`, or a path that is an address and will not be split.
        None if major < 9 && !path.starts_with('@') => match path.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) => (Some(host), rest),
            _ => (None, path),
        },
        None => (None, path),
    };
    let split = match major {
        5 => rest.rsplit_once('/').map(|(name, version)| {
            let end = version.find('_').unwrap_or(version.len());
            (name, version.get(..end).unwrap_or(version))
        }),
        _ => super::address::split_spec(without_peers(rest)),
    };
    let (name, version) = split.unwrap_or((rest, ""));
    Key {
        name,
        version,
        host,
    }
}

/// A key without the peers in parentheses that pnpm resolved it with.
fn without_peers(key: &str) -> &str {
    key.split_once('(').map_or(key, |(key, _)| key)
}

impl Importer {
    const fn needed_to_run(&self) -> [&Pairs<Reference>; 4] {
        [
            &self.dependencies,
            &self.optional_dependencies,
            &self.config_dependencies,
            &self.package_manager_dependencies,
        ]
    }
}

impl Reference {
    fn version(&self) -> &str {
        match self {
            Self::Version(version) | Self::Resolved { version } => version,
        }
    }
}
