//! `requirements.txt` of pip: continued lines, comments, `-r` and `-c` files, pins and digests.
//!
//! A constraint pins what something else asks for, so its pins count as locked and answer open
//! requirements of the same name. Files at addresses are not fetched.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rules::PackageName;

use super::requirement::{Wanted, parse, split_options};
use crate::preflight::lockfile::draft::{Draft, Entry, shown};
use crate::preflight::lockfile::{Place, Source, SourceKind, bytes_of, decode};

/// How deep `-r` and `-c` may nest.
const INCLUDE_DEPTH_MAX: usize = 16;

/// How many files one requirements file may lead to.
const INCLUDED_FILES_MAX: usize = 256;

const PIN_REMEDY: &str = "pin it with ==, or give a lockfile: pre-flight judges exact versions";
const INCLUDE_REMEDY: &str = "give the included file itself";
const HASH_REMEDY: &str = "write --hash=sha256:… with all digits";
const NAME_REMEDY: &str = "write name @ address: without a name nothing can be judged";
const FOLDER_REMEDY: &str = "give the lockfile of that project too";
const OPTION_REMEDY: &str = "see the requirements file format of pip";

/// A file that waits to be read.
struct Include {
    path: PathBuf,
    constraint: bool,
    depth: usize,
}

/// What has been gathered over all files.
struct Reading<'a, 'b> {
    draft: &'a mut Draft<'b>,
    pending: Vec<Include>,
    seen: HashSet<PathBuf>,
    open: Vec<(PackageName, String, Place)>,
    pinned: HashSet<PackageName>,
    index: Option<String>,
    index_is_sole: bool,
}

/// The file whose lines are read.
struct Current<'a> {
    path: &'a Path,
    file: Arc<Path>,
    constraint: bool,
    depth: usize,
}

pub(crate) fn fill(path: &Path, text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    let mut reading = Reading {
        draft,
        pending: Vec::new(),
        seen: HashSet::from([path.to_path_buf()]),
        open: Vec::new(),
        pinned: HashSet::new(),
        index: None,
        index_is_sole: true,
    };
    reading.read(path, text, false, 0);
    while let Some(include) = reading.pending.pop() {
        let text = match bytes_of(&include.path) {
            Ok(bytes) => decode(&bytes).ok_or_else(|| "it is not text in UTF-8".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let text = text.map_err(|error| format!("{}: {error}", include.path.display()))?;
        reading.read(&include.path, &text, include.constraint, include.depth);
    }
    reading.report_open();
    Ok(())
}

impl Reading<'_, '_> {
    fn read(&mut self, path: &Path, text: &str, constraint: bool, depth: usize) {
        let current = Current {
            path,
            file: path.into(),
            constraint,
            depth,
        };
        let lines = logical_lines(text);
        for (_, line) in &lines {
            self.read_index(line);
        }
        for (number, line) in &lines {
            self.read_line(*number, line, &current);
        }
    }

    /// `--index-url` holds for the whole file, wherever it stands.
    fn read_index(&mut self, line: &str) {
        if let Some(url) = option_value(line, &["--index-url", "-i"]) {
            self.index = Some(url.to_owned());
        } else if option_value(line, &["--extra-index-url", "--find-links", "-f"]).is_some() {
            self.index_is_sole = false;
        }
    }

    fn read_line(&mut self, number: usize, line: &str, current: &Current<'_>) {
        let place = Place {
            file: current.file.clone(),
            line: Some(number),
            entry: shown(line),
        };
        if let Some(target) = option_value(line, &["--requirement", "-r"]) {
            self.include(target, current.constraint, place, current);
        } else if let Some(target) = option_value(line, &["--constraint", "-c"]) {
            self.include(target, true, place, current);
        } else if let Some(target) = option_value(line, &["--editable", "-e"]) {
            self.read_requirement(target, place, current);
        } else if !line.starts_with('-') {
            self.read_requirement(line, place, current);
        } else if !is_option(line) {
            let message = "the option is unknown";
            self.draft.problem(place, None, message, OPTION_REMEDY);
        }
    }

    fn include(&mut self, target: &str, constraint: bool, place: Place, current: &Current<'_>) {
        if target.contains("://") {
            let message = "a file at an address is not fetched";
            return self.draft.problem(place, None, message, INCLUDE_REMEDY);
        }
        let folder = current.path.parent().unwrap_or(Path::new(""));
        let path = folder.join(unquoted(target));
        if current.depth >= INCLUDE_DEPTH_MAX || self.seen.len() >= INCLUDED_FILES_MAX {
            let message = "the includes nest too deep or are too many";
            return self.draft.problem(place, None, message, INCLUDE_REMEDY);
        }
        if !path.is_file() {
            let message = format!("there is no file {}", path.display());
            return self.draft.problem(place, None, message, INCLUDE_REMEDY);
        }
        if self
            .seen
            .insert(path.canonicalize().unwrap_or_else(|_| path.clone()))
        {
            self.pending.push(Include {
                path,
                constraint,
                depth: current.depth + 1,
            });
        }
    }

    fn read_requirement(&mut self, line: &str, place: Place, current: &Current<'_>) {
        let line = split_options(line);
        if let Some(digest) = line.wrong {
            let message = format!("{:?} is no digest", shown(digest));
            self.draft
                .problem(place.clone(), None, message, HASH_REMEDY);
        }
        let (name, version, source) = match parse(line.requirement) {
            Wanted::Pinned { name, version } => (name, version, self.registry()),
            Wanted::Elsewhere { name: "", kind } => {
                let (message, remedy) = match kind {
                    SourceKind::File => ("what is required there is not read", FOLDER_REMEDY),
                    _ => ("it has no name", NAME_REMEDY),
                };
                return self.draft.problem(place, None, message, remedy);
            }
            Wanted::Elsewhere { name, kind } => (name, "", Source::Other(kind)),
            Wanted::Open { name, range } => match self.draft.package(name) {
                Some(_) if current.constraint => return,
                Some(package) => return self.open.push((package, range.to_owned(), place)),
                // The draft says what is wrong with the name.
                None => (name, "", self.registry()),
            },
        };
        self.pinned.extend(self.draft.package(name));
        self.draft.add(Entry {
            name,
            version,
            integrity: line.integrity,
            source,
            dev: None,
            place,
        });
    }

    fn registry(&self) -> Source {
        Source::Registry(self.index.clone().filter(|_| self.index_is_sole))
    }

    fn report_open(self) {
        for (package, range, place) in self.open {
            if self.pinned.contains(&package) {
                continue;
            }
            let message = match range.as_str() {
                "" => format!("{package} is not pinned"),
                range => format!("{package} is not pinned: {:?} is a range", shown(range)),
            };
            self.draft
                .problem(place, Some(package), message, PIN_REMEDY);
        }
    }
}

/// Lines joined where they are continued, without comments and blank ones, each with the number of
/// its first line. As in pip, a comment line ends a continuation.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut joined: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = &line.replace('\t', " ");
        let (start, mut whole) = joined.take().unwrap_or((index + 1, String::new()));
        let comment = line.trim_start().starts_with('#');
        match line.strip_suffix('\\').filter(|_| !comment) {
            Some(part) => {
                whole.push_str(part);
                joined = Some((start, whole));
            }
            None => {
                if comment {
                    whole.push(' ');
                }
                whole.push_str(line);
                lines.push((start, whole));
            }
        }
    }
    lines.extend(joined);
    let stripped = lines
        .into_iter()
        .map(|(number, line)| (number, without_comment(&line).trim().to_owned()));
    stripped.filter(|(_, line)| !line.is_empty()).collect()
}

/// A comment begins with `#` at the start or after white space; others belong to addresses.
fn without_comment(line: &str) -> &str {
    let mut blank = true;
    for (index, character) in line.char_indices() {
        if character == '#' && blank {
            return line.get(..index).unwrap_or(line);
        }
        blank = character.is_whitespace();
    }
    line
}

/// The value of an option: `-r file`, `-rfile`, `--requirement file`, `--requirement=file`.
fn option_value<'a>(line: &'a str, spellings: &[&str]) -> Option<&'a str> {
    spellings.iter().find_map(|spelling| {
        let rest = line.strip_prefix(spelling)?;
        let short = !spelling.starts_with("--");
        let value = rest.strip_prefix('=').unwrap_or(rest);
        let apart = short || rest.starts_with(['=', ' ', '\t']);
        apart
            .then(|| value.trim())
            .filter(|value| !value.is_empty())
    })
}

/// The options that pip takes in such a file and that name no package.
fn is_option(line: &str) -> bool {
    const OPTIONS: [&str; 14] = [
        "-i",
        "-f",
        "--index-url",
        "--extra-index-url",
        "--find-links",
        "--no-index",
        "--no-binary",
        "--only-binary",
        "--prefer-binary",
        "--require-hashes",
        "--pre",
        "--trusted-host",
        "--use-feature",
        "--hash",
    ];
    OPTIONS.iter().any(|option| line.starts_with(option))
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}
