//! Replacing keys of ours in files made of lines: `.npmrc`, `pip.conf`, `.pypirc`.
//!
//! As [`super::lines`] adds keys, this replaces those of this gateway, since tokens are renewed.
//! What is not understood stays as it is.

use std::fmt;
use std::ops::Range;

use super::{Setting, lines};
use crate::config::upstream::Address;

/// What a file is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    /// How the file is written.
    pub dialect: Dialect,
    /// The gateway's address: by it an address of its own is told from others.
    pub base: String,
    /// Lists that ours is added to.
    pub lists: Vec<Setting>,
    /// Keys of one value.
    pub entries: Vec<Entry>,
}

/// One key. Its value may be secret and is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    section: Option<&'static str>,
    key: String,
    value: String,
    kind: EntryKind,
}

/// What happens to a key that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// An address: one of the gateway is replaced, any other is in conflict.
    Address,
    /// Ours, whatever it holds: replaced.
    Ours,
    /// Ours, and in the way: removed.
    Gone,
}

/// How keys and values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `key=value`; keys hold colons, and blanks before them mean nothing.
    Npmrc,
    /// Python's configparser: `key = value` or `key: value`; an indented line goes on.
    Ini,
}

/// A key that was found: its lines and its value.
struct Present {
    range: Range<usize>,
    value: String,
}

impl fmt::Debug for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({:?})", self.key, self.kind)
    }
}

impl Entry {
    pub(super) fn new(
        section: Option<&'static str>,
        key: &str,
        value: &str,
        kind: EntryKind,
    ) -> Self {
        Entry {
            section,
            key: key.to_owned(),
            value: value.to_owned(),
            kind,
        }
    }
}

impl Entries {
    /// What a user gets who has no file.
    pub(super) fn new_file(&self) -> String {
        // Nothing can be in conflict with an empty file.
        self.merge("").unwrap_or_default()
    }

    /// The text with all entries in it; the message says which one is in conflict and what to do.
    pub(super) fn merge(&self, text: &str) -> Result<String, String> {
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if !self.lists.is_empty() {
            let listed = lines::merge(text, &self.lists)?;
            lines = listed.lines().map(str::to_owned).collect();
        }
        for entry in &self.entries {
            self.put(&mut lines, entry)?;
        }
        let mut merged = lines.join(end);
        merged.push_str(end);
        Ok(merged)
    }

    fn put(&self, lines: &mut Vec<String>, entry: &Entry) -> Result<(), String> {
        let present = self.find(lines, entry);
        let foreign = |it: &&Present| entry.kind == EntryKind::Address && !self.is_own(&it.value);
        if let Some(present) = present.iter().find(foreign) {
            return Err(conflict(present, entry));
        }
        for present in present.iter().rev() {
            lines.drain(present.range.clone());
        }
        if entry.kind != EntryKind::Gone {
            let at = match present.first() {
                Some(present) => present.range.start,
                None => place_of(lines, entry.section),
            };
            lines.insert(at, self.line(entry));
        }
        Ok(())
    }

    /// Every place that sets the key: the last one counts, and the others would come back to life.
    fn find(&self, lines: &[String], entry: &Entry) -> Vec<Present> {
        let mut found = Vec::new();
        let mut section = None;
        for (index, line) in lines.iter().enumerate() {
            if let Some(name) = lines::section_of(line) {
                section = Some(name);
            } else if section == entry.section
                && let Some(value) = self.value_of(line, &entry.key)
            {
                let goes_on = |line: &&String| {
                    self.dialect == Dialect::Ini
                        && line.starts_with([' ', '\t'])
                        && !line.trim().is_empty()
                };
                let end = index + 1 + lines[index + 1..].iter().take_while(goes_on).count();
                let value = [&[value.to_owned()], &lines[index + 1..end]].concat();
                found.push(Present {
                    range: index..end,
                    value: value.join(" "),
                });
            }
        }
        found
    }

    fn value_of<'a>(&self, line: &'a str, key: &str) -> Option<&'a str> {
        let quotes = ['"', '\''];
        match self.dialect {
            Dialect::Npmrc => {
                let (written, value) = line.split_once('=')?;
                (written.trim().trim_matches(quotes) == key).then_some(value)
            }
            Dialect::Ini => {
                if line.starts_with([' ', '\t', '#', ';']) {
                    return None;
                }
                let (written, value) = line.split_once(['=', ':'])?;
                let written = written.trim().to_ascii_lowercase().replace('_', "-");
                (written == key).then_some(value)
            }
        }
    }

    fn line(&self, entry: &Entry) -> String {
        match self.dialect {
            Dialect::Npmrc => format!("{}={}", entry.key, entry.value),
            Dialect::Ini => format!("{} = {}", entry.key, entry.value),
        }
    }

    /// Whether an address is the gateway's, of any repository and with any credentials; also from
    /// before it was served over https.
    fn is_own(&self, value: &str) -> bool {
        let place = |url: &str| {
            url.split_once("://")
                .map_or("", |(_, rest)| rest)
                .to_owned()
        };
        let value = value.trim().trim_matches(['"', '\'']);
        Address::parse(value).is_ok_and(|own| place(&own.url).starts_with(&place(&self.base)))
    }
}

fn conflict(present: &Present, entry: &Entry) -> String {
    // The value is not shown: addresses may hold passwords.
    let other_way = match entry.key.as_str() {
        "registry" => ", or give a --scope",
        _ => "",
    };
    format!(
        "line {} sets `{}` to another registry, which stays; to use the gateway, remove the line \
         and run this again{other_way}",
        present.range.start + 1,
        entry.key
    )
}

/// The end of the section, which is made if there is none; without one, before the first section.
fn place_of(lines: &mut Vec<String>, section: Option<&str>) -> usize {
    let is_head = |line: &String| lines::section_of(line).is_some();
    let start = match section {
        None => 0,
        Some(name) => {
            let named = |line: &String| lines::section_of(line) == Some(name);
            let head = lines.iter().position(named).unwrap_or_else(|| {
                if !lines.is_empty() {
                    lines.push(String::new());
                }
                lines.push(format!("[{name}]"));
                lines.len() - 1
            });
            head + 1
        }
    };
    let rest = &lines[start..];
    let end = rest.iter().position(is_head).unwrap_or(rest.len());
    let filled = |line: &String| !line.trim().is_empty();
    start
        + rest[..end]
            .iter()
            .rposition(filled)
            .map_or(0, |last| last + 1)
}
