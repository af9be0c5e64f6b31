//! What a request asks for, in the words of all ecosystems.

use rules::{DigestAlgorithm, Ecosystem, PackageName};

/// What a request asks for, parsed once; everything after takes this and never the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Index(IndexTarget),
    Artifact(ArtifactTarget),
    Service(Service),
    /// The same thing under its canonical address, relative to the repository's base (`simple/foo-bar/`).
    Redirect(String),
}

impl Target {
    /// The package that it is about, if it is about one.
    pub fn package(&self) -> Option<&PackageName> {
        match self {
            Self::Index(target) => Some(&target.package),
            Self::Artifact(target) => Some(&target.package),
            Self::Service(Service::Attestations { package, .. }) => Some(package),
            Self::Service(_) | Self::Redirect(_) => None,
        }
    }
}

/// The document that lists the versions and files of a package, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexTarget {
    pub package: PackageName,
    pub document: DocumentKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// npm: the packument. `full` is false for `application/vnd.npm.install-v1+json`.
    Packument { full: bool },
    /// npm: one manifest, named by version or dist-tag.
    Manifest { spec: String },
    /// npm: `/-/package/{p}/dist-tags`.
    DistTags,
    /// PyPI: the project page in one of its three media types.
    Simple(SimpleForm),
    /// PyPI: `/pypi/{name}/json` and `/pypi/{name}/{version}/json`.
    ProjectJson { version: Option<String> },
    /// Maven: `maven-metadata.xml` at a level, or a checksum of it.
    Metadata {
        level: MetadataLevel,
        checksum: Option<DigestAlgorithm>,
    },
    /// Generic: every version with its files, or one.
    Releases { version: Option<String> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimpleForm {
    /// `application/vnd.pypi.simple.v1+json` (PEP 691)
    Json,
    /// `application/vnd.pypi.simple.v1+html` (PEP 691)
    Html,
    /// `text/html` (PEP 503)
    LegacyHtml,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MetadataLevel {
    /// `{g}/{a}/maven-metadata.xml`. Lexically this may also be the group level (`{g}.{a}` as a group with plugin
    /// prefixes); what the document holds tells which.
    Artifact,
    /// `{g}/{a}/{v}-SNAPSHOT/maven-metadata.xml`
    Snapshot { version: String },
}

/// A file of a version, or a sidecar of such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactTarget {
    pub package: PackageName,
    pub version: String,
    /// The name of the main file, without the sidecar's suffix. One path segment.
    pub file: String,
    pub sidecar: Option<Sidecar>,
}

impl ArtifactTarget {
    /// Whether the file's bytes may change: a Maven snapshot under its alias (protocols.md §3.1).
    pub fn is_mutable(&self) -> bool {
        self.package.ecosystem() == Ecosystem::Maven
            && self.version.ends_with("-SNAPSHOT")
            && self.file.contains("-SNAPSHOT")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sidecar {
    /// `.sha1 .md5 .sha256 .sha512` of a Maven file
    Checksum(DigestAlgorithm),
    /// `.asc`
    Signature,
    /// `.asc.sha1` and so on
    SignatureChecksum(DigestAlgorithm),
    /// `.sigstore.json`
    Sigstore,
    /// `.metadata` of a PyPI file (PEP 658)
    Metadata,
    /// PEP 740 provenance of a PyPI file
    Provenance,
}

/// An endpoint that is neither index, artifact nor publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// npm `/-/ping`
    Ping,
    /// npm `/-/whoami`
    Whoami,
    /// npm `/-/v1/search`: the text and the window asked for
    Search { text: String, size: u32, from: u32 },
    /// npm POST `/-/npm/v1/security/advisories/bulk`
    AdvisoriesBulk,
    /// npm POST `/-/npm/v1/security/audits/quick` and `…/audits`
    AuditQuick,
    /// npm `/-/npm/v1/keys`
    Keys,
    /// npm `/-/npm/v1/attestations/{p}@{v}`
    Attestations {
        package: PackageName,
        version: String,
    },
    /// PyPI `/simple/`: the list of projects that this gateway knows
    Projects(SimpleForm),
}
