//! The lockfiles in TOML: uv's, Poetry's, PDM's and PEP 751's.
//!
//! Each has one entry for a package version with the digests of all its artifacts; an install takes
//! one of them, so all are kept.

use rules::Digest;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::preflight::lockfile::draft::{Draft, Entry, digest_of_pair, shown};
use crate::preflight::lockfile::pairs::Pairs;
use crate::preflight::lockfile::{Source, SourceKind};

#[derive(Deserialize)]
struct Uv {
    version: u64,
    #[serde(default)]
    package: Vec<UvPackage>,
}

#[derive(Deserialize)]
struct UvPackage {
    name: String,
    version: Option<String>,
    #[serde(default)]
    source: UvSource,
    sdist: Option<File>,
    #[serde(default)]
    wheels: Vec<File>,
}

#[derive(Default, Deserialize)]
struct UvSource {
    registry: Option<String>,
    git: Option<String>,
    url: Option<String>,
    path: Option<String>,
    directory: Option<String>,
    editable: Option<String>,
    r#virtual: Option<String>,
}

/// An artifact with its digest: `sha256:…`.
#[derive(Deserialize)]
struct File {
    hash: Option<String>,
}

pub(crate) fn fill_uv(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let document: Uv = toml_document(text)?;
    known_version(&document.version.to_string(), &["1"])?;
    for package in document.package {
        let files = package.sdist.iter().chain(&package.wheels);
        let source = package.source.kind();
        let entry = Entry {
            name: &package.name,
            version: package.version.as_deref().unwrap_or_default(),
            integrity: digests(files),
            source,
            dev: None,
            place: draft.place(&package.name, "[[package]]"),
        };
        draft.add(entry);
    }
    Ok(())
}

impl UvSource {
    fn kind(self) -> Source {
        Source::Other(match self {
            Self { git: Some(_), .. } => SourceKind::Git,
            Self { url: Some(_), .. } => SourceKind::Url,
            Self { path: Some(_), .. }
            | Self {
                directory: Some(_), ..
            } => SourceKind::File,
            Self {
                editable: Some(_), ..
            }
            | Self {
                r#virtual: Some(_), ..
            } => SourceKind::Workspace,
            Self { registry, .. } => return Source::Registry(registry),
        })
    }
}

#[derive(Deserialize)]
struct Poetry {
    #[serde(default)]
    package: Vec<PoetryPackage>,
    metadata: PoetryMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PoetryMetadata {
    lock_version: Option<String>,
    /// Before lock version 2 the digests stand here, by package.
    #[serde(default)]
    files: Pairs<Vec<File>>,
}

#[derive(Deserialize)]
struct PoetryPackage {
    name: String,
    version: Option<String>,
    category: Option<String>,
    groups: Option<Vec<String>>,
    #[serde(default)]
    files: Vec<File>,
    source: Option<PoetrySource>,
}

#[derive(Deserialize)]
struct PoetrySource {
    r#type: Option<String>,
    url: Option<String>,
}

pub(crate) fn fill_poetry(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let document: Poetry = toml_document(text)?;
    if let Some(version) = &document.metadata.lock_version {
        known_version(version, &["1", "2"])?;
    }
    for package in document.package {
        let shared = document.metadata.files.last(&package.name);
        let files = package.files.iter().chain(shared.into_iter().flatten());
        let category = package
            .category
            .as_deref()
            .map(|category| category != "main");
        let entry = Entry {
            name: &package.name,
            version: package.version.as_deref().unwrap_or_default(),
            integrity: digests(files),
            source: package
                .source
                .map_or(Source::Registry(None), PoetrySource::kind),
            dev: category.or_else(|| {
                package
                    .groups
                    .as_deref()
                    .map(|groups| lacks(groups, "main"))
            }),
            place: draft.place(&package.name, "[[package]]"),
        };
        draft.add(entry);
    }
    Ok(())
}

impl PoetrySource {
    fn kind(self) -> Source {
        Source::Other(match self.r#type.as_deref() {
            Some("git") => SourceKind::Git,
            Some("url") => SourceKind::Url,
            Some("file" | "directory") => SourceKind::File,
            _ => return Source::Registry(self.url),
        })
    }
}

#[derive(Deserialize)]
struct Pdm {
    metadata: PdmMetadata,
    #[serde(default)]
    package: Vec<PdmPackage>,
}

#[derive(Deserialize)]
struct PdmMetadata {
    lock_version: Option<String>,
    /// Before lock version 4.3 the digests stand here, under `name version`.
    #[serde(default)]
    files: Pairs<Vec<File>>,
}

#[derive(Deserialize)]
struct PdmPackage {
    name: String,
    version: Option<String>,
    groups: Option<Vec<String>>,
    #[serde(default)]
    files: Vec<File>,
    git: Option<String>,
    url: Option<String>,
    path: Option<String>,
}

pub(crate) fn fill_pdm(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let document: Pdm = toml_document(text)?;
    if let Some(version) = &document.metadata.lock_version {
        known_version(version, &["2", "3", "4"])?;
    }
    for package in &document.package {
        let version = package.version.as_deref().unwrap_or_default();
        let shared = document
            .metadata
            .files
            .last(&format!("{} {version}", package.name));
        let files = package.files.iter().chain(shared.into_iter().flatten());
        let entry = Entry {
            name: &package.name,
            version,
            integrity: digests(files),
            source: match package {
                PdmPackage { git: Some(_), .. } => Source::Other(SourceKind::Git),
                PdmPackage { path: Some(_), .. } => Source::Other(SourceKind::File),
                PdmPackage { url: Some(_), .. } => Source::Other(SourceKind::Url),
                _ => Source::Registry(None),
            },
            dev: package
                .groups
                .as_deref()
                .map(|groups| lacks(groups, "default")),
            place: draft.place(&package.name, "[[package]]"),
        };
        draft.add(entry);
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Pylock {
    lock_version: String,
    #[serde(default)]
    packages: Vec<PylockPackage>,
}

#[derive(Deserialize)]
struct PylockPackage {
    name: String,
    version: Option<String>,
    index: Option<String>,
    vcs: Option<toml::Table>,
    directory: Option<toml::Table>,
    archive: Option<toml::Table>,
    sdist: Option<PylockFile>,
    #[serde(default)]
    wheels: Vec<PylockFile>,
}

#[derive(Deserialize)]
struct PylockFile {
    #[serde(default)]
    hashes: Pairs<String>,
}

pub(crate) fn fill_pylock(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let document: Pylock = toml_document(text)?;
    known_version(&document.lock_version, &["1"])?;
    for package in document.packages {
        let files = package.sdist.iter().chain(&package.wheels);
        let hashes = files.flat_map(|file| &file.hashes.0);
        let entry = Entry {
            name: &package.name,
            version: package.version.as_deref().unwrap_or_default(),
            integrity: hashes
                .filter_map(|(algorithm, value)| digest_of_pair(&format!("{algorithm}:{value}")))
                .collect(),
            source: match () {
                () if package.vcs.is_some() => Source::Other(SourceKind::Git),
                () if package.directory.is_some() => Source::Other(SourceKind::File),
                () if package.archive.is_some() => Source::Other(SourceKind::Url),
                () => Source::Registry(package.index),
            },
            dev: None,
            place: draft.place(&package.name, "[[packages]]"),
        };
        draft.add(entry);
    }
    Ok(())
}

fn toml_document<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().and_then(|span| text.get(..span.start));
        let line = line.map(|before| before.matches('\n').count() + 1);
        let place = line
            .map(|line| format!("line {line}: "))
            .unwrap_or_default();
        format!("{place}{}", error.message())
    })
}

fn known_version(stated: &str, known: &[&str]) -> Result<(), String> {
    let major = stated.split('.').next().unwrap_or_default();
    if known.contains(&major) {
        return Ok(());
    }
    Err(format!(
        "lock version {:?} is unknown: {} is read",
        shown(stated),
        known.join(", ")
    ))
}

fn digests<'a>(files: impl Iterator<Item = &'a File>) -> Vec<Digest> {
    files
        .filter_map(|file| digest_of_pair(file.hash.as_deref()?))
        .collect()
}

fn lacks(groups: &[String], group: &str) -> bool {
    !groups.iter().any(|name| name == group)
}
