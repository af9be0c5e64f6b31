//! The resolved tree of a Maven build, as `mvn dependency:list` or `dependency:tree` prints it.
//!
//! It holds no digests. The log is read as it is printed, prefixes and colours included.

use std::collections::HashSet;

use crate::preflight::lockfile::draft::{Draft, Entry};
use crate::preflight::lockfile::{Source, SourceKind};

const FAILED_REMEDY: &str = "correct the build and list again: the list may not be whole";

/// The scopes of Maven: the word that ends a coordinate.
const SCOPES: [&str; 6] = ["compile", "provided", "runtime", "test", "system", "import"];

/// `group:artifact:type[:classifier]:version:scope`.
struct Coordinate<'a> {
    group: &'a str,
    artifact: &'a str,
    version: &'a str,
    scope: &'a str,
}

pub(crate) fn fill(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let members = members(text);
    let mut recognised = false;
    for (index, line) in text.lines().enumerate() {
        let line = without_escapes(line);
        if line.contains("BUILD FAILURE") || line.starts_with("[ERROR] Failed to execute") {
            let place = draft.place_at(&line, index + 1);
            draft.problem(place, None, "the build failed", FAILED_REMEDY);
        }
        recognised |= line.contains("have been resolved") || line.contains("dependency:");
        let Some(coordinate) = Coordinate::parse(content(&line)) else {
            continue;
        };
        recognised = true;
        let name = format!("{}:{}", coordinate.group, coordinate.artifact);
        let source = match coordinate.scope {
            "system" => Source::Other(SourceKind::File),
            _ if members.contains(&name) => Source::Other(SourceKind::Workspace),
            _ => Source::Registry(None),
        };
        let place = draft.place_at(content(&line), index + 1);
        draft.add(Entry {
            name: &name,
            version: coordinate.version,
            integrity: Vec::new(),
            source,
            dev: Some(coordinate.scope == "test"),
            place,
        });
    }
    match recognised {
        true => Ok(()),
        false => Err("no line is group:artifact:type:version:scope".to_owned()),
    }
}

/// The modules that Maven says it builds: `[INFO] ----< group:artifact >----`.
fn members(text: &str) -> HashSet<String> {
    let banner = |line: &str| {
        let line = without_escapes(line);
        let (_, rest) = line.split_once("--< ")?;
        let (name, _) = rest.split_once(" >--")?;
        Some(name.to_owned())
    };
    text.lines().filter_map(banner).collect()
}

impl<'a> Coordinate<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        // `dependency:tree -Dverbose` puts what it left out in parentheses.
        let word = text.split_whitespace().next()?;
        if word.starts_with('(') {
            return None;
        }
        let parts: Vec<&str> = word.split(':').collect();
        let end = (4..=5).find(|end| parts.get(*end).is_some_and(|part| SCOPES.contains(part)))?;
        Some(Self {
            group: parts.first()?,
            artifact: parts.get(1)?,
            version: parts.get(end - 1)?,
            scope: parts.get(end)?,
        })
    }
}

/// A line without the log's prefix and the branches of a tree.
fn content(line: &str) -> &str {
    let line = line.trim_start();
    let line = line.strip_prefix("[INFO]").unwrap_or(line);
    line.trim_start_matches(|character: char| " \t|+\\-".contains(character))
}

/// A line without the escape sequences of colours (ECMA-48 SGR).
fn without_escapes(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|character: char| character.is_ascii_alphabetic());
        let rest = end.and_then(|end| part.get(end + 1..));
        plain.push_str(rest.unwrap_or_default());
    }
    plain
}
