//! Reading a packument: one walk over the document, without a tree of it.
//!
//! What a version says of itself must agree with its key, and only legal versions count: anything
//! else could be taken for one version here and for another by a client.

use std::borrow::Cow;
use std::collections::HashMap;

use rules::{Digest, DigestAlgorithm, PackageName};
use serde::de::Deserializer as _;

use super::json::{self, Outline, Span};
use super::packument::{Address, Edit, Field, Packument, Version};
use super::{dates, path};
use crate::protocol::{Body, Document, Index, Listed, ListedFile, Location, Unreadable};

/// Reads the document of `package`.
pub(super) fn read(package: &PackageName, document: Document) -> Result<Index, Unreadable> {
    let text = std::str::from_utf8(&document.bytes)
        .map_err(|_| unreadable(package, "it is not UTF-8 text"))?;
    if json::too_deep(text) {
        return Err(unreadable(package, "it nests too deeply"));
    }
    let mut reading = Reading::new(text, package, path::url_host(&document.url));
    let mut top = Top::default();
    let outline = Outline {
        version: |key: Cow<'_, str>, value| reading.add(&key, value),
        field: |key: Cow<'_, str>, value| top.add(text, key, value),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seen = deserializer
        .deserialize_map(outline)
        .and_then(|seen| deserializer.end().map(|()| seen))
        .map_err(|error| unreadable(package, &format!("it is not such a document: {error}")))?;
    // What is left of a package that was unpublished whole: a time for that, and no versions.
    let unpublished = top.times.iter().any(|(key, _)| key == "unpublished");
    if seen == 0 && !unpublished {
        return Err(unreadable(package, "it has no versions"));
    }
    if top.name.as_deref() != Some(package.to_string().as_str()) {
        return Err(unreadable(package, "it has another name inside"));
    }
    let (mut listed, versions) = reading.finish();
    date(&mut listed, text, &top.times);
    let Top {
        fields,
        tags,
        times,
        ..
    } = top;
    let packument = Packument {
        fields,
        tags,
        times,
        versions,
        bytes: document.bytes.clone(),
    };
    Ok(Index {
        versions: listed,
        body: Body::Npm(packument),
    })
}

fn unreadable(package: &PackageName, why: &str) -> Unreadable {
    Unreadable(format!(
        "the upstream's document is no packument of {package}: {why}"
    ))
}

/// Gives every version the time that the document has for it.
fn date(listed: &mut [Listed], text: &str, times: &[(String, Span)]) {
    let times: HashMap<&str, Span> = times
        .iter()
        .map(|(key, span)| (key.as_str(), *span))
        .collect();
    for version in listed {
        version.published = times
            .get(version.version.as_str())
            .and_then(|span| text.get(span.range()))
            .and_then(json::string)
            .and_then(|date| dates::parse(&date));
    }
}

/// What is taken from the top level.
#[derive(Default)]
struct Top {
    name: Option<String>,
    fields: Vec<Field>,
    /// Of the fields, by key: the last of equal keys wins.
    places: HashMap<String, usize>,
    tags: Vec<(String, String)>,
    times: Vec<(String, Span)>,
}

impl Top {
    fn add(&mut self, text: &str, key: Cow<'_, str>, value: &str) {
        let field = match &*key {
            // Publishing's own part; never answered.
            "_attachments" => return,
            "versions" => Field::Versions,
            "time" => {
                self.times = keyed(value, |value| Some(Span::of(text, value)));
                // `time` that is no object says nothing, and is not passed on.
                if !value.starts_with('{') {
                    return;
                }
                Field::Time
            }
            "dist-tags" => {
                self.tags = keyed(value, |value| json::string(value).map(Cow::into_owned));
                Field::Tags
            }
            _ => Field::Copied {
                key: key.to_string(),
                value: Span::of(text, value),
            },
        };
        if key == "name" {
            self.name = json::string(value).map(Cow::into_owned);
        }
        match self.places.get(&*key) {
            Some(place) => self.fields[*place] = field,
            None => {
                self.places.insert(key.into_owned(), self.fields.len());
                self.fields.push(field);
            }
        }
    }
}

/// The entries of an object of which the value is understood; the last of equal keys wins.
fn keyed<T>(object: &str, read: impl Fn(&str) -> Option<T>) -> Vec<(String, T)> {
    let mut found: Vec<(String, T)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    // What is not an object has no entries; the syntax was checked by the walk over the document.
    let _ = json::entries(object, |key, value| {
        let Some(value) = read(value) else { return };
        match places.get(&*key) {
            Some(place) => found[*place].1 = value,
            None => {
                places.insert(key.to_string(), found.len());
                found.push((key.into_owned(), value));
            }
        }
    });
    found
}

/// The versions, while the document is walked.
struct Reading<'a> {
    text: &'a str,
    package: &'a PackageName,
    name: String,
    /// Of the upstream, as far as it is known.
    host: Option<&'a str>,
    /// `None`: a version that stood here was overridden by one that does not count.
    found: Vec<Option<(Listed, Version)>>,
    places: HashMap<String, usize>,
}

impl<'a> Reading<'a> {
    fn new(text: &'a str, package: &'a PackageName, host: Option<&'a str>) -> Self {
        let name = package.to_string();
        Self {
            text,
            package,
            name,
            host,
            found: Vec::new(),
            places: HashMap::new(),
        }
    }

    fn add(&mut self, key: &str, object: &str) {
        if !path::is_version(key) {
            return;
        }
        let version = self.version(key, object);
        match self.places.get(key) {
            Some(place) => self.found[*place] = version,
            None => {
                self.places.insert(key.to_owned(), self.found.len());
                self.found.push(version);
            }
        }
    }

    fn finish(self) -> (Vec<Listed>, Vec<Version>) {
        self.found.into_iter().flatten().unzip()
    }

    /// `None` if the object is of another package or version, or not a version at all.
    fn version(&self, key: &str, object: &str) -> Option<(Listed, Version)> {
        let mut agrees = true;
        let mut dist = Dist::default();
        json::entries(object, |field, value| match &*field {
            "name" => agrees &= json::string(value).is_some_and(|name| name == self.name),
            "version" => agrees &= json::string(value).is_some_and(|version| version == key),
            "dist" => agrees &= self.dist(value, &mut dist),
            _ => {}
        })
        .ok()?;
        if !agrees {
            return None;
        }
        let name = path::file_name(self.package, key);
        let location = match dist.tarball {
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
                Location::Url(url)
            }
            _ => Location::Path(path::tarball_path(self.package, &name)),
        };
        let digests = dist.integrity.into_iter().chain(dist.shasum).collect();
        let file = ListedFile {
            name,
            location,
            digests,
            size: None,
            metadata: None,
        };
        let listed = Listed {
            version: key.to_owned(),
            published: None,
            files: vec![file],
        };
        Some((
            listed,
            Version {
                object: Span::of(self.text, object),
                edits: dist.edits,
            },
        ))
    }

    /// Reads `dist`; false if it is not an object.
    fn dist(&self, object: &str, dist: &mut Dist) -> bool {
        json::entries(object, |field, value| match &*field {
            "tarball" => {
                dist.tarball = json::string(value).map(Cow::into_owned);
                dist.edits.push(Edit {
                    span: Span::of(self.text, value),
                    address: Address::Tarball,
                });
            }
            "integrity" => {
                dist.integrity =
                    json::string(value).map_or_else(Vec::new, |text| Digest::from_sri(&text));
            }
            "shasum" => {
                dist.shasum = json::string(value)
                    .and_then(|text| Digest::from_hex(DigestAlgorithm::Sha1, &text));
            }
            "attestations" => self.attestations(value, &mut dist.edits),
            _ => {}
        })
        .is_ok()
    }

    /// The address of attestations on the upstream's own host is ours to answer; another host's is
    /// left alone.
    fn attestations(&self, object: &str, edits: &mut Vec<Edit>) {
        let _ = json::entries(object, |field, value| {
            let Some(url) = (field == "url").then(|| json::string(value)).flatten() else {
                return;
            };
            let same_host = match (path::url_host(&url), self.host) {
                (Some(theirs), Some(upstream)) => theirs.eq_ignore_ascii_case(upstream),
                _ => false,
            };
            if let (true, Some(at)) = (same_host, url.find("/-/npm/")) {
                let address = Address::Below(url[at + 1..].into());
                edits.push(Edit {
                    span: Span::of(self.text, value),
                    address,
                });
            }
        });
    }
}

/// What is taken from a version's `dist`.
#[derive(Default)]
struct Dist {
    tarball: Option<String>,
    integrity: Vec<Digest>,
    shasum: Option<Digest>,
    edits: Vec<Edit>,
}
