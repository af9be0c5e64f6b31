//! A lockfile while it is being read: names parsed, duplicates folded, problems gathered.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rules::{Digest, DigestAlgorithm, Ecosystem, PackageName};

use crate::preflight::lockfile::{Format, Locked, Lockfile, Place, Problem, Source};

/// The longest version that is taken for one, in bytes.
const VERSION_BYTES_MAX: usize = 256;

/// How much of foreign text a message repeats, in characters.
const QUOTED_MAX: usize = 120;

/// How often a search for a line may fail before searching ends: each failure reads to the end.
const MISSES_MAX: usize = 16;

const NAME_REMEDY: &str = "correct the name, or remove the entry and lock again";
const VERSION_REMEDY: &str = "lock again with the package manager so that a version is written";

/// What has been read so far.
pub(crate) struct Draft<'a> {
    ecosystem: Ecosystem,
    file: Arc<Path>,
    lines: Lines<'a>,
    packages: Vec<Locked>,
    seen: HashMap<(PackageName, String, Source), usize>,
    problems: Vec<Problem>,
}

/// One package version as the file has it.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) integrity: Vec<Digest>,
    pub(crate) source: Source,
    pub(crate) dev: Option<bool>,
    pub(crate) place: Place,
}

/// Looks entries up in the text, always forward, to say on which line they stand.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    misses: usize,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(ecosystem: Ecosystem, path: &Path, text: &'a str) -> Self {
        Self {
            ecosystem,
            file: path.into(),
            lines: Lines {
                text,
                offset: 0,
                line: 1,
                misses: 0,
            },
            packages: Vec::new(),
            seen: HashMap::new(),
            problems: Vec::new(),
        }
    }

    pub(crate) fn finish(self, path: &Path, format: Format) -> Lockfile {
        Lockfile {
            path: path.into(),
            format,
            packages: self.packages,
            problems: self.problems,
        }
    }

    /// The place of an entry whose line holds `mark`; entries are asked for in file order.
    pub(crate) fn place(&mut self, entry: &str, mark: &str) -> Place {
        let line = self.lines.find(mark);
        Place {
            line,
            ..self.place_at(entry, 0)
        }
    }

    /// The place of an entry whose line is not looked for.
    pub(crate) fn place_of(&self, entry: &str) -> Place {
        Place {
            line: None,
            ..self.place_at(entry, 0)
        }
    }

    /// The place of an entry on a known line.
    pub(crate) fn place_at(&self, entry: &str, line: usize) -> Place {
        Place {
            file: self.file.clone(),
            line: Some(line),
            entry: shown(entry),
        }
    }

    /// Takes an entry, or says why not.
    pub(crate) fn add(&mut self, entry: Entry<'_>) {
        let package = match PackageName::parse(self.ecosystem, entry.name) {
            Ok(package) => package,
            Err(error) => {
                let message = format!("{:?} is no package name: {error}", shown(entry.name));
                return self.problem(entry.place, None, message, NAME_REMEDY);
            }
        };
        if let Some(message) = version_fault(entry.version, &entry.source) {
            return self.problem(entry.place, Some(package), message, VERSION_REMEDY);
        }
        let source = match entry.source {
            Source::Registry(Some(url)) => Source::Registry(Some(without_credentials(&url))),
            source => source,
        };
        self.keep(Locked {
            package,
            version: entry.version.to_owned(),
            integrity: entry.integrity,
            source,
            dev: entry.dev,
            place: entry.place,
        });
    }

    /// Reports an entry that is no package version.
    pub(crate) fn problem(
        &mut self,
        place: Place,
        package: Option<PackageName>,
        message: impl Into<String>,
        remedy: &'static str,
    ) {
        self.problems.push(Problem {
            place,
            package,
            message: message.into(),
            remedy,
        });
    }

    /// The name in the ecosystem of the file, for a problem that can name its package.
    pub(crate) fn package(&self, name: &str) -> Option<PackageName> {
        PackageName::parse(self.ecosystem, name).ok()
    }

    fn keep(&mut self, locked: Locked) {
        let key = (
            locked.package.clone(),
            locked.version.clone(),
            locked.source.clone(),
        );
        let Some(first) = self
            .seen
            .get(&key)
            .and_then(|index| self.packages.get_mut(*index))
        else {
            self.seen.insert(key, self.packages.len());
            self.packages.push(locked);
            return;
        };
        // Needed once outside of development is needed outside of development.
        first.dev = match (first.dev, locked.dev) {
            (Some(first), Some(second)) => Some(first && second),
            _ => None,
        };
        for digest in locked.integrity {
            if !first.integrity.contains(&digest) {
                first.integrity.push(digest);
            }
        }
    }
}

impl Lines<'_> {
    fn find(&mut self, mark: &str) -> Option<usize> {
        if self.misses >= MISSES_MAX {
            return None;
        }
        let rest = self.text.get(self.offset..)?;
        let Some(found) = rest.find(mark) else {
            self.misses += 1;
            return None;
        };
        let newlines = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
        let line = self.line + newlines(rest.get(..found)?);
        self.line = line + newlines(mark);
        self.offset += found + mark.len();
        Some(line + newlines(mark.get(..mark.len() - mark.trim_start().len())?))
    }
}

/// Foreign text for a message: short, without control characters and credentials.
pub(crate) fn shown(text: &str) -> String {
    let text = without_credentials(text);
    let mut shown: String = text
        .chars()
        .take(QUOTED_MAX)
        .map(|character| match character {
            character if character.is_control() => '\u{fffd}',
            character => character,
        })
        .collect();
    if text.chars().nth(QUOTED_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// A text with user and password taken out of every address in it.
fn without_credentials(text: &str) -> String {
    let mut parts = text.split("://");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(['/', '?', '#', ' ', '"', '\''])
            .unwrap_or(part.len());
        let (authority, path) = part.split_at(end);
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        plain.extend(["://", host, path]);
    }
    plain
}

/// Reads `algorithm:hex`, as Python's tools write digests.
pub(crate) fn digest_of_pair(text: &str) -> Option<Digest> {
    let (algorithm, value) = text.split_once([':', '='])?;
    Digest::from_hex(algorithm.parse::<DigestAlgorithm>().ok()?, value)
}

fn version_fault(version: &str, source: &Source) -> Option<String> {
    if version.is_empty() && matches!(source, Source::Registry(_)) {
        return Some("there is no version".to_owned());
    }
    let odd = |character: char| character.is_control() || character.is_whitespace();
    let long = version.len() > VERSION_BYTES_MAX;
    (long || version.contains(odd)).then(|| format!("{:?} is no version", shown(version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_fit_for_a_log() {
        let text = "-r https://u:p@a.test/x git+ssh://t@b.test/y?q=c@d";
        assert_eq!(shown(text), "-r https://a.test/x git+ssh://b.test/y?q=c@d");
        assert_eq!(shown("a\u{1b}[31mb"), "a\u{fffd}[31mb");
        assert_eq!(shown(&"é".repeat(200)).chars().count(), QUOTED_MAX + 1);
    }

    #[test]
    fn lines_are_counted_forward() {
        let mut lines = Lines {
            text: "a\nb\n\nc: b\n",
            offset: 0,
            line: 1,
            misses: 0,
        };
        let marks = ["a", "\nb", "b", "a", "\nx"];
        let found: Vec<_> = marks.iter().map(|mark| lines.find(mark)).collect();
        assert_eq!(found, [Some(1), Some(2), Some(4), None, None]);
    }
}
