//! Writing the answers: stretches of the upstream's bytes, with our addresses between them.

use rules::PackageName;

use super::json::{self, Span};
use super::merge::{Entry, Merged};
use super::packument::{Address, Edit, Field};
use super::{path, trim};
use crate::protocol::{DocumentKind, IndexTarget, Part, Rendered, Unrenderable};

const FULL: &str = "application/json";
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

/// Renders what an index target asks for.
pub(super) fn render(
    target: &IndexTarget,
    parts: &[Part<'_>],
    base: &str,
) -> Result<Rendered, Unrenderable> {
    let merged = Merged::new(parts);
    let writer = Writer::new(&target.package, &merged, base);
    match &target.document {
        DocumentKind::Packument { full } => {
            merged.check_shown()?;
            Ok(if *full {
                writer.full()
            } else {
                writer.abbreviated()
            })
        }
        DocumentKind::Manifest { spec } => {
            // A tag is not re-pointed here: who asks for a tag's manifest means that very version.
            let version = merged
                .target(spec)
                .filter(|_| !path::is_version(spec))
                .unwrap_or(spec);
            Ok(writer.manifest(merged.find(version)?))
        }
        DocumentKind::DistTags => {
            merged.check_shown()?;
            Ok(writer.dist_tags())
        }
        _ => Err(Unrenderable::Absent),
    }
}

/// One answer being written.
struct Writer<'a> {
    merged: &'a Merged<'a>,
    /// The leaf of the package's name.
    leaf: &'a str,
    /// The base address and `/`, escaped for JSON, without quotes.
    base: Vec<u8>,
    /// The full name and `/-/`; names and versions need no escapes.
    folder: String,
    out: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(package: &'a PackageName, merged: &'a Merged<'a>, base: &str) -> Self {
        let mut quoted = Vec::new();
        json::push_string(&mut quoted, &format!("{base}/"));
        let base = quoted
            .get(1..quoted.len().saturating_sub(1))
            .unwrap_or_default()
            .to_vec();
        let folder = path::tarball_path(package, "");
        Self {
            merged,
            leaf: package.name(),
            base,
            folder,
            out: Vec::new(),
        }
    }

    /// The top level is the nearest document's; versions, times and tags are all documents'.
    fn full(mut self) -> Rendered {
        let merged = self.merged;
        let Some(nearest) = merged.packuments.first() else {
            return self.finish(FULL);
        };
        let size: usize = merged
            .packuments
            .iter()
            .map(|packument| packument.bytes.len())
            .sum();
        self.out.reserve(size + size / 16);
        self.out.push(b'{');
        for field in &nearest.fields {
            match field {
                Field::Copied { key, value } => {
                    json::push_key(&mut self.out, key);
                    self.out.extend_from_slice(nearest.slice(*value));
                }
                Field::Versions => self.versions(Self::object),
                Field::Time => self.times(),
                Field::Tags => self.tags(),
            }
        }
        if !nearest.fields.contains(&Field::Tags) && !merged.tags().is_empty() {
            self.tags();
        }
        if !nearest.fields.contains(&Field::Time) && self.has_times() {
            self.times();
        }
        self.out.push(b'}');
        self.finish(FULL)
    }

    /// The registry's fields, and `time`: clients with an age gate then need no second document.
    fn abbreviated(mut self) -> Rendered {
        let merged = self.merged;
        self.out.push(b'{');
        let name = self.folder.trim_end_matches("/-/").to_owned();
        json::push_key(&mut self.out, "name");
        json::push_string(&mut self.out, &name);
        self.tags();
        self.versions(Self::trimmed);
        let modified = merged
            .packuments
            .iter()
            .find_map(|packument| packument.time("modified").or(packument.field("modified")));
        if let Some(modified) = modified {
            json::push_key(&mut self.out, "modified");
            self.out.extend_from_slice(modified);
        }
        if self.has_times() {
            self.times();
        }
        self.out.push(b'}');
        self.finish(ABBREVIATED)
    }

    fn manifest(mut self, entry: Entry<'_>) -> Rendered {
        self.object(entry);
        self.finish(FULL)
    }

    fn dist_tags(mut self) -> Rendered {
        self.tag_object();
        self.finish(FULL)
    }

    fn finish(self, content_type: &'static str) -> Rendered {
        Rendered {
            bytes: self.out,
            content_type,
        }
    }

    fn tags(&mut self) {
        json::push_key(&mut self.out, "dist-tags");
        self.tag_object();
    }

    fn tag_object(&mut self) {
        self.out.push(b'{');
        for (tag, version) in self.merged.tags() {
            json::push_key(&mut self.out, tag);
            json::push_string(&mut self.out, version);
        }
        self.out.push(b'}');
    }

    fn versions(&mut self, write: fn(&mut Self, Entry<'_>)) {
        let merged = self.merged;
        json::push_key(&mut self.out, "versions");
        self.out.push(b'{');
        for entry in &merged.kept {
            json::push_key(&mut self.out, entry.name);
            write(self, *entry);
        }
        self.out.push(b'}');
    }

    fn has_times(&self) -> bool {
        self.merged
            .packuments
            .iter()
            .any(|packument| packument.fields.contains(&Field::Time))
    }

    /// Times of shown versions, each from the document that the version is from; of the other
    /// entries only those that are about the package as a whole.
    fn times(&mut self) {
        let merged = self.merged;
        json::push_key(&mut self.out, "time");
        self.out.push(b'{');
        for (place, packument) in merged.packuments.iter().enumerate() {
            for (key, span) in &packument.times {
                let whole = matches!(key.as_str(), "created" | "modified" | "unpublished");
                let nearer = &merged.packuments[..place];
                let first = || nearer.iter().all(|nearer| nearer.time(key).is_none());
                if (whole && first()) || merged.shows(key, place) {
                    json::push_key(&mut self.out, key);
                    self.out.extend_from_slice(packument.slice(*span));
                }
            }
        }
        self.out.push(b'}');
    }

    /// A version's object as it is, but for the addresses.
    fn object(&mut self, entry: Entry<'_>) {
        self.copy(entry, entry.version.object);
    }

    /// A version's object with the fields of the abbreviated form.
    fn trimmed(&mut self, entry: Entry<'_>) {
        let whole = entry.version.object;
        let bytes = self.merged.packuments[entry.packument].slice(whole);
        let trimmed = trim::trim(std::str::from_utf8(bytes).unwrap_or_default());
        self.out.push(b'{');
        for (key, span) in trimmed.fields {
            json::push_key(&mut self.out, key);
            self.copy(
                entry,
                Span {
                    start: whole.start + span.start,
                    end: whole.start + span.end,
                },
            );
        }
        if trimmed.adds_install_script {
            json::push_key(&mut self.out, "hasInstallScript");
            self.out.extend_from_slice(b"true");
        }
        self.out.push(b'}');
    }

    /// Copies a stretch of a version's object, with its edits.
    fn copy(&mut self, entry: Entry<'_>, stretch: Span) {
        let packument = self.merged.packuments[entry.packument];
        let mut start = stretch.start;
        let inside =
            |edit: &&Edit| stretch.start <= edit.span.start && edit.span.end <= stretch.end;
        for edit in entry.version.edits.iter().filter(inside) {
            self.out.extend_from_slice(packument.slice(Span {
                start,
                end: edit.span.start,
            }));
            self.address(&edit.address, entry.name);
            start = edit.span.end;
        }
        self.out.extend_from_slice(packument.slice(Span {
            start,
            end: stretch.end,
        }));
    }

    fn address(&mut self, address: &Address, version: &str) {
        match address {
            Address::Tarball => {
                self.out.push(b'"');
                self.out.extend_from_slice(&self.base);
                for text in [&self.folder, self.leaf, "-", version, ".tgz\""] {
                    self.out.extend_from_slice(text.as_bytes());
                }
            }
            Address::Below(rest) => {
                let mut quoted = Vec::new();
                json::push_string(&mut quoted, rest);
                self.out.push(b'"');
                self.out.extend_from_slice(&self.base);
                self.out
                    .extend_from_slice(quoted.get(1..).unwrap_or_default());
            }
        }
    }
}
