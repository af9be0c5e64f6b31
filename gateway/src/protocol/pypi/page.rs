//! A project page as it was read: the files that belong to the project, grouped by version, each
//! with its entry of the original document, so that keys that nobody here knows reach the client.

use std::collections::HashSet;
use std::collections::btree_map::{BTreeMap, Entry};

use rules::{Digest, DigestAlgorithm, Ecosystem, PackageName, VersionKey};
use serde_json::{Map, Value};

use super::super::{Body, Index, Listed, ListedFile, Location};
use super::{address, filename};

/// An upstream's page, in the form that it is rendered from.
#[derive(Debug)]
pub struct Project {
    /// The document without its files.
    pub(super) head: Map<String, Value>,
    /// In the document's order.
    pub(super) files: Vec<File>,
    /// The versions that the document names beside the files' own; `None` if it names none at all.
    pub(super) versions: Option<Vec<String>>,
}

/// A distribution file.
#[derive(Debug)]
pub(super) struct File {
    pub name: String,
    /// The place of its version in `Index::versions`.
    pub listed: usize,
    /// The keys of the document it stood in: PEP 691's, or those of the JSON API.
    pub entry: Map<String, Value>,
}

/// Collects what a document lists, and keeps only what can be served.
pub(super) struct Shelf<'a> {
    package: &'a PackageName,
    page: &'a str,
    rows: Vec<(String, ListedFile, File)>,
    names: HashSet<String>,
}

/// A version's place in the order of PEP 440, in which two spellings of one version are equal.
pub(super) fn version_key(text: &str) -> VersionKey<'_> {
    VersionKey::new(Ecosystem::Pypi, text)
}

impl<'a> Shelf<'a> {
    /// `page` is the address that the entries' links are relative to.
    pub fn new(package: &'a PackageName, page: &'a str) -> Self {
        Self {
            package,
            page,
            rows: Vec::new(),
            names: HashSet::new(),
        }
    }

    /// Takes a file, unless it is no distribution of this project, its name can't be asked for, its
    /// link leads nowhere, or the name was taken before.
    pub fn put(&mut self, name: &str, mut entry: Map<String, Value>) {
        if !is_askable(name) || self.names.contains(name) {
            return;
        }
        let link = entry.get("url").and_then(Value::as_str);
        let Some(link) = link.and_then(|link| address::resolve(self.page, link)) else {
            return;
        };
        let Some(version) = filename::version_of(self.package, name) else {
            return;
        };
        entry.insert("url".to_string(), Value::String(link.url.clone()));
        let listed = ListedFile {
            name: name.to_string(),
            location: Location::Url(link.url),
            digests: digests(first(&entry, ["hashes", "digests"])),
            size: entry.get("size").and_then(Value::as_u64),
            metadata: metadata(&entry),
        };
        self.names.insert(name.to_string());
        self.rows.push((
            version,
            listed,
            File {
                name: name.to_string(),
                listed: 0,
                entry,
            },
        ));
    }

    /// Whether any file was taken.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Groups the files by version, in the order in which the versions first appear.
    pub fn into_index(self, head: Map<String, Value>, versions: Option<Vec<String>>) -> Index {
        let mut listed: Vec<Listed> = Vec::new();
        let mut files = Vec::with_capacity(self.rows.len());
        let mut places: BTreeMap<VersionKey<'_>, usize> = BTreeMap::new();
        let mut items = Vec::with_capacity(self.rows.len());
        let mut spellings = Vec::with_capacity(self.rows.len());
        for (version, item, file) in self.rows {
            spellings.push(version);
            items.push((item, file));
        }
        for (spelling, (item, mut file)) in spellings.iter().zip(items) {
            file.listed = match places.entry(version_key(spelling)) {
                Entry::Occupied(place) => *place.get(),
                Entry::Vacant(place) => {
                    listed.push(Listed {
                        version: spelling.clone(),
                        published: None,
                        files: Vec::new(),
                    });
                    *place.insert(listed.len() - 1)
                }
            };
            let group = &mut listed[file.listed];
            // The earliest upload is when the version came out; later wheels don't make it younger.
            group.published = match (group.published, published(&file.entry)) {
                (Some(known), Some(uploaded)) => Some(known.min(uploaded)),
                (known, uploaded) => known.or(uploaded),
            };
            group.files.push(item);
            files.push(file);
        }
        drop(places);
        Index {
            versions: listed,
            body: Body::Pypi(Project {
                head,
                files,
                versions,
            }),
        }
    }
}

/// The value of the first key that is there.
pub(super) fn first<'a>(entry: &'a Map<String, Value>, keys: [&str; 2]) -> Option<&'a Value> {
    keys.into_iter()
        .find_map(|key| entry.get(key))
        .filter(|value| !value.is_null())
}

/// What the document says of the file's PEP 658 metadata, under any of the names it has had
/// (PEP 714), unless it says that there is none.
pub(super) fn core_metadata(entry: &Map<String, Value>) -> Option<&Value> {
    [
        "core-metadata",
        "dist-info-metadata",
        "data-dist-info-metadata",
    ]
    .into_iter()
    .find_map(|key| entry.get(key))
    .filter(|value| !matches!(value, Value::Null | Value::Bool(false)))
}

/// Only names whose letters may stand in an address (`exchange::Path`) can ever be asked for.
fn is_askable(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!'()*+@,=:$&".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}

fn published(entry: &Map<String, Value>) -> Option<std::time::SystemTime> {
    let text = first(entry, ["upload-time", "upload_time_iso_8601"])?;
    rules::moment::read(text.as_str()?)
}

fn metadata(entry: &Map<String, Value>) -> Option<Vec<Digest>> {
    core_metadata(entry).map(|value| digests(Some(value)))
}

/// The digests of a `{"sha256": "…"}`; algorithms that the house can't check promise nothing.
fn digests(hashes: Option<&Value>) -> Vec<Digest> {
    let Some(Value::Object(hashes)) = hashes else {
        return Vec::new();
    };
    let read = |(name, value): (&String, &Value)| {
        let algorithm: DigestAlgorithm = name.parse().ok()?;
        Digest::from_hex(algorithm, value.as_str()?)
    };
    hashes.iter().filter_map(read).collect()
}
