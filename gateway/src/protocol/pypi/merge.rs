//! Several repositories' pages made one: by version, and the nearest part owns the whole version.

use std::collections::BTreeSet;

use rules::VersionKey;
use serde_json::{Map, Value};

use super::super::{Body, Listed, Part, Shown};
use super::page::{File, Project, version_key};

/// A file as it goes into the listing.
pub(super) struct Shelved<'a> {
    pub file: &'a File,
    pub version: &'a str,
    /// Why the version is withheld.
    pub withheld: Option<&'a str>,
}

/// A listing of all parts.
pub(super) struct Merged<'a> {
    /// Nearest part first.
    pub projects: Vec<&'a Project>,
    /// Nearest part first, and in each the document's order.
    pub files: Vec<Shelved<'a>>,
    /// Every version named, with files or without, each once.
    pub versions: Vec<&'a str>,
}

impl<'a> Merged<'a> {
    pub fn new(parts: &[Part<'a>]) -> Self {
        let mut merged = Self {
            projects: Vec::new(),
            files: Vec::new(),
            versions: Vec::new(),
        };
        let mut owned: BTreeSet<VersionKey<'a>> = BTreeSet::new();
        let mut named: BTreeSet<VersionKey<'a>> = BTreeSet::new();
        for part in parts {
            let Body::Pypi(project) = &part.index.body else {
                continue;
            };
            merged.projects.push(project);
            merged.add_files(part, project, &owned);
            let judged = || part.index.versions.iter().zip(part.shown);
            let is_there = |(listed, shown): (&'a Listed, &Shown)| {
                (!shown.is_absent()).then_some(listed.version.as_str())
            };
            let listed = judged().filter_map(is_there);
            let absent: BTreeSet<VersionKey<'a>> = judged()
                .filter(|(_, shown)| shown.is_absent())
                .map(|(listed, _)| version_key(&listed.version))
                .collect();
            let named_by_document = project.versions.iter().flatten().map(String::as_str);
            let extra = named_by_document.filter(|text| !absent.contains(&version_key(text)));
            owned.extend(listed.clone().map(version_key));
            // The document's own list goes first, for its spelling and its order.
            merged.versions.extend(
                extra
                    .chain(listed)
                    .filter(|text| named.insert(version_key(text))),
            );
        }
        merged
    }

    fn add_files(
        &mut self,
        part: &Part<'a>,
        project: &'a Project,
        owned: &BTreeSet<VersionKey<'_>>,
    ) {
        for file in &project.files {
            let listed = part.index.versions.get(file.listed);
            // A version that nobody judged is not shown.
            let (Some(listed), Some(shown)) = (listed, part.shown.get(file.listed)) else {
                continue;
            };
            if owned.contains(&version_key(&listed.version)) {
                continue;
            }
            let withheld = match shown {
                Shown::Keep => None,
                Shown::Only(files) if files.contains(&file.name) => None,
                Shown::Only(_) => continue,
                Shown::Withhold(sentence) => Some(sentence.as_str()),
            };
            self.files.push(Shelved {
                file,
                version: &listed.version,
                withheld,
            });
        }
    }

    /// Takes the marks off when nothing is left to install: an installer then picks the newest
    /// version and shows why it is refused, where of yanked files it would show nothing.
    pub fn unmark_if_all_withheld(&mut self) {
        if self.files.iter().all(|shelved| shelved.withheld.is_some()) {
            for shelved in &mut self.files {
                shelved.withheld = None;
            }
        }
    }

    /// The nearest part's document, without its files.
    pub fn head(&self) -> Map<String, Value> {
        self.projects
            .first()
            .map(|project| project.head.clone())
            .unwrap_or_default()
    }
}
