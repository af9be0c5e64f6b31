//! Judging lockfiles: one row for each package and version, and the forms in which they are told.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use rules::{NameError, PackageName, Policy, Verdict};
use serde::Serialize;
use serde_json::{Value, json};

use super::exchange::{Answer, Question};
use super::lockfile::{Locked, Lockfile, Source};

/// What becomes of one package of a lockfile.
#[derive(Debug, Serialize)]
pub struct Row {
    pub file: PathBuf,
    pub line: Option<usize>,
    #[serde(flatten)]
    pub answer: Answer,
}

/// The packages of a lockfile that come from a registry, and what is to be asked of each.
pub fn questions(lockfile: &Lockfile) -> impl Iterator<Item = (&Locked, Question)> {
    let locked = lockfile.packages.iter();
    let locked = locked.filter(|locked| matches!(locked.source, Source::Registry(_)));
    locked.map(|locked| {
        let question = Question {
            ecosystem: locked.package.ecosystem(),
            package: locked.package.to_string(),
            version: locked.version.clone(),
        };
        (locked, question)
    })
}

/// What the rules alone say; nothing is known of dates.
pub fn by_rules(
    policy: &Policy,
    repository: &str,
    question: &Question,
    now: SystemTime,
) -> Result<Answer, NameError> {
    let package = PackageName::parse(question.ecosystem, &question.package)?;
    let version = Some(&*question.version).filter(|version| !version.is_empty());
    let explained = policy.explain(&package, repository, version, now);
    let rule = match &explained.reason {
        Some(reason) => format!("{}:{}", reason.control.as_str(), reason.group),
        None => explained.group.clone(),
    };
    Ok(Answer {
        verdict: explained.verdict,
        rule,
        reason: explained.sentence,
        ..Answer::about(&package, &question.version)
    })
}

/// What became of all.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub rows: Vec<Row>,
    /// Entries that could not be understood: they are not judged, so they count as findings.
    pub problems: Vec<String>,
}

impl Report {
    /// Judges every package from a registry: `judge` says what would become of a version.
    pub fn of(lockfiles: &[Lockfile], mut judge: impl FnMut(&Question) -> Answer) -> Self {
        let mut report = Self::default();
        for lockfile in lockfiles {
            let problems = lockfile.problems.iter().map(ToString::to_string);
            report.problems.extend(problems);
            for (locked, question) in questions(lockfile) {
                let answer = judge(&question);
                if let Some(problem) = &answer.problem {
                    let Answer {
                        package, version, ..
                    } = &answer;
                    report
                        .problems
                        .push(format!("{package} {version}: {problem}"));
                }
                report.rows.push(Row {
                    file: locked.place.file.to_path_buf(),
                    line: locked.place.line,
                    answer,
                });
            }
        }
        report
    }

    /// The rows that would be refused.
    pub fn refused(&self) -> impl Iterator<Item = &Row> {
        let is_refused = |row: &&Row| matches!(row.answer.verdict, Verdict::Deny | Verdict::Hold);
        self.rows.iter().filter(is_refused)
    }

    /// A table for people: what is not plainly allowed, and a count.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let told = |row: &&Row| row.answer.verdict != Verdict::Allow;
        for row in self.rows.iter().filter(told) {
            let line = row.line.map(|line| format!(":{line}")).unwrap_or_default();
            let answer = &row.answer;
            let nearest = answer.nearest.as_deref().unwrap_or("-");
            // Writing to memory can't fail.
            let _ = writeln!(
                text,
                "{:<5} {} {} {}  rule {}  nearest allowed {nearest}  ({}{line})\n      {}",
                answer.verdict.as_str(),
                answer.ecosystem,
                answer.package,
                answer.version,
                answer.rule,
                row.file.display(),
                answer.reason
            );
        }
        for problem in &self.problems {
            let _ = writeln!(text, "?     {problem}");
        }
        let _ = write!(
            text,
            "{} {}, {} refused, {} not understood",
            self.rows.len(),
            if self.rows.len() == 1 {
                "package"
            } else {
                "packages"
            },
            self.refused().count(),
            self.problems.len()
        );
        text
    }

    /// SARIF 2.1.0 (OASIS), for code scanning.
    pub fn sarif(&self) -> Value {
        let told = |row: &&Row| row.answer.verdict != Verdict::Allow;
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
    let answer = &row.answer;
    let level = match answer.verdict {
        Verdict::Warn => "warning",
        _ => "error",
    };
    json!({
        "ruleId": answer.rule,
        "level": level,
        "message": { "text": format!("{} {}: {}", answer.package, answer.version, answer.reason) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": row.file.display().to_string() },
                "region": { "startLine": row.line.unwrap_or(1) },
            },
        }],
    })
}
