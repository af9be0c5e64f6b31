//! Works on the look-alike detector from the command line: packs lists, hands out training
//! samples, scores labelled names and measures time.
//!
//! ```text
//! lookalike pack ECOSYSTEM DATE NAMES OUT        names, one a line, to the compact file
//! lookalike samples ECOSYSTEM LIST NAMES         numbers of the model for each near pair
//! lookalike check ECOSYSTEM LIST NAMES           verdicts: name, severity, imitated, signal
//! lookalike time ECOSYSTEM LIST NAMES            how long a check takes
//! lookalike score TABLES                         TABLES/positives.tsv and TABLES/negatives.tsv
//! ```
//!
//! LIST is a file of ranked names, or `-` for the embedded list.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{BufWriter, Write, stdout};
use std::path::Path;
use std::time::Instant;

use rules::lookalike::{InternalNames, LookAlike, Popular, Severity};
use rules::{Ecosystem, PackageName};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["pack", ecosystem, date, names, out] => {
            let text = std::fs::read_to_string(names)?;
            let popular = Popular::from_ranked(ecosystem.parse()?, date, text.lines());
            Ok(std::fs::write(out, popular.encode())?)
        }
        ["samples", ecosystem, list, names] => samples(&listed(ecosystem, list)?, names),
        ["check", ecosystem, list, names] => check(&listed(ecosystem, list)?, names),
        ["time", ecosystem, list, names] => {
            let popular = listed(ecosystem, list)?;
            let names = names_of(popular.ecosystem(), names)?;
            Ok(writeln!(
                stdout(),
                "{}",
                time(&popular, &names.iter().collect::<Vec<_>>())
            )?)
        }
        ["score", tables] => score(Path::new(tables)),
        _ => Err("see the head of examples/lookalike.rs".into()),
    }
}

/// The embedded list, or one from a file.
fn listed(ecosystem: &str, list: &str) -> Outcome<Popular> {
    let ecosystem = ecosystem.parse()?;
    if list == "-" {
        return Ok(Popular::decode(&Popular::embedded(ecosystem).encode())?);
    }
    let text = std::fs::read_to_string(list)?;
    Ok(Popular::from_ranked(ecosystem, "file", text.lines()))
}

fn names_of(ecosystem: Ecosystem, path: &str) -> Outcome<Vec<PackageName>> {
    let text = std::fs::read_to_string(path)?;
    let names = text.lines().map(|line| PackageName::parse(ecosystem, line));
    Ok(names.filter_map(Result::ok).collect())
}

fn samples(popular: &Popular, names: &str) -> Outcome {
    let mut out = BufWriter::new(stdout().lock());
    let mut has_head = false;
    for name in names_of(popular.ecosystem(), names)? {
        for sample in popular.samples(&name) {
            if !has_head {
                let columns: Vec<_> = sample.features.iter().map(|(column, _)| *column).collect();
                writeln!(out, "name\ttarget\tscore\t{}", columns.join("\t"))?;
                has_head = true;
            }
            write!(out, "{name}\t{}\t{}", sample.target, sample.score)?;
            for (_, number) in sample.features {
                write!(out, "\t{number}")?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

fn check(popular: &Popular, names: &str) -> Outcome {
    let mut out = BufWriter::new(stdout().lock());
    let ours = InternalNames::default();
    for name in names_of(popular.ecosystem(), names)? {
        match popular.check(&name, &ours) {
            Some(found) => {
                let severity = severity_word(found.severity);
                writeln!(
                    out,
                    "{name}\t{severity}\t{}\t{}",
                    found.imitates, found.signal
                )?;
            }
            None => writeln!(out, "{name}\tnone\t\t")?,
        }
    }
    Ok(())
}

const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Block => "block",
        Severity::Suspicious => "suspicious",
    }
}

/// A row of a table with its columns by name.
type Row = BTreeMap<String, String>;

fn table(path: &Path) -> Outcome<Vec<Row>> {
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines();
    let columns: Vec<_> = lines.next().ok_or("empty table")?.split('\t').collect();
    let row = |line: &str| {
        let cells = columns.iter().zip(line.split('\t'));
        cells
            .map(|(column, cell)| ((*column).to_owned(), cell.to_owned()))
            .collect()
    };
    Ok(lines.map(row).collect())
}

/// Hits of one group of names: all, blocked, blocked or suspicious.
#[derive(Default)]
struct Tally {
    all: u32,
    blocked: u32,
    noticed: u32,
    /// Shares by target, for the macro average.
    targets: BTreeMap<String, (u32, u32)>,
}

impl Tally {
    fn add(&mut self, target: &str, found: Option<&LookAlike>) {
        let is_blocked = found.is_some_and(|found| found.severity == Severity::Block);
        self.all += 1;
        self.blocked += u32::from(is_blocked);
        self.noticed += u32::from(found.is_some());
        let share = self.targets.entry(target.to_owned()).or_default();
        share.0 += u32::from(is_blocked);
        share.1 += 1;
    }

    fn line(&self) -> String {
        let percent = |part: u32| 100.0 * f64::from(part) / f64::from(self.all.max(1));
        let shares = self
            .targets
            .values()
            .map(|&(hit, all)| f64::from(hit) / f64::from(all));
        let average = 100.0 * shares.sum::<f64>() / self.targets.len().max(1) as f64;
        format!(
            "{:6} names  block {:4} {:7.3} %  or suspicious {:4} {:6.2} %  macro {average:5.1} %",
            self.all,
            self.blocked,
            percent(self.blocked),
            self.noticed,
            percent(self.noticed),
        )
    }
}

const CORE: [&str; 7] = [
    "typo_1edit",
    "typo_multi",
    "separator",
    "homoglyph",
    "version_digit",
    "word_order",
    "scope_confusion",
];

fn score(tables: &Path) -> Outcome {
    let mut out = BufWriter::new(stdout().lock());
    let mut tallies: BTreeMap<(Ecosystem, String), Tally> = BTreeMap::new();
    let mut unknown: BTreeMap<(Ecosystem, &str), BTreeSet<PackageName>> = BTreeMap::new();
    let ours = InternalNames::default();
    for (kind, file) in [("malicious", "positives.tsv"), ("benign", "negatives.tsv")] {
        for row in table(&tables.join(file))? {
            let cell = |column: &str| row.get(column).map_or("", String::as_str);
            let ecosystem: Ecosystem = cell("ecosystem").parse()?;
            let Ok(name) = PackageName::parse(ecosystem, cell("name")) else {
                continue;
            };
            let popular = Popular::embedded(ecosystem);
            let found = popular.check(&name, &ours);
            if let Some(found) = found
                .as_ref()
                .filter(|found| kind == "benign" && found.severity == Severity::Block)
            {
                writeln!(out, "false block: {ecosystem} {name}: {found}")?;
            }
            for group in groups(kind, &row, popular.contains(&name)) {
                tallies
                    .entry((ecosystem, group))
                    .or_default()
                    .add(cell("target"), found.as_ref());
            }
            if !popular.contains(&name) {
                unknown.entry((ecosystem, kind)).or_default().insert(name);
            }
        }
    }
    for ((ecosystem, group), tally) in &tallies {
        writeln!(out, "{ecosystem:6} {group:34} {}", tally.line())?;
    }
    for ((ecosystem, kind), names) in &unknown {
        let names: Vec<_> = names.iter().collect();
        writeln!(
            out,
            "{ecosystem:6} {kind:10} {}",
            time(Popular::embedded(*ecosystem), &names)
        )?;
    }
    for ecosystem in Ecosystem::ALL {
        writeln!(out, "{ecosystem:6} {}", size(ecosystem)?)?;
    }
    Ok(())
}

/// The groups a row counts for.
fn groups(kind: &str, row: &Row, is_listed: bool) -> Vec<String> {
    let cell = |column: &str| row.get(column).map_or("", String::as_str);
    if kind == "benign" {
        let mut groups = vec![format!("benign {}", cell("stratum"))];
        if !is_listed {
            groups.push("benign ALL UNKNOWN".into());
        }
        if !cell("n_lockfiles").is_empty() {
            groups.push("benign in lock files".into());
        }
        return groups;
    }
    let mut groups = vec![format!("malicious {}", cell("category"))];
    let rank: u32 = cell("target_rank").parse().unwrap_or(u32::MAX);
    if CORE.contains(&cell("category")) {
        groups.push("malicious CORE".into());
        if rank <= 5000 {
            groups.push("malicious CORE TOP 5000".into());
        }
    }
    if cell("category") != "dependency_confusion" {
        groups.push("malicious but dep. confusion".into());
    }
    groups
}

/// The mean and the tail of the time one check takes; on a busy machine look at the best round.
fn time(popular: &Popular, names: &[&PackageName]) -> String {
    let ours = InternalNames::default();
    let rounds = 200_000 / names.len().max(1) + 1;
    let (mut hits, mut sum, mut best) = (0, 0.0, f64::INFINITY);
    for _ in 0..rounds {
        let start = Instant::now();
        hits += names
            .iter()
            .filter(|name| popular.check(name, &ours).is_some())
            .count();
        let round = start.elapsed().as_secs_f64() * 1e9 / names.len().max(1) as f64;
        sum += round;
        best = round.min(best);
    }
    let mean = sum / rounds as f64;
    let mut times: Vec<_> = names
        .iter()
        .map(|name| {
            let start = Instant::now();
            hits += usize::from(popular.check(name, &ours).is_some());
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    let tail = times
        .get(times.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    format!(
        "mean {mean:6.0} ns, best round {best:6.0} ns, 99th percentile {tail:6} ns  \
         ({hits} hits in {rounds} rounds)"
    )
}

/// What the compiled list takes.
fn size(ecosystem: Ecosystem) -> Outcome<String> {
    let embedded = Popular::embedded(ecosystem);
    let bytes = embedded.encode();
    let start = Instant::now();
    let popular = Popular::decode(&bytes)?;
    Ok(format!(
        "{} names of {}: {} bytes packed, {} bytes compiled in {:.1} ms",
        popular.len(),
        popular.date(),
        bytes.len(),
        popular.heap_bytes(),
        start.elapsed().as_secs_f64() * 1e3,
    ))
}
