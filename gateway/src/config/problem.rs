//! What is wrong with a configuration: each problem names file, line, key and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::keys;

/// A configuration that can't be used, with everything that was found wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file, or a name for where the text came from.
    pub origin: PathBuf,
    /// What is wrong, in the order of the file.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// The key with its path, such as `limits.connect`; empty if the text is not TOML at all.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(out, "{separator}{}", self.origin.display())?;
            if let Some(line) = problem.line {
                write!(out, ":{line}")?;
            }
            if !problem.key.is_empty() {
                write!(out, ": {}", problem.key)?;
            }
            write!(out, ": {}", problem.message)?;
        }
        Ok(())
    }
}

/// The places of all keys in the text, and the problems found so far.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    origin: &'a Path,
    text: &'a str,
    places: Vec<Place>,
    problems: Vec<Problem>,
}

#[derive(Debug)]
struct Place {
    path: Vec<String>,
    key: std::ops::Range<usize>,
    value: std::ops::Range<usize>,
}

/// Tables deeper than this hold no key of ours.
const DEPTH_MAX: usize = 8;

/// Keys whose value must not be repeated in a message.
const SECRETS: [&str; 3] = ["username", "password", "token"];

impl<'a> Findings<'a> {
    /// Locates every key of `text` and reports the unknown ones; fails if it is not TOML.
    pub(super) fn of(text: &'a str, origin: &'a Path) -> Result<Self, ConfigError> {
        let mut findings = Findings {
            origin,
            text,
            places: Vec::new(),
            problems: Vec::new(),
        };
        match DeTable::parse(text) {
            Ok(table) => findings.locate(table.get_ref(), &mut Vec::new()),
            Err(error) => {
                let line = error.span().map(|span| findings.line_of(span.start));
                let message = format!("this is not TOML: {}; correct it", error.message());
                findings.problems.push(Problem {
                    line,
                    key: String::new(),
                    message,
                });
                return Err(findings.into_error());
            }
        }
        Ok(findings)
    }

    /// The folder of the configuration file, where relative paths start.
    pub(super) fn folder(&self) -> &'a Path {
        self.origin.parent().unwrap_or(Path::new(""))
    }

    /// Reports a problem with the key at `path`.
    pub(super) fn report(&mut self, path: &[&str], message: impl Into<String>) {
        let place = self.places.iter().find(|place| place.path == path);
        let line = place.map(|place| self.line_of(place.key.start));
        self.problems.push(Problem {
            line,
            key: path.join("."),
            message: message.into(),
        });
    }

    /// Reports what the reader of the file said; it knows a place, but no path.
    pub(super) fn report_unread(&mut self, error: &toml::de::Error) {
        let at = error.span().map(|span| span.start);
        let line = at.map(|at| self.line_of(at));
        let place = at.and_then(|at| self.innermost(at));
        let path: Vec<&str> = place
            .iter()
            .flat_map(|it| it.path.iter().map(String::as_str))
            .collect();
        let secret = path.last().is_some_and(|key| SECRETS.contains(key));
        let message = match unknown_field(error.message()) {
            _ if secret => "this is text; write it in quotes, or \"env:NAME\"".to_owned(),
            Some((key, known)) => unknown_key(&key, &known),
            None => match keys::doc_of(&path) {
                Some(doc) => format!("{}; this key is: {doc}", error.message()),
                None => format!("{}; see the table of keys in the README", error.message()),
            },
        };
        let key = path.join(".");
        self.problems.push(Problem { line, key, message });
    }

    /// Whether anything was reported.
    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Everything reported, in the order of the file.
    pub(super) fn into_error(mut self) -> ConfigError {
        self.problems.sort_by_key(|problem| problem.line);
        ConfigError {
            origin: self.origin.to_owned(),
            problems: self.problems,
        }
    }

    fn line_of(&self, offset: usize) -> usize {
        let before = self
            .text
            .as_bytes()
            .get(..offset)
            .unwrap_or(self.text.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn innermost(&self, offset: usize) -> Option<&Place> {
        let holds = |place: &&Place| place.value.contains(&offset) || place.key.contains(&offset);
        self.places
            .iter()
            .filter(holds)
            .max_by_key(|place| place.path.len())
    }

    fn locate(&mut self, table: &DeTable<'_>, path: &mut Vec<String>) {
        for (key, value) in table.iter() {
            path.push(key.get_ref().to_string());
            self.places.push(Place {
                path: path.clone(),
                key: key.span(),
                value: value.span(),
            });
            let known = self.is_known(path);
            match value.get_ref() {
                DeValue::Table(below) if known && path.len() < DEPTH_MAX => {
                    self.locate(below, path);
                }
                DeValue::Array(items) if path == &["group"] => {
                    for item in items.iter() {
                        if let DeValue::Table(group) = item.get_ref() {
                            self.locate_group(group);
                        }
                    }
                }
                _ => {}
            }
            path.pop();
        }
    }

    /// Keys of groups are the crate `rules`' own to know; only their places are noted.
    fn locate_group(&mut self, group: &DeTable<'_>) {
        for (key, value) in group.iter() {
            let path = vec!["group".to_owned(), key.get_ref().to_string()];
            self.places.push(Place {
                path,
                key: key.span(),
                value: value.span(),
            });
        }
    }

    fn is_known(&mut self, path: &[String]) -> bool {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let Some((key, above)) = path.split_last() else {
            return true;
        };
        let known = keys::keys_below(above);
        let any = above == ["repository"] || known.iter().any(|other| other == key);
        if !any {
            self.report(&path, unknown_key(key, &known));
        }
        any
    }
}

fn unknown_key(key: &str, known: &[String]) -> String {
    match keys::nearest(key, known) {
        Some(near) => format!("`{key}` is no key here; did you mean `{near}`?"),
        None if known.is_empty() => format!("`{key}` is no key here; remove it"),
        None => format!("`{key}` is no key here; known are {}", known.join(", ")),
    }
}

/// Takes serde's sentence about an unknown field apart: the field, and those it knows.
fn unknown_field(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown field ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2).map(str::to_owned);
    Some((quoted.next()?, quoted.collect()))
}
