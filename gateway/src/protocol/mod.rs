//! How each ecosystem speaks: pure translators, fed bytes, no IO, no async.
//!
//! The flow lives in `handlers`; what differs between npm, PyPI and Maven is said here in a few verbs.

use bytes::Bytes;
use rules::{Digest, Facts, PackageName};
use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::exchange::Ask;

/// Why a request is not one of ours. No upstream is asked for any of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// 400: not a legal name, version or file of this ecosystem; the text says what is wrong
    Malformed(String),
    /// 404: a path that this ecosystem does not have, or that is never proxied
    Unknown,
    /// 405: this path exists, but not with this method
    Method,
    /// 406: none of the media types that the client accepts
    NotAcceptable,
}

/// Where an upstream keeps something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Below the upstream's base address, percent-encoded, without a leading slash, built from the target.
    Path(String),
    /// An absolute URL that the upstream's own index gave. Only fetched if its host is allowed for that upstream.
    Url(String),
}

/// A document as an upstream sent it.
#[derive(Clone, Debug)]
pub struct Document {
    pub bytes: Bytes,
    pub content_type: String,
    /// The absolute URL it came from, against which relative links are resolved.
    pub url: String,
}

/// What an upstream's document says, as a view over the original.
#[derive(Debug)]
pub struct Index {
    pub versions: Vec<Listed>,
    pub body: Body,
    /// Every file's place (version, file) in the order of the names; made when first asked for.
    places: OnceLock<Box<[(u32, u32)]>>,
    package_since: OnceLock<Option<SystemTime>>,
    sightings: Sightings,
}

/// What the ledger of first-seen times says of an index.
#[derive(Debug, Default)]
pub enum Sightings {
    /// Nobody asked it: what is listed does not come from outside, or is not the whole list.
    #[default]
    None,
    /// The versions that came after the first look at the package, with the time when they were first seen.
    Late(HashMap<String, SystemTime>),
    /// It did not answer; the text says why.
    Unknown(String),
}

impl Index {
    pub fn new(versions: Vec<Listed>, body: Body) -> Self {
        Self {
            versions,
            body,
            sightings: Sightings::None,
            places: OnceLock::new(),
            package_since: OnceLock::new(),
        }
    }

    /// What it tells of the package as a whole; a version's own date is to be added.
    pub fn facts(&self) -> Facts {
        let since = || {
            let dates = self.versions.iter().map(|version| version.published);
            // One version without a date may be the oldest.
            let dates: Option<Vec<SystemTime>> = dates.collect();
            dates?.into_iter().min()
        };
        Facts {
            package_since: *self.package_since.get_or_init(since),
            versions: Some(self.versions.len()),
            ..Facts::default()
        }
    }

    /// With what the ledger says of it.
    #[must_use]
    pub fn sighted(mut self, sightings: Sightings) -> Self {
        self.sightings = sightings;
        self
    }

    /// When a version was first seen, if it came after the first look at the package.
    pub fn first_seen(&self, version: &str) -> Option<SystemTime> {
        match &self.sightings {
            Sightings::Late(late) => late.get(version).copied(),
            _ => None,
        }
    }

    /// Why the ledger did not answer, if it did not.
    pub fn unsighted(&self) -> Option<&str> {
        match &self.sightings {
            Sightings::Unknown(why) => Some(why),
            _ => None,
        }
    }

    /// What it tells of one of its versions.
    pub fn facts_of(&self, listed: &Listed) -> Facts {
        Facts {
            published: listed.published,
            first_seen: self.first_seen(&listed.version),
            ..self.facts()
        }
    }

    /// The file of a name, and the version that it is of; the first that is listed of several.
    pub fn file(&self, name: &str) -> Option<(&Listed, &ListedFile)> {
        let places = self.places.get_or_init(|| self.places_by_name());
        let above = places.partition_point(|place| {
            self.at(*place)
                .is_some_and(|(_, file)| file.name.as_str() < name)
        });
        let found = places.get(above).and_then(|place| self.at(*place));
        found.filter(|(_, file)| file.name == name)
    }

    fn places_by_name(&self) -> Box<[(u32, u32)]> {
        let places = (0..).zip(&self.versions).flat_map(|(version, listed)| {
            (0..)
                .zip(&listed.files)
                .map(move |(file, _)| (version, file))
        });
        let mut places: Vec<(u32, u32)> = places.collect();
        places.sort_by_cached_key(|place| self.at(*place).map(|(_, file)| file.name.as_str()));
        places.into_boxed_slice()
    }

    fn at(&self, (version, file): (u32, u32)) -> Option<(&Listed, &ListedFile)> {
        let listed = self.versions.get(version as usize)?;
        listed.files.get(file as usize).map(|file| (listed, file))
    }
}

/// The original document in the form its ecosystem wants to render it from.
#[derive(Debug)]
pub enum Body {
    Npm(npm::Packument),
    Pypi(pypi::Project),
    Maven(maven::Metadata),
    Generic(generic::Listing),
}

/// One version of a package, with what rules and fetching need to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub version: String,
    pub published: Option<SystemTime>,
    pub files: Vec<ListedFile>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// One path segment.
    pub name: String,
    pub location: Location,
    /// The digests that the index promises for the file.
    pub digests: Vec<Digest>,
    pub size: Option<u64>,
    /// The digests that the index promises for the PEP 658 metadata file: `None`, no such file.
    pub metadata: Option<Vec<Digest>>,
}

/// Whether a listed version is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    Keep,
    /// Only these files of it are at hand; with none, the version is as good as not listed.
    Only(BTreeSet<String>),
    /// As [`Shown::Keep`], and the client is to be told this, where its ecosystem has a channel for it.
    Warn(String),
    /// Held or denied: the sentence says why.
    Withhold(String),
}

impl Shown {
    /// Whether the version is as good as not listed.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Only(files) if files.is_empty())
    }
}

/// One repository's contribution to a listing. Parts come nearest first, and the nearest wins a conflict.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub index: &'a Index,
    /// In the order of `index.versions`.
    pub shown: &'a [Shown],
}

/// What goes to the client, before compression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub bytes: Vec<u8>,
    pub content_type: &'static str,
}

/// Why a listing can't be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrenderable {
    /// 404: nothing of that name (a version or tag that is not there)
    Absent,
    /// 403: everything that was asked for is withheld; the sentence of the most telling version
    Withheld(String),
}

/// An upstream's document that can't be used: an upstream error, never an empty list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// How the addresses in a document lead here.
#[derive(Clone, Copy, Debug)]
pub struct Links<'a> {
    /// The repository's public address, without a trailing slash: `http://gw/npm/public`; or the registry's own, where
    /// what is asked of the registry comes here anyway.
    pub base: &'a str,
    /// Whether `base` is the registry's own, and its files' addresses stay as they are.
    pub kept: bool,
}

impl<'a> From<&'a str> for Links<'a> {
    /// Below an address of ours.
    fn from(base: &'a str) -> Self {
        Self { base, kept: false }
    }
}

/// What each ecosystem must say.
pub trait Protocol: Send + Sync {
    /// What is asked for. Decides by grammar alone; asks nobody.
    fn parse(&self, ask: &Ask<'_>) -> Result<Target, Rejection>;

    /// Where an upstream keeps the document that answers an index target, and the `Accept` to send.
    fn locate_index(&self, target: &IndexTarget) -> (Location, &'static str);

    /// Where an upstream keeps a file. `listed` is the file's entry in the upstream's index, where the index was read
    /// and has one; `None` if the ecosystem's listing names no files (Maven) or the file is not in it: then `None`
    /// comes back unless the address follows from the coordinate alone.
    fn locate_artifact(
        &self,
        target: &ArtifactTarget,
        listed: Option<&ListedFile>,
    ) -> Option<Location>;

    /// Whether a file may only be fetched if the index lists it (npm and PyPI: yes; Maven: no).
    fn index_lists_files(&self) -> bool;

    /// The files that may be kept of a listed version, and PyPI's metadata beside them. Where the listing names none (Maven), those that a build asks
    /// for first.
    fn files_of(&self, _package: &PackageName, listed: &Listed) -> Vec<String> {
        listed.files.iter().map(|file| file.name.clone()).collect()
    }

    /// Reads an upstream's document. The package inside must be the one asked for.
    fn read(&self, target: &IndexTarget, document: Document) -> Result<Index, Unreadable>;

    /// Renders the answer from the parts, with addresses that lead here.
    fn render(
        &self,
        target: &IndexTarget,
        parts: &[Part<'_>],
        links: Links<'_>,
    ) -> Result<Rendered, Unrenderable>;

    /// The content type an artifact is served with.
    fn media_type(&self, target: &ArtifactTarget) -> &'static str;
}

pub mod generic;
mod json;
pub mod maven;
pub mod npm;
pub mod pypi;
mod target;

pub use target::{
    ArtifactTarget, DocumentKind, IndexTarget, MetadataLevel, Service, Sidecar, SimpleForm, Target,
};
