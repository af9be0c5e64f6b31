//! A packument as a view: the bytes as they came, and where in them things stand.
//!
//! Nothing of a version is kept but its place and the few stretches that must be rewritten, so a
//! document of 100 MB costs its own size and little more.

use bytes::Bytes;

use super::json::Span;

/// The document of one package, in the form it is rendered from.
#[derive(Debug)]
pub struct Packument {
    pub(super) bytes: Bytes,
    /// The top level in the order of the document.
    pub(super) fields: Vec<Field>,
    /// Tag and target.
    pub(super) tags: Vec<(String, String)>,
    /// The entries of `time`: key and value.
    pub(super) times: Vec<(String, Span)>,
    /// In the order of `Index::versions`.
    pub(super) versions: Vec<Version>,
}

/// A field of the top level.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Field {
    Copied { key: String, value: Span },
    Versions,
    Time,
    Tags,
}

/// A version's object.
#[derive(Debug)]
pub(super) struct Version {
    pub object: Span,
    /// What is not copied, in order and without overlap.
    pub edits: Vec<Edit>,
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

    pub(super) fn time(&self, key: &str) -> Option<&[u8]> {
        self.times
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, span)| self.slice(*span))
    }

    pub(super) fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find_map(|field| match field {
            Field::Copied { key, value } if key == name => Some(self.slice(*value)),
            _ => None,
        })
    }
}
