//! Reading a packument: one walk over the document, without a tree of it.
//!
//! The versions' own objects are read in `release`; here are the top level, the tags and the times.

use std::borrow::Cow;
use std::collections::HashMap;

use rules::PackageName;

use super::super::json::{self, Malformed, Scanner, Span};
use super::packument::{Dated, EVENTS, Field, Packument, Time};
use super::release::{Found, Releases};
use super::{dates, path};
use crate::protocol::{Body, Document, Index, Unreadable};

/// Reads the document of `package`.
pub(super) fn read(package: &PackageName, document: Document) -> Result<Index, Unreadable> {
    let text = std::str::from_utf8(&document.bytes)
        .map_err(|_| unreadable(package, "it is not UTF-8 text"))?;
    let mut releases = Releases::new(text, package, path::url_host(&document.url));
    let top = Top::read(text, &mut releases)
        .map_err(|error| unreadable(package, &format!("it is not such a document: {error}")))?;
    // What is left of a package that was unpublished whole: a time for that, and no versions.
    let unpublished = || top.times.iter().any(|(key, _)| key == "unpublished");
    if !top.has_versions && !unpublished() {
        return Err(unreadable(package, "it has no versions"));
    }
    if top.name.as_deref() != Some(package.to_string().as_str()) {
        return Err(unreadable(package, "it has another name inside"));
    }
    let mut found = releases.finish();
    let times = top.date(text, &mut found);
    let Top { fields, tags, .. } = top;
    let packument = Packument {
        fields,
        tags,
        times,
        versions: found.versions,
        stretches: found.stretches,
        edits: found.edits,
        bytes: document.bytes.clone(),
    };
    Ok(Index::new(found.listed, Body::Npm(packument)))
}

fn unreadable(package: &PackageName, why: &str) -> Unreadable {
    Unreadable(format!(
        "the upstream's document is no packument of {package}: {why}"
    ))
}

/// What is taken from the top level.
#[derive(Default)]
struct Top<'a> {
    name: Option<Cow<'a, str>>,
    has_versions: bool,
    fields: Vec<Field>,
    tags: Vec<(String, String)>,
    /// The entries of `time`.
    times: Vec<(Cow<'a, str>, Span)>,
}

impl<'a> Top<'a> {
    /// Walks over the whole document.
    fn read(text: &'a str, releases: &mut Releases<'a>) -> Result<Self, Malformed> {
        let mut top = Self::default();
        let mut scanner = Scanner::new(text)?;
        if !scanner.enters_object()? {
            return Err(scanner.malformed("no object"));
        }
        // Of the fields, by key: the last of equal keys wins.
        let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
        while let Some(key) = scanner.next_key()? {
            let Some(field) = top.field(text, &key.text, &mut scanner, releases)? else {
                continue;
            };
            match places.get(&key.text) {
                Some(place) => top.fields[*place] = field,
                None => {
                    places.insert(key.text, top.fields.len());
                    top.fields.push(field);
                }
            }
        }
        scanner.finish().map(|()| top)
    }

    /// Reads one field; `None` if it is not passed on.
    fn field(
        &mut self,
        text: &'a str,
        key: &str,
        scanner: &mut Scanner<'a>,
        releases: &mut Releases<'a>,
    ) -> Result<Option<Field>, Malformed> {
        Ok(Some(match key {
            // Publishing's own part; never answered.
            "_attachments" => return scanner.skip().map(|_| None),
            "versions" => {
                if std::mem::replace(&mut self.has_versions, true) {
                    return Err(scanner.malformed("`versions` stands there twice"));
                }
                if !scanner.enters_object()? {
                    return Err(scanner.malformed("`versions` is no object"));
                }
                while let Some(key) = scanner.next_key()? {
                    releases.add(key.text, scanner)?;
                }
                Field::Versions
            }
            // `time` that is no object says nothing, and is not passed on.
            "time" => return Ok(self.read_times(scanner)?.then_some(Field::Time)),
            "dist-tags" => {
                self.read_tags(text, scanner)?;
                Field::Tags
            }
            _ => {
                let value = scanner.skip()?;
                if key == "name" {
                    self.name = json::string(value.of(text));
                }
                Field::Copied {
                    key: key.to_owned(),
                    value,
                }
            }
        }))
    }

    /// Whether it was an object. Of several the last one counts.
    fn read_times(&mut self, scanner: &mut Scanner<'a>) -> Result<bool, Malformed> {
        self.times.clear();
        if !scanner.enters_object()? {
            return scanner.skip().map(|_| false);
        }
        while let Some(key) = scanner.next_key()? {
            self.times.push((key.text, scanner.skip()?));
        }
        Ok(true)
    }

    fn read_tags(&mut self, text: &str, scanner: &mut Scanner<'a>) -> Result<(), Malformed> {
        self.tags.clear();
        if !scanner.enters_object()? {
            return scanner.skip().map(|_| ());
        }
        let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
        while let Some(key) = scanner.next_key()? {
            let value: Span = scanner.skip()?;
            let Some(target) = json::string(value.of(text)).map(Cow::into_owned) else {
                continue;
            };
            if let Some(place) = places.get(&key.text) {
                self.tags[*place].1 = target;
                continue;
            }
            self.tags.push((key.text.clone().into_owned(), target));
            places.insert(key.text, self.tags.len() - 1);
        }
        Ok(())
    }

    /// Gives every version the time that the document has for it, and back what can be shown. Of
    /// equal keys the last one counts.
    fn date(&self, text: &str, found: &mut Found<'_>) -> Vec<Time> {
        let mut times: Vec<Time> = Vec::with_capacity(self.times.len());
        let mut events: [Option<usize>; EVENTS.len()] = Default::default();
        // Of the times, by version; `None` before there is one.
        let mut dated: Vec<Option<u32>> = vec![None; found.listed.len()];
        let mut next = 0;
        for (key, value) in &self.times {
            let value = *value;
            if let Some(event) = EVENTS.iter().position(|event| event == key) {
                let of = Dated::Package(EVENTS[event]);
                let place = *events[event].get_or_insert(times.len());
                put(&mut times, place, Time { of, value });
                continue;
            }
            // Most documents have times and versions in one order.
            let follows = found
                .listed
                .get(next)
                .is_some_and(|listed| listed.version == *key);
            let version = if follows {
                Some(next)
            } else {
                found.place(key)
            };
            let Some(version) = version else { continue };
            next = version + 1;
            let of = Dated::Version(version as u32);
            let place = *dated[version].get_or_insert(times.len() as u32);
            put(&mut times, place as usize, Time { of, value });
            let date = json::string(value.of(text));
            found.listed[version].published = date.and_then(|date| dates::parse(&date));
        }
        times.shrink_to_fit();
        times
    }
}

fn put(times: &mut Vec<Time>, place: usize, time: Time) {
    match times.get_mut(place) {
        Some(former) => *former = time,
        None => times.push(time),
    }
}
