//! One requirement of a requirements file, taken apart (PEP 508 and pip's own additions).

use rules::Digest;

use crate::preflight::lockfile::SourceKind;
use crate::preflight::lockfile::draft::digest_of_pair;

/// What a requirement asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// `name==1.0` or `name===1.0`.
    Pinned { name: &'a str, version: &'a str },
    /// A name with a range, or alone.
    Open { name: &'a str, range: &'a str },
    /// `name @ address`, an address or a path; the name is empty where none is said.
    Elsewhere { name: &'a str, kind: SourceKind },
}

/// Takes a requirement apart: extras and markers are left out, every marker might be true.
pub(crate) fn parse(text: &str) -> Wanted<'_> {
    let text = text.trim();
    if let Some(wanted) = elsewhere(text) {
        return wanted;
    }
    let text = text.split(';').next().unwrap_or(text).trim_end();
    let end = text.find(['=', '<', '>', '~', '!', '[', '(', ' ', '\t']);
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    let range = without_extras(rest.trim_start());
    let bare = range
        .strip_prefix('(')
        .and_then(|range| range.strip_suffix(')'));
    let range = bare.unwrap_or(range).trim();
    match range.split(',').find_map(pin) {
        Some(version) => Wanted::Pinned { name, version },
        None => Wanted::Open { name, range },
    }
}

/// The version of `==1.0`; `==1.*` is a range.
fn pin(clause: &str) -> Option<&str> {
    let clause = clause.trim();
    let version = clause
        .strip_prefix("===")
        .or_else(|| clause.strip_prefix("=="))?;
    let version = version.trim();
    (!version.is_empty() && !version.ends_with('*')).then_some(version)
}

fn without_extras(rest: &str) -> &str {
    let closed = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    closed.map_or(rest, |(_extras, rest)| rest.trim_start())
}

fn elsewhere(text: &str) -> Option<Wanted<'_>> {
    if let Some((front, address)) = text.split_once('@')
        && !front.contains([':', '/', '=', ';', '<', '>', '~', '!'])
    {
        let name = front.split('[').next().unwrap_or(front).trim();
        let kind = kind(address.trim()).unwrap_or(SourceKind::Url);
        return Some(Wanted::Elsewhere { name, kind });
    }
    let kind = kind(text)?;
    let named = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let egg = named("#egg=")
        .or_else(|| named("&egg="))
        .unwrap_or_default();
    let end = egg.find(['&', '[', ' ', ';']).unwrap_or(egg.len());
    Some(Wanted::Elsewhere {
        name: egg.get(..end).unwrap_or_default(),
        kind,
    })
}

fn kind(text: &str) -> Option<SourceKind> {
    let versioned = ["git+", "hg+", "svn+", "bzr+"];
    let archive = [".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz"];
    let bare = text.split([';', ' ', '#']).next().unwrap_or(text);
    match () {
        () if versioned.iter().any(|prefix| text.starts_with(prefix)) => Some(SourceKind::Git),
        () if text.starts_with("file:") => Some(SourceKind::File),
        () if text.starts_with("http://") || text.starts_with("https://") => Some(SourceKind::Url),
        () if bare.starts_with(['.', '/']) => Some(SourceKind::File),
        () if bare.contains(['/', '\\']) => Some(SourceKind::File),
        () if archive.iter().any(|suffix| bare.ends_with(suffix)) => Some(SourceKind::File),
        () => None,
    }
}

/// A requirement line without its options.
pub(crate) struct Line<'a> {
    pub(crate) requirement: &'a str,
    pub(crate) integrity: Vec<Digest>,
    /// What stands after `--hash` and is no digest.
    pub(crate) wrong: Option<&'a str>,
}

/// Reads the options behind a requirement: `name==1 --hash=sha256:… --hash sha256:…`.
pub(crate) fn split_options(line: &str) -> Line<'_> {
    let start = line.find(" --").unwrap_or(line.len());
    let (requirement, options) = line.split_at(start);
    let (mut integrity, mut wrong) = (Vec::new(), None);
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--hash") {
            Some("") => words.next().unwrap_or_default(),
            Some(value) => value.trim_start_matches('='),
            None => continue,
        };
        match digest_of_pair(value) {
            Some(digest) => integrity.push(digest),
            None => wrong = Some(value),
        }
    }
    Line {
        requirement: requirement.trim(),
        integrity,
        wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_taken_apart() {
        let pinned = |name, version| Wanted::Pinned { name, version };
        let open = |name, range| Wanted::Open { name, range };
        let elsewhere = |name, kind| Wanted::Elsewhere { name, kind };
        for (text, wanted) in [
            ("six==1.16.0", pinned("six", "1.16.0")),
            (
                "six == 1.16.0 ; python_version < '3.8'",
                pinned("six", "1.16.0"),
            ),
            ("a[b, c]===1.0+local", pinned("a", "1.0+local")),
            ("a (==2.0)", pinned("a", "2.0")),
            ("a!=1.0,==1.1", pinned("a", "1.1")),
            ("a==1.*", open("a", "==1.*")),
            ("a", open("a", "")),
            ("a>=1,<2", open("a", ">=1,<2")),
            ("a ; os_name == 'nt'", open("a", "")),
            (
                "a @ git+https://x.test/a@v1",
                elsewhere("a", SourceKind::Git),
            ),
            ("a[b]@https://x.test/a.whl", elsewhere("a", SourceKind::Url)),
            (
                "git+ssh://git@x.test/a#egg=a[b]",
                elsewhere("a", SourceKind::Git),
            ),
            ("./a", elsewhere("", SourceKind::File)),
            (".", elsewhere("", SourceKind::File)),
            ("a-1.0-py3-none-any.whl", elsewhere("", SourceKind::File)),
        ] {
            assert_eq!(parse(text), wanted, "{text}");
        }
    }
}
