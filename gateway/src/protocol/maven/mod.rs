//! How Maven repositories speak: the layout that Maven, Gradle and sbt read ("Maven Repository
//! Layout", and the "Maven Repository Metadata" model for `maven-metadata.xml`).
//!
//! The path is the coordinate: nothing is rewritten, and a listing names versions, not files.
//! `path` reads and writes addresses, `metadata` reads an upstream's document, `render` writes
//! ours. Not here: publishing, and the decision whether a coordinate may be served.

pub mod hosted;
mod metadata;
mod path;
mod render;

use rules::{Digest, DigestAlgorithm, PackageName};
use sha2::Digest as _;

use crate::exchange::{Ask, Method};
use crate::protocol::{
    ArtifactTarget, Document, DocumentKind, Index, IndexTarget, Links, Listed, ListedFile,
    Location, Part, Protocol, Rejection, Rendered, Sidecar, Target, Unreadable, Unrenderable,
};

pub use metadata::{Metadata, Plugin, Snapshot, SnapshotFile};

/// The Maven translator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Maven;

/// Longer files than this are no checksum: a digest, a file name and some white space.
const CHECKSUM_BYTES_MAX: usize = 1024;

impl Protocol for Maven {
    /// The path is judged before the method, so that 405 is only said of paths that exist.
    fn parse(&self, ask: &Ask<'_>) -> Result<Target, Rejection> {
        let target = path::parse(ask.path)?;
        match ask.method {
            Method::Get | Method::Head => Ok(target),
            Method::Post | Method::Put | Method::Delete | Method::Options => Err(Rejection::Method),
        }
    }

    fn locate_index(&self, target: &IndexTarget) -> (Location, &'static str) {
        (Location::Path(path::of_index(target)), "*/*")
    }

    fn locate_artifact(
        &self,
        target: &ArtifactTarget,
        _listed: Option<&ListedFile>,
    ) -> Option<Location> {
        path::of_artifact(target).map(Location::Path)
    }

    fn index_lists_files(&self) -> bool {
        false
    }

    fn files_of(&self, package: &PackageName, listed: &Listed) -> Vec<String> {
        let stem = format!("{}-{}", package.name(), listed.version);
        ["pom", "jar", "module"]
            .map(|extension| format!("{stem}.{extension}"))
            .to_vec()
    }

    fn read(&self, target: &IndexTarget, document: Document) -> Result<Index, Unreadable> {
        match &target.document {
            DocumentKind::Metadata { level, .. } => {
                metadata::read(&target.package, level, &document.bytes)
            }
            _ => Err(Unreadable(
                "not a document of a Maven repository".to_owned(),
            )),
        }
    }

    fn render(
        &self,
        target: &IndexTarget,
        parts: &[Part<'_>],
        _links: Links<'_>,
    ) -> Result<Rendered, Unrenderable> {
        match &target.document {
            DocumentKind::Metadata { level, checksum } => {
                render::render(&target.package, level, *checksum, parts)
            }
            _ => Err(Unrenderable::Absent),
        }
    }

    fn media_type(&self, target: &ArtifactTarget) -> &'static str {
        match target.sidecar {
            Some(Sidecar::Checksum(_) | Sidecar::SignatureChecksum(_)) => "text/plain",
            Some(Sidecar::Signature) => "application/pgp-signature",
            Some(Sidecar::Sigstore) => "application/json",
            Some(Sidecar::Metadata | Sidecar::Provenance) => "application/octet-stream",
            None => match target.file.rsplit_once('.').map(|(_, extension)| extension) {
                Some("pom" | "xml") => "application/xml",
                Some("jar") => "application/java-archive",
                Some("module") => "application/json",
                _ => "application/octet-stream",
            },
        }
    }
}

/// The text of a checksum sidecar of `bytes`: lower-case hexadecimal digits, no file name, no
/// newline. `None` for an algorithm that has no sidecar in a Maven repository (SHA-384).
pub fn checksum_of(bytes: &[u8], algorithm: DigestAlgorithm) -> Option<String> {
    let digest: Vec<u8> = match algorithm {
        DigestAlgorithm::Md5 => md5::Md5::digest(bytes).to_vec(),
        DigestAlgorithm::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
        DigestAlgorithm::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
        DigestAlgorithm::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        DigestAlgorithm::Sha384 => return None,
    };
    Some(
        Digest {
            algorithm,
            bytes: digest,
        }
        .hex(),
    )
}

/// Reads an upstream's checksum sidecar. Repositories hold bare digests, `digest  file`, and
/// `SHA1(file)= digest`; a page of HTML that happens to hold such a word is none of these.
pub fn checksum_text(bytes: &[u8], algorithm: DigestAlgorithm) -> Option<Digest> {
    if bytes.len() > CHECKSUM_BYTES_MAX || bytes.contains(&b'<') {
        return None;
    }
    // SHA-384 has no sidecar, so nothing of that length is one.
    if algorithm == DigestAlgorithm::Sha384 {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    text.split_whitespace()
        .find_map(|token| Digest::from_hex(algorithm, token))
}

#[cfg(test)]
mod tests;
