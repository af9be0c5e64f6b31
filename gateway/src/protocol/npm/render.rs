//! Writing the answers: stretches of the upstream's bytes, with our addresses between them.

use rules::PackageName;
use serde_json::{Map, Value};

use super::super::json::{self, Span};
use super::merge::{Entry, Merged};
use super::packument::{Address, Dated, Edit, Field, Packument, Version};
use super::path;
use crate::protocol::{DocumentKind, IndexTarget, Part, Rendered, Unrenderable};

const FULL: &str = "application/json";
const DEPRECATED: &str = "deprecated";
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

/// No more than this stands around a key, a value or an address: quotes, brackets, `.tgz`.
const AROUND: usize = 16;

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
        self.reserve(whole);
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
        self.reserve(abbreviation);
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
            let nearer = &merged.packuments[..place];
            for time in &packument.times {
                let first = |event| nearer.iter().all(|part| part.time(event).is_none());
                let key = match time.of {
                    Dated::Package(event) => Some(event).filter(|event| first(event)),
                    Dated::Version(version) => merged.shows(place, version as usize),
                };
                let Some(key) = key else { continue };
                json::push_key(&mut self.out, key);
                self.out.extend_from_slice(packument.slice(time.value));
            }
        }
        self.out.push(b'}');
    }

    /// A version's object as it is, but for the addresses.
    fn object(&mut self, entry: Entry<'_>) {
        let packument = self.merged.packuments[entry.packument];
        let edits = entry.version.edits.of(&packument.edits);
        let start = self.out.len();
        self.copy(entry, entry.version.object, edits);
        self.warn(entry, start);
    }

    /// A version's object with the fields of the abbreviated form.
    fn trimmed(&mut self, entry: Entry<'_>) {
        let packument = self.merged.packuments[entry.packument];
        let mut edits = entry.version.edits.of(&packument.edits);
        let start = self.out.len();
        self.out.push(b'{');
        for stretch in entry.version.stretches.of(&packument.stretches) {
            json::push_comma(&mut self.out);
            edits = self.copy(entry, *stretch, edits);
        }
        if entry.version.adds_install_script {
            json::push_key(&mut self.out, "hasInstallScript");
            self.out.extend_from_slice(b"true");
        }
        self.out.push(b'}');
        self.warn(entry, start);
    }

    /// Puts a warning where every client of npm shows it: `deprecated`, behind what stands there (protocols.md §1.8).
    fn warn(&mut self, entry: Entry<'_>, start: usize) {
        let Some(warning) = entry.warning else { return };
        let Ok(mut object) = serde_json::from_slice::<Map<String, Value>>(&self.out[start..])
        else {
            return;
        };
        let text = match object.get(DEPRECATED).and_then(Value::as_str) {
            Some(known) if !known.is_empty() => format!("{known}; {warning}"),
            _ => warning.to_owned(),
        };
        object.insert(DEPRECATED.to_owned(), text.into());
        self.out.truncate(start);
        // Writing to memory can't fail.
        let _ = serde_json::to_writer(&mut self.out, &object);
    }

    /// Copies a stretch of a version's object with those of the edits that are in it, and gives
    /// back those behind it.
    fn copy<'e>(&mut self, entry: Entry<'_>, stretch: Span, mut edits: &'e [Edit]) -> &'e [Edit] {
        let packument = self.merged.packuments[entry.packument];
        let mut start = stretch.start();
        while let Some((edit, rest)) = edits.split_first() {
            if edit.span.start() >= stretch.end() {
                break;
            }
            edits = rest;
            if edit.span.start() < start {
                continue;
            }
            let before = Span::new(start, edit.span.start());
            self.out.extend_from_slice(packument.slice(before));
            self.address(&edit.address, entry.name);
            start = edit.span.end();
        }
        let after = Span::new(start, stretch.end());
        self.out.extend_from_slice(packument.slice(after));
        edits
    }

    fn address(&mut self, address: &Address, version: &str) {
        self.out.push(b'"');
        self.out.extend_from_slice(&self.base);
        match address {
            Address::Tarball => {
                for text in [&self.folder, self.leaf, "-", version, ".tgz\""] {
                    self.out.extend_from_slice(text.as_bytes());
                }
            }
            Address::Below(rest) => {
                let mut quoted = Vec::new();
                json::push_string(&mut quoted, rest);
                self.out
                    .extend_from_slice(quoted.get(1..).unwrap_or_default());
            }
        }
    }

    /// Makes room once for everything that will be written: growing would copy and could double
    /// what a large document takes. `size` says what is copied of a version.
    fn reserve(&mut self, size: fn(&Packument, &Version) -> usize) {
        let merged = self.merged;
        let tarball = self.base.len() + self.folder.len() + self.leaf.len();
        let versions = merged.kept.iter().map(|entry| {
            let packument = merged.packuments[entry.packument];
            let edits = entry.version.edits.of(&packument.edits).iter();
            let grown = edits.map(|edit| {
                let written = match &edit.address {
                    Address::Tarball => tarball + entry.name.len(),
                    Address::Below(rest) => self.base.len() + rest.len(),
                };
                (written + AROUND).saturating_sub(edit.span.len())
            });
            size(packument, entry.version) + 2 * entry.name.len() + AROUND + grown.sum::<usize>()
        });
        let times = merged.packuments.iter().flat_map(|packument| {
            let times = packument.times.iter();
            // Their keys are as long as the versions, which are counted once more for that.
            times.map(|time| time.value.len() + AROUND)
        });
        let fields = merged
            .packuments
            .first()
            .map_or(&[][..], |nearest| &nearest.fields);
        let fields = fields.iter().map(|field| match field {
            Field::Copied { key, value } => key.len() + value.len() + AROUND,
            _ => AROUND,
        });
        let tags = merged
            .packuments
            .iter()
            .flat_map(|packument| &packument.tags);
        let tags = tags.map(|(tag, _)| tag.len() + path::VERSION_BYTES_MAX);
        self.out
            .reserve_exact(versions.chain(times).chain(fields).chain(tags).sum());
    }
}

/// What a version takes in the full form.
fn whole(_: &Packument, version: &Version) -> usize {
    version.object.len()
}

/// What it takes in the abbreviated one.
fn abbreviation(packument: &Packument, version: &Version) -> usize {
    let stretches = version.stretches.of(&packument.stretches).iter();
    let added = usize::from(version.adds_install_script) * "\"hasInstallScript\":true,".len();
    stretches.map(|stretch| stretch.len() + 1).sum::<usize>() + added
}
