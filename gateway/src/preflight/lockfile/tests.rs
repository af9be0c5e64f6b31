//! Samples of every format beside what must be read from them (`cases/*/expected.txt`), and broken
//! ones beside what must be said (`cases/malformed/*/expected.txt`).
//!
//! With `LOCKFILE_CASES=write` the expectations are written anew, to be reviewed as a difference.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/preflight/lockfile/cases");

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).unwrap();
    let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir() && !path.ends_with("malformed"));
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

fn rendered(lockfile: &Lockfile) -> String {
    let mut text = format!("{}\n", lockfile.format);
    for locked in &lockfile.packages {
        let source = match &locked.source {
            Source::Registry(url) => format!("registry {}", url.as_deref().unwrap_or("-")),
            Source::Other(kind) => kind.to_string(),
        };
        let dev = match locked.dev {
            Some(true) => "dev",
            Some(false) => "run",
            None => "-",
        };
        let (package, version) = (&locked.package, &locked.version);
        let digests = locked.integrity.len();
        let line = locked.place.line.unwrap_or(0);
        writeln!(
            text,
            "{line}: {package} {version} | {dev} | {digests} | {source}"
        )
        .unwrap();
    }
    for problem in &lockfile.problems {
        let package = problem.package.as_ref().map(PackageName::to_string);
        let (line, entry) = (problem.place.line.unwrap_or(0), &problem.place.entry);
        let package = package.unwrap_or_default();
        writeln!(text, "! {line}: {entry} | {package} | {}", problem.message).unwrap();
    }
    text
}

fn check(folder: &Path, actual: &str) {
    let root = format!("{}/", folder.display());
    let actual = actual.replace(&root, "");
    let path = folder.join("expected.txt");
    if std::env::var_os("LOCKFILE_CASES").is_some_and(|value| value == "write") {
        fs::write(&path, &actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(actual, expected, "{}", folder.display());
}

fn only(folder: &Path) -> PathBuf {
    let found = discover(folder, Reach::Folder).unwrap();
    assert_eq!(found.len(), 1, "{}", folder.display());
    found.into_iter().next().unwrap()
}

#[test]
fn every_format_is_read() {
    for folder in folders(Path::new(CASES)) {
        let lockfile = read(&only(&folder)).unwrap_or_else(|error| panic!("{error}"));
        check(&folder, &rendered(&lockfile));
    }
}

#[test]
fn the_content_tells_the_format_of_a_nameless_file() {
    for folder in folders(Path::new(CASES)) {
        let path = only(&folder);
        let named = read(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let Ok(nameless) = parse(&folder.join("-"), &bytes) else {
            // Old shrinkwraps have no mark of their own.
            assert!(path.ends_with("npm-shrinkwrap.json"), "{}", path.display());
            continue;
        };
        assert_eq!(named.format, nameless.format, "{}", path.display());
        assert_eq!(named.packages.len(), nameless.packages.len());
    }
}

#[test]
fn broken_files_are_errors_that_say_why() {
    for folder in folders(&Path::new(CASES).join("malformed")) {
        let error = read(&only(&folder)).expect_err(&folder.display().to_string());
        check(&folder, &format!("{error}\n"));
    }
}

#[test]
fn cut_or_changed_samples_never_panic() {
    for folder in folders(Path::new(CASES)) {
        let path = only(&folder);
        let bytes = fs::read(&path).unwrap();
        for end in (0..bytes.len()).step_by(29) {
            let _ = parse(&path, &bytes[..end]);
            for byte in *b"{[\"':@/\\#\n\0\xff" {
                let mut changed = bytes.clone();
                changed[end] = byte;
                let _ = parse(&path, &changed);
            }
        }
    }
}

#[test]
fn deep_nesting_is_refused() {
    for (name, head, unit) in [
        (
            "package-lock.json",
            r#"{"lockfileVersion": 3, "packages": "#,
            r#"{"a":{"dependencies":"#,
        ),
        (
            "package-lock.json",
            r#"{"lockfileVersion": 1, "dependencies": "#,
            r#"{"a":{"dependencies":"#,
        ),
        (
            "package-lock.json",
            r#"{"lockfileVersion": 3, "packages": {}, "x": "#,
            "[",
        ),
        ("Pipfile.lock", r#"{"_meta": {}, "default": "#, r#"{"a":"#),
        (
            "bun.lock",
            r#"{"lockfileVersion": 1, "packages": {"a": "#,
            "[",
        ),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\npackages: ",
            "{a: ",
        ),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\nx:\n  ", "- "),
        ("yarn.lock", "__metadata:\n  version: 8\na: ", "["),
        ("uv.lock", "version = 1\nx = ", "["),
        ("uv.lock", "version = 1\nx", ".x"),
        ("pom.xml", "<project>", "<a>"),
        ("pom.xml", "<project>", "<dependencies><dependency>"),
    ] {
        let text = format!("{head}{}", unit.repeat(100_000));
        let error = parse(Path::new(name), text.as_bytes()).expect_err(name);
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let bytes = vec![b' '; usize::try_from(FILE_BYTES_MAX).unwrap() + 1];
    let error = parse(Path::new("uv.lock"), &bytes).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }));
}

#[test]
fn unknown_files_are_named() {
    let error = parse(Path::new("notes.md"), b"hello").unwrap_err();
    assert!(matches!(error, Error::UnknownFormat { .. }));
    assert!(error.to_string().starts_with("notes.md is no lockfile"));
    let error = read(Path::new("/nowhere/uv.lock")).unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }));
}

#[test]
fn the_resolved_tree_settles_what_the_pom_leaves_open() {
    let pom = read(&Path::new(CASES).join("pom/pom.xml")).unwrap();
    let list = read(&Path::new(CASES).join("maven-list-plain/dependency-list.txt")).unwrap();
    let mut lockfiles = [pom, list];
    let open = |lockfiles: &[Lockfile]| lockfiles[0].problems.len();
    let before = open(&lockfiles);
    settle(&mut lockfiles);
    assert_eq!(open(&lockfiles), before - 1);
}

#[test]
fn the_search_goes_as_far_as_it_is_told() {
    let root = tempfile::tempdir().unwrap();
    for path in ["a", "node_modules/x", ".git", "a/b"] {
        fs::create_dir_all(root.path().join(path)).unwrap();
        fs::write(root.path().join(path).join("uv.lock"), "version = 1").unwrap();
    }
    fs::write(root.path().join("dev-requirements.txt"), "").unwrap();
    fs::write(root.path().join("notes.txt"), "").unwrap();
    let names = |reach| -> Vec<String> {
        let found = discover(root.path(), reach).unwrap();
        let relative = found
            .iter()
            .map(|path| path.strip_prefix(root.path()).unwrap());
        relative.map(|path| path.display().to_string()).collect()
    };
    assert_eq!(names(Reach::Folder), ["dev-requirements.txt"]);
    assert_eq!(
        names(Reach::Tree),
        ["a/b/uv.lock", "a/uv.lock", "dev-requirements.txt"]
    );
}

#[test]
fn powershell_writes_utf16() {
    let wide = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xff, 0xfe].into_iter().chain(units).collect()
    };
    let lockfile = parse(Path::new("requirements.txt"), &wide("six==1.16.0\r\n")).unwrap();
    assert_eq!(lockfile.packages[0].version, "1.16.0");
}

#[test]
fn includes_end() {
    let root = tempfile::tempdir().unwrap();
    for index in 0..40 {
        let text = format!("-r requirements-{}.txt\na{index}==1\n", index + 1);
        fs::write(root.path().join(format!("requirements-{index}.txt")), text).unwrap();
    }
    let lockfile = read(&root.path().join("requirements-0.txt")).unwrap();
    assert_eq!(lockfile.packages.len(), 17);
    assert_eq!(lockfile.problems.len(), 1);
}
