//! Reading the versions of a packument, each where the walk over the document comes by.
//!
//! What a version says of itself must agree with its key, and only legal versions count: anything
//! else could be taken for one version here and for another by a client.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::collections::hash_map::{Entry as Slot, HashMap};

use rules::{Digest, DigestAlgorithm, PackageName};

use super::super::json::{self, Malformed, Scanner, Span};
use super::packument::{Address, Edit, Places, Version};
use super::path;
use super::trim::{self, Trimming};
use crate::protocol::{Listed, ListedFile, Location};

/// About what a version takes; large documents have larger ones.
const VERSION_BYTES: usize = 4096;

/// The versions, while the document is walked.
pub(super) struct Releases<'a> {
    text: &'a str,
    package: &'a PackageName,
    name: String,
    /// Of the upstream, as far as it is known.
    host: Option<&'a str>,
    found: Found<'a>,
    /// The places of versions that were overridden by one that does not count.
    overridden: BTreeSet<usize>,
    trimming: Trimming,
}

/// The versions that count.
#[derive(Default)]
pub(super) struct Found<'a> {
    pub listed: Vec<Listed>,
    /// Of the versions in `listed`.
    pub versions: Vec<Version>,
    pub stretches: Vec<Span>,
    pub edits: Vec<Edit>,
    /// By version: the last of equal keys wins.
    places: HashMap<Cow<'a, str>, usize>,
}

impl Found<'_> {
    /// The place of a version in the lists.
    pub fn place(&self, version: &str) -> Option<usize> {
        self.places.get(version).copied()
    }

    /// Takes the versions at these places out, and closes the gaps.
    fn remove(&mut self, gone: &BTreeSet<usize>) {
        let left = (0..self.listed.len()).filter(|place| !gone.contains(place));
        let renumbered: HashMap<usize, usize> =
            left.enumerate().map(|(new, old)| (old, new)).collect();
        self.places.retain(|_, place| {
            let new = renumbered.get(place);
            *place = new.copied().unwrap_or_default();
            new.is_some()
        });
        let mut places = 0..;
        self.listed
            .retain(|_| places.next().is_some_and(|place| !gone.contains(&place)));
        let mut places = 0..;
        self.versions
            .retain(|_| places.next().is_some_and(|place| !gone.contains(&place)));
    }
}

impl<'a> Releases<'a> {
    pub fn new(text: &'a str, package: &'a PackageName, host: Option<&'a str>) -> Self {
        Self {
            text,
            package,
            name: package.to_string(),
            host,
            found: Found {
                // Growing would hash every version again.
                places: HashMap::with_capacity(text.len() / VERSION_BYTES),
                ..Found::default()
            },
            overridden: BTreeSet::new(),
            trimming: Trimming::default(),
        }
    }

    /// Reads the version that the scanner has come to.
    pub fn add(&mut self, key: Cow<'a, str>, scanner: &mut Scanner<'a>) -> Result<(), Malformed> {
        if !path::is_version(&key) {
            return scanner.skip().map(|_| ());
        }
        let (stretches, edits) = (self.found.stretches.len(), self.found.edits.len());
        let version = self.version(&key, scanner)?;
        if version.is_none() {
            self.found.stretches.truncate(stretches);
            self.found.edits.truncate(edits);
        }
        match (self.found.places.entry(key), version) {
            (Slot::Occupied(place), Some((listed, version))) => {
                self.found.listed[*place.get()] = listed;
                self.found.versions[*place.get()] = version;
                self.overridden.remove(place.get());
            }
            (Slot::Occupied(place), None) => drop(self.overridden.insert(*place.get())),
            (Slot::Vacant(place), Some((listed, version))) => {
                place.insert(self.found.listed.len());
                self.found.listed.push(listed);
                self.found.versions.push(version);
            }
            (Slot::Vacant(_), None) => {}
        }
        Ok(())
    }

    pub fn finish(self) -> Found<'a> {
        let Self {
            mut found,
            overridden,
            ..
        } = self;
        if !overridden.is_empty() {
            found.remove(&overridden);
        }
        found.listed.shrink_to_fit();
        found.versions.shrink_to_fit();
        found.stretches.shrink_to_fit();
        found.edits.shrink_to_fit();
        found
    }

    /// `None` if the object is of another package or version, or not a version at all.
    fn version(
        &mut self,
        key: &str,
        scanner: &mut Scanner<'a>,
    ) -> Result<Option<(Listed, Version)>, Malformed> {
        let (stretches, edits) = (self.found.stretches.len(), self.found.edits.len());
        let start = scanner.start();
        if !scanner.enters_object()? {
            return scanner.skip().map(|_| None);
        }
        let (mut agrees, mut scripted) = (true, false);
        let mut dist = Dist::default();
        while let Some(field) = scanner.next_key()? {
            let says = |value: Span, wanted: &str| {
                json::string(value.of(self.text)).is_some_and(|text| text == wanted)
            };
            match &*field.text {
                "name" => agrees &= says(scanner.skip()?, &self.name),
                "version" => agrees &= says(scanner.skip()?, key),
                "dist" => agrees &= self.dist(&mut dist, scanner)?,
                "scripts" => scripted = self.has_install_script(scanner)?,
                _ => drop(scanner.skip()?),
            }
            let entry = Span::new(field.written.start() - 1, scanner.end());
            self.trimming.see(&field.text, entry);
        }
        let object = Span::new(start, scanner.end());
        let said = self.trimming.shows("hasInstallScript");
        self.trimming.finish(&mut self.found.stretches);
        if !agrees {
            return Ok(None);
        }
        let version = Version {
            object,
            stretches: Places::new(stretches..self.found.stretches.len()),
            edits: Places::new(edits..self.found.edits.len()),
            adds_install_script: scripted && !said,
        };
        Ok(Some((self.listed(key, dist), version)))
    }

    fn listed(&self, key: &str, dist: Dist<'_>) -> Listed {
        let name = path::file_name(self.package, key);
        let location = match dist.tarball {
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
                Location::Url(url.into_owned())
            }
            _ => Location::Path(path::tarball_path(self.package, &name)),
        };
        let mut digests = Vec::with_capacity(dist.integrity.len() + dist.shasum.iter().len());
        digests.extend(dist.integrity);
        digests.extend(dist.shasum);
        let file = ListedFile {
            name,
            location,
            digests,
            size: None,
            metadata: None,
        };
        Listed {
            version: key.to_owned(),
            published: None,
            files: vec![file],
        }
    }

    /// Reads `dist`; false if it is not an object.
    fn dist(&mut self, dist: &mut Dist<'a>, scanner: &mut Scanner<'a>) -> Result<bool, Malformed> {
        if !scanner.enters_object()? {
            return scanner.skip().map(|_| false);
        }
        while let Some(field) = scanner.next_key()? {
            if field.text == "attestations" {
                self.attestations(scanner)?;
                continue;
            }
            let span = scanner.skip()?;
            let text = || json::string(span.of(self.text));
            match &*field.text {
                "tarball" => {
                    dist.tarball = text();
                    self.found.edits.push(Edit {
                        span,
                        address: Address::Tarball,
                    });
                }
                "integrity" => {
                    dist.integrity = text().map_or_else(Vec::new, |text| Digest::from_sri(&text));
                }
                "shasum" => {
                    dist.shasum =
                        text().and_then(|text| Digest::from_hex(DigestAlgorithm::Sha1, &text));
                }
                _ => {}
            }
        }
        Ok(true)
    }

    /// The address of attestations on the upstream's own host is ours to answer; another host's is
    /// left alone.
    fn attestations(&mut self, scanner: &mut Scanner<'a>) -> Result<(), Malformed> {
        if !scanner.enters_object()? {
            return scanner.skip().map(|_| ());
        }
        while let Some(field) = scanner.next_key()? {
            let span = scanner.skip()?;
            let text = || json::string(span.of(self.text));
            let Some(url) = (field.text == "url").then(text).flatten() else {
                continue;
            };
            let same_host = match (path::url_host(&url), self.host) {
                (Some(theirs), Some(upstream)) => theirs.eq_ignore_ascii_case(upstream),
                _ => false,
            };
            if let (true, Some(at)) = (same_host, url.find("/-/npm/")) {
                let address = Address::Below(url[at + 1..].into());
                self.found.edits.push(Edit { span, address });
            }
        }
        Ok(())
    }

    fn has_install_script(&self, scanner: &mut Scanner<'a>) -> Result<bool, Malformed> {
        let mut found = false;
        if !scanner.enters_object()? {
            return scanner.skip().map(|_| false);
        }
        while let Some(field) = scanner.next_key()? {
            let value = scanner.skip()?;
            let runs =
                || json::string(value.of(self.text)).is_some_and(|script| !script.is_empty());
            found |= trim::is_install_script(&field.text) && runs();
        }
        Ok(found)
    }
}

/// What is taken from a version's `dist`.
#[derive(Default)]
struct Dist<'a> {
    tarball: Option<Cow<'a, str>>,
    integrity: Vec<Digest>,
    shasum: Option<Digest>,
}
