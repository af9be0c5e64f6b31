//! The `maven-metadata.xml` of what is hosted, made from the list of its files, in the form that an
//! upstream would send: it is read and rendered like one, so that hosted and fetched parts unite.
//!
//! The same files give the same bytes. Not here: the checksums, which are of the rendered bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use rules::{Ecosystem, PackageName, VersionKey, moment};

use super::super::metadata::Plugin;
use super::super::path;
use super::write::FileName;

/// A hosted file: main, classified or a signature; never a checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedFile {
    /// The version of its directory: of a snapshot's build, `…-SNAPSHOT`.
    pub version: String,
    pub name: String,
    pub published: SystemTime,
}

/// A document being written.
struct Page(String);

/// The document of `{g}/{a}`: its versions in Maven's order, and the plugin prefixes if `{g}.{a}`
/// is a group that has some. `None` if there is neither.
pub fn package_metadata(
    package: &PackageName,
    files: &[HostedFile],
    plugins: &[Plugin],
) -> Option<Vec<u8>> {
    if files.is_empty() && plugins.is_empty() {
        return None;
    }
    let mut page = Page::open();
    if let Some(updated) = files.iter().map(|file| file.published).max() {
        let versions = in_order(files);
        let final_version = versions
            .iter()
            .rev()
            .find(|version| !path::is_snapshot(version));
        page.coordinate(package);
        page.line(1, "<versioning>");
        page.leaves(2, "latest", versions.last().copied());
        page.leaves(2, "release", final_version.copied());
        page.line(2, "<versions>");
        page.leaves(3, "version", versions);
        page.line(2, "</versions>");
        page.leaves(2, "lastUpdated", Some(compact(updated).as_str()));
        page.line(1, "</versioning>");
    }
    page.plugins(plugins);
    Some(page.close())
}

/// The document of `{g}/{a}/{v}-SNAPSHOT`: the newest build, and the newest file of each extension
/// and classifier. `None` if no build is hosted.
pub fn snapshot_metadata(
    package: &PackageName,
    version: &str,
    files: &[HostedFile],
) -> Option<Vec<u8>> {
    let newest = newest_files(package, version, files);
    let latest = newest.values().filter_map(|file| file.build).max()?;
    let mut page = Page::open();
    page.coordinate(package);
    page.leaves(1, "version", Some(version));
    page.line(1, "<versioning>");
    page.line(2, "<snapshot>");
    page.leaves(3, "timestamp", Some(latest.timestamp));
    page.leaves(3, "buildNumber", Some(latest.number));
    page.line(2, "</snapshot>");
    let updated = latest.timestamp.replace('.', "");
    page.leaves(2, "lastUpdated", Some(updated.as_str()));
    page.line(2, "<snapshotVersions>");
    for file in newest.values() {
        page.snapshot_file(file);
    }
    page.line(2, "</snapshotVersions>");
    page.line(1, "</versioning>");
    Some(page.close())
}

/// The hosted file that a snapshot's alias (`a-1.0-SNAPSHOT.jar`) stands for: the newest build's.
/// `None` if the name is no alias, or nothing is hosted under it.
pub fn alias<'a>(
    package: &PackageName,
    version: &str,
    name: &str,
    files: &'a [HostedFile],
) -> Option<&'a HostedFile> {
    let wanted = FileName::read(package.name(), version, name)?;
    if wanted.build.is_some() || !path::is_snapshot(version) {
        return None;
    }
    let candidates = files.iter().filter_map(|file| {
        let read = build_of(package, version, file)?;
        let same = read.classifier == wanted.classifier && read.extension == wanted.extension;
        same.then_some((read.build, file))
    });
    candidates
        .max_by(|(one, _), (other, _)| one.cmp(other))
        .map(|(_, file)| file)
}

/// The versions, each once. By insertion: Maven's comparison is not transitive
/// (`1 < 1.sp.1 < 1-alpha < 1`), and the library's sort may panic then.
fn in_order(files: &[HostedFile]) -> Vec<&str> {
    // The texts are in order before, so that the same files give the same list.
    let mut texts: Vec<&str> = files.iter().map(|file| file.version.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    let mut keys: Vec<VersionKey<'_>> = Vec::with_capacity(texts.len());
    for text in texts {
        let key = VersionKey::new(Ecosystem::Maven, text);
        let place = keys.partition_point(|known| known <= &key);
        keys.insert(place, key);
    }
    keys.iter().map(VersionKey::text).collect()
}

/// By extension and classifier.
fn newest_files<'a>(
    package: &PackageName,
    version: &'a str,
    files: &'a [HostedFile],
) -> BTreeMap<(&'a str, Option<&'a str>), FileName<'a>> {
    let mut newest: BTreeMap<_, FileName<'a>> = BTreeMap::new();
    for file in files {
        let Some(read) = build_of(package, version, file) else {
            continue;
        };
        let known = newest
            .entry((read.extension, read.classifier))
            .or_insert(read);
        if known.build < read.build {
            *known = read;
        }
    }
    newest
}

fn build_of<'a>(
    package: &PackageName,
    version: &'a str,
    file: &'a HostedFile,
) -> Option<FileName<'a>> {
    let read = FileName::read(package.name(), version, &file.name)?;
    (file.version == version && read.build.is_some()).then_some(read)
}

/// `yyyymmddhhmmss` in UTC
fn compact(time: SystemTime) -> String {
    let mut text = moment::show(time);
    text.retain(|character| character.is_ascii_digit());
    text
}

impl Page {
    fn open() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata>\n".to_owned())
    }

    fn close(mut self) -> Vec<u8> {
        self.0.push_str("</metadata>\n");
        self.0.into_bytes()
    }

    fn line(&mut self, depth: usize, line: &str) {
        self.0.extend(std::iter::repeat_n("  ", depth));
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn leaves<'t>(&mut self, depth: usize, name: &str, texts: impl IntoIterator<Item = &'t str>) {
        for text in texts {
            self.0.extend(std::iter::repeat_n("  ", depth));
            // Writing to a String does not fail.
            let text = quick_xml::escape::escape(text);
            let _ = writeln!(self.0, "<{name}>{text}</{name}>");
        }
    }

    fn coordinate(&mut self, package: &PackageName) {
        self.leaves(1, "groupId", Some(package.namespace()));
        self.leaves(1, "artifactId", Some(package.name()));
    }

    fn snapshot_file(&mut self, file: &FileName<'_>) {
        let Some(build) = file.build else { return };
        self.line(3, "<snapshotVersion>");
        self.leaves(4, "classifier", file.classifier);
        self.leaves(4, "extension", Some(file.extension));
        self.leaves(4, "value", Some(file.version));
        let updated = build.timestamp.replace('.', "");
        self.leaves(4, "updated", Some(updated.as_str()));
        self.line(3, "</snapshotVersion>");
    }

    fn plugins(&mut self, plugins: &[Plugin]) {
        if plugins.is_empty() {
            return;
        }
        self.line(1, "<plugins>");
        for plugin in plugins {
            self.line(2, "<plugin>");
            self.leaves(3, "name", Some(plugin.name.as_str()));
            self.leaves(3, "prefix", Some(plugin.prefix.as_str()));
            self.leaves(3, "artifactId", Some(plugin.artifact.as_str()));
            self.line(2, "</plugin>");
        }
        self.line(1, "</plugins>");
    }
}
