//! Addresses in lockfiles: what kind of source they are, and whom they would fetch.

use crate::preflight::lockfile::{Source, SourceKind};

/// The kind of source that the spelling of a range or an address gives away, if it is no registry.
///
/// The spellings are those of npm (`package-spec`), which pnpm, Yarn and Bun share.
pub(super) fn kind_of_spec(spec: &str) -> Option<SourceKind> {
    let hosts = ["github:", "gitlab:", "bitbucket:", "gist:", "git@"];
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| spec.starts_with(prefix));
    let bare = spec.split(['#', '?']).next().unwrap_or(spec);
    match () {
        () if starts(&["git+", "git:", "ssh:"]) || starts(&hosts) => Some(SourceKind::Git),
        () if starts(&["http:", "https:"]) && bare.ends_with(".git") => Some(SourceKind::Git),
        () if starts(&["workspace:"]) => Some(SourceKind::Workspace),
        () if starts(&["link:", "portal:"]) => Some(SourceKind::Link),
        () if starts(&["file:", "./", "../", "/"]) => Some(SourceKind::File),
        () if starts(&["http:", "https:"]) => Some(SourceKind::Url),
        () => None,
    }
}

/// The source of an npm package by the address that it was resolved to.
///
/// A registry's tarball is known by `/-/` in its path or by the version; any other archive is not
/// the registry's.
pub(super) fn of_resolved(resolved: &str, version: &str) -> Source {
    match kind_of_spec(resolved) {
        Some(SourceKind::Url) if is_registry_like(resolved, version) => {
            Source::Registry(Some(resolved.to_owned()))
        }
        Some(kind) => Source::Other(kind),
        None => Source::Registry(Some(resolved.to_owned()).filter(|text| !text.is_empty())),
    }
}

fn is_registry_like(resolved: &str, version: &str) -> bool {
    resolved.contains("/-/") || (!version.is_empty() && resolved.contains(version))
}

/// The package that a tarball address of a registry belongs to: what stands before `/-/`.
pub(super) fn package_of_tarball(url: &str) -> Option<String> {
    let (_scheme, rest) = url.split_once("://")?;
    let (before, _file) = rest.split_once("/-/")?;
    let before = before
        .replace("%2f", "/")
        .replace("%2F", "/")
        .replace("%40", "@");
    let (front, name) = before.rsplit_once('/')?;
    match front.rsplit_once('/') {
        Some((_, scope)) if scope.starts_with('@') => Some(format!("{scope}/{name}")),
        _ => Some(name.to_owned()),
    }
}

/// Undoes percent-encoding; a broken escape stays as it is.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let digits = (*first == b'%').then(|| after.get(..2)).flatten();
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Splits `name@rest` of npm, where the name may begin with a scope's `@`.
pub(super) fn split_spec(spec: &str) -> Option<(&str, &str)> {
    let skip = usize::from(spec.starts_with('@'));
    let at = spec.get(skip..)?.find('@')? + skip;
    Some((spec.get(..at)?, spec.get(at + 1..)?))
}
