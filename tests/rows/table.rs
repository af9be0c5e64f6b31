//! Reads a table: blocks with blank lines between. Pure.
//!
//! ```text
//! ID [ecosystems] outcome in the document's words
//! ours why the outcome is another one here
//! repository NAME UPSTREAM … [external]
//! group PATTERN PUBLISH/EXTERNAL/INTERNAL     A allow, B block, a,b only these, {} none, ^ inherit
//! DOING -> WHAT IS SEEN
//! ```
//!
//! Declarations that stand together replace those of their kind; between doings they are a reload.
//! `{e}` is the ecosystem's token, `{ns}` the namespace of a name that is written without one.

use super::coordinate::Ecosystem;

/// One row.
#[derive(Debug)]
pub struct Row {
    pub id: &'static str,
    pub ecosystems: Vec<Ecosystem>,
    /// What the document expects.
    pub document: &'static str,
    pub acts: Vec<Act>,
}

/// What is done next.
#[derive(Debug)]
pub enum Act {
    /// The configuration is, or becomes, this one.
    Configure(Settings),
    /// A doing, and what is seen of it.
    Do(&'static str, Option<&'static str>),
}

/// Repositories and groups; none of a kind leaves what there was.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub repositories: Vec<&'static str>,
    pub groups: Vec<&'static str>,
}

/// All rows of a table.
#[track_caller]
pub fn parse(table: &'static str) -> Vec<Row> {
    let blocks = table.trim().split("\n\n");
    blocks.map(row).collect()
}

fn row(block: &'static str) -> Row {
    let mut lines = block.lines();
    let title = lines.next().unwrap_or_default();
    let (id, rest) = title.split_once(" [").expect(title);
    let (ecosystems, document) = rest.split_once("] ").expect(title);
    let mut acts = vec![Act::Configure(Settings {
        repositories: vec!["app store", "store external"],
        groups: vec!["/* A/A/A"],
    })];
    for line in lines.filter(|line| !line.starts_with("ours ")) {
        if let Some(repository) = line.strip_prefix("repository ") {
            declared(&mut acts).repositories.push(repository);
        } else if let Some(group) = line.strip_prefix("group ") {
            declared(&mut acts).groups.push(group);
        } else {
            let (doing, seen) = match line.split_once(" -> ") {
                Some((doing, seen)) => (doing, Some(seen)),
                None => (line, None),
            };
            acts.push(Act::Do(doing, seen));
        }
    }
    Row {
        id,
        ecosystems: ecosystems.split(' ').map(Ecosystem::named).collect(),
        document,
        acts,
    }
}

/// The declarations that a line belongs to. The first act is what stands where a row says nothing.
fn declared(acts: &mut Vec<Act>) -> &mut Settings {
    if acts.len() == 1 || !matches!(acts.last(), Some(Act::Configure(_))) {
        acts.push(Act::Configure(Settings::default()));
    }
    match acts.last_mut() {
        Some(Act::Configure(settings)) => settings,
        _ => unreachable!("it was pushed"),
    }
}

impl Settings {
    /// Takes over what `next` declares.
    pub fn replace(&mut self, next: &Settings) {
        if !next.repositories.is_empty() {
            self.repositories.clone_from(&next.repositories);
        }
        if !next.groups.is_empty() {
            self.groups.clone_from(&next.groups);
        }
    }

    /// The first repository: it is there all the time.
    pub fn first(&self) -> &'static str {
        let first = self.repositories.first().copied().unwrap_or_default();
        first.split(' ').next().unwrap_or_default()
    }

    /// As lines of the configuration.
    pub fn toml(&self, ecosystem: Ecosystem) -> String {
        let repositories = self.repositories.iter().map(|line| repository(line));
        let groups = self.groups.iter().map(|line| group(&ecosystem.fill(line)));
        repositories.chain(groups).collect()
    }
}

fn repository(line: &str) -> String {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default();
    let (external, upstreams): (Vec<&str>, Vec<&str>) = words.partition(|word| *word == "external");
    let external = match external.is_empty() {
        true => "",
        false => "external = [\"npm\", \"pypi\", \"maven\"]\n",
    };
    format!("[repository.{name}]\nupstreams = {upstreams:?}\n{external}")
}

fn group(line: &str) -> String {
    let (pattern, modes) = line.split_once(' ').expect("a pattern and modes");
    let controls = ["publish", "external", "internal"].into_iter();
    let lines = controls
        .zip(modes.split('/'))
        .filter_map(|(control, mode)| {
            let mode = match mode {
                "^" => return None,
                "A" => "\"allow\"".to_owned(),
                "B" => "\"block\"".to_owned(),
                "{}" => "[]".to_owned(),
                names => format!("{:?}", names.split(',').collect::<Vec<_>>()),
            };
            Some(format!("{control} = {mode}\n"))
        });
    let lines: String = lines.collect();
    format!("[[group]]\npattern = \"{pattern}\"\n{lines}")
}
