//! Lockfiles of package managers, read into one list: package, version, integrity, source.
//!
//! It answers "what would an install fetch?" for pre-flight. It is not a resolver: a requirement
//! without an exact version is a [`Problem`], never a guess. Nothing is fetched and nothing is
//! dropped silently: an entry that cannot be understood is reported with its place and a remedy.
//!
//! Input is foreign: its size and nesting are bounded, and names go through the parser of `rules`.

mod discover;
mod draft;
mod format;
mod maven;
mod npm;
mod pairs;
mod pypi;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rules::{Digest, PackageName};

pub use discover::{Reach, discover};
pub use format::Format;

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What one lockfile says, files that it includes with it.
#[derive(Clone, Debug)]
pub struct Lockfile {
    /// The file as it was named by the caller.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// Every package version once, in the order of the file.
    pub packages: Vec<Locked>,
    /// Every entry that could not be read as a package version.
    pub problems: Vec<Problem>,
}

/// One package version that an install would use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// The package by its real name; aliases are resolved.
    pub package: PackageName,
    /// The exact version; empty only where a source other than a registry states none.
    pub version: String,
    /// Digests of the artifacts; any one of them may match. Empty if the file holds none.
    pub integrity: Vec<Digest>,
    /// Where the artifact comes from.
    pub source: Source,
    /// Whether only development needs it, where the file says so.
    pub dev: Option<bool>,
    /// Where the file says this.
    pub place: Place,
}

/// Where an artifact comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A registry: its address or that of the artifact, credentials left out, if the file has it.
    Registry(Option<String>),
    /// Anything else; registries have no say in it.
    Other(SourceKind),
}

/// The sources that are no registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// A version control repository.
    Git,
    /// A file or folder on this machine.
    File,
    /// A link to a folder on this machine.
    Link,
    /// A member of the same workspace, or the project itself.
    Workspace,
    /// An archive at an address that is no registry's.
    Url,
    /// Shipped inside the artifact of the package that needs it.
    Bundled,
}

/// A position in a lockfile. `Display` is `file:line: entry`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file: the lockfile or one that it includes.
    pub file: Arc<Path>,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The entry, as the file spells it.
    pub entry: String,
}

/// An entry that could not be read as a package version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// The package, if at least its name is known.
    pub package: Option<PackageName>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: &'static str,
}

/// Why a file could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// More than [`FILE_BYTES_MAX`].
    #[error("{} has more than {FILE_BYTES_MAX} bytes: no lockfile is that large", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Neither name nor content is known.
    #[error(
        "{} is no lockfile known here: give a package-lock.json, npm-shrinkwrap.json, \
         pnpm-lock.yaml, yarn.lock, bun.lock, requirements.txt, uv.lock, poetry.lock, \
         Pipfile.lock, pdm.lock, pylock.toml, pom.xml, gradle.lockfile or the output of \
         mvn dependency:list",
        path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The format is known, the content is not of it.
    #[error("cannot read {} as {format}: {detail}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The format that was tried.
        format: Format,
        /// What is wrong, with the position where it is known.
        detail: String,
    },
}

/// Reads one lockfile. Its format is found from the file name first, from the content second.
///
/// The path may be a pipe, as in `<(mvn dependency:list)`.
pub fn read(path: &Path) -> Result<Lockfile, Error> {
    parse(path, &bytes_of(path)?)
}

/// Reads the bytes of a lockfile that the caller holds, standard input for one.
///
/// `path` gives the name for messages and format, and the folder for files that are included.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Lockfile, Error> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::TooLarge { path: path.into() });
    }
    let unknown = || Error::UnknownFormat { path: path.into() };
    let Some(text) = decode(bytes) else {
        let format = Format::of_name(path).ok_or_else(unknown)?;
        let detail = format.binary_detail().to_owned();
        return Err(Error::Malformed {
            path: path.into(),
            format,
            detail,
        });
    };
    let format = Format::of(path, &text).ok_or_else(unknown)?;
    let mut draft = draft::Draft::new(format.ecosystem(), path, &text);
    let malformed = |detail| Error::Malformed {
        path: path.into(),
        format,
        detail,
    };
    refuse_conflict_markers(&text).map_err(malformed)?;
    fill(format, path, &text, &mut draft).map_err(malformed)?;
    Ok(draft.finish(path, format))
}

/// Takes back the problems of a POM that the resolved tree answers: a dependency whose version the
/// POM leaves to a parent is settled once `mvn dependency:list` names it.
pub fn settle(lockfiles: &mut [Lockfile]) {
    let resolved: HashSet<PackageName> = lockfiles
        .iter()
        .filter(|lockfile| lockfile.format == Format::MavenList)
        .flat_map(|lockfile| {
            lockfile
                .packages
                .iter()
                .map(|locked| locked.package.clone())
        })
        .collect();
    for lockfile in lockfiles {
        if lockfile.format == Format::Pom {
            lockfile.problems.retain(|problem| {
                let package = problem.package.as_ref();
                !package.is_some_and(|package| resolved.contains(package))
            });
        }
    }
}

fn fill(
    format: Format,
    path: &Path,
    text: &str,
    draft: &mut draft::Draft<'_>,
) -> Result<(), String> {
    match format {
        Format::Npm => npm::package_lock::fill(text, draft),
        Format::Pnpm => npm::pnpm::fill(text, draft),
        Format::YarnClassic => npm::yarn::fill_classic(text, draft),
        Format::YarnBerry => npm::yarn::fill_berry(text, draft),
        Format::Bun => npm::bun::fill(text, draft),
        Format::BunBinary => Err(format.binary_detail().to_owned()),
        Format::Requirements => pypi::requirements::fill(path, text, draft),
        Format::Uv => pypi::locks::fill_uv(text, draft),
        Format::Poetry => pypi::locks::fill_poetry(text, draft),
        Format::Pdm => pypi::locks::fill_pdm(text, draft),
        Format::Pylock => pypi::locks::fill_pylock(text, draft),
        Format::Pipfile => pypi::pipfile::fill(text, draft),
        Format::Pom => maven::pom::fill(path, text, draft),
        Format::MavenList => maven::tree::fill(text, draft),
        Format::Gradle => maven::gradle::fill(text, draft),
    }
}

/// The bytes of a file, refused beyond [`FILE_BYTES_MAX`].
fn bytes_of(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.into(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// Text of UTF-8, or of UTF-16 with a byte order mark as PowerShell writes `pip freeze > file`.
fn decode(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], join: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| join(*pair)).collect();
        rest.is_empty()
            .then(|| String::from_utf16(&units).ok())
            .flatten()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

fn refuse_conflict_markers(text: &str) -> Result<(), String> {
    let marked = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    match text.lines().position(marked) {
        Some(index) => Err(format!(
            "line {}: a merge conflict is not resolved",
            index + 1
        )),
        None => Ok(()),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(formatter, ": {}", self.entry)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {}: {}",
            self.place, self.message, self.remedy
        )
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Git => "git",
            Self::File => "file",
            Self::Link => "link",
            Self::Workspace => "workspace",
            Self::Url => "url",
            Self::Bundled => "bundled",
        })
    }
}
