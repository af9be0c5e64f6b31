//! Adding keys to files made of lines: `.npmrc`, `.yarnrc`, `.yarnrc.yml`, `pip.conf`, `.pypirc`.
//!
//! No parser of INI or YAML: only lines at the top level are read, and only to see whether a key
//! of ours is there. What is not understood stays as it is.

use super::{Setting, SettingKind};

/// A key that was found: where it is, what it holds, and where its lines end.
struct Present {
    line: usize,
    end: usize,
    value: String,
}

/// The text with all settings in it; the message says which one is in conflict and what to do.
pub(super) fn merge(text: &str, settings: &[Setting]) -> Result<String, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for setting in settings {
        match find(&lines, setting) {
            None => add(&mut lines, setting),
            Some(present) if holds(&present.value, setting) => {}
            Some(present) if setting.kind == SettingKind::ListedInLines => {
                lines.insert(present.end, format!("    {}", setting.value));
            }
            Some(present) => return Err(conflict(&present, setting)),
        }
    }
    let mut merged = lines.join("\n");
    merged.push('\n');
    Ok(merged)
}

fn conflict(present: &Present, setting: &Setting) -> String {
    let (line, key, value) = (present.line + 1, setting.key, &setting.value);
    // The value is not shown: addresses may hold passwords.
    match setting.kind {
        SettingKind::Single => format!(
            "line {line} sets `{key}` to something else, which stays; to use the gateway, \
             remove the line and run this again, or set it to {value}"
        ),
        _ => format!("line {line} has a list `{key}` without {value}; add it to the list"),
    }
}

fn holds(present: &str, setting: &Setting) -> bool {
    let quotes = ['"', '\''];
    match setting.kind {
        SettingKind::Single => {
            let plain = |value: &str| {
                value
                    .trim()
                    .trim_matches(quotes)
                    .trim_end_matches('/')
                    .to_owned()
            };
            plain(present) == plain(&setting.value)
        }
        _ => present
            .split(|c: char| c.is_whitespace() || "[],\"'".contains(c))
            .any(|item| item == setting.value),
    }
}

fn find(lines: &[String], setting: &Setting) -> Option<Present> {
    let mut section = None;
    for (index, line) in lines.iter().enumerate() {
        if let Some(name) = section_of(line) {
            section = Some(name);
        }
        if section != setting.section || line.starts_with([' ', '\t', '#', ';', '[']) {
            continue;
        }
        let Some(value) = value_of(line, setting.key) else {
            continue;
        };
        let more = |line: &&String| line.starts_with([' ', '\t', '-']) && !line.trim().is_empty();
        let end = index + 1 + lines.iter().skip(index + 1).take_while(more).count();
        let value = [&[value.to_owned()], &lines[index + 1..end]]
            .concat()
            .join(" ");
        return Some(Present {
            line: index,
            end,
            value,
        });
    }
    None
}

pub(super) fn section_of(line: &str) -> Option<&str> {
    line.trim().strip_prefix('[')?.strip_suffix(']')
}

/// What follows the key and `=`, `:` or blanks; `_` in a key counts as `-`, as pip has it.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let end = line.find(|c: char| c.is_whitespace() || "=:".contains(c))?;
    let (written, rest) = line.split_at(end);
    let written = written.trim_matches('"');
    let same = written == key || written.replace('_', "-") == key;
    same.then(|| rest.trim().trim_start_matches(['=', ':']).trim())
}

/// Puts the line into its section; without one, before the first section or at the end.
fn add(lines: &mut Vec<String>, setting: &Setting) {
    match setting.section {
        None => {
            let end = lines.iter().position(|line| section_of(line).is_some());
            lines.insert(end.unwrap_or(lines.len()), setting.line.clone());
        }
        Some(section) => {
            let head = lines
                .iter()
                .position(|line| section_of(line) == Some(section));
            let after = head.unwrap_or_else(|| {
                if !lines.is_empty() {
                    lines.push(String::new());
                }
                lines.push(format!("[{section}]"));
                lines.len() - 1
            });
            lines.insert(after + 1, setting.line.clone());
        }
    }
}
