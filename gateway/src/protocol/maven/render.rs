//! Writes our own `maven-metadata.xml` from the parts of several repositories, and the checksum of
//! exactly those bytes.
//!
//! The same parts give the same bytes, so that a checksum asked for later fits the document served
//! before. Versions of an artifact and plugins of a group are united; the builds of a snapshot come
//! from one repository, the nearest, since a mixture would name files that never met.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt::Write as _;

use rules::{DigestAlgorithm, Ecosystem, PackageName, VersionKey};

use super::metadata::{Metadata, Plugin, Snapshot};
use super::{checksum_of, path};
use crate::protocol::{Body, MetadataLevel, Part, Rendered, Shown, Unrenderable};

/// A version, read once, and whether it is shown.
struct Version<'a> {
    key: VersionKey<'a>,
    shown: &'a Shown,
}

/// Renders the document of a level, or its checksum.
pub(super) fn render(
    package: &PackageName,
    level: &MetadataLevel,
    checksum: Option<DigestAlgorithm>,
    parts: &[Part<'_>],
) -> Result<Rendered, Unrenderable> {
    let bytes = match level {
        MetadataLevel::Artifact => render_package(package, parts)?,
        MetadataLevel::Snapshot { version } => render_snapshot(package, version, parts)?,
    };
    match checksum {
        None => Ok(Rendered {
            bytes,
            content_type: "application/xml",
        }),
        Some(algorithm) => {
            let text = checksum_of(&bytes, algorithm).ok_or(Unrenderable::Absent)?;
            Ok(Rendered {
                bytes: text.into_bytes(),
                content_type: "text/plain",
            })
        }
    }
}

fn render_package(package: &PackageName, parts: &[Part<'_>]) -> Result<Vec<u8>, Unrenderable> {
    let versions = unite_versions(parts)?;
    let plugins = unite_plugins(parts);
    if versions.is_empty() && plugins.is_empty() {
        return Err(Unrenderable::Absent);
    }
    let mut page = Page::open();
    if !versions.is_empty() {
        page.coordinate(package);
        page.versioning(&versions, last_updated(parts));
    }
    page.plugins(&plugins);
    Ok(page.close())
}

fn render_snapshot(
    package: &PackageName,
    version: &str,
    parts: &[Part<'_>],
) -> Result<Vec<u8>, Unrenderable> {
    let nearest = parts.iter().find_map(|part| match &part.index.body {
        Body::Maven(Metadata::Snapshot(snapshot)) => Some((snapshot, part.shown)),
        _ => None,
    });
    let (snapshot, shown) = nearest.ok_or(Unrenderable::Absent)?;
    if let Some(Shown::Withhold(sentence)) = shown.first() {
        return Err(Unrenderable::Withheld(sentence.clone()));
    }
    let mut page = Page::open();
    page.coordinate(package);
    page.leaf(1, "version", version);
    page.snapshot(snapshot);
    Ok(page.close())
}

/// The versions that are shown, in Maven's order. The nearest part's word on a version counts.
fn unite_versions<'a>(parts: &[Part<'a>]) -> Result<Vec<&'a str>, Unrenderable> {
    let mut seen = HashSet::new();
    let mut union = Vec::new();
    for part in parts {
        for (listed, shown) in part.index.versions.iter().zip(part.shown) {
            if !shown.is_absent() && seen.insert(listed.version.as_str()) {
                let key = VersionKey::new(Ecosystem::Maven, &listed.version);
                union.push(Version { key, shown });
            }
        }
    }
    let union = in_order(union);
    let kept: Vec<&str> = union
        .iter()
        .filter(|version| !matches!(version.shown, Shown::Withhold(_)))
        .map(|version| version.key.text())
        .collect();
    match union.last().map(|version| version.shown) {
        Some(Shown::Withhold(sentence)) if kept.is_empty() => {
            Err(Unrenderable::Withheld(sentence.clone()))
        }
        _ => Ok(kept),
    }
}

/// Sorts by merging the runs that are in order already: documents mostly are, and a comparison
/// parses. The library's sort may panic, since Maven's comparison is not transitive
/// (`1 < 1.sp.1 < 1-alpha < 1`).
fn in_order<'a>(versions: Vec<Version<'a>>) -> Vec<Version<'a>> {
    let mut runs: Vec<Vec<Version<'a>>> = Vec::new();
    for version in versions {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| order(last, &version).is_lt()) => {
                run.push(version);
            }
            _ => runs.push(vec![version]),
        }
    }
    while runs.len() > 1 {
        let mut pairs = runs.into_iter();
        runs = Vec::new();
        while let Some(left) = pairs.next() {
            runs.push(match pairs.next() {
                Some(right) => merge(left, right),
                None => left,
            });
        }
    }
    runs.pop().unwrap_or_default()
}

fn merge<'a>(left: Vec<Version<'a>>, right: Vec<Version<'a>>) -> Vec<Version<'a>> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let next = if order(one, other).is_lt() {
            left.next()
        } else {
            right.next()
        };
        merged.extend(next);
    }
    merged.extend(left.chain(right));
    merged
}

/// Equal versions in different spellings (`1`, `1.0`) still need an order that is always the same.
fn order(one: &Version<'_>, other: &Version<'_>) -> Ordering {
    let by_text = || one.key.text().cmp(other.key.text());
    one.key.cmp(&other.key).then_with(by_text)
}

fn unite_plugins<'a>(parts: &[Part<'a>]) -> Vec<&'a Plugin> {
    let mut seen = HashSet::new();
    let mut union = Vec::new();
    for part in parts {
        if let Body::Maven(Metadata::Package { plugins, .. }) = &part.index.body {
            for plugin in plugins {
                if seen.insert(plugin.prefix.as_str()) {
                    union.push(plugin);
                }
            }
        }
    }
    union
}

fn last_updated<'a>(parts: &[Part<'a>]) -> Option<&'a str> {
    let updates = parts.iter().filter_map(|part| match &part.index.body {
        Body::Maven(Metadata::Package { last_updated, .. }) => last_updated.as_deref(),
        _ => None,
    });
    updates.max()
}

/// A document being written.
struct Page(String);

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

    fn leaf(&mut self, depth: usize, name: &str, text: &str) {
        self.0.extend(std::iter::repeat_n("  ", depth));
        let text = quick_xml::escape::escape(text);
        // Writing to a String does not fail.
        let _ = writeln!(self.0, "<{name}>{text}</{name}>");
    }

    fn optional_leaf(&mut self, depth: usize, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(depth, name, text);
        }
    }

    fn coordinate(&mut self, package: &PackageName) {
        self.leaf(1, "groupId", package.namespace());
        self.leaf(1, "artifactId", package.name());
    }

    /// `versions` is in ascending order.
    fn versioning(&mut self, versions: &[&str], last_updated: Option<&str>) {
        let release = versions
            .iter()
            .rev()
            .find(|version| !path::is_snapshot(version));
        self.line(1, "<versioning>");
        self.optional_leaf(2, "latest", versions.last().copied());
        self.optional_leaf(2, "release", release.copied());
        self.line(2, "<versions>");
        for version in versions {
            self.leaf(3, "version", version);
        }
        self.line(2, "</versions>");
        self.optional_leaf(2, "lastUpdated", last_updated);
        self.line(1, "</versioning>");
    }

    fn snapshot(&mut self, snapshot: &Snapshot) {
        self.line(1, "<versioning>");
        self.line(2, "<snapshot>");
        self.optional_leaf(3, "timestamp", snapshot.timestamp.as_deref());
        self.optional_leaf(3, "buildNumber", snapshot.build_number.as_deref());
        self.line(2, "</snapshot>");
        self.optional_leaf(2, "lastUpdated", snapshot.last_updated.as_deref());
        if !snapshot.files.is_empty() {
            self.line(2, "<snapshotVersions>");
            for file in &snapshot.files {
                self.line(3, "<snapshotVersion>");
                self.optional_leaf(4, "classifier", file.classifier.as_deref());
                self.leaf(4, "extension", &file.extension);
                self.leaf(4, "value", &file.value);
                self.leaf(4, "updated", &file.updated);
                self.line(3, "</snapshotVersion>");
            }
            self.line(2, "</snapshotVersions>");
        }
        self.line(1, "</versioning>");
    }

    fn plugins(&mut self, plugins: &[&Plugin]) {
        if plugins.is_empty() {
            return;
        }
        self.line(1, "<plugins>");
        for plugin in plugins {
            self.line(2, "<plugin>");
            self.leaf(3, "name", &plugin.name);
            self.leaf(3, "prefix", &plugin.prefix);
            self.leaf(3, "artifactId", &plugin.artifact);
            self.line(2, "</plugin>");
        }
        self.line(1, "</plugins>");
    }
}
