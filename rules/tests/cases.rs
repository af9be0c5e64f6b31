//! The tables of the rule language, from `cases/*.case`: one test for each.
//!
//! A case is a line with its id, lines of input, a line of dashes, lines of output. Blank lines
//! stand between cases, `#` begins a comment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test"
)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rules::{
    Arrival, Control, Ecosystem, Flag, FlagSetting, Flags, GroupSpec, ModeSpec, PackageName,
    Pattern, Place, Policy, PolicySpec, Reason, RepositorySpec,
};

/// Runs every case of a file and compares what it says; returns the ids.
fn check(file: &str, run: fn(&[&str]) -> Vec<String>) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("cases")
        .join(file);
    let text = fs::read_to_string(path).unwrap();
    let (mut ids, mut wrong) = (Vec::new(), Vec::new());
    for block in text.split("\n\n") {
        let lines: Vec<&str> = block
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let Some((title, lines)) = lines.split_first() else {
            continue;
        };
        let dashes = lines
            .iter()
            .position(|line| line.starts_with("----"))
            .expect(title);
        let (input, expected) = (&lines[..dashes], &lines[dashes + 1..]);
        let found = run(input);
        if found != expected {
            wrong.push(format!(
                "{title}\n  expected {expected:?}\n  found    {found:?}"
            ));
        }
        ids.push(title.split(' ').next().unwrap().to_owned());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    ids
}

/// Every row of the table has its case.
fn assert_rows(ids: &[String], letter: char, rows: usize) {
    for row in 1..=rows {
        assert!(
            ids.contains(&format!("{letter}{row}")),
            "{letter}{row} is missing"
        );
    }
}

#[test]
fn patterns_match() {
    let ids = check("m.case", |input| {
        let Ok(pattern) = Pattern::parse(input[0]) else {
            return vec!["invalid".to_owned()];
        };
        let (ecosystem, namespace, name) = coordinate(input[1]);
        let name = match (ecosystem, PackageName::pypi(name)) {
            (Ecosystem::Pypi, Ok(package)) => package.name().to_owned(),
            _ => name.to_owned(),
        };
        let strength = pattern.matches_raw(ecosystem, namespace, &name);
        if let Ok(package) = rules::parse_path(&format!("/{ecosystem}/{namespace}/{name}")) {
            assert_eq!(strength, pattern.matches(&package));
        }
        vec![
            strength
                .map_or("none", |strength| strength.as_str())
                .to_owned(),
        ]
    });
    assert_rows(&ids, 'M', 56);
}

#[test]
fn packages_belong_to_groups() {
    let ids = check("a.case", world);
    assert_rows(&ids, 'A', 14);
}

#[test]
fn origins_are_decided() {
    let ids = check("d.case", world);
    assert_rows(&ids, 'D', 37);
}

#[test]
fn repositories_are_searched_in_order() {
    check("r.case", world);
}

#[test]
fn what_is_observed_is_not_enforced() {
    let ids = check("o.case", world);
    assert_rows(&ids, 'O', 9);
}

/// A policy under construction, and the package that questions are about.
#[derive(Default)]
struct World {
    spec: PolicySpec,
    package: Option<PackageName>,
    flags: HashMap<String, Flags>,
}

fn world(input: &[&str]) -> Vec<String> {
    let mut world = World::default();
    let mut answers = Vec::new();
    for line in input {
        let words: Vec<&str> = line.split(' ').collect();
        answers.extend(world.step(&words));
    }
    answers
}

impl World {
    fn step(&mut self, words: &[&str]) -> Vec<String> {
        match *words {
            ["repository", name, ref rest @ ..] => self.repository(name, rest),
            ["group", pattern, modes]
                if modes.matches('/').count() == 2 && !modes.starts_with('/') =>
            {
                self.spec.groups.push(group(pattern, modes));
            }
            ["observe", control] => {
                let control = serde_json::from_value(control.into()).unwrap();
                let group = self.spec.groups.last_mut().unwrap();
                group.observe.get_or_insert_default().push(control);
            }
            ["group", ref patterns @ ..] => {
                self.spec
                    .groups
                    .extend(patterns.iter().map(|pattern| GroupSpec::new(*pattern)));
            }
            ["package", ecosystem, name] => self.package = Some(package(ecosystem, name)),
            ["flags", repository, publish, upstream] => {
                let flags = Flags::by_hand(flag(publish), flag(upstream));
                self.flags.insert(repository.to_owned(), flags);
            }
            ["stale", repository, publish, upstream, how] => {
                let set = FlagSetting::Defaulted(arrival(how));
                let flags = Flags {
                    publish: flag(publish),
                    upstream: flag(upstream),
                    set,
                };
                self.flags.insert(repository.to_owned(), flags);
            }
            ["arrive", repository, how] => {
                let flags = Flags::on_first_arrival(&self.policy(), self.package(), arrival(how));
                self.flags.insert(repository.to_owned(), flags);
            }
            ["findings"] => {
                let findings = match Policy::compile(&self.spec) {
                    Ok((_, findings)) | Err(findings) => findings,
                };
                return findings.iter().map(ToString::to_string).collect();
            }
            _ => return vec![self.answer(words)],
        }
        Vec::new()
    }

    fn answer(&self, words: &[&str]) -> String {
        let policy = self.policy();
        match *words {
            ["ask", ecosystem, name] => {
                let explanation = policy.explain(
                    &package(ecosystem, name),
                    "app",
                    None,
                    SystemTime::UNIX_EPOCH,
                );
                format!("{} {}", explanation.group, explanation.strength)
            }
            ["path", ecosystem, name] => policy
                .explain(
                    &package(ecosystem, name),
                    "app",
                    None,
                    SystemTime::UNIX_EPOCH,
                )
                .ancestors
                .join(" "),
            ["effective", control] => {
                let explanation =
                    policy.explain(self.package(), "app", None, SystemTime::UNIX_EPOCH);
                let found = explanation
                    .controls
                    .iter()
                    .find(|found| found.control.as_str() == control);
                let found = found.unwrap();
                let from = found.inherited_from.as_ref().unwrap_or(&explanation.group);
                format!("{} from {from}", found.effective)
            }
            ["publish", repository] => {
                let flags = self.flags.get(repository).copied().unwrap_or_default();
                match policy.publish(self.package(), repository, flags) {
                    Ok(publish) => match publish.observed() {
                        Some(reason) => format!("allow, observed {}", deny(reason)),
                        None => "allow".to_owned(),
                    },
                    Err(reason) => deny(&reason),
                }
            }
            ["read", repository] => self.read(&policy, repository),
            ["flagged", repository] => {
                let letter = |flag| if flag == Flag::Block { "B" } else { "A" };
                let flags = self.flags[repository];
                format!("{}/{}", letter(flags.publish), letter(flags.upstream))
            }
            _ => panic!("unknown line {words:?}"),
        }
    }

    fn read(&self, policy: &Policy, repository: &str) -> String {
        let flags = |repository: &str| self.flags.get(repository).copied();
        let origins =
            policy.origins_with_flags(self.package(), repository, SystemTime::UNIX_EPOCH, &flags);
        let places: Vec<String> = origins
            .iter()
            .map(|origin| {
                let sign = match origin.place() {
                    Place::Holding => "",
                    Place::External => "+",
                };
                let observed = origin.observed().map(|reason| {
                    assert!(reason.observed);
                    format!("({})", reason.control)
                });
                format!(
                    "{sign}{}{}",
                    origin.repository(),
                    observed.unwrap_or_default()
                )
            })
            .collect();
        for reason in origins.refusals() {
            assert!(
                reason.sentence.len() <= 200 && reason.sentence.is_ascii(),
                "{reason}"
            );
        }
        let refusal = origins
            .refusal()
            .map(|reason| format!("; {}", deny(reason)));
        places.join(" ") + &refusal.unwrap_or_default()
    }

    fn repository(&mut self, name: &str, rest: &[&str]) {
        let external = rest.contains(&"external");
        let upstreams = rest.iter().filter(|word| **word != "external");
        self.spec.repositories.push(RepositorySpec {
            name: name.to_owned(),
            upstreams: upstreams.map(|name| (*name).to_owned()).collect(),
            external: Ecosystem::PROXIED
                .into_iter()
                .filter(|_| external)
                .collect(),
        });
    }

    fn policy(&self) -> Policy {
        let mut world = Self {
            spec: self.spec.clone(),
            ..Self::default()
        };
        if world.spec.repositories.is_empty() {
            world.repository("store", &["external"]);
            world.repository("app", &["store"]);
        }
        Policy::compile(&world.spec).unwrap().0
    }

    fn package(&self) -> &PackageName {
        self.package.as_ref().unwrap()
    }
}

fn deny(reason: &Reason) -> String {
    assert!(Control::as_str(reason.control).is_ascii());
    let from = reason
        .inherited_from
        .as_ref()
        .map(|ancestor| format!(" from {ancestor}"));
    format!(
        "deny {} {}{}",
        reason.control,
        reason.group,
        from.unwrap_or_default()
    )
}

/// `publish/external/internal`, the order of the table.
fn group(pattern: &str, modes: &str) -> GroupSpec {
    let mut modes = modes.split('/').map(|mode| match mode {
        "A" => Some(ModeSpec::Allow),
        "B" => Some(ModeSpec::Block),
        "^" => None,
        "{}" => Some(ModeSpec::Repositories(Vec::new())),
        names => Some(ModeSpec::Repositories(
            names.split(',').map(str::to_owned).collect(),
        )),
    });
    let (publish, external, internal) = (
        modes.next().unwrap(),
        modes.next().unwrap(),
        modes.next().unwrap(),
    );
    GroupSpec {
        publish,
        external,
        internal,
        ..GroupSpec::new(pattern)
    }
}

fn coordinate(text: &str) -> (Ecosystem, &str, &str) {
    let (ecosystem, rest) = text.split_once(' ').unwrap();
    let (namespace, name) = rest.split_once('/').unwrap();
    (
        ecosystem.parse().unwrap(),
        if namespace == "-" { "" } else { namespace },
        name,
    )
}

fn package(ecosystem: &str, name: &str) -> PackageName {
    let text = format!("{ecosystem} {name}");
    let (ecosystem, namespace, name) = coordinate(&text);
    rules::parse_path(&format!("/{ecosystem}/{namespace}/{name}")).unwrap()
}

fn flag(letter: &str) -> Flag {
    if letter == "B" {
        Flag::Block
    } else {
        Flag::Allow
    }
}

fn arrival(word: &str) -> Arrival {
    if word == "published" {
        Arrival::Published
    } else {
        Arrival::Ingested
    }
}
