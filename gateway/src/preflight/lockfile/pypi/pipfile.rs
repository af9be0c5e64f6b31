//! `Pipfile.lock` of Pipenv.

use serde::Deserialize;

use crate::preflight::lockfile::draft::{Draft, Entry, digest_of_pair, shown};
use crate::preflight::lockfile::pairs::Pairs;
use crate::preflight::lockfile::{Source, SourceKind};

const PIN_REMEDY: &str = "lock again so that an exact version is written";

/// Every key but `_meta` is a category: `default`, `develop`, or one of the user's.
#[derive(Deserialize)]
struct Pipfile {
    #[serde(rename = "_meta")]
    meta: PipfileMeta,
    #[serde(flatten)]
    categories: Pairs<Pairs<PipfilePackage>>,
}

#[derive(Deserialize)]
struct PipfileMeta {
    #[serde(default)]
    sources: Vec<PipfileSource>,
}

#[derive(Deserialize)]
struct PipfileSource {
    name: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct PipfilePackage {
    version: Option<String>,
    #[serde(default)]
    hashes: Vec<String>,
    index: Option<String>,
    git: Option<String>,
    path: Option<String>,
    file: Option<String>,
}

pub(crate) fn fill(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let document: Pipfile = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for (category, packages) in &document.categories.0 {
        for (name, package) in &packages.0 {
            let mark = format!("{}: {{", serde_json::Value::from(name.as_str()));
            let place = draft.place(name, &mark);
            let source = package.source(&document.meta);
            let stated = package.version.as_deref().unwrap_or_default();
            let pinned = stated
                .strip_prefix("===")
                .or_else(|| stated.strip_prefix("=="));
            let version = pinned.unwrap_or_default();
            let registry = matches!(source, Source::Registry(_));
            if registry && (version.is_empty() || version.contains(['*', ','])) {
                let message = format!("{:?} is not one version", shown(stated));
                draft.problem(place, draft.package(name), message, PIN_REMEDY);
                continue;
            }
            let entry = Entry {
                name,
                version,
                integrity: package
                    .hashes
                    .iter()
                    .filter_map(|hash| digest_of_pair(hash))
                    .collect(),
                source,
                dev: Some(category == "develop"),
                place,
            };
            draft.add(entry);
        }
    }
    Ok(())
}

impl PipfilePackage {
    fn source(&self, meta: &PipfileMeta) -> Source {
        match self {
            Self { git: Some(_), .. } => Source::Other(SourceKind::Git),
            Self { path: Some(_), .. } => Source::Other(SourceKind::File),
            Self {
                file: Some(file), ..
            } if file.contains("://") => Source::Other(SourceKind::Url),
            Self { file: Some(_), .. } => Source::Other(SourceKind::File),
            _ => {
                let named = |source: &&PipfileSource| source.name == self.index;
                let source = meta.sources.iter().find(named).or(meta.sources.first());
                Source::Registry(source.and_then(|source| source.url.clone()))
            }
        }
    }
}
