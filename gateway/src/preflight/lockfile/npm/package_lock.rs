//! `package-lock.json` and `npm-shrinkwrap.json`, `lockfileVersion` 1, 2 and 3.
//!
//! Versions 2 and 3 hold `packages`, keyed by folder; version 1 holds nested `dependencies`.
//! Version 2 has both and npm 7 and later read the first, so that is read. `serde_json` bounds
//! the nesting.

use rules::Digest;
use serde::Deserialize;

use super::address::{kind_of_spec, of_resolved, package_of_tarball, split_spec};
use crate::preflight::lockfile::draft::{Draft, Entry, shown};
use crate::preflight::lockfile::pairs::Pairs;
use crate::preflight::lockfile::{Place, Source, SourceKind};

const ADDRESS_REMEDY: &str = "an install fetches what the address says: remove the entry and lock \
                              again, and ask who wrote it";
const VERSIONLESS_REMEDY: &str = "run `npm install --package-lock-only` to write the entry anew";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    lockfile_version: Option<u64>,
    packages: Option<Pairs<Folder>>,
    dependencies: Option<Pairs<Dependency>>,
}

/// An entry of `packages`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Folder {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<Resolved>,
    integrity: Option<String>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    in_bundle: bool,
}

/// An entry of `dependencies`.
#[derive(Deserialize)]
struct Dependency {
    version: Option<String>,
    resolved: Option<Resolved>,
    integrity: Option<String>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    bundled: bool,
    dependencies: Option<Pairs<Dependency>>,
}

/// npm 5 wrote `false` where it knew no address.
#[derive(Deserialize)]
#[serde(untagged)]
enum Resolved {
    Address(String),
    Flag(#[allow(dead_code)] bool),
}

pub(crate) fn fill(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let document: Document = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some(version) = document
        .lockfile_version
        .filter(|version| !(1..=3).contains(version))
    {
        return Err(format!(
            "lockfileVersion {version} is unknown: 1, 2 and 3 are read"
        ));
    }
    match (document.packages, document.dependencies) {
        (Some(packages), _) => fill_packages(packages, draft),
        (None, Some(dependencies)) => fill_dependencies(dependencies, draft),
        (None, None) if document.lockfile_version.is_some() => {}
        (None, None) => return Err("it holds neither packages nor dependencies".to_owned()),
    }
    Ok(())
}

fn fill_packages(packages: Pairs<Folder>, draft: &mut Draft<'_>) {
    for (path, folder) in &packages.0 {
        let place = draft.place(path, &mark(path));
        // The project itself, under the empty path.
        if path.is_empty() {
            continue;
        }
        let installed = path.rsplit_once("node_modules/").map(|(_, name)| name);
        let Some(name) = folder.name.as_deref().or(installed) else {
            // A nameless folder of the project; the link to it has the name.
            continue;
        };
        let source = folder_source(folder, installed.is_some());
        let version = if folder.link {
            let target = resolved(&folder.resolved).and_then(|target| packages.last(target));
            target.and_then(|target| target.version.as_deref())
        } else {
            folder.version.as_deref()
        };
        let Some(version) = version.or((!is_registry(&source)).then_some("")) else {
            let package = draft.package(name);
            draft.problem(place, package, "there is no version", VERSIONLESS_REMEDY);
            continue;
        };
        let entry = Entry {
            name,
            version,
            integrity: sri(&folder.integrity),
            source,
            dev: Some(folder.dev),
            place,
        };
        add(entry, draft);
    }
}

fn folder_source(folder: &Folder, installed: bool) -> Source {
    match resolved(&folder.resolved) {
        _ if !installed => Source::Other(SourceKind::Workspace),
        _ if folder.link => Source::Other(SourceKind::Link),
        None if folder.in_bundle => Source::Other(SourceKind::Bundled),
        Some(address) => of_resolved(address, folder.version.as_deref().unwrap_or_default()),
        None => Source::Registry(None),
    }
}

fn fill_dependencies(dependencies: Pairs<Dependency>, draft: &mut Draft<'_>) {
    let mut stack = vec![(String::new(), dependencies.0.into_iter())];
    while let Some((parent, entries)) = stack.last_mut() {
        let Some((name, mut dependency)) = entries.next() else {
            stack.pop();
            continue;
        };
        let path = match parent.as_str() {
            "" => name.clone(),
            parent => format!("{parent} > {name}"),
        };
        let place = draft.place(&path, &mark(&name));
        let nested = dependency.dependencies.take();
        add_dependency(&name, &dependency, place, draft);
        if let Some(nested) = nested {
            stack.push((path, nested.0.into_iter()));
        }
    }
}

fn add_dependency(name: &str, dependency: &Dependency, place: Place, draft: &mut Draft<'_>) {
    let stated = dependency.version.as_deref().unwrap_or_default();
    // `npm:real@1.0.0` is an alias; an address in place of a version is its own source.
    let alias = stated.strip_prefix("npm:").and_then(split_spec);
    let (name, version) = alias.unwrap_or((name, stated));
    let (source, version) = match kind_of_spec(version) {
        Some(kind) => (Source::Other(kind), ""),
        None => match resolved(&dependency.resolved) {
            None if dependency.bundled => (Source::Other(SourceKind::Bundled), version),
            None => (Source::Registry(None), version),
            Some(address) => (of_resolved(address, version), version),
        },
    };
    let entry = Entry {
        name,
        version,
        integrity: sri(&dependency.integrity),
        source,
        dev: Some(dependency.dev),
        place,
    };
    add(entry, draft);
}

/// Takes an entry and says so if its tarball address belongs to another package.
pub(crate) fn add(entry: Entry<'_>, draft: &mut Draft<'_>) {
    if let Source::Registry(Some(url)) = &entry.source
        && let Some(fetched) = package_of_tarball(url).filter(|fetched| fetched != entry.name)
    {
        let message = format!(
            "the entry is {:?} but its address fetches {:?}",
            shown(entry.name),
            shown(&fetched)
        );
        let package = draft.package(&fetched);
        draft.problem(entry.place.clone(), package, message, ADDRESS_REMEDY);
    }
    draft.add(entry);
}

fn resolved(resolved: &Option<Resolved>) -> Option<&str> {
    match resolved {
        Some(Resolved::Address(address)) => Some(address),
        Some(Resolved::Flag(_)) | None => None,
    }
}

fn sri(integrity: &Option<String>) -> Vec<Digest> {
    integrity
        .as_deref()
        .map(Digest::from_sri)
        .unwrap_or_default()
}

const fn is_registry(source: &Source) -> bool {
    matches!(source, Source::Registry(_))
}

/// How npm writes the beginning of an entry.
fn mark(key: &str) -> String {
    format!("{}: {{", serde_json::Value::from(key))
}
