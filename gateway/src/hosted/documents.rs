//! A hosted package as a document of its ecosystem.

use std::time::SystemTime;

use rules::{Digest, DigestAlgorithm, Ecosystem, PackageName};

use super::notes;
use crate::protocol::{
    Document, DocumentKind, IndexTarget, MetadataLevel, generic, maven, npm, pypi,
};
use crate::state::{HostedPackage, HostedVersion, Status, StoredFile};

/// No address: what is hosted is fetched from nowhere.
const URL: &str = "http://hosted.invalid/";

/// The document that answers an index target; `None` if the package has none of that kind.
pub fn document(target: &IndexTarget, hosted: &HostedPackage) -> Option<Document> {
    let package = &target.package;
    let listed: Vec<&HostedVersion> = listed(hosted).collect();
    let (bytes, content_type) = match &target.document {
        DocumentKind::Packument { .. } | DocumentKind::Manifest { .. } | DocumentKind::DistTags => {
            (packument(package, hosted, &listed)?, "application/json")
        }
        DocumentKind::Simple(_) | DocumentKind::ProjectJson { .. } => (
            page(package, &listed)?,
            "application/vnd.pypi.simple.v1+json",
        ),
        DocumentKind::Metadata { level, .. } => (metadata(package, &listed, level)?, "text/xml"),
        DocumentKind::Releases { .. } => (releases(package, &listed)?, "application/json"),
    };
    let path = match package.ecosystem() {
        Ecosystem::Pypi => format!("simple/{}/", package.name()),
        Ecosystem::Npm | Ecosystem::Maven | Ecosystem::Generic => String::new(),
    };
    Some(Document {
        bytes: bytes.into(),
        content_type: content_type.to_owned(),
        url: format!("{URL}{path}"),
    })
}

/// The versions that lists show.
pub fn listed(hosted: &HostedPackage) -> impl Iterator<Item = &HostedVersion> {
    let is_listed = |version: &&HostedVersion| version.status == Status::Published;
    hosted.versions.iter().filter(is_listed)
}

/// What npm is shown, and what its clients edit.
pub fn packument(
    package: &PackageName,
    hosted: &HostedPackage,
    listed: &[&HostedVersion],
) -> Option<Vec<u8>> {
    let versions: Vec<npm::hosted::HostedVersion> =
        listed.iter().map(|it| npm_version(it)).collect();
    let tags = tags_of(hosted, listed);
    npm_package(package, &versions, &tags, listed).map(|package| npm::hosted::packument(&package))
}

/// The tags that point at a listed version.
pub fn tags_of(hosted: &HostedPackage, listed: &[&HostedVersion]) -> Vec<(String, String)> {
    let is_listed = |version: &str| listed.iter().any(|listed| listed.version == version);
    let tags = hosted.tags.iter().filter(|(_, version)| is_listed(version));
    tags.cloned().collect()
}

/// The package as npm's translator knows it; `None` if it has no version.
pub fn npm_package<'a>(
    name: &'a PackageName,
    versions: &'a [npm::hosted::HostedVersion],
    tags: &'a [(String, String)],
    listed: &[&HostedVersion],
) -> Option<npm::hosted::HostedPackage<'a>> {
    let dates = || listed.iter().map(|version| version.published_at);
    Some(npm::hosted::HostedPackage {
        name,
        versions,
        tags,
        created: dates().min()?,
        modified: dates().max()?,
    })
}

/// A version as npm's translator knows it.
pub fn npm_version(version: &HostedVersion) -> npm::hosted::HostedVersion {
    let note: notes::NpmVersion = notes::read(&version.metadata);
    let files = version.files.iter();
    let files = files.filter(|file| !notes::read::<notes::File>(&file.metadata).beside);
    npm::hosted::HostedVersion {
        version: version.version.clone(),
        manifest: note.manifest,
        published: version.published_at,
        files: files.map(npm_file).collect(),
        unpacked: note.unpacked,
        deprecated: note.deprecated,
    }
}

fn npm_file(file: &StoredFile) -> npm::hosted::HostedFile {
    let digests = [
        (DigestAlgorithm::Sha1, &file.sha1),
        (DigestAlgorithm::Sha512, &file.sha512),
    ];
    let digest = |(algorithm, hex): (DigestAlgorithm, &String)| Digest::from_hex(algorithm, hex);
    npm::hosted::HostedFile {
        name: file.filename.clone(),
        length: file.size,
        digests: digests.into_iter().filter_map(digest).collect(),
    }
}

fn page(package: &PackageName, listed: &[&HostedVersion]) -> Option<Vec<u8>> {
    let files = listed.iter().flat_map(|version| {
        let files = version.files.iter();
        files.filter_map(|file| pypi_file(file, version.published_at))
    });
    let files: Vec<pypi::hosted::HostedFile> = files.collect();
    (!files.is_empty()).then(|| pypi::hosted::page(package, &files))
}

fn pypi_file(file: &StoredFile, uploaded: SystemTime) -> Option<pypi::hosted::HostedFile> {
    let note: notes::File = notes::read(&file.metadata);
    if note.beside {
        return None;
    }
    Some(pypi::hosted::HostedFile {
        filename: file.filename.clone(),
        size: file.size,
        sha256: sha256(&file.sha256)?,
        uploaded,
        requires_python: note.requires_python,
        yanked: note.yanked,
        core_metadata_sha256: note.metadata_sha256.as_deref().and_then(sha256),
        gpg: note.has_signature,
        provenance: false,
    })
}

fn sha256(hex: &str) -> Option<[u8; 32]> {
    let digest = Digest::from_hex(DigestAlgorithm::Sha256, hex)?;
    digest.bytes.try_into().ok()
}

fn metadata(
    package: &PackageName,
    listed: &[&HostedVersion],
    level: &MetadataLevel,
) -> Option<Vec<u8>> {
    let files: Vec<maven::hosted::HostedFile> =
        listed.iter().flat_map(|it| maven_files(it)).collect();
    match level {
        MetadataLevel::Artifact => maven::hosted::package_metadata(package, &files, &[]),
        MetadataLevel::Snapshot { version } => {
            maven::hosted::snapshot_metadata(package, version, &files)
        }
    }
}

fn releases(package: &PackageName, listed: &[&HostedVersion]) -> Option<Vec<u8>> {
    let asset = |file: &StoredFile| generic::Asset {
        name: file.filename.clone(),
        size: file.size,
        sha256: file.sha256.clone(),
    };
    let release = |version: &&HostedVersion| {
        let assets = version.files.iter().map(asset).collect();
        generic::Release::new(&version.version, version.published_at, assets)
    };
    let listing = generic::Listing {
        namespace: package.namespace().to_owned(),
        name: package.name().to_owned(),
        versions: listed.iter().map(release).collect(),
    };
    let listing = Some(listing).filter(|listing| !listing.versions.is_empty())?;
    serde_json::to_vec(&listing).ok()
}

/// The files that are hosted of a version, or of one build of a snapshot, by name.
pub fn maven_digests(
    hosted: Option<&HostedPackage>,
    version: &str,
    file_version: &str,
) -> maven::hosted::Hosted {
    let versions = hosted.into_iter().flat_map(|hosted| &hosted.versions);
    let files = versions
        .filter(|it| it.version == version)
        .flat_map(|it| &it.files);
    let files = files.filter(|file| file.filename.contains(file_version));
    let digests = |file: &StoredFile| maven::hosted::Digests {
        md5: file.md5.clone(),
        sha1: file.sha1.clone(),
        sha256: file.sha256.clone(),
        sha512: file.sha512.clone(),
    };
    files
        .map(|file| (file.filename.clone(), digests(file)))
        .collect()
}

/// The files of a version as Maven's translator knows them.
pub fn maven_files(version: &HostedVersion) -> impl Iterator<Item = maven::hosted::HostedFile> {
    version.files.iter().map(|file| maven::hosted::HostedFile {
        version: version.version.clone(),
        name: file.filename.clone(),
        published: version.published_at,
    })
}
