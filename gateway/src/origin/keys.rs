//! What things are called in the cache. The text is for people (`portcullis cache purge npm/left-pad/`); one spelling
//! per coordinate, because it is made from parsed names only.

use cache::Key;
use rules::PackageName;

use crate::protocol::{ArtifactTarget, DocumentKind, IndexTarget, MetadataLevel, Sidecar};

/// A document as a repository last saw it. All forms rendered from one document share it.
pub fn document(target: &IndexTarget, repository: &str) -> Key {
    let kind = match &target.document {
        DocumentKind::Packument { .. } | DocumentKind::Manifest { .. } | DocumentKind::DistTags => {
            "packument".to_owned()
        }
        DocumentKind::Simple(_) => "simple".to_owned(),
        DocumentKind::ProjectJson { version } => {
            format!("json/{}", version.as_deref().unwrap_or_default())
        }
        DocumentKind::Metadata {
            level: MetadataLevel::Artifact,
            ..
        } => "metadata".to_owned(),
        DocumentKind::Metadata {
            level: MetadataLevel::Snapshot { version },
            ..
        } => {
            format!("metadata/{version}")
        }
        DocumentKind::Releases { .. } => "releases".to_owned(),
    };
    let package = prefix(&target.package);
    Key::new(&format!("{package}index/{kind}@{repository}"))
}

/// The document of what a repository hosts. It is never in the cache: only what was read of it is remembered.
pub fn hosted(target: &IndexTarget, repository: &str) -> Key {
    let kept = document(target, repository);
    Key::new(&format!("{}#hosted", kept.as_str()))
}

/// A file as a repository retains it.
pub fn artifact(target: &ArtifactTarget, repository: &str) -> Key {
    let sidecar = target.sidecar.map(suffix).unwrap_or_default();
    let package = prefix(&target.package);
    Key::new(&format!(
        "{package}{}/{}{sidecar}@{repository}",
        target.version, target.file
    ))
}

fn prefix(package: &PackageName) -> String {
    format!("{}/{package}/", package.ecosystem())
}

/// The suffix a sidecar has behind its file's name.
pub fn suffix(sidecar: Sidecar) -> String {
    match sidecar {
        Sidecar::Checksum(algorithm) => format!(".{}", algorithm.as_str()),
        Sidecar::Signature => ".asc".to_owned(),
        Sidecar::SignatureChecksum(algorithm) => format!(".asc.{}", algorithm.as_str()),
        Sidecar::Sigstore => ".sigstore.json".to_owned(),
        Sidecar::Metadata => ".metadata".to_owned(),
        Sidecar::Provenance => ".provenance".to_owned(),
    }
}
