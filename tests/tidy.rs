//! The source itself: sizes, who may name what, and that the map shows the house.
//!
//! An exception carries a reason and the number it stands at. A number above the limit fails, a
//! number that could be lower fails too: the list only shrinks.

use crate::support::clients::root;
use std::path::{Path, PathBuf};

/// The most lines of a file, its tests not counted.
const FILE_LINES_MAX: usize = 400;
/// The most lines of a function.
const FUNCTION_LINES_MAX: usize = 70;

/// Files that are longer: path, lines, reason.
const LONG_FILES: &[(&str, usize, &str)] = &[];
/// Functions that are longer: path and name, lines, reason.
const LONG_FUNCTIONS: &[(&str, usize, &str)] = &[];

/// Where the framework may be named (invariant I3).
const FRAMEWORK_ROOMS: &[&str] = &["gateway/src/edge/", "gateway/src/origin/upstream/"];

const BANNED_NAMES: &[&str] = &["manager", "helper", "util", "common", "misc"];

/// A source file.
struct Source {
    /// Below the root, with slashes.
    path: String,
    /// Its lines up to its tests.
    lines: Vec<String>,
}

impl Source {
    /// The lines without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().enumerate().filter_map(|(index, line)| {
            let code = line.split("//").next().unwrap_or_default();
            (!code.trim().is_empty()).then_some((index + 1, code))
        })
    }
}

/// Every source file of the three crates, tests left out.
fn sources() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    for room in ["gateway/src", "rules/src", "cache/src"] {
        for path in files_below(&root.join(room)) {
            let name = path
                .strip_prefix(&root)
                .expect("below the root")
                .display()
                .to_string();
            let is_test = name.ends_with("/tests.rs") || name.contains("/tests/");
            if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                let text = std::fs::read_to_string(&path).expect("a source file can be read");
                found.push(Source {
                    path: name,
                    lines: without_tests(&text),
                });
            }
        }
    }
    assert!(!found.is_empty(), "no source below {}", root.display());
    found
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    found
}

/// The lines before a trailing `#[cfg(test)] mod`.
fn without_tests(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_tests = |pair: &[&str]| {
        pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    };
    let end = lines.windows(2).position(is_tests).unwrap_or(lines.len());
    lines[..end].iter().map(|line| line.to_string()).collect()
}

/// Compares what is with the limit and the exceptions; gives back what is wrong.
fn over(
    limit: usize,
    exceptions: &[(&str, usize, &str)],
    found: &[(String, usize)],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, lines) in found {
        let excepted = exceptions.iter().find(|(known, ..)| known == name);
        match excepted {
            None if *lines > limit => wrong.push(format!("{name}: {lines} lines, at most {limit}")),
            Some((_, most, _)) if lines > most => {
                wrong.push(format!(
                    "{name}: {lines} lines, the exception allows {most}"
                ));
            }
            Some((_, most, _)) if lines < most => {
                wrong.push(format!(
                    "{name}: {lines} lines, lower its exception from {most}"
                ));
            }
            _ => {}
        }
    }
    for (name, ..) in exceptions {
        let is_needed = found
            .iter()
            .any(|(known, lines)| known == name && *lines > limit);
        if !is_needed {
            wrong.push(format!("{name}: the exception is not needed any more"));
        }
    }
    wrong
}

#[track_caller]
fn nothing(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} findings:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn no_file_is_too_long() {
    let found: Vec<(String, usize)> = sources()
        .into_iter()
        .map(|source| (source.path, source.lines.len()))
        .collect();
    nothing(&over(FILE_LINES_MAX, LONG_FILES, &found));
}

#[test]
fn no_function_is_too_long() {
    let found: Vec<(String, usize)> = sources().iter().flat_map(functions).collect();
    nothing(&over(FUNCTION_LINES_MAX, LONG_FUNCTIONS, &found));
}

/// The functions of a file with their lengths. The formatter puts a function's last brace below
/// its first letter, which is how its end is found.
fn functions(source: &Source) -> Vec<(String, usize)> {
    let pattern = r"^( *)(?:pub(?:\([a-z ]+\))? )?(?:const )?(?:async )?fn (\w+)";
    let pattern = regex::Regex::new(pattern).expect("the pattern is right");
    let mut found = Vec::new();
    for (start, line) in source.lines.iter().enumerate() {
        let Some(parts) = pattern.captures(line) else {
            continue;
        };
        let end = format!("{}}}", &parts[1]);
        let rest = &source.lines[start..];
        let is_whole = line.ends_with('}') || line.ends_with(';');
        let length = match rest.iter().position(|line| *line == end) {
            Some(at) if !is_whole => at + 1,
            _ => 1,
        };
        found.push((format!("{} {}", source.path, &parts[2]), length));
    }
    found
}

#[test]
fn only_two_rooms_name_the_framework() {
    let mut wrong = Vec::new();
    for source in sources() {
        if FRAMEWORK_ROOMS
            .iter()
            .any(|room| source.path.starts_with(room))
        {
            continue;
        }
        let named = source.code().filter(|(_, code)| code.contains("pingora"));
        wrong.extend(named.map(|(line, _)| format!("{}:{line} names pingora", source.path)));
    }
    nothing(&wrong);
}

#[test]
fn protocol_has_no_io_and_no_async() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.path.starts_with("gateway/src/protocol/") {
            continue;
        }
        for (line, code) in source.code() {
            let banned = [
                "async ",
                ".await",
                "tokio",
                "std::fs",
                "std::net",
                "SystemTime::now",
            ];
            for word in banned.iter().filter(|word| code.contains(**word)) {
                wrong.push(format!("{}:{line} has {word}", source.path));
            }
        }
    }
    nothing(&wrong);
}

#[test]
fn rules_have_no_io_no_async_and_no_clock() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.path.starts_with("rules/src/") {
            continue;
        }
        for (line, code) in source.code() {
            let banned = [
                "async ",
                ".await",
                "std::fs",
                "std::net",
                "SystemTime::now",
                "Instant::now",
            ];
            for word in banned.iter().filter(|word| code.contains(**word)) {
                wrong.push(format!("{}:{line} has {word}", source.path));
            }
        }
    }
    nothing(&wrong);
}

#[test]
fn the_two_pure_crates_depend_on_neither_each_other_nor_the_framework() {
    let mut wrong = Vec::new();
    for (own, banned) in [
        (
            "rules",
            &[
                "cache", "gateway", "pingora", "tokio", "http", "hyper", "reqwest",
            ][..],
        ),
        ("cache", &["rules", "gateway", "hyper", "reqwest"][..]),
    ] {
        let path = root().join(own).join("Cargo.toml");
        let manifest = std::fs::read_to_string(&path).expect("a manifest can be read");
        let dependencies = manifest
            .split("\n[")
            .filter(|table| table.starts_with("dependencies]"))
            .flat_map(str::lines);
        for line in dependencies {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            let is_banned =
                banned.contains(&name) || name.starts_with("pingora") || name.starts_with("http");
            if is_banned {
                wrong.push(format!("{own} depends on {name}"));
            }
        }
    }
    nothing(&wrong);
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let mut wrong = Vec::new();
    for room in ["gateway", "rules", "cache", "tests", "benches"] {
        for path in files_below(&root().join(room)) {
            let is_source = path.extension().is_some_and(|extension| extension == "rs");
            let parts = path
                .strip_prefix(root())
                .expect("below the root")
                .components();
            let has_banned_name = parts.into_iter().any(|part| {
                let part = part.as_os_str().to_string_lossy().to_lowercase();
                let stem = part.trim_end_matches(".rs").trim_end_matches('s');
                stem.split('_')
                    .any(|word| BANNED_NAMES.contains(&word.trim_end_matches('s')))
            });
            if is_source && has_banned_name {
                wrong.push(path.display().to_string());
            }
        }
    }
    nothing(&wrong);
}

#[test]
fn every_source_file_says_what_it_is() {
    let is_silent = |source: &Source| {
        let first = source.lines.first().map(String::as_str).unwrap_or_default();
        !first.starts_with("//!")
    };
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(is_silent)
        .map(|it| it.path)
        .collect();
    nothing(&wrong);
}

/// ARCHITECTURE.md names rooms as paths in back quotes.
#[test]
fn every_room_of_the_architecture_exists() {
    let path = root().join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let pattern = regex::Regex::new(r"`((?:gateway|rules|cache|tests|benches)/[\w./-]*)`");
    let pattern = pattern.expect("the pattern is right");
    let rooms: Vec<&str> = pattern
        .captures_iter(&text)
        .filter_map(|found| found.get(1).map(|room| room.as_str()))
        .collect();
    assert!(
        rooms.len() >= 5,
        "ARCHITECTURE.md names {} rooms",
        rooms.len()
    );
    let exists = |room: &str| {
        let (own, rest) = room.split_once('/').unwrap_or((room, ""));
        root().join(room).exists() || root().join(own).join("src").join(rest).exists()
    };
    let wrong: Vec<String> = rooms
        .into_iter()
        .filter(|room| !exists(room))
        .map(str::to_owned)
        .collect();
    nothing(&wrong);
}

/// The configuration table of README.md is the one that the program knows, row for row.
#[test]
fn the_readme_has_every_key_and_bound() {
    let path = root().join("README.md");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let wrong: Vec<String> = gateway::config::key_table()
        .into_iter()
        .map(|(key, default, doc)| format!("| `{key}` | {default} | {doc} |"))
        .filter(|row| !text.contains(row.as_str()))
        .collect();
    nothing(&wrong);
}
