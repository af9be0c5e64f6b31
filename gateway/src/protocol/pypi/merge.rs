//! Several repositories' pages made one: by version, and the nearest part owns the whole version.

use std::collections::{BTreeSet, HashSet};

use rules::VersionKey;
use serde_json::{Map, Value};

use super::super::{Body, Listed, ListedFile, Part, Shown};
use super::page::{Project, version_key};

/// The project's name in two addresses, keys that are added, and the metadata's digest once more.
const ROOM_AROUND: usize = 256;

/// What a file's metadata is called beside it (PEP 658).
pub(super) const METADATA: &str = ".metadata";

/// A file as it goes into the listing.
pub(super) struct Shelved<'a> {
    pub file: &'a ListedFile,
    /// Its entry as it is written.
    pub entry: &'a str,
    pub version: &'a str,
    /// Why the version is withheld.
    pub withheld: Option<&'a str>,
    /// Whether its metadata (PEP 658) can be had, if there is any.
    pub has_metadata: bool,
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
        // Most versions have one spelling, and a text is cheaper to look up than a version.
        let mut spelled: HashSet<&'a str> = HashSet::new();
        for (place, part) in parts.iter().enumerate() {
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
            let is_absent = |text| !absent.is_empty() && absent.contains(&version_key(text));
            let extra = named_by_document.filter(|text| !is_absent(text));
            if place + 1 < parts.len() {
                owned.extend(listed.clone().map(version_key));
            }
            // The document's own list goes first, for its spelling and its order.
            merged.versions.extend(
                extra
                    .chain(listed)
                    .filter(|text| spelled.insert(text) && named.insert(version_key(text))),
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
        for entry in &project.files {
            let place = entry.listed as usize;
            let listed = part.index.versions.get(place);
            // A version that nobody judged is not shown.
            let (Some(listed), Some(shown)) = (listed, part.shown.get(place)) else {
                continue;
            };
            let Some(file) = listed.files.get(entry.place as usize) else {
                continue;
            };
            if !owned.is_empty() && owned.contains(&version_key(&listed.version)) {
                continue;
            }
            let withheld = match shown {
                // A mark as yanked would change what is installed: a warning has no channel here.
                Shown::Keep | Shown::Warn(_) => None,
                Shown::Only(files) if files.contains(&file.name) => None,
                Shown::Only(_) => continue,
                Shown::Withhold(sentence) => Some(sentence.as_str()),
            };
            let metadata = || format!("{}{METADATA}", file.name);
            self.files.push(Shelved {
                has_metadata: match shown {
                    Shown::Only(files) => files.contains(&metadata()),
                    _ => true,
                },
                file,
                entry: project.entry(entry),
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

    /// About what the files take when they are written: their entries, and the addresses of ours.
    pub fn room(&self, base: &str) -> usize {
        let entry = |shelved: &Shelved<'_>| {
            let name = shelved.file.name.len() + shelved.version.len();
            let withheld = shelved.withheld.map_or(0, str::len);
            shelved.entry.len() + 3 * name + base.len() + withheld + ROOM_AROUND
        };
        let named: usize = self.versions.iter().map(|version| version.len() + 8).sum();
        self.files.iter().map(entry).sum::<usize>() + named
    }

    /// The nearest part's document, without its files.
    pub fn head(&self) -> Map<String, Value> {
        self.projects
            .first()
            .map(|project| project.head.clone())
            .unwrap_or_default()
    }
}
