//! A packument as a view: the bytes as they came, and where in them things stand.
//!
//! Nothing of a version is kept but its place, the stretches that the abbreviated form shows and
//! those that must be rewritten, so a document of 100 MB costs its own size and little more.

use std::ops::Range;

use bytes::Bytes;

use super::super::json::Span;

/// The document of one package, in the form it is rendered from.
#[derive(Debug)]
pub struct Packument {
    pub(super) bytes: Bytes,
    /// The top level in the order of the document.
    pub(super) fields: Vec<Field>,
    /// Tag and target.
    pub(super) tags: Vec<(String, String)>,
    /// The entries of `time` that can be shown, in the order of the document.
    pub(super) times: Vec<Time>,
    /// In the order of `Index::versions`.
    pub(super) versions: Vec<Version>,
    /// Of all versions: what the abbreviated form shows, as it is written, keys included.
    pub(super) stretches: Vec<Span>,
    /// Of all versions: what is not copied, in order and without overlap.
    pub(super) edits: Vec<Edit>,
}

/// A field of the top level.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Field {
    Copied { key: String, value: Span },
    Versions,
    Time,
    Tags,
}

/// An entry of `time`.
#[derive(Debug)]
pub(super) struct Time {
    pub of: Dated,
    pub value: Span,
}

/// What a time is of; those of anything else are never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dated {
    /// The package as a whole: a name of [`EVENTS`].
    Package(&'static str),
    /// A version, by its place.
    Version(u32),
}

/// What happens to a package as a whole.
pub(super) const EVENTS: [&str; 3] = ["created", "modified", "unpublished"];

/// A version's object.
#[derive(Debug)]
pub(super) struct Version {
    pub object: Span,
    /// Of the packument's stretches.
    pub stretches: Places,
    /// Of the packument's edits.
    pub edits: Places,
    /// The abbreviated form says so though the object does not: it has scripts for it.
    pub adds_install_script: bool,
}

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    start: u32,
    end: u32,
}

impl Places {
    /// There are never more places than bytes in a document, and those fit.
    pub const fn new(places: Range<usize>) -> Self {
        Self {
            start: places.start as u32,
            end: places.end as u32,
        }
    }

    /// What stands at these places.
    pub fn of<T>(self, list: &[T]) -> &[T] {
        let places = self.start as usize..self.end as usize;
        list.get(places).unwrap_or_default()
    }
}

#[derive(Debug)]
pub(super) struct Edit {
    /// The whole value, with its quotes.
    pub span: Span,
    pub address: Address,
}

/// What an address in a version is replaced by.
#[derive(Debug)]
pub(super) enum Address {
    /// The version's tarball at its conventional place.
    Tarball,
    /// Something else below the repository's address, without a leading slash.
    Below(Box<str>),
}

impl Packument {
    /// A stretch of the document; empty if the span is not one of this document's.
    pub(super) fn slice(&self, span: Span) -> &[u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    /// When something happened to the package as a whole.
    pub(super) fn time(&self, event: &str) -> Option<&[u8]> {
        let is_it = |time: &&Time| matches!(time.of, Dated::Package(known) if known == event);
        let time = self.times.iter().find(is_it)?;
        Some(self.slice(time.value))
    }

    pub(super) fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find_map(|field| match field {
            Field::Copied { key, value } if key == name => Some(self.slice(*value)),
            _ => None,
        })
    }
}
