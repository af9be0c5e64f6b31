//! Addresses of a Maven repository: `{g}/{a}/{v}/{a}-{v}[-{classifier}].{ext}`, its sidecars, and
//! `maven-metadata.xml` at its levels.
//!
//! Lexically these overlap (a group may end like an artifact), so a path is read from the right and
//! `maven-metadata.xml` first. Nothing is normalised: one coordinate has one path.

use rules::{DigestAlgorithm, PackageName};

use crate::exchange::Path;
use crate::protocol::{
    ArtifactTarget, DocumentKind, IndexTarget, MetadataLevel, Rejection, Sidecar, Target,
};

const METADATA: &str = "maven-metadata.xml";
const SNAPSHOT: &str = "-SNAPSHOT";
/// File systems and object stores end here; longer names are nobody's.
const SEGMENT_BYTES_MAX: usize = 255;

const CHECKSUMS: [(&str, DigestAlgorithm); 4] = [
    (".sha1", DigestAlgorithm::Sha1),
    (".md5", DigestAlgorithm::Md5),
    (".sha256", DigestAlgorithm::Sha256),
    (".sha512", DigestAlgorithm::Sha512),
];

/// Reads the path below the repository's address.
pub(super) fn parse(path: &Path) -> Result<Target, Rejection> {
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    let target = parse_segments(&segments);
    match (path.trailing_slash, target) {
        (false, target) => target,
        // To a lenient store a file with a slash behind it is the same file.
        (true, Ok(_)) => Err(malformed("a file's path does not end with a slash")),
        (true, Err(_)) => Err(Rejection::Unknown),
    }
}

/// Where the document is, without a checksum's suffix: the checksum served is of our own bytes.
pub(super) fn of_index(target: &IndexTarget) -> String {
    let package = directory(&target.package);
    match &target.document {
        DocumentKind::Metadata {
            level: MetadataLevel::Snapshot { version },
            ..
        } => {
            format!("{package}/{version}/{METADATA}")
        }
        _ => format!("{package}/{METADATA}"),
    }
}

/// Where the file is; `None` for a version or file that no path can hold.
pub(super) fn of_artifact(target: &ArtifactTarget) -> Option<String> {
    if !is_segment(&target.version) || !is_segment(&target.file) {
        return None;
    }
    let suffix = match target.sidecar {
        None => String::new(),
        Some(Sidecar::Checksum(algorithm)) => checksum_suffix(algorithm)?.to_owned(),
        Some(Sidecar::Signature) => ".asc".to_owned(),
        Some(Sidecar::SignatureChecksum(algorithm)) => {
            format!(".asc{}", checksum_suffix(algorithm)?)
        }
        Some(Sidecar::Sigstore) => ".sigstore.json".to_owned(),
        Some(Sidecar::Metadata | Sidecar::Provenance) => return None,
    };
    let package = directory(&target.package);
    Some(format!(
        "{package}/{}/{}{suffix}",
        target.version, target.file
    ))
}

/// Whether a text may stand as an artifact's id, a version or a file in a path. A version may hold a
/// plus (`1.0+build`); a dot at either end is refused: stores drop it, and `..` would climb.
pub(super) fn is_segment(text: &str) -> bool {
    text.len() <= SEGMENT_BYTES_MAX
        && is_made_of(text, |byte| byte == b'.' || byte == b'+' || is_word(byte))
        && !text.starts_with('.')
        && !text.ends_with('.')
}

/// Whether a version is a moving one.
pub(super) fn is_snapshot(version: &str) -> bool {
    version.ends_with(SNAPSHOT)
}

/// Whether a version is this snapshot, or one build of it (`{base}-yyyymmdd.hhmmss-n`).
pub(super) fn is_build_of(snapshot: &str, version: &str) -> bool {
    version == snapshot
        || snapshot
            .strip_suffix(SNAPSHOT)
            .and_then(|base| version.strip_prefix(base)?.strip_prefix('-'))
            .is_some_and(|build| after_build(build) == Some(""))
}

fn parse_segments(segments: &[&str]) -> Result<Target, Rejection> {
    let Some((file, directories)) = segments.split_last() else {
        return Err(Rejection::Unknown);
    };
    if is_catalogue(segments) {
        return Err(Rejection::Unknown);
    }
    match file.strip_prefix(METADATA) {
        Some(suffix) if suffix.is_empty() || suffix.starts_with('.') => {
            parse_metadata(directories, suffix)
        }
        _ => parse_file(directories, file),
    }
}

/// Catalogues of the whole repository: never forwarded, since they list what we may not serve.
fn is_catalogue(segments: &[&str]) -> bool {
    match segments {
        [only] => only.starts_with("archetype-catalog.xml"),
        [first, ..] => *first == ".index" || *first == ".meta",
        [] => false,
    }
}

fn parse_metadata(directories: &[&str], suffix: &str) -> Result<Target, Rejection> {
    let checksum = match suffix {
        "" => None,
        _ => match CHECKSUMS.iter().find(|(known, _)| *known == suffix) {
            Some((_, algorithm)) => Some(*algorithm),
            None => return Err(Rejection::Unknown),
        },
    };
    let (level, package) = match directories {
        [group @ .., artifact, version] if is_snapshot(version) => {
            if !is_segment(version) {
                return Err(malformed("not a legal Maven version"));
            }
            let level = MetadataLevel::Snapshot {
                version: (*version).to_owned(),
            };
            (level, (group, artifact))
        }
        [group @ .., artifact] => (MetadataLevel::Artifact, (group, artifact)),
        [] => return Err(Rejection::Unknown),
    };
    // One directory alone is a group without artifacts of its own; no coordinate names it.
    if package.0.is_empty() {
        return Err(Rejection::Unknown);
    }
    let package = coordinate(package.0, package.1)?;
    let document = DocumentKind::Metadata { level, checksum };
    Ok(Target::Index(IndexTarget { package, document }))
}

fn parse_file(directories: &[&str], file: &str) -> Result<Target, Rejection> {
    let [group @ .., artifact, version] = directories else {
        return Err(Rejection::Unknown);
    };
    if group.is_empty() {
        return Err(Rejection::Unknown);
    }
    let package = coordinate(group, artifact)?;
    if !is_segment(version) {
        return Err(malformed("not a legal Maven version"));
    }
    if !is_segment(file) {
        return Err(malformed("not a legal Maven file name"));
    }
    let (file, sidecar) = split_sidecar(file);
    if !names(file, artifact, version) {
        return Err(malformed(
            "a file's name begins with the artifact and version of its directories",
        ));
    }
    if sidecar.is_some() && is_checksum_or_signature(file) {
        return Err(Rejection::Unknown);
    }
    let (version, file) = ((*version).to_owned(), file.to_owned());
    Ok(Target::Artifact(ArtifactTarget {
        package,
        version,
        file,
        sidecar,
    }))
}

/// A group's directory has no dot: `org.evil/x` and `org/evil/x` must not become one coordinate.
fn coordinate(group: &[&str], artifact: &str) -> Result<PackageName, Rejection> {
    if !group.iter().all(|directory| is_made_of(directory, is_word)) {
        return Err(malformed("not a legal Maven group"));
    }
    if !is_segment(artifact) {
        return Err(malformed("not a legal Maven artifact"));
    }
    PackageName::maven(&group.join("."), artifact).map_err(|error| malformed(&error.to_string()))
}

fn split_sidecar(file: &str) -> (&str, Option<Sidecar>) {
    if let Some(main) = file.strip_suffix(".sigstore.json") {
        return (main, Some(Sidecar::Sigstore));
    }
    if let Some(main) = file.strip_suffix(".asc") {
        return (main, Some(Sidecar::Signature));
    }
    for (suffix, algorithm) in CHECKSUMS {
        if let Some(main) = file.strip_suffix(suffix) {
            return match main.strip_suffix(".asc") {
                Some(main) => (main, Some(Sidecar::SignatureChecksum(algorithm))),
                None => (main, Some(Sidecar::Checksum(algorithm))),
            };
        }
    }
    (file, None)
}

fn is_checksum_or_signature(file: &str) -> bool {
    file.ends_with(".asc") || CHECKSUMS.iter().any(|(suffix, _)| file.ends_with(suffix))
}

/// Whether the file belongs to the version: `{a}-{v}`, or a build of the snapshot `{v}`, then a
/// classifier if any, then an extension.
fn names(file: &str, artifact: &str, version: &str) -> bool {
    let Some(rest) = file
        .strip_prefix(artifact)
        .and_then(|rest| rest.strip_prefix('-'))
    else {
        return false;
    };
    if rest
        .strip_prefix(version)
        .is_some_and(is_classified_extension)
    {
        return true;
    }
    version
        .strip_suffix(SNAPSHOT)
        .and_then(|base| after_build(rest.strip_prefix(base)?.strip_prefix('-')?))
        .is_some_and(is_classified_extension)
}

/// `.ext` or `-classifier.ext`; either may hold more dots, the classifier more dashes.
fn is_classified_extension(rest: &str) -> bool {
    match rest.as_bytes() {
        [b'.', _, ..] => !rest.ends_with('.'),
        [b'-', first, ..] if *first != b'.' => rest.contains('.') && !rest.ends_with('.'),
        _ => false,
    }
}

/// What follows `yyyymmdd.hhmmss-n`.
fn after_build(text: &str) -> Option<&str> {
    let (date, rest) = text.split_once('.')?;
    let (time, rest) = rest.split_once('-')?;
    let number = rest.bytes().take_while(u8::is_ascii_digit).count();
    let timestamp = is_digits(date, 8) && is_digits(time, 6) && number > 0;
    timestamp.then(|| rest.get(number..)).flatten()
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_made_of(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn directory(package: &PackageName) -> String {
    format!(
        "{}/{}",
        package.namespace().replace('.', "/"),
        package.name()
    )
}

fn checksum_suffix(algorithm: DigestAlgorithm) -> Option<&'static str> {
    CHECKSUMS
        .iter()
        .find(|(_, known)| *known == algorithm)
        .map(|(suffix, _)| *suffix)
}

fn malformed(reason: &str) -> Rejection {
    Rejection::Malformed(reason.to_owned())
}
