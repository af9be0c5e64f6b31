//! npm's addresses: what a path asks for, and where an upstream keeps it.
//!
//! Works on decoded segments and on names that have been checked; never on the raw path.

use rules::PackageName;

use super::{accept, service};
use crate::exchange::{Ask, Method, Query};
use crate::protocol::{
    ArtifactTarget, DocumentKind, IndexTarget, ListedFile, Location, Rejection, Service, Target,
};

/// node-semver's `MAX_LENGTH`.
pub(super) const VERSION_BYTES_MAX: usize = 256;
/// node-semver refuses numbers above 2^53 - 1; sixteen digits hold them all.
const NUMBER_DIGITS_MAX: usize = 16;
const SEARCH_SIZE_DEFAULT: u32 = 20;
const SEARCH_SIZE_MAX: u32 = 250;

/// Decides by grammar alone what is asked for.
pub(super) fn parse(ask: &Ask<'_>) -> Result<Target, Rejection> {
    if matches!(ask.method, Method::Put | Method::Delete | Method::Options) {
        return Err(Rejection::Method);
    }
    let segments: Vec<&str> = ask.path.segments.iter().map(String::as_str).collect();
    let target = match segments.as_slice() {
        [] => return Err(Rejection::Unknown),
        ["-", rest @ ..] if !rest.is_empty() => parse_service(ask, rest)?,
        _ => parse_package(ask, &segments)?,
    };
    let posted = matches!(
        target,
        Target::Service(Service::AdvisoriesBulk | Service::AuditQuick)
    );
    if posted == (ask.method == Method::Post) {
        Ok(target)
    } else {
        Err(Rejection::Method)
    }
}

/// `{name}` or `@scope%2fname`, as npm itself asks for it.
pub(super) fn packument_path(package: &PackageName) -> String {
    match package.namespace() {
        "" => encode(package.name()),
        scope => format!("@{}%2f{}", encode(scope), encode(package.name())),
    }
}

/// `{name}/-/{file}`, with the scope as a segment of its own: the shape of `dist.tarball`.
pub(super) fn tarball_path(package: &PackageName, file: &str) -> String {
    format!("{package}/-/{file}")
}

/// The one name a version's file may have.
pub(super) fn file_name(package: &PackageName, version: &str) -> String {
    format!("{}-{version}.tgz", package.name())
}

/// The conventional place, unless the index names the same file in another folder.
///
/// A `dist.tarball` that ends in another name is never followed: registries put anything there.
pub(super) fn locate_artifact(target: &ArtifactTarget, listed: Option<&ListedFile>) -> Location {
    let conventional = tarball_path(&target.package, &target.file);
    if let Some(Location::Url(url)) = listed.map(|file| &file.location) {
        let path = decode(url_path(url));
        let same_file = path.rsplit('/').next() == Some(target.file.as_str());
        if same_file && !path.ends_with(&format!("/{conventional}")) {
            return Location::Url(url.clone());
        }
    }
    Location::Path(encode_path(&conventional))
}

/// Semantic Versioning 2.0.0, section 2, 9 and 10, to the letter: what the registry accepts.
pub(super) fn is_version(text: &str) -> bool {
    if text.len() > VERSION_BYTES_MAX {
        return false;
    }
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    let (core, prerelease) = match text.split_once('-') {
        Some((core, prerelease)) => (core, Some(prerelease)),
        None => (text, None),
    };
    let identifier = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && prerelease.is_none_or(|parts| {
            parts
                .split('.')
                .all(|part| identifier(part) && (!numeric(part) || is_number(part)))
        })
        && build.is_none_or(|parts| parts.split('.').all(identifier))
}

/// Percent-encodes one segment of a path or one value of a query: everything but RFC 3986's
/// unreserved characters.
pub(super) fn encode(text: &str) -> String {
    encode_but(text, b"-._~!'()*")
}

fn encode_path(path: &str) -> String {
    encode_but(path, b"-._~!'()*@/+")
}

fn encode_but(text: &str, kept: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Percent-decodes for a comparison; text that is not well encoded stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let value = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(value.unwrap_or(*first));
        rest = if value.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The path of an absolute URL, without query and fragment.
fn url_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_scheme, rest)| rest);
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let start = rest[..end].find('/').unwrap_or(end);
    &rest[start..end]
}

/// The host of an absolute URL, without user and port.
pub(super) fn url_host(url: &str) -> Option<&str> {
    let (_scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_user, host)| host);
    match authority.rfind(']') {
        Some(bracket) => Some(&authority[..=bracket]),
        None => authority.split(':').next(),
    }
}

fn is_number(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && text.len() <= NUMBER_DIGITS_MAX && (text == "0" || !text.starts_with('0'))
}

fn parse_package(ask: &Ask<'_>, segments: &[&str]) -> Result<Target, Rejection> {
    if segments.first().is_some_and(|first| first.starts_with('_')) {
        // `_changes`, `_all_docs` and the like: the database's own routes, never proxied.
        return Err(Rejection::Unknown);
    }
    let (package, rest) = take_package(segments)?;
    let trailing_slash = ask.path.trailing_slash;
    match rest {
        [] => {
            let full = writes(ask.query) || !accept::wants_abbreviated(ask.accept);
            Ok(index(package, DocumentKind::Packument { full }))
        }
        [spec] if !spec.starts_with(['-', '_']) => {
            if !is_version(spec) && !is_tag(spec) {
                return Err(malformed(format!(
                    "{spec:?} is neither a version nor a tag"
                )));
            }
            Ok(index(
                package,
                DocumentKind::Manifest {
                    spec: (*spec).to_owned(),
                },
            ))
        }
        ["-", file] if !trailing_slash => parse_tarball(package, file),
        ["-", scope, _file] if scope.starts_with('@') => Err(malformed(
            "the file name of a tarball has no scope".to_owned(),
        )),
        _ => Err(Rejection::Unknown),
    }
}

fn parse_tarball(package: PackageName, file: &str) -> Result<Target, Rejection> {
    let version = file
        .strip_prefix(package.name())
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|rest| rest.strip_suffix(".tgz"))
        .filter(|version| is_version(version));
    let Some(version) = version else {
        let leaf = package.name();
        return Err(malformed(format!(
            "{file:?} is not {leaf}-<version>.tgz of {package}"
        )));
    };
    let version = version.to_owned();
    Ok(Target::Artifact(ArtifactTarget {
        package,
        version,
        file: file.to_owned(),
        sidecar: None,
    }))
}

/// What stands below `/-/`.
fn parse_service(ask: &Ask<'_>, segments: &[&str]) -> Result<Target, Rejection> {
    if ask.path.trailing_slash {
        return Err(Rejection::Unknown);
    }
    let service = match segments {
        ["ping"] => Service::Ping,
        ["whoami"] => Service::Whoami,
        ["v1", "search"] => parse_search(ask.query)?,
        ["npm", "v1", "security", "advisories", "bulk"] => Service::AdvisoriesBulk,
        ["npm", "v1", "security", "audits"] | ["npm", "v1", "security", "audits", "quick"] => {
            Service::AuditQuick
        }
        ["npm", "v1", "keys"] => Service::Keys,
        ["npm", "v1", "attestations", coordinate @ ..] => parse_attestations(coordinate)?,
        ["package", rest @ ..] if !rest.is_empty() => {
            return match take_package(rest)? {
                (package, ["dist-tags"]) => Ok(index(package, DocumentKind::DistTags)),
                _ => Err(Rejection::Unknown),
            };
        }
        _ => return Err(Rejection::Unknown),
    };
    Ok(Target::Service(service))
}

/// `{p}@{v}`, the scope in a segment of its own or not.
fn parse_attestations(segments: &[&str]) -> Result<Service, Rejection> {
    let coordinate = match segments {
        [one] => (*one).to_owned(),
        [scope, name] if scope.starts_with('@') && !scope.contains('/') && !name.contains('/') => {
            format!("{scope}/{name}")
        }
        _ => return Err(Rejection::Unknown),
    };
    match coordinate.rsplit_once('@') {
        Some((name, version)) if is_version(version) => Ok(Service::Attestations {
            package: parse_name(name)?,
            version: version.to_owned(),
        }),
        _ => Err(malformed(format!(
            "{coordinate:?} is not <package>@<version>"
        ))),
    }
}

fn parse_search(query: &Query) -> Result<Service, Rejection> {
    let value = |key: &str| {
        query
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    };
    let number = |key: &str, default: u32| match value(key) {
        Some(text) => text
            .parse()
            .map_err(|_| malformed(format!("{key}={text:?} is not a number"))),
        None => Ok(default),
    };
    let text = value("text").cloned().unwrap_or_default();
    if text.len() > service::SEARCH_TEXT_BYTES_MAX {
        return Err(malformed("the text to search for is too long".to_owned()));
    }
    let size = number("size", SEARCH_SIZE_DEFAULT)?.min(SEARCH_SIZE_MAX);
    Ok(Service::Search {
        text,
        size,
        from: number("from", 0)?,
    })
}

/// Takes `name`, `@scope/name` in one segment (the client wrote `%2f`), or `@scope`, `name`.
pub(super) fn take_package<'a, 'b>(
    segments: &'b [&'a str],
) -> Result<(PackageName, &'b [&'a str]), Rejection> {
    match segments {
        [first, rest @ ..] if !first.starts_with('@') || first.contains('/') => {
            Ok((parse_name(first)?, rest))
        }
        [scope, name, rest @ ..] => {
            if name.contains('/') {
                return Err(malformed(format!("{name:?} holds a slash")));
            }
            Ok((parse_name(&format!("{scope}/{name}"))?, rest))
        }
        // A scope alone names nothing, and asking an upstream would reveal it.
        _ => Err(Rejection::Unknown),
    }
}

fn parse_name(text: &str) -> Result<PackageName, Rejection> {
    PackageName::npm(text).map_err(|error| malformed(error.to_string()))
}

/// A dist-tag as `npm dist-tag add` accepts it: what `encodeURIComponent` leaves alone.
pub(super) fn is_tag(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!'()*".contains(&byte);
    text.len() <= VERSION_BYTES_MAX && text.bytes().all(safe)
}

/// npm asks with `?write=true` for the document that it is about to change.
fn writes(query: &Query) -> bool {
    query
        .iter()
        .any(|(key, value)| key == "write" && value == "true")
}

fn index(package: PackageName, document: DocumentKind) -> Target {
    Target::Index(IndexTarget { package, document })
}

const fn malformed(reason: String) -> Rejection {
    Rejection::Malformed(reason)
}
