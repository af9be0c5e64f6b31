//! Reads an upstream's `maven-metadata.xml` (the Maven Repository Metadata model), distrusting it:
//! no DTD, no entity but XML's own five, and a bound on depth, attributes, texts and entries.
//!
//! One address serves two levels, since `{g}/{a}` may also be a group: what the document holds
//! tells which. What no path of ours could name is left out, so that a listing holds only what can
//! be asked for.

use std::collections::{HashMap, HashSet};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use rules::PackageName;

use super::path;
use crate::protocol::{Body, Index, Listed, MetadataLevel, Unreadable};

/// What a document says besides its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// `{g}/{a}/maven-metadata.xml`: an artifact, a group with plugins, or both. The artifact's
    /// versions are the index's.
    Package {
        /// `yyyymmddhhmmss`
        last_updated: Option<String>,
        plugins: Vec<Plugin>,
    },
    /// `{g}/{a}/{v}-SNAPSHOT/maven-metadata.xml`
    Snapshot(Snapshot),
}

/// A plugin prefix of a group (`mvn prefix:goal`).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Plugin {
    pub name: String,
    pub prefix: String,
    pub artifact: String,
}

/// The newest build of a snapshot version.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// `yyyymmdd.hhmmss`; `None` if the repository keeps only one build, under the version's name.
    pub timestamp: Option<String>,
    pub build_number: Option<String>,
    /// `yyyymmddhhmmss`
    pub last_updated: Option<String>,
    /// The newest of each extension and classifier, in the document's order.
    pub files: Vec<SnapshotFile>,
}

/// The newest file of an extension and classifier.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SnapshotFile {
    pub classifier: Option<String>,
    pub extension: String,
    /// The version in the file's name: `{base}-yyyymmdd.hhmmss-n`.
    pub value: String,
    /// `yyyymmddhhmmss`
    pub updated: String,
}

const DEPTH_MAX: usize = 32;
/// Checked before attributes are counted, so that counting is bounded as well.
const TAG_BYTES_MAX: usize = 64 * 1024;
const ATTRIBUTES_MAX: usize = 1_000;
const TEXT_BYTES_MAX: usize = 4 * 1024;
/// Versions, plugins or snapshot files of one document.
const ENTRIES_MAX: usize = 200_000;

/// A document's facts, as they are found.
#[derive(Default)]
struct Findings {
    group: Option<String>,
    artifact: Option<String>,
    version: Option<String>,
    versions: Vec<String>,
    snapshot: Snapshot,
    snapshot_file: SnapshotFile,
    plugin: Plugin,
    plugins: Vec<Plugin>,
    has_plugins: bool,
}

/// Where the reader is: the names of the open elements, and the text since the last tag.
#[derive(Default)]
struct Place {
    /// `/metadata/versioning`
    path: String,
    depth: usize,
    text: String,
    /// Whether the root element was closed.
    complete: bool,
}

/// Reads the document that an upstream sent for a package's metadata at a level.
pub(super) fn read(
    package: &PackageName,
    level: &MetadataLevel,
    bytes: &[u8],
) -> Result<Index, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))?;
    let findings = scan(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    match level {
        MetadataLevel::Artifact => package_index(package, findings),
        MetadataLevel::Snapshot { version } => snapshot_index(package, version, findings),
    }
}

fn package_index(package: &PackageName, findings: Findings) -> Result<Index, Unreadable> {
    let anonymous = findings.group.is_none() && findings.artifact.is_none();
    let is_group = findings.has_plugins && anonymous && findings.versions.is_empty();
    if !is_group {
        check_identity(package, &findings)?;
    }
    let mut seen = HashSet::new();
    let legal = findings
        .versions
        .into_iter()
        .filter(|version| path::is_segment(version));
    let versions = legal
        .filter(|version| seen.insert(version.clone()))
        .map(listed)
        .collect();
    let last_updated = findings.snapshot.last_updated;
    let plugins = findings.plugins;
    let body = Body::Maven(Metadata::Package {
        last_updated,
        plugins,
    });
    Ok(Index::new(versions, body))
}

fn snapshot_index(
    package: &PackageName,
    version: &str,
    findings: Findings,
) -> Result<Index, Unreadable> {
    check_identity(package, &findings)?;
    if findings.version.as_deref() != Some(version) {
        return Err(unreadable(
            "it is of another version than the one asked for",
        ));
    }
    let mut snapshot = findings.snapshot;
    snapshot
        .files
        .retain(|file| path::is_build_of(version, &file.value));
    snapshot.files = newest(std::mem::take(&mut snapshot.files));
    let versions = vec![listed(version.to_owned())];
    let body = Body::Maven(Metadata::Snapshot(snapshot));
    Ok(Index::new(versions, body))
}

fn check_identity(package: &PackageName, findings: &Findings) -> Result<(), Unreadable> {
    let same = findings.group.as_deref() == Some(package.namespace())
        && findings.artifact.as_deref() == Some(package.name());
    match same {
        true => Ok(()),
        false => Err(unreadable(
            "its groupId and artifactId are not those asked for",
        )),
    }
}

fn listed(version: String) -> Listed {
    Listed {
        version,
        published: None,
        files: Vec::new(),
    }
}

/// One file per extension and classifier; of equally new ones, the first.
fn newest(files: Vec<SnapshotFile>) -> Vec<SnapshotFile> {
    let mut places = HashMap::new();
    let mut kept: Vec<SnapshotFile> = Vec::new();
    for file in files {
        let key = (file.extension.clone(), file.classifier.clone());
        let place = *places.entry(key).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(known) if known.updated < file.updated => *known = file,
            Some(_) => {}
            None => kept.push(file),
        }
    }
    kept
}

fn scan(text: &str) -> Result<Findings, Unreadable> {
    let mut reader = Reader::from_str(text);
    let mut place = Place::default();
    let mut findings = Findings::default();
    loop {
        match reader
            .read_event()
            .map_err(|error| unreadable(&error.to_string()))?
        {
            Event::Start(tag) => place.enter(&tag)?,
            Event::Empty(tag) => {
                place.enter(&tag)?;
                findings.take(&mut place)?;
            }
            Event::End(_) => findings.take(&mut place)?,
            Event::Text(text) => place.write(&text.xml10_content())?,
            Event::CData(text) => place.write(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                place.write(resolve(&reference)?.encode_utf8(&mut [0; 4]))?
            }
            Event::DocType(_) => return Err(unreadable("it has a document type declaration")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    match place.complete {
        true => Ok(findings),
        false => Err(unreadable("it ends too early")),
    }
}

/// The character of one of XML's five entities, or of a character reference.
fn resolve(reference: &BytesRef<'_>) -> Result<char, Unreadable> {
    let name: &str = reference;
    match name {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => {}
    }
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character),
        Ok(None) => Err(unreadable("it refers to an entity")),
        Err(error) => Err(unreadable(&error.to_string())),
    }
}

impl Place {
    fn enter(&mut self, tag: &BytesStart<'_>) -> Result<(), Unreadable> {
        if tag.len() > TAG_BYTES_MAX {
            return Err(unreadable("an element's tag is too long"));
        }
        let mut attributes = 0;
        // Without checks: comparing each with each is quadratic, and no attribute is used.
        for attribute in tag.attributes().with_checks(false) {
            attribute.map_err(|error| unreadable(&error.to_string()))?;
            attributes += 1;
        }
        if attributes > ATTRIBUTES_MAX {
            return Err(unreadable("an element has too many attributes"));
        }
        if self.depth == 0 && (self.complete || tag.name().into_inner() != "metadata") {
            return Err(unreadable("it is not one <metadata> element"));
        }
        if self.depth == DEPTH_MAX {
            return Err(unreadable("its elements are nested too deep"));
        }
        self.depth += 1;
        self.path.push('/');
        self.path.push_str(tag.name().into_inner());
        self.text.clear();
        Ok(())
    }

    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.path.truncate(self.path.rfind('/').unwrap_or(0));
        self.text.clear();
        self.complete = self.depth == 0;
    }

    fn write(&mut self, text: &str) -> Result<(), Unreadable> {
        let text = if self.text.is_empty() {
            text.trim_start()
        } else {
            text
        };
        if self.depth == 0 && !text.is_empty() {
            return Err(unreadable("it has text outside of its element"));
        }
        if self.text.len() + text.len() > TEXT_BYTES_MAX {
            return Err(unreadable("an element's text is too long"));
        }
        self.text.push_str(text);
        Ok(())
    }
}

impl Findings {
    /// Takes what the closing element says, and leaves it.
    fn take(&mut self, place: &mut Place) -> Result<(), Unreadable> {
        let text = place.text.trim_end();
        let owned = || text.to_owned();
        match place.path.as_str() {
            "/metadata/groupId" => set_once(&mut self.group, text)?,
            "/metadata/artifactId" => set_once(&mut self.artifact, text)?,
            "/metadata/version" => set_once(&mut self.version, text)?,
            "/metadata/versioning/versions/version" => push(&mut self.versions, owned())?,
            "/metadata/versioning/lastUpdated" => self.snapshot.last_updated = digits(text, 14),
            "/metadata/versioning/snapshot/timestamp" => self.snapshot.timestamp = timestamp(text),
            "/metadata/versioning/snapshot/buildNumber" => {
                self.snapshot.build_number = digits(text, text.len().clamp(1, 9));
            }
            "/metadata/plugins" => self.has_plugins = true,
            "/metadata/plugins/plugin/name" => self.plugin.name = owned(),
            "/metadata/plugins/plugin/prefix" => self.plugin.prefix = owned(),
            "/metadata/plugins/plugin/artifactId" => self.plugin.artifact = owned(),
            "/metadata/plugins/plugin" => self.take_plugin()?,
            other => {
                if let Some(below) = other.strip_prefix("/metadata/versioning/snapshotVersions/") {
                    self.take_snapshot_file(below, text)?;
                }
            }
        }
        place.leave();
        Ok(())
    }

    fn take_plugin(&mut self) -> Result<(), Unreadable> {
        let mut plugin = std::mem::take(&mut self.plugin);
        plugin.name.retain(|character| !character.is_control());
        match path::is_segment(&plugin.prefix) && path::is_segment(&plugin.artifact) {
            true => push(&mut self.plugins, plugin),
            false => Ok(()),
        }
    }

    fn take_snapshot_file(&mut self, below: &str, text: &str) -> Result<(), Unreadable> {
        let file = &mut self.snapshot_file;
        match below {
            "snapshotVersion/classifier" => {
                file.classifier = (!text.is_empty()).then(|| text.to_owned());
            }
            "snapshotVersion/extension" => file.extension = text.to_owned(),
            "snapshotVersion/value" => file.value = text.to_owned(),
            "snapshotVersion/updated" => file.updated = digits(text, 14).unwrap_or_default(),
            "snapshotVersion" => {
                let file = std::mem::take(file);
                let classified = file.classifier.as_deref().is_none_or(path::is_segment);
                if classified && path::is_segment(&file.extension) {
                    push(&mut self.snapshot.files, file)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn set_once(place: &mut Option<String>, text: &str) -> Result<(), Unreadable> {
    match place.replace(text.to_owned()) {
        None => Ok(()),
        Some(_) => Err(unreadable("it names itself twice")),
    }
}

fn push<Entry>(entries: &mut Vec<Entry>, entry: Entry) -> Result<(), Unreadable> {
    if entries.len() == ENTRIES_MAX {
        return Err(unreadable("it has too many entries"));
    }
    entries.push(entry);
    Ok(())
}

fn digits(text: &str, count: usize) -> Option<String> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.to_owned())
}

fn timestamp(text: &str) -> Option<String> {
    let (date, time) = text.split_once('.')?;
    digits(date, 8)?;
    digits(time, 6)?;
    Some(text.to_owned())
}

fn unreadable(reason: &str) -> Unreadable {
    Unreadable(format!("can't read maven-metadata.xml: {reason}"))
}
