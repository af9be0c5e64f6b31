//! A project page as it was read: the files that belong to the project, grouped by version, each
//! with the place of its entry in the document, so that keys that nobody here knows reach the
//! client.

use std::borrow::Cow;
use std::collections::btree_map::{BTreeMap, Entry as Slot};
use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use bytes::Bytes;
use rules::{Digest, Ecosystem, PackageName, VersionKey};
use serde_json::{Map, Value};

use super::super::json::{self, Malformed, Scanner, Span};
use super::super::{Body, Index, Listed, ListedFile, Location};
use super::entry::{Entry, digests};
use super::{address, filename};

/// An upstream's page, in the form that it is rendered from.
#[derive(Debug)]
pub struct Project {
    /// JSON, in which the entries stand: the document, if it is JSON.
    pub(super) text: Bytes,
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
    /// The place of its version in `Index::versions`.
    pub listed: u32,
    /// Its place among the version's files.
    pub place: u32,
    /// The object in the project's text, with the keys of the document: PEP 691's, or those of the
    /// JSON API.
    pub entry: Span,
}

impl Project {
    /// The file's entry as it is written.
    pub(super) fn entry(&self, file: &File) -> &str {
        let bytes = self.text.get(file.entry.range()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// Collects what a document lists, and keeps only what can be served.
pub(super) struct Shelf<'a> {
    package: &'a PackageName,
    page: &'a str,
    /// In which the entries stand.
    text: &'a str,
    rows: Vec<Row<'a>>,
    names: HashSet<Cow<'a, str>>,
}

/// A file that was taken.
struct Row<'a> {
    name: Cow<'a, str>,
    /// The part of the name that is the version.
    version: (usize, usize),
    url: String,
    entry: Span,
    digests: Vec<Digest>,
    size: Option<u64>,
    metadata: Option<Vec<Digest>>,
    published: Option<SystemTime>,
}

/// A version's place in the order of PEP 440, in which two spellings of one version are equal.
pub(super) fn version_key(text: &str) -> VersionKey<'_> {
    VersionKey::new(Ecosystem::Pypi, text)
}

impl<'a> Shelf<'a> {
    /// `page` is the address that the entries' links are relative to.
    pub fn new(package: &'a PackageName, page: &'a str, text: &'a str) -> Self {
        Self {
            package,
            page,
            text,
            rows: Vec::new(),
            names: HashSet::new(),
        }
    }

    /// Takes the files of the array that the scanner has come to; false if it is no array.
    pub fn put_all(&mut self, scanner: &mut Scanner<'a>) -> Result<bool, Malformed> {
        if !scanner.enters_array()? {
            return scanner.skip().map(|_| false);
        }
        while scanner.next_item()? {
            let span = scanner.skip()?;
            self.put(span);
        }
        Ok(true)
    }

    /// Takes a file, unless it is no distribution of this project, its name can't be asked for, its
    /// link leads nowhere, or the name was taken before.
    fn put(&mut self, span: Span) -> Option<()> {
        let entry = Entry::read(span.of(self.text))?;
        let name = entry.text("filename")?;
        if !is_askable(&name) || self.names.contains(&name) {
            return None;
        }
        let link = address::resolve(self.page, &entry.text("url")?)?;
        let version = filename::version_of(self.package, &name)?;
        let start = name.find(version)?;
        let hashes = first(&entry, ["hashes", "digests"]);
        let row = Row {
            version: (start, start + version.len()),
            name: name.clone(),
            url: link.url,
            entry: span,
            digests: hashes.map(digests).unwrap_or_default(),
            size: entry.value("size").and_then(|size| size.parse().ok()),
            metadata: entry.core_metadata().map(|hashes| digests(&hashes)),
            published: published(&entry),
        };
        self.rows.push(row);
        self.names.insert(name);
        Some(())
    }

    /// Whether any file was taken.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Groups the files by version, in the order in which the versions first appear.
    pub fn into_parts(self) -> (Vec<Listed>, Vec<File>) {
        let mut listed: Vec<Listed> = Vec::new();
        let mut files = Vec::with_capacity(self.rows.len());
        let places = places(&self.rows);
        for (row, place) in self.rows.into_iter().zip(places) {
            if place == listed.len() {
                listed.push(Listed {
                    version: row.version().to_owned(),
                    published: None,
                    files: Vec::new(),
                });
            }
            let group = &mut listed[place];
            // The earliest upload is when the version came out; later wheels don't make it younger.
            group.published = match (group.published, row.published) {
                (Some(known), Some(uploaded)) => Some(known.min(uploaded)),
                (known, uploaded) => known.or(uploaded),
            };
            files.push(File {
                listed: place as u32,
                place: group.files.len() as u32,
                entry: row.entry,
            });
            group.files.push(ListedFile {
                name: row.name.into_owned(),
                location: Location::Url(row.url),
                digests: row.digests,
                size: row.size,
                metadata: row.metadata,
            });
        }
        for group in &mut listed {
            group.files.shrink_to_fit();
        }
        (listed, files)
    }
}

impl Row<'_> {
    fn version(&self) -> &str {
        let (start, end) = self.version;
        self.name.get(start..end).unwrap_or_default()
    }
}

/// For every row the place of its version among all versions.
fn places(rows: &[Row<'_>]) -> Vec<usize> {
    let mut spellings: HashMap<&str, usize> = HashMap::new();
    let mut versions: BTreeMap<VersionKey<'_>, usize> = BTreeMap::new();
    let place = |row| {
        let spelling = Row::version(row);
        // Most versions have one spelling, and a text is cheaper to look up than a version.
        *spellings.entry(spelling).or_insert_with(|| {
            let next = versions.len();
            match versions.entry(version_key(spelling)) {
                Slot::Occupied(place) => *place.get(),
                Slot::Vacant(place) => *place.insert(next),
            }
        })
    };
    rows.iter().map(place).collect()
}

/// The index of a project's page.
pub(super) fn index(parts: (Vec<Listed>, Vec<File>), project: Project) -> Index {
    let (versions, files) = parts;
    Index::new(versions, Body::Pypi(Project { files, ..project }))
}

/// The value of the first key that is there.
fn first<'e>(entry: &'e Entry<'_>, keys: [&str; 2]) -> Option<&'e str> {
    keys.into_iter()
        .find_map(|key| entry.value(key))
        .filter(|value| *value != "null")
}

/// Only names whose letters may stand in an address (`exchange::Path`) can ever be asked for.
fn is_askable(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!'()*+@,=:$&".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}

fn published(entry: &Entry<'_>) -> Option<SystemTime> {
    let text = first(entry, ["upload-time", "upload_time_iso_8601"])?;
    rules::moment::read(&json::string(text)?)
}
