//! PUT addresses of a Maven repository: a file of a release or of a build of a snapshot, its
//! sidecars, and `maven-metadata.xml` with its checksums.
//!
//! The grammar is that of reads ([`path`](super::super::path)). Narrower: a snapshot's file must
//! name its build (`1.0-20240102.030405-6`), since the alias `1.0-SNAPSHOT` is made here. Wider: a
//! group of one word has metadata of its own when it is written.

use std::cmp::Ordering;

use rules::{DigestAlgorithm, PackageName};

use super::super::path;
use crate::exchange::{Method, Path};
use crate::protocol::{
    ArtifactTarget, DocumentKind, IndexTarget, MetadataLevel, Rejection, Sidecar, Target,
};

/// What a PUT writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    File(FileWrite),
    Metadata(MetadataWrite),
}

/// A file of a version, or a sidecar of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileWrite {
    pub target: ArtifactTarget,
    /// The version in the file's name: the directory's, or the build of a snapshot.
    pub file_version: String,
}

/// An uploaded `maven-metadata.xml`, or a checksum of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataWrite {
    pub place: MetadataPlace,
    pub checksum: Option<DigestAlgorithm>,
}

/// Where an uploaded `maven-metadata.xml` is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataPlace {
    /// `{g}/{a}` or, lexically the same, the group `{g}.{a}`: the content tells which.
    Package(PackageName),
    /// `{g}/{a}/{v}-SNAPSHOT`
    Snapshot {
        package: PackageName,
        version: String,
    },
    /// `{g}` of one word, which no package's metadata can be.
    Group(String),
}

/// A file's name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName<'a> {
    /// The version in the name: a release's, `…-SNAPSHOT`, or `…-yyyymmdd.hhmmss-n`.
    pub version: &'a str,
    /// `None` for a release's file and for a snapshot's alias.
    pub build: Option<Build<'a>>,
    pub classifier: Option<&'a str>,
    pub extension: &'a str,
}

/// Which build of a snapshot a file is of: later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build<'a> {
    /// `yyyymmdd.hhmmss`
    pub timestamp: &'a str,
    pub number: &'a str,
}

/// Extensions of two words; of any other name that has a classifier, the last dot ends it.
const DOUBLE_EXTENSIONS: [&str; 5] = ["tar.gz", "tar.bz2", "tar.xz", "tar.zst", "sigstore.json"];

/// Reads the path of a PUT below the repository's address. The path is judged before the method.
pub fn parse_write(method: Method, path: &Path) -> Result<Write, Rejection> {
    let write = match path::parse(path) {
        Ok(Target::Index(target)) => metadata(target)?,
        Ok(Target::Artifact(target)) => Write::File(file(target)?),
        Ok(Target::Service(_) | Target::Redirect(_)) => return Err(Rejection::Unknown),
        Err(rejection) => group_metadata(path).ok_or(rejection)?,
    };
    match method {
        Method::Put => Ok(write),
        _ => Err(Rejection::Method),
    }
}

impl FileWrite {
    /// The name of the file that the bytes go to: the signature itself for a signature. For a
    /// checksum, the file that it is of, and the algorithm.
    pub fn place(&self) -> (String, Option<DigestAlgorithm>) {
        let file = &self.target.file;
        match self.target.sidecar {
            None | Some(Sidecar::Metadata | Sidecar::Provenance) => (file.clone(), None),
            Some(Sidecar::Checksum(algorithm)) => (file.clone(), Some(algorithm)),
            Some(Sidecar::Signature) => (format!("{file}.asc"), None),
            Some(Sidecar::SignatureChecksum(algorithm)) => (format!("{file}.asc"), Some(algorithm)),
            Some(Sidecar::Sigstore) => (format!("{file}.sigstore.json"), None),
        }
    }

    /// Whether this is the POM itself, whose coordinates are to be checked.
    pub fn is_pom(&self) -> bool {
        let stem = self.target.package.name();
        self.target.sidecar.is_none()
            && self.target.file == format!("{stem}-{}.pom", self.file_version)
    }
}

impl<'a> FileName<'a> {
    /// Takes the name of a file of a version's directory apart; `None` if it is not of it.
    pub fn read(artifact: &str, version: &'a str, file: &'a str) -> Option<Self> {
        let rest = file.strip_prefix(artifact)?.strip_prefix('-')?;
        if let Some(tail) = rest.strip_prefix(version)
            && let Some((classifier, extension)) = split_tail(tail)
        {
            return Some(Self {
                version,
                build: None,
                classifier,
                extension,
            });
        }
        let base = version.strip_suffix("-SNAPSHOT")?;
        let (build, tail) = Build::read(rest.strip_prefix(base)?.strip_prefix('-')?)?;
        let (classifier, extension) = split_tail(tail)?;
        Some(Self {
            version: rest.strip_suffix(tail)?,
            build: Some(build),
            classifier,
            extension,
        })
    }
}

impl<'a> Build<'a> {
    /// Reads `yyyymmdd.hhmmss-n`, and what follows it.
    fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let (timestamp, rest) = text.split_at_checked(15)?;
        let (date, time) = timestamp.split_once('.')?;
        let rest = rest.strip_prefix('-')?;
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(length)?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let legal = date.len() == 8 && digits(date) && digits(time);
        // The number's length is bounded as the reader of metadata bounds it.
        (legal && (1..=9).contains(&length)).then_some((Self { timestamp, number }, tail))
    }

    fn key(&self) -> (&str, u32) {
        (self.timestamp, self.number.parse().unwrap_or(u32::MAX))
    }
}

impl Ord for Build<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_text = || self.number.cmp(other.number);
        self.key().cmp(&other.key()).then_with(by_text)
    }
}

impl PartialOrd for Build<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn metadata(target: IndexTarget) -> Result<Write, Rejection> {
    let DocumentKind::Metadata { level, checksum } = target.document else {
        return Err(Rejection::Unknown);
    };
    let package = target.package;
    let place = match level {
        MetadataLevel::Artifact => MetadataPlace::Package(package),
        MetadataLevel::Snapshot { version } => MetadataPlace::Snapshot { package, version },
    };
    Ok(Write::Metadata(MetadataWrite { place, checksum }))
}

/// Reads the address with a word more in front, which makes a package of the group.
fn group_metadata(path: &Path) -> Option<Write> {
    let [group, _] = path.segments.as_slice() else {
        return None;
    };
    let mut longer = path.clone();
    longer.segments.insert(0, "group".to_owned());
    let Ok(Target::Index(target)) = path::parse(&longer) else {
        return None;
    };
    let DocumentKind::Metadata { checksum, .. } = target.document else {
        return None;
    };
    // A group's directory has no dot.
    let place = (!group.contains('.')).then(|| MetadataPlace::Group(group.clone()))?;
    Some(Write::Metadata(MetadataWrite { place, checksum }))
}

fn file(target: ArtifactTarget) -> Result<FileWrite, Rejection> {
    let name = FileName::read(target.package.name(), &target.version, &target.file);
    let name = name.ok_or_else(|| malformed("not a legal Maven file name"))?;
    if path::is_snapshot(&target.version) && name.build.is_none() {
        return Err(malformed(
            "a snapshot is published as a build, {version}-yyyymmdd.hhmmss-n: \
             set the publisher to unique snapshots",
        ));
    }
    let file_version = name.version.to_owned();
    Ok(FileWrite {
        target,
        file_version,
    })
}

/// `.ext` or `-classifier.ext`. A classifier may hold dots, an extension rarely does.
fn split_tail(tail: &str) -> Option<(Option<&str>, &str)> {
    let (classifier, extension) = match tail.strip_prefix('-') {
        None => (None, tail.strip_prefix('.')?),
        Some(rest) => {
            // The extension of a signature is the signed file's and its own: `jar.asc`.
            let bare = rest.strip_suffix(".asc").unwrap_or(rest);
            let double = DOUBLE_EXTENSIONS
                .iter()
                .find_map(|extension| bare.strip_suffix(extension)?.strip_suffix('.'));
            let classifier = match double {
                Some(classifier) => classifier,
                None => bare.rsplit_once('.')?.0,
            };
            (Some(classifier), rest.get(classifier.len() + 1..)?)
        }
    };
    let legal = !extension.is_empty() && classifier.is_none_or(|text| !text.is_empty());
    legal.then_some((classifier, extension))
}

fn malformed(reason: &str) -> Rejection {
    Rejection::Malformed(reason.to_owned())
}
