//! PyPI: the simple repository API (PEP 503, 691, 700), its sidecars (PEP 658, 714, 740), yanks
//! (PEP 592) and the JSON API.
//!
//! Reads what an upstream says and writes what a client gets; judges nothing. `path` reads
//! requests, `filename` knows whose file a file is, `json` and `html` read into a `page`, whose
//! files each have an `entry`, `merge` unites pages, `render` and `api` write them, and `marker`
//! writes what no upstream has.

pub mod accept;
pub mod hosted;
pub mod marker;

mod address;
mod api;
mod entity;
mod entry;
mod filename;
mod html;
mod json;
mod merge;
mod page;
mod path;
mod render;
#[cfg(test)]
mod tests;

use super::{
    ArtifactTarget, Document, DocumentKind, Index, IndexTarget, Links, Listed, ListedFile,
    Location, Part, Protocol, Rejection, Rendered, Sidecar, Target, Unreadable, Unrenderable,
};
use crate::exchange::Ask;
use merge::METADATA;
use rules::PackageName;

pub use page::Project;

/// How Python packages are spoken of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pypi;

/// JSON before HTML, since only JSON has times and sizes.
const SIMPLE_ACCEPT: &str = "application/vnd.pypi.simple.v1+json, \
    application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

impl Protocol for Pypi {
    fn parse(&self, ask: &Ask<'_>) -> Result<Target, Rejection> {
        path::parse(ask)
    }

    fn locate_index(&self, target: &IndexTarget) -> (Location, &'static str) {
        let name = target.package.name();
        match &target.document {
            DocumentKind::ProjectJson { version: None } => (
                Location::Path(format!("pypi/{name}/json")),
                "application/json",
            ),
            DocumentKind::ProjectJson {
                version: Some(version),
            } => {
                let version = address::encode(version);
                (
                    Location::Path(format!("pypi/{name}/{version}/json")),
                    "application/json",
                )
            }
            _ => (Location::Path(format!("simple/{name}/")), SIMPLE_ACCEPT),
        }
    }

    fn locate_artifact(
        &self,
        target: &ArtifactTarget,
        listed: Option<&ListedFile>,
    ) -> Option<Location> {
        let listed = listed.filter(|listed| listed.name == target.file)?;
        let suffix = match target.sidecar {
            None => return Some(listed.location.clone()),
            Some(Sidecar::Metadata) => {
                listed.metadata.as_ref()?;
                ".metadata"
            }
            Some(Sidecar::Signature) => ".asc",
            Some(Sidecar::Provenance) => {
                let (version, file) = (
                    address::encode(&target.version),
                    address::encode(&target.file),
                );
                let name = target.package.name();
                let path = format!("integrity/{name}/{version}/{file}/provenance");
                return Some(Location::Path(path));
            }
            Some(_) => return None,
        };
        Some(match &listed.location {
            Location::Path(path) => Location::Path(address::append(path, suffix)),
            Location::Url(url) => Location::Url(address::append(url, suffix)),
        })
    }

    fn index_lists_files(&self) -> bool {
        true
    }

    fn files_of(&self, _package: &PackageName, listed: &Listed) -> Vec<String> {
        let files = listed.files.iter().flat_map(|file| {
            let metadata = file
                .metadata
                .as_ref()
                .map(|_| format!("{}{METADATA}", file.name));
            [Some(file.name.clone()), metadata]
        });
        files.flatten().collect()
    }

    fn read(&self, target: &IndexTarget, document: Document) -> Result<Index, Unreadable> {
        let media = document
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        let is = |name: &str| media.eq_ignore_ascii_case(name);
        let json = is("application/json") || is("application/vnd.pypi.simple.v1+json");
        let html = is("text/html") || is("application/vnd.pypi.simple.v1+html");
        match &target.document {
            DocumentKind::ProjectJson { .. } if json => {
                json::read_project(&target.package, &document)
            }
            DocumentKind::Simple(_) if json => json::read_simple(&target.package, &document),
            DocumentKind::Simple(_) if html => html::read(&target.package, &document),
            _ => Err(Unreadable(format!(
                "the index of {} came as {media:?}, which is no index",
                target.package
            ))),
        }
    }

    fn render(
        &self,
        target: &IndexTarget,
        parts: &[Part<'_>],
        links: Links<'_>,
    ) -> Result<Rendered, Unrenderable> {
        match &target.document {
            DocumentKind::Simple(form) => render::simple(&target.package, *form, parts, links),
            DocumentKind::ProjectJson { version } => {
                api::project_json(&target.package, version.as_deref(), parts, links)
            }
            _ => Err(Unrenderable::Absent),
        }
    }

    fn media_type(&self, target: &ArtifactTarget) -> &'static str {
        match target.sidecar {
            Some(Sidecar::Metadata) => "text/plain; charset=utf-8",
            Some(Sidecar::Signature) => "application/pgp-signature",
            Some(Sidecar::Provenance) => "application/vnd.pypi.integrity.v1+json",
            _ => "application/octet-stream",
        }
    }
}
