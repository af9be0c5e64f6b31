//! Marked lines in clients' configuration: put there and taken out again, byte for byte.
//!
//! No parser of INI, YAML or TOML: only keys at the top level or in a named section are seen. A
//! line of the user's that sets the same key is not lost: it stays in the block as a comment, and
//! comes back when the block goes. What is not understood stays as it is.

use std::ops::Range;

const BEGIN: &str = "# >>> portcullis authority trust ";
const END: &str = "# <<< portcullis authority trust ";
const BEFORE: &str = "# before: ";
/// The text in front of the block had no line end.
const JOINED: &str = " (joined)";
/// There was no file.
const NEW: &str = " (new file)";

/// How keys and values are written. `#` begins a comment in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `.npmrc`: `key=value`, the last one counts.
    Npmrc,
    /// Python's configparser: sections; an indented line goes on.
    Ini,
    /// Yarn 1: `key "value"`.
    Yarnrc,
    /// Yarn 2 and later: `key: value`.
    Yaml,
    /// `key = value` in front of the first table.
    Toml,
    /// Java's properties.
    Properties,
    /// sh, bash and zsh: `export NAME=value`; always at the end.
    Shell,
    /// fish: `set -gx NAME value`; always at the end.
    Fish,
}

/// One line of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The section, in an INI file.
    pub section: Option<String>,
    /// The key that it sets.
    pub key: &'static str,
    /// The value.
    pub value: String,
}

/// What is added to a file on behalf of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// Whose lines these are; each owner's are taken out alone.
    pub owner: &'static str,
    /// How the file is written.
    pub dialect: Dialect,
    /// Comments that go in front.
    pub remarks: Vec<String>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A key that was found.
struct Found {
    range: Range<usize>,
    value: String,
}

/// The text with the addition in it. It must hold none of the owner's yet ([`unmark`]).
pub fn mark(before: Option<&str>, addition: &Addition) -> String {
    let text = before.unwrap_or("");
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut block = Block {
        addition,
        end,
        flag: if before.is_none() { NEW } else { "" },
    };
    let mut rest: Vec<&Line> = Vec::new();
    for line in &addition.lines {
        match find(&lines, addition.dialect, line.section.as_deref(), line.key) {
            Some(found) if !addition.dialect.is_shell() => block.exchange(&mut lines, found, line),
            _ => rest.push(line),
        }
    }
    while let Some(first) = rest.first() {
        let section = first.section.clone();
        let (now, later): (Vec<&Line>, Vec<&Line>) =
            rest.into_iter().partition(|line| line.section == section);
        block.add(&mut lines, &section, &now);
        rest = later;
    }
    lines.concat()
}

/// The text without the owner's blocks, and with the lines back that they had replaced; nothing
/// if there was no file before.
pub fn unmark(text: &str, owner: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut kept: Vec<String> = Vec::new();
    let mut at = 0;
    let mut flag = "";
    let mut is_new = false;
    while let Some(line) = lines.get(at) {
        let Some(end) = end_of_block(&lines, at, owner) else {
            kept.push(handed_on(line, &mut flag));
            at += 1;
            continue;
        };
        flag = flag_of(line);
        is_new |= flag == NEW;
        restore(&lines[at..=end], &lines[end + 1..], &mut kept);
        at = end + 1;
    }
    let mut text = kept.concat();
    if flag == JOINED {
        let bare = text.strip_suffix('\n').unwrap_or(&text);
        text = bare.strip_suffix('\r').unwrap_or(bare).to_owned();
    }
    (!is_new || !text.is_empty()).then_some(text)
}

/// The value of a key as the client reads it: the last one, without quotes.
pub fn value_of(text: &str, dialect: Dialect, section: Option<&str>, key: &str) -> Option<String> {
    let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    find(&lines, dialect, section, key)
        .map(|found| found.value)
        .filter(|value| !value.is_empty())
}

/// The sections that set a key.
pub fn sections_with(text: &str, dialect: Dialect, key: &str) -> Vec<String> {
    let mut sections: Vec<String> = text
        .lines()
        .filter_map(section_of)
        .map(str::to_owned)
        .collect();
    sections.dedup();
    sections.retain(|name| value_of(text, dialect, Some(name), key).is_some());
    sections
}

/// What a block says under a remark such as `# was NAME=`.
pub fn remark<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let said = |line: &'a str| line.strip_prefix("# ")?.strip_prefix(start);
    text.lines().find_map(said)
}

impl Dialect {
    fn is_shell(self) -> bool {
        matches!(self, Dialect::Shell | Dialect::Fish)
    }

    /// The line as the client writes it.
    pub fn line(self, key: &str, value: &str) -> String {
        match self {
            Dialect::Npmrc | Dialect::Properties => format!("{key}={value}"),
            Dialect::Ini => format!("{key} = {value}"),
            Dialect::Yarnrc => format!("{key} \"{value}\""),
            Dialect::Yaml => format!("{key}: \"{value}\""),
            // Only truth values are written so far.
            Dialect::Toml => format!("{key} = {value}"),
            Dialect::Shell => format!("export {key}=\"{value}\""),
            Dialect::Fish => format!("set -gx {key} \"{value}\""),
        }
    }
}

/// The making of blocks.
struct Block<'a> {
    addition: &'a Addition,
    end: &'static str,
    /// Goes to the first block only.
    flag: &'static str,
}

impl Block<'_> {
    fn wrap(&mut self, flag: &str, inner: Vec<String>) -> String {
        let (owner, end) = (self.addition.owner, self.end);
        let mut text = format!("{BEGIN}{owner}{flag}{end}");
        for line in &self.addition.remarks {
            text.push_str(&format!("# {line}{end}"));
        }
        for line in inner {
            text.push_str(line.trim_end_matches(['\r', '\n']));
            text.push_str(end);
        }
        text.push_str(&format!("{END}{owner}{end}"));
        text
    }

    /// Ours in the place of the user's.
    fn exchange(&mut self, lines: &mut Vec<String>, found: Found, line: &Line) {
        let is_open = |line: &String| !line.ends_with('\n');
        let flag = if lines[found.range.clone()].last().is_some_and(is_open) {
            JOINED
        } else {
            ""
        };
        let mut inner: Vec<String> = lines[found.range.clone()]
            .iter()
            .map(|old| format!("{BEFORE}{old}"))
            .collect();
        inner.push(self.addition.dialect.line(line.key, &line.value));
        let text = self.wrap(flag, inner);
        lines.splice(found.range, pieces(&text));
    }

    fn add(&mut self, lines: &mut Vec<String>, section: &Option<String>, ours: &[&Line]) {
        let mut flag = std::mem::take(&mut self.flag);
        let mut inner = Vec::new();
        let at = match place_of(lines, self.addition.dialect, section.as_deref()) {
            Some(at) => at,
            None => {
                inner.push(format!("[{}]", section.as_deref().unwrap_or("")));
                lines.len()
            }
        };
        if at == lines.len()
            && let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n'))
        {
            last.push_str(self.end);
            flag = JOINED;
        }
        let dialect = self.addition.dialect;
        inner.extend(ours.iter().map(|it| dialect.line(it.key, &it.value)));
        let text = self.wrap(flag, inner);
        lines.splice(at..at, pieces(&text));
    }
}

fn pieces(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

fn flag_of(begin: &str) -> &'static str {
    let begin = begin.trim_end();
    [JOINED, NEW]
        .into_iter()
        .find(|flag| begin.ends_with(flag))
        .unwrap_or("")
}

/// Where the owner's block ends that begins at this line.
fn end_of_block(lines: &[&str], at: usize, owner: &str) -> Option<usize> {
    let named = lines[at].strip_prefix(BEGIN)?.trim_end();
    let flag = flag_of(named);
    if named.strip_suffix(flag)? != owner {
        return None;
    }
    let ends = |line: &&str| {
        line.strip_prefix(END)
            .is_some_and(|it| it.trim_end() == owner)
    };
    lines[at..].iter().position(ends).map(|length| at + length)
}

/// What a block that goes leaves behind: the user's lines, and a section's head where the user
/// has added lines to the section since.
fn restore(block: &[&str], after: &[&str], kept: &mut Vec<String>) {
    for line in block {
        if let Some(old) = line.strip_prefix(BEFORE) {
            kept.push(old.to_owned());
        } else if section_of(line).is_some()
            && let Some(next) = after.iter().find(|next| !next.trim().is_empty())
            && section_of(next).is_none()
            && !next.starts_with('#')
        {
            kept.push((*line).to_owned());
        }
    }
}

/// A block behind one that went takes its flag over; behind the user's own lines it means nothing.
fn handed_on(line: &str, flag: &mut &'static str) -> String {
    let flag = std::mem::take(flag);
    if flag.is_empty() || !line.starts_with(BEGIN) || !flag_of(line).is_empty() {
        return line.to_owned();
    }
    let bare = line.trim_end();
    format!("{bare}{flag}{}", &line[bare.len()..])
}

fn section_of(line: &str) -> Option<&str> {
    line.trim().strip_prefix('[')?.strip_suffix(']')
}

/// Where a line is added; nothing if the section has to be made.
fn place_of(lines: &[String], dialect: Dialect, section: Option<&str>) -> Option<usize> {
    let is_head = |line: &String| line.trim_start().starts_with('[');
    match (dialect, section) {
        (_, Some(name)) => {
            let named = |line: &String| section_of(line) == Some(name);
            lines.iter().position(named).map(|head| head + 1)
        }
        (Dialect::Npmrc | Dialect::Toml, None) => {
            Some(lines.iter().position(is_head).unwrap_or(lines.len()))
        }
        _ => Some(lines.len()),
    }
}

fn find(lines: &[String], dialect: Dialect, section: Option<&str>, key: &str) -> Option<Found> {
    let mut found = None;
    let mut current = None;
    let with_sections = matches!(dialect, Dialect::Npmrc | Dialect::Ini | Dialect::Toml);
    for (index, line) in lines.iter().enumerate() {
        if with_sections && line.trim_start().starts_with('[') {
            current = Some(section_of(line).unwrap_or(""));
        }
        if current != section {
            continue;
        }
        let Some(value) = value_in(line, dialect, key) else {
            continue;
        };
        let goes_on = |line: &&String| {
            dialect == Dialect::Ini && line.starts_with([' ', '\t']) && !line.trim().is_empty()
        };
        let length = 1 + lines[index + 1..].iter().take_while(goes_on).count();
        let more: Vec<&str> = lines[index + 1..index + length]
            .iter()
            .map(|line| line.trim())
            .collect();
        found = Some(Found {
            range: index..index + length,
            value: [&[value.as_str()], more.as_slice()].concat().concat(),
        });
    }
    found
}

fn value_in(line: &str, dialect: Dialect, key: &str) -> Option<String> {
    let may_be_indented = matches!(dialect, Dialect::Npmrc | Dialect::Properties);
    if line.starts_with(['#', ';']) || (!may_be_indented && line.starts_with([' ', '\t'])) {
        return None;
    }
    let line = line.trim();
    let line = match dialect {
        Dialect::Shell => line.strip_prefix("export ").unwrap_or(line),
        Dialect::Fish => line.strip_prefix("set -gx ")?,
        _ => line,
    };
    let separators: &[char] = match dialect {
        Dialect::Npmrc | Dialect::Toml | Dialect::Shell => &['='],
        Dialect::Ini | Dialect::Properties => &['=', ':'],
        Dialect::Yaml => &[':'],
        Dialect::Yarnrc | Dialect::Fish => &[' ', '\t'],
    };
    let (written, value) = line.split_once(separators)?;
    let quotes = ['"', '\''];
    let written = written.trim().trim_matches(quotes);
    let same = written == key
        || (dialect == Dialect::Ini && written.to_ascii_lowercase().replace('_', "-") == key);
    let value = match dialect {
        Dialect::Npmrc => value.split([';', '#']).next().unwrap_or(""),
        Dialect::Yaml | Dialect::Toml => value.split(" #").next().unwrap_or(""),
        _ => value,
    };
    same.then(|| value.trim().trim_matches(quotes).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addition(dialect: Dialect, section: Option<&str>, key: &'static str) -> Addition {
        Addition {
            owner: "npm",
            dialect,
            remarks: Vec::new(),
            lines: vec![Line {
                section: section.map(str::to_owned),
                key,
                value: "/ours.pem".to_owned(),
            }],
        }
    }

    #[test]
    fn what_was_there_comes_back_byte_for_byte() {
        for (dialect, section, key, text) in [
            (Dialect::Npmrc, None, "cafile", "a=b\n"),
            (Dialect::Npmrc, None, "cafile", "a=b"),
            (Dialect::Npmrc, None, "cafile", ""),
            (Dialect::Npmrc, None, "cafile", "\n\n"),
            (
                Dialect::Npmrc,
                None,
                "cafile",
                "a=b\r\n cafile = \"/x\" ; c\r\nd=e",
            ),
            (Dialect::Npmrc, None, "cafile", "cafile=/x\ncafile=/y"),
            (Dialect::Npmrc, None, "cafile", "a=b\n[s]\ncafile=/x\n"),
            (
                Dialect::Ini,
                Some("global"),
                "cert",
                "[global]\ntimeout = 1",
            ),
            (
                Dialect::Ini,
                Some("global"),
                "cert",
                "[global]\ncert =\n  /x\n\n[install]\na=b",
            ),
            (Dialect::Ini, Some("global"), "cert", "[global]"),
            (
                Dialect::Ini,
                Some("global"),
                "cert",
                "[install]\nuser = 1\n",
            ),
            (
                Dialect::Toml,
                None,
                "system-certs",
                "[[index]]\nurl = 'x'\n",
            ),
            (
                Dialect::Yaml,
                None,
                "httpsCaFilePath",
                "a: b\nhttpsCaFilePath: /x # c",
            ),
            (Dialect::Yarnrc, None, "cafile", "cafile \"/x\"\n"),
            (
                Dialect::Shell,
                None,
                "SSL_CERT_FILE",
                "export SSL_CERT_FILE=/x",
            ),
        ] {
            let addition = addition(dialect, section, key);
            let marked = mark(Some(text), &addition);
            let value = value_of(&marked, dialect, section, key);
            assert_eq!(value.as_deref(), Some("/ours.pem"), "{marked}");
            assert_eq!(unmark(&marked, "npm").as_deref(), Some(text), "{marked}");
            assert_eq!(unmark(text, "npm").as_deref(), Some(text));
            assert_eq!(unmark(&marked, "pip").as_deref(), Some(marked.as_str()));
        }
        let created = mark(None, &addition(Dialect::Npmrc, None, "cafile"));
        assert_eq!(unmark(&created, "npm"), None);
        let added_to = format!("{created}a=b\n");
        assert_eq!(unmark(&added_to, "npm").as_deref(), Some("a=b\n"));
    }

    #[test]
    fn owners_of_one_file_go_in_any_order() {
        let one = addition(Dialect::Shell, None, "SSL_CERT_FILE");
        let other = Addition {
            owner: "uv",
            ..one.clone()
        };
        for before in [None, Some("a=b"), Some("a=b\n"), Some("")] {
            let both = mark(Some(&mark(before, &one)), &other);
            for (first, second) in [("npm", "uv"), ("uv", "npm")] {
                let left = unmark(&both, first).unwrap();
                assert_eq!(unmark(&left, second).as_deref(), before, "{first} {both}");
            }
        }
    }

    #[test]
    fn a_section_that_was_added_to_keeps_its_head() {
        let marked = mark(
            Some("[a]\nb = c\n"),
            &addition(Dialect::Ini, Some("global"), "cert"),
        );
        let grown = format!("{marked}timeout = 5\n");
        let left = unmark(&grown, "npm").unwrap();
        assert_eq!(left, "[a]\nb = c\n[global]\ntimeout = 5\n");
    }
}
