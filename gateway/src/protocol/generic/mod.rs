//! Generic packages: files of any kind under a namespace, a name and a version, with nothing but HTTP as their client.
//! They are only ever hosted: there is no registry of them outside.
//!
//! | request below `/generic/<repository>` | meaning |
//! |---|---|
//! | `PUT /<namespace>/<name>/<version>/<asset>` | publish the version with this file; no other may follow |
//! | the same with `?unfinished` | add the file; the version is not shown yet |
//! | `POST /<namespace>/<name>/<version>/?finish` | publish the version with the files it has |
//! | `DELETE /<namespace>/<name>/<version>/` | delete the version |
//! | `GET`, `HEAD /<namespace>/<name>/<version>/<asset>` | the file |
//! | `GET`, `HEAD /<namespace>/<name>/` | every version with its files (JSON) |
//! | `GET`, `HEAD /<namespace>/<name>/<version>/` | one version |
//!
//! Statuses are those of CodeArtifact's generic format. The namespace is mandatory, since rules speak of namespaces. The
//! same bytes again succeed, other bytes are a conflict (409). A digest may be stated before the body, and must be
//! right: `X-Checksum-Sha256` (hexadecimal), `Repr-Digest` or `Content-Digest` (RFC 9530), or `Digest` (RFC 3230).

mod digest;
mod document;
mod path;

pub use digest::{DigestFault, sha256};
pub use document::{Asset, Listing, Release};
pub use path::{Address, Write, parse_write};

use crate::exchange::Ask;
use crate::protocol::{
    ArtifactTarget, Document, DocumentKind, Index, IndexTarget, Links, ListedFile, Location, Part,
    Protocol, Rejection, Rendered, Target, Unreadable, Unrenderable,
};

/// The generic translator.
pub struct Generic;

impl Protocol for Generic {
    fn parse(&self, ask: &Ask<'_>) -> Result<Target, Rejection> {
        path::parse(ask.method, ask.path)
    }

    fn locate_index(&self, _target: &IndexTarget) -> (Location, &'static str) {
        (Location::Path(String::new()), "application/json")
    }

    fn locate_artifact(
        &self,
        _target: &ArtifactTarget,
        _listed: Option<&ListedFile>,
    ) -> Option<Location> {
        None
    }

    fn index_lists_files(&self) -> bool {
        true
    }

    fn read(&self, target: &IndexTarget, document: Document) -> Result<Index, Unreadable> {
        document::read(&target.package, &document)
    }

    fn render(
        &self,
        target: &IndexTarget,
        parts: &[Part<'_>],
        _links: Links<'_>,
    ) -> Result<Rendered, Unrenderable> {
        match &target.document {
            DocumentKind::Releases { version } => {
                document::render(&target.package, version.as_deref(), parts)
            }
            _ => Err(Unrenderable::Absent),
        }
    }

    fn media_type(&self, _target: &ArtifactTarget) -> &'static str {
        "application/octet-stream"
    }
}

#[cfg(test)]
mod tests;
