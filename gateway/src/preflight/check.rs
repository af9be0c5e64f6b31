//! Judging lockfiles: one row for each package and version, and the forms in which they are told.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use rules::{Policy, Verdict};
use serde::Serialize;
use serde_json::{Value, json};

use super::lockfile::{Lockfile, Source};

/// What becomes of one package of a lockfile.
#[derive(Debug, Serialize)]
pub struct Row {
    pub file: PathBuf,
    pub line: Option<usize>,
    pub ecosystem: &'static str,
    pub package: String,
    pub version: String,
    pub verdict: Verdict,
    /// `control:group` of what decided, or the package's group.
    pub rule: String,
    pub reason: String,
}

/// What became of all.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub rows: Vec<Row>,
    /// Entries that could not be understood: they are not judged, so they count as findings.
    pub problems: Vec<String>,
}

impl Report {
    /// Judges every package from a registry, as clients of `repository` would get it.
    pub fn of(lockfiles: &[Lockfile], policy: &Policy, repository: &str, now: SystemTime) -> Self {
        let mut report = Self::default();
        for lockfile in lockfiles {
            report
                .problems
                .extend(lockfile.problems.iter().map(ToString::to_string));
            for locked in &lockfile.packages {
                if !matches!(locked.source, Source::Registry(_)) {
                    continue;
                }
                let version = Some(locked.version.as_str()).filter(|version| !version.is_empty());
                let explained = policy.explain(&locked.package, repository, version, now);
                let rule = match &explained.reason {
                    Some(reason) => format!("{}:{}", reason.control.as_str(), reason.group),
                    None => explained.group.clone(),
                };
                report.rows.push(Row {
                    file: locked.place.file.to_path_buf(),
                    line: locked.place.line,
                    ecosystem: locked.package.ecosystem().as_str(),
                    package: locked.package.to_string(),
                    version: locked.version.clone(),
                    verdict: explained.verdict,
                    rule,
                    reason: explained.sentence,
                });
            }
        }
        report
    }

    /// The rows that would be refused.
    pub fn refused(&self) -> impl Iterator<Item = &Row> {
        let is_refused = |row: &&Row| matches!(row.verdict, Verdict::Deny | Verdict::Hold);
        self.rows.iter().filter(is_refused)
    }

    /// A table for people: what is not plainly allowed, and a count.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let told = |row: &&Row| row.verdict != Verdict::Allow;
        for row in self.rows.iter().filter(told) {
            let line = row.line.map(|line| format!(":{line}")).unwrap_or_default();
            // Writing to memory can't fail.
            let _ = writeln!(
                text,
                "{:<5} {} {} {}  ({}{line})\n      {}",
                row.verdict.as_str(),
                row.ecosystem,
                row.package,
                row.version,
                row.file.display(),
                row.reason
            );
        }
        for problem in &self.problems {
            let _ = writeln!(text, "?     {problem}");
        }
        let _ = write!(
            text,
            "{} packages, {} refused, {} not understood",
            self.rows.len(),
            self.refused().count(),
            self.problems.len()
        );
        text
    }

    /// SARIF 2.1.0 (OASIS), for code scanning.
    pub fn sarif(&self) -> Value {
        let told = |row: &&Row| row.verdict != Verdict::Allow;
        let results: Vec<Value> = self.rows.iter().filter(told).map(result).collect();
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": { "name": "portcullis", "version": env!("CARGO_PKG_VERSION") } },
                "results": results,
            }],
        })
    }
}

fn result(row: &Row) -> Value {
    let level = match row.verdict {
        Verdict::Warn => "warning",
        _ => "error",
    };
    json!({
        "ruleId": row.rule,
        "level": level,
        "message": { "text": format!("{} {}: {}", row.package, row.version, row.reason) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": row.file.display().to_string() },
                "region": { "startLine": row.line.unwrap_or(1) },
            },
        }],
    })
}
