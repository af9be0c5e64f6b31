//! npm: packuments, manifests, dist-tags, tarballs and the registry's services.
//!
//! A translator only: it knows the registry's documents and addresses (the registry API of
//! CouchDB descent, with the abbreviated form `application/vnd.npm.install-v1+json`). It does not
//! fetch, decide or keep anything. Publishing is not here.

mod accept;
mod audit;
mod dates;
pub mod hosted;
mod merge;
mod packument;
mod path;
mod read;
mod release;
mod render;
mod service;
mod trim;

pub use audit::audit_request;
pub use packument::Packument;
pub use service::{advisories_request, empty_answer, locate_service, search_answer};

use crate::exchange::Ask;
use crate::protocol::{
    ArtifactTarget, Document, Index, IndexTarget, Links, ListedFile, Location, Part, Protocol,
    Rejection, Rendered, Target, Unreadable, Unrenderable,
};

/// How npm speaks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Npm;

impl Protocol for Npm {
    fn parse(&self, ask: &Ask<'_>) -> Result<Target, Rejection> {
        path::parse(ask)
    }

    /// Always the full document: the abbreviated one has no times, and every form of the answer
    /// can be made from the full one.
    fn locate_index(&self, target: &IndexTarget) -> (Location, &'static str) {
        (
            Location::Path(path::packument_path(&target.package)),
            "application/json",
        )
    }

    fn locate_artifact(
        &self,
        target: &ArtifactTarget,
        listed: Option<&ListedFile>,
    ) -> Option<Location> {
        Some(path::locate_artifact(target, listed))
    }

    fn index_lists_files(&self) -> bool {
        true
    }

    fn read(&self, target: &IndexTarget, document: Document) -> Result<Index, Unreadable> {
        read::read(&target.package, document)
    }

    fn render(
        &self,
        target: &IndexTarget,
        parts: &[Part<'_>],
        links: Links<'_>,
    ) -> Result<Rendered, Unrenderable> {
        render::render(target, parts, links.base)
    }

    fn media_type(&self, _target: &ArtifactTarget) -> &'static str {
        "application/octet-stream"
    }
}

#[cfg(test)]
mod tests;
