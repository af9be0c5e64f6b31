//! Names of distribution files: which version of which project a file is.
//!
//! Only wheels say it without doubt. Source distributions used to keep dashes, dots and capitals,
//! so that `a-1-2.tar.gz` is version 2 of `a-1` or version `1-2` of `a`: with the project known
//! there is one answer ([`version_of`]), and without it only an undoubted name has one
//! ([`project_of`]). Formats: the binary and source distribution format specifications, and those
//! of setuptools for eggs and distutils for installers.

use rules::{COMPONENT_BYTES_MAX, Ecosystem, PackageName, same};

/// How a file's name is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Wheel,
    Source,
    Egg,
    /// `.exe` and `.msi` of distutils: a platform and perhaps a Python version follow.
    Installer,
    Rpm,
    Deb,
}

/// Longest first where one ends another.
const SUFFIXES: [(&str, Format); 15] = [
    (".whl", Format::Wheel),
    (".tar.gz", Format::Source),
    (".tar.bz2", Format::Source),
    (".tar.xz", Format::Source),
    (".tar.lzma", Format::Source),
    (".tar.z", Format::Source),
    (".tar", Format::Source),
    (".tgz", Format::Source),
    (".tbz", Format::Source),
    (".zip", Format::Source),
    (".egg", Format::Egg),
    (".exe", Format::Installer),
    (".msi", Format::Installer),
    (".rpm", Format::Rpm),
    (".deb", Format::Deb),
];

/// What may follow a dash inside a version: PEP 440 appendix B, where separators may be `-`.
const DASH_WORDS: [&str; 11] = [
    "a", "b", "c", "rc", "alpha", "beta", "pre", "preview", "post", "rev", "r",
];

/// The version that `file` has as a file of `project`; `None` if it is no distribution of it.
pub fn version_of<'f>(project: &PackageName, file: &'f str) -> Option<&'f str> {
    let (stem, format) = split_suffix(file)?;
    if format == Format::Wheel {
        let (name, version) = wheel(stem)?;
        return spells(name, project).then_some(version);
    }
    if format == Format::Deb {
        return debian(project, stem);
    }
    let stem = undecorated(stem, format)?;
    splits(stem)
        .find(|(name, version)| spells(name, project) && is_version(version))
        .map(|(_, version)| version)
}

/// The project and version of a file that is named without its project: a wheel, or a name that has
/// exactly one place where a version can begin.
pub fn project_of(file: &str) -> Option<(PackageName, String)> {
    let (stem, format) = split_suffix(file)?;
    let (name, version) = match format {
        Format::Wheel => wheel(stem)?,
        Format::Source | Format::Egg | Format::Installer => {
            let stem = undecorated(stem, format)?;
            let mut places = splits(stem)
                .filter(|(_, version)| version.starts_with(|letter: char| letter.is_ascii_digit()));
            let only = places.next()?;
            if places.next().is_some() || !is_version(only.1) {
                return None;
            }
            only
        }
        Format::Rpm | Format::Deb => return None,
    };
    Some((PackageName::pypi(name).ok()?, version.to_string()))
}

/// Whether two spellings are one version (PEP 440: `3.0`, `3.0.0` and `0!3.0` are).
pub fn same_version(left: &str, right: &str) -> bool {
    same(Ecosystem::Pypi, left, right)
}

/// Whether a text can stand in an address or a file name as a version.
///
/// Looser than PEP 440, since old releases are (`2004d`), except for dashes: behind one only a
/// number or a word of PEP 440 may stand, or `1.0-other-2.0` would be a version.
pub fn is_version(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".+!_-".contains(&byte);
    let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
    if !text.bytes().all(legal) || !digits.starts_with(|letter: char| letter.is_ascii_digit()) {
        return false;
    }
    let public = digits.split('+').next().unwrap_or(digits);
    if let Some((epoch, _)) = public.rsplit_once('!')
        && !epoch.bytes().all(|byte| byte.is_ascii_digit())
    {
        return false;
    }
    public.split('-').skip(1).all(is_dash_part)
}

fn is_dash_part(part: &str) -> bool {
    let word_length = part.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = part.split_at(word_length);
    let word = word.to_ascii_lowercase();
    if word.is_empty() {
        // An implicit post-release is one number; with a dot it would be a version of another name.
        return !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    }
    (word == "dev" || DASH_WORDS.contains(&word.as_str()))
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte))
}

fn split_suffix(file: &str) -> Option<(&str, Format)> {
    if file.contains('/') || file.len() > COMPONENT_BYTES_MAX {
        return None;
    }
    SUFFIXES.iter().find_map(|(suffix, format)| {
        let start = file.len().checked_sub(suffix.len())?;
        let ending = file.get(start..)?;
        (start > 0 && ending.eq_ignore_ascii_case(suffix)).then(|| (&file[..start], *format))
    })
}

/// `{name}-{version}(-{build})?-{python}-{abi}-{platform}`; a build tag begins with a digit.
fn wheel(stem: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = stem.split('-').collect();
    let build_fits = match parts.len() {
        5 => true,
        6 => parts[2].starts_with(|letter: char| letter.is_ascii_digit()),
        _ => false,
    };
    let whole = parts.iter().all(|part| !part.is_empty());
    (build_fits && whole && is_version(parts[1])).then(|| (parts[0], parts[1]))
}

/// Every `name-rest` that the stem can be.
fn splits(stem: &str) -> impl Iterator<Item = (&str, &str)> {
    stem.match_indices('-')
        .map(|(at, _)| (&stem[..at], &stem[at + 1..]))
}

fn spells(name: &str, project: &PackageName) -> bool {
    // The normal spelling is the usual one, and needs no reading.
    name == project.name() || PackageName::pypi(name).is_ok_and(|name| name == *project)
}

/// The stem without what follows name and version in its format.
fn undecorated(stem: &str, format: Format) -> Option<&str> {
    match format {
        Format::Egg => Some(without_python(stem)),
        Format::Installer => {
            let stem = without_python(stem);
            let platform = [".win32", ".win-", ".macosx-", ".linux-"]
                .iter()
                .filter_map(|mark| stem.to_ascii_lowercase().rfind(mark))
                .min();
            Some(platform.map_or(stem, |at| &stem[..at]))
        }
        Format::Rpm => {
            let (stem, _architecture) = stem.rsplit_once('.')?;
            let (stem, _release) = stem.rsplit_once('-')?;
            Some(stem)
        }
        Format::Wheel | Format::Source | Format::Deb => Some(stem),
    }
}

/// Cuts at the last `-py` with a digit behind it: `-py2.7-linux-x86_64`.
fn without_python(stem: &str) -> &str {
    let digit_follows = |at: usize| stem[at + 3..].starts_with(|next: char| next.is_ascii_digit());
    stem.rmatch_indices("-py")
        .find(|(at, _)| digit_follows(*at))
        .map_or(stem, |(at, _)| &stem[..at])
}

/// `python3-{name}_{version}-{revision}_{architecture}` of stdeb.
fn debian<'f>(project: &PackageName, stem: &'f str) -> Option<&'f str> {
    let (stem, _architecture) = stem.rsplit_once('_')?;
    let (name, version) = stem.split_once('_')?;
    let version = version
        .rsplit_once('-')
        .map_or(version, |(version, _)| version);
    let bare = ["python3-", "python-"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    let ours = spells(name, project) || bare.is_some_and(|bare| spells(bare, project));
    (ours && is_version(version)).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T57: file, project, version.
    const CORPUS: &[(&str, &str, Option<&str>)] = &[
        ("six-1.16.0-py2.py3-none-any.whl", "six", Some("1.16.0")),
        (
            "Typing_Extensions-4.0-py3-none-any.whl",
            "typing-extensions",
            Some("4.0"),
        ),
        (
            "zope.interface-5.0-cp39-cp39-win_amd64.whl",
            "zope-interface",
            Some("5.0"),
        ),
        ("a_b-1.0-1build-py3-none-any.whl", "a-b", Some("1.0")),
        ("a_b-1.0-build-py3-none-any.whl", "a-b", None),
        (
            "torch-2.0+cpu-cp311-cp311-linux_x86_64.whl",
            "torch",
            Some("2.0+cpu"),
        ),
        (
            "torch-2.0+cu11.8_a-cp311-cp311-linux_x86_64.whl",
            "torch",
            Some("2.0+cu11.8_a"),
        ),
        ("a-1!2.0-py3-none-any.whl", "a", Some("1!2.0")),
        ("a-1.0-py3-none.whl", "a", None),
        ("a--py3-none-any-x.whl", "a", None),
        ("a-2-1.0.tar.gz", "a-2", Some("1.0")),
        ("a-2-1.0.tar.gz", "a", None),
        (
            "zope.interface-3.3.0-b1.tar.gz",
            "zope-interface",
            Some("3.3.0-b1"),
        ),
        ("Evil_Dist-1.0.tar.gz", "evil-dist", Some("1.0")),
        ("evil--dist-1.0.tar.gz", "evil-dist", Some("1.0")),
        (
            "python-dateutil-2.8.2.tar.gz",
            "python-dateutil",
            Some("2.8.2"),
        ),
        ("pytz-2004d.tar.bz2", "pytz", Some("2004d")),
        ("foo-1.0-1.tar.gz", "foo", Some("1.0-1")),
        ("foo-1.0-dev-r123.tar.gz", "foo", Some("1.0-dev-r123")),
        ("foo-v1.0.zip", "foo", Some("v1.0")),
        ("foo-1.0.TGZ", "foo", Some("1.0")),
        ("foo-dev.tar.gz", "foo", None),
        ("foo-1.0.linux-x86_64.tar.gz", "foo", None),
        ("requests-1.0-evil-dist-1.0.tar.gz", "requests", None),
        ("evil_dist-1.0-py3-none-any.whl", "requests", None),
        ("requests_evil-1.0.tar.gz", "requests", None),
        ("requests-evil-1.0.tar.gz", "requests", None),
        ("setuptools-0.6c11-py2.7.egg", "setuptools", Some("0.6c11")),
        ("lxml-2.0-py2.5-linux-x86_64.egg", "lxml", Some("2.0")),
        ("foo_bar-1.0.egg", "foo-bar", Some("1.0")),
        ("lxml-2.0.win32-py2.5.exe", "lxml", Some("2.0")),
        ("lxml-2.0.win-amd64-py2.5.msi", "lxml", Some("2.0")),
        ("foo-bar-1.0.win32.exe", "foo-bar", Some("1.0")),
        ("foo-1.0-1.noarch.rpm", "foo", Some("1.0")),
        ("foo-bar-1.0-1.src.rpm", "foo-bar", Some("1.0")),
        ("python3-foo_1.0-1_all.deb", "foo", Some("1.0")),
        ("foo-1.0.tar.gz.asc", "foo", None),
        (".whl", "whl", None),
        ("foo-1.0é.tar.gz", "foo", None),
        ("é.whl", "foo", None),
    ];

    #[test]
    fn a_known_project_gives_the_version() {
        for (file, project, version) in CORPUS {
            let project = PackageName::pypi(project).unwrap();
            assert_eq!(version_of(&project, file), *version, "{file} of {project}");
        }
    }

    #[test]
    fn an_unknown_project_is_named_only_without_doubt() {
        let table = [
            ("evil_dist-1.0-py3-none-any.whl", Some(("evil-dist", "1.0"))),
            ("Evil_Dist-1.0.tar.gz", Some(("evil-dist", "1.0"))),
            ("evil-dist-1.0.zip", Some(("evil-dist", "1.0"))),
            (
                "fresh_dist-0!3.0-py3-none-any.whl",
                Some(("fresh-dist", "0!3.0")),
            ),
            (
                "torchx-2.0+cpu-py3-none-any.whl",
                Some(("torchx", "2.0+cpu")),
            ),
            ("lxml-2.0-py2.5-linux-x86_64.egg", Some(("lxml", "2.0"))),
            ("lxml-2.0.win-amd64-py2.5.exe", Some(("lxml", "2.0"))),
            ("requests-1.0-evil-dist-1.0.tar.gz", None),
            ("a-2-1.0.tar.gz", None),
            ("foo-1.0-1.tar.gz", None),
            ("foo.tar.gz", None),
            ("foo-bar.tar.gz", None),
            ("-1.0.tar.gz", None),
            ("foo-1.0-1.noarch.rpm", None),
            ("foo-1.0.txt", None),
        ];
        for (file, expected) in table {
            let found = project_of(file);
            let found = found
                .as_ref()
                .map(|(name, version)| (name.name(), version.as_str()));
            assert_eq!(found, expected, "{file}");
        }
    }

    #[test]
    fn versions_have_a_grammar() {
        for good in [
            "1", "1.0", "v1", "1!2.0", "1.0+a-b", "1.0-1", "1.0-rc1", "1.0.dev0", "2004d",
        ] {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "", "a", "1/2", "1.0-x", "1.0-", "..", "1 0", "x!1.0", "1a!2", "v", "1.0-é",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
