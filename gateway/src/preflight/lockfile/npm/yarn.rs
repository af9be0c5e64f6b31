//! `yarn.lock`: the line format of Yarn 1, and the YAML of Yarn 2 and later.
//!
//! Yarn 2's checksums are of its own repacked archives, not of what a registry serves, so they are
//! no integrity here. A patch is judged as the package that it is applied to.

use rules::{Digest, DigestAlgorithm};
use serde::Deserialize;

use super::address::{kind_of_spec, of_resolved, percent_decoded, split_spec};
use super::{package_lock, yaml};
use crate::preflight::lockfile::draft::{Draft, Entry, shown};
use crate::preflight::lockfile::pairs::Pairs;
use crate::preflight::lockfile::{Source, SourceKind};

const LINE_REMEDY: &str = "run yarn install to write the file anew";

/// A block of Yarn 1: the patterns that it answers and the fields that count.
struct Block<'a> {
    line: usize,
    patterns: Vec<String>,
    version: &'a str,
    resolved: &'a str,
    integrity: &'a str,
}

/// An entry of Yarn 2.
#[derive(Deserialize)]
struct Resolution {
    version: Option<String>,
    resolution: Option<String>,
}

/// Reads the line format: blocks at the margin, fields by two spaces, their maps by four.
pub(crate) fn fill_classic(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let mut block: Option<Block<'_>> = None;
    for (index, line) in text.lines().enumerate() {
        let (number, content) = (index + 1, line.trim());
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            close(block.take(), draft);
            let Some(header) = content.strip_suffix(':') else {
                let message = format!(
                    "line {number}: {:?} does not end in a colon",
                    shown(content)
                );
                return Err(message);
            };
            block = Some(Block::new(number, header));
        } else if !line.starts_with("   ") {
            let Some(block) = &mut block else {
                return Err(format!("line {number}: a field outside of a block"));
            };
            block.read_field(content);
        }
    }
    close(block, draft);
    Ok(())
}

impl<'a> Block<'a> {
    fn new(line: usize, header: &str) -> Self {
        let patterns = header
            .split(", ")
            .map(|pattern| unquoted(pattern).to_owned());
        Self {
            line,
            patterns: patterns.collect(),
            version: "",
            resolved: "",
            integrity: "",
        }
    }

    fn read_field(&mut self, content: &'a str) {
        let Some((field, value)) = content.split_once(' ') else {
            return;
        };
        match unquoted(field) {
            "version" => self.version = unquoted(value.trim()),
            "resolved" => self.resolved = unquoted(value.trim()),
            "integrity" => self.integrity = unquoted(value.trim()),
            _ => {}
        }
    }
}

/// One entry for each name among the patterns: aliases may share a block with their target.
fn close(block: Option<Block<'_>>, draft: &mut Draft<'_>) {
    let Some(block) = block else { return };
    for pattern in &block.patterns {
        let place = draft.place_at(pattern, block.line);
        let Some((name, range)) = split_spec(pattern) else {
            let message = format!("{:?} is not name@range", shown(pattern));
            draft.problem(place, None, message, LINE_REMEDY);
            continue;
        };
        let alias = range.strip_prefix("npm:");
        let name = alias.map_or(name, |spec| split_spec(spec).map_or(spec, |(real, _)| real));
        let source = match alias.map_or_else(|| kind_of_spec(range), |_| None) {
            Some(kind) => Source::Other(kind),
            None => of_resolved(address(block.resolved), block.version),
        };
        let entry = Entry {
            name,
            version: block.version,
            integrity: block.digests(&source),
            source,
            dev: None,
            place,
        };
        package_lock::add(entry, draft);
    }
}

impl Block<'_> {
    /// The `integrity` field, or the SHA-1 behind `#` of older files; git has a commit there.
    fn digests(&self, source: &Source) -> Vec<Digest> {
        let digests = Digest::from_sri(self.integrity);
        if !digests.is_empty() || *source == Source::Other(SourceKind::Git) {
            return digests;
        }
        let fragment = self.resolved.rsplit_once('#').map(|(_, fragment)| fragment);
        fragment
            .and_then(|hex| Digest::from_hex(DigestAlgorithm::Sha1, hex))
            .into_iter()
            .collect()
    }
}

fn address(resolved: &str) -> &str {
    resolved
        .split_once('#')
        .map_or(resolved, |(address, _)| address)
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}

/// Reads the YAML of Yarn 2: every entry has a `resolution`, `name@protocol:reference`.
pub(crate) fn fill_berry(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    for document in yaml::documents::<Pairs<Resolution>>(text)? {
        for (key, entry) in &document.0 {
            if key == "__metadata" {
                continue;
            }
            let place = draft.place(key, key);
            let locator = entry.resolution.as_deref().and_then(split_spec);
            let Some((name, reference)) = locator else {
                draft.problem(place, None, "there is no resolution", LINE_REMEDY);
                continue;
            };
            let entry = Entry {
                name,
                version: entry.version.as_deref().unwrap_or_default(),
                integrity: Vec::new(),
                source: source_of_reference(reference),
                dev: None,
                place,
            };
            package_lock::add(entry, draft);
        }
    }
    Ok(())
}

fn source_of_reference(reference: &str) -> Source {
    if let Some(selector) = reference.strip_prefix("npm:") {
        let archive = selector.split_once("::__archiveUrl=").map(|(_, url)| url);
        return Source::Registry(archive.map(percent_decoded));
    }
    if let Some(patched) = reference.strip_prefix("patch:") {
        let patched = patched
            .split_once('#')
            .map_or(patched, |(patched, _)| patched);
        let patched = percent_decoded(patched);
        let inner = split_spec(&patched).map_or("", |(_, reference)| reference);
        // Patches of patches are not followed: what lies below has its own entry.
        return match kind_of_spec(inner) {
            Some(kind) => Source::Other(kind),
            None => Source::Registry(None),
        };
    }
    // `name@https://host/name.git#commit=…` and `name@git@host:…#commit=…`
    if reference.contains("#commit=") {
        return Source::Other(SourceKind::Git);
    }
    Source::Other(kind_of_spec(reference).unwrap_or(SourceKind::Url))
}
