//! A decision with all that led to it, for people and for `explain --json`.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;

use super::mode::CONTROLS;
use super::screens;
use super::{Policy, Subject};
use crate::decision::{Control, Reason, Verdict};
use crate::origin::Place;
use crate::package::PackageName;
use crate::pattern::Strength;

/// What would be decided for a package asked of a repository, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The package as clients spell it.
    pub package: PackageName,
    /// The package as patterns see it.
    pub path: String,
    /// The repository asked.
    pub repository: String,
    /// The version, if one was asked for.
    pub version: Option<String>,
    /// May a new version come from a public registry (or, where none is connected, be served)?
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub sentence: String,
    /// The refusal, if the verdict is one.
    pub reason: Option<Reason>,
    /// The pattern of the group that the package belongs to.
    pub group: String,
    /// How closely it matches.
    pub strength: Strength,
    /// Whether the name belongs to the house.
    pub claimed: bool,
    /// The three controls.
    pub controls: Vec<ControlExplanation>,
    /// The group and its ancestors, `/*` last.
    pub ancestors: Vec<String>,
    /// The repositories in search order, and what may be asked of each.
    pub search: Vec<SearchExplanation>,
    /// What is asked of names and versions from outside; nothing of names of the house.
    pub screens: Vec<ScreenExplanation>,
    /// Whose word the date of a version is; `None` where none is asked for.
    pub dates: Option<&'static str>,
    /// The popular names that it was compared with; `None` if it was not.
    pub popular: Option<ListExplanation>,
}

/// One screen of the group: what is asked beyond the origin.
#[derive(Clone, Debug, Serialize)]
pub struct ScreenExplanation {
    /// The key as an operator writes it.
    pub key: &'static str,
    /// What counts.
    pub value: String,
    /// The ancestor that said so (`/*` has the defaults), if it was not the group itself.
    pub inherited_from: Option<String>,
}

/// The list of popular names in force.
#[derive(Clone, Debug, Serialize)]
pub struct ListExplanation {
    /// How many names.
    pub names: usize,
    /// The day that the list describes; empty if it is not known.
    pub date: String,
    /// Where it came from.
    pub source: String,
}

/// One control of the group.
#[derive(Clone, Debug, Serialize)]
pub struct ControlExplanation {
    /// Which control.
    pub control: Control,
    /// What the group itself says; `None` if it inherits.
    pub own: Option<String>,
    /// What counts.
    pub effective: String,
    /// The ancestor that said so, if it was not the group itself.
    pub inherited_from: Option<String>,
}

/// One repository of the search.
#[derive(Clone, Debug, Serialize)]
pub struct SearchExplanation {
    /// Its name.
    pub repository: String,
    /// What it holds.
    pub holding: PlaceExplanation,
    /// Its public registry; `None` if it has none for the ecosystem.
    pub external: Option<PlaceExplanation>,
}

/// Whether one place may be asked.
#[derive(Clone, Debug, Serialize)]
pub struct PlaceExplanation {
    /// Yes or no; a warning where the no is only observed.
    pub verdict: Verdict,
    /// What said no.
    pub control: Option<Control>,
}

pub(super) fn explain(
    policy: &Policy,
    subject: Subject<'_>,
    repository: &str,
    version: Option<&str>,
    now: SystemTime,
) -> Explanation {
    let package = subject.package;
    let origins = policy.origins(package, repository, now);
    let outside = origins.reaches_outside();
    // Without a connection nothing was refused, but the group may still have its say, unless there
    // can be none: then only an imitation is refused.
    let judged = || match package.ecosystem().is_proxied() || subject.strength == Strength::Weak {
        true => policy.judge(Control::External, subject, repository).err(),
        false => None,
    };
    let refusal = origins
        .refusal()
        .cloned()
        .or_else(judged)
        .filter(|_| !outside);
    let refusal = refusal.map(|reason| (Verdict::Deny, reason));
    let observed = || Some((Verdict::Warn, origins.observed()?.clone()));
    let found = refusal
        .or_else(|| screened(policy, subject, version, now))
        .or_else(observed);
    let (verdict, sentence) = match &found {
        Some((verdict, reason)) => (*verdict, reason.sentence.clone()),
        None => (Verdict::Allow, allowing(policy, subject, outside)),
    };
    let pattern = |group: usize| policy.pattern(group).to_owned();
    Explanation {
        package: package.clone(),
        path: package.path(),
        repository: repository.to_owned(),
        version: version.map(str::to_owned),
        verdict,
        sentence,
        reason: found.map(|(_, reason)| reason),
        group: pattern(subject.group),
        strength: subject.strength,
        claimed: subject.claimed,
        controls: CONTROLS
            .iter()
            .map(|control| explain_control(policy, subject, *control))
            .collect(),
        ancestors: policy.hierarchy.path(subject.group).map(pattern).collect(),
        search: explain_search(policy, subject, repository),
        screens: screens::explain_screens(policy, subject, now),
        dates: screens::explain_dates(subject),
        popular: screens::explain_list(policy, subject),
    }
}

/// What is known of the name, and of the version if one is given. No date is known here: nothing is held.
fn screened(
    policy: &Policy,
    subject: Subject<'_>,
    version: Option<&str>,
    now: SystemTime,
) -> Option<(Verdict, Reason)> {
    let mut found = policy.found_advisories(subject, version, now);
    if let Some(imitated) = policy.imitated(subject, now) {
        let surely = policy.found_imitation(subject, &imitated);
        found.push(surely.unwrap_or_else(|| policy.suspicion(subject, &imitated)));
    }
    let decisive = found
        .iter()
        .position(|found| found.verdict == Verdict::Deny);
    let told = decisive.or(if found.is_empty() { None } else { Some(0) })?;
    let found = found.swap_remove(told);
    Some((found.verdict, found.reason))
}

fn allowing(policy: &Policy, subject: Subject<'_>, outside: bool) -> String {
    use super::sentence::Part::{Fixed, Name};
    let shown = subject.package.to_string();
    super::sentence::sentence(&[
        Name(&shown),
        Fixed(" is allowed by package group "),
        Name(policy.pattern(subject.group)),
        Fixed(if outside {
            ": versions may come from a public registry"
        } else {
            "; no public registry is connected, so only what the repositories hold is served"
        }),
    ])
}

fn explain_control(policy: &Policy, subject: Subject<'_>, control: Control) -> ControlExplanation {
    let (mode, setter) = policy.hierarchy.effective(subject.group, control);
    let own = policy.hierarchy.group(subject.group).own.at(control);
    ControlExplanation {
        control,
        own: own.as_ref().map(ToString::to_string),
        effective: mode.to_string(),
        inherited_from: (setter != subject.group).then(|| policy.pattern(setter).to_owned()),
    }
}

fn explain_search(
    policy: &Policy,
    subject: Subject<'_>,
    repository: &str,
) -> Vec<SearchExplanation> {
    let order = policy.topology.order(repository).unwrap_or_default();
    let judged = |control, repository| match policy.judge(control, subject, repository) {
        Ok(observed) => observed.map(|reason| (Verdict::Warn, reason.control)),
        Err(reason) => Some((Verdict::Deny, reason.control)),
    };
    let internal = judged(Control::Internal, repository);
    order
        .iter()
        .map(|searched| {
            let inner = internal.filter(|_| **searched != *repository);
            let ecosystem = subject.package.ecosystem();
            let external = policy.topology.has_external(searched, ecosystem).then(|| {
                let own = judged(Control::External, searched);
                // A refusal outweighs what is only observed.
                let refused = |found: &(Verdict, Control)| found.0 == Verdict::Deny;
                PlaceExplanation::new(
                    own.filter(refused)
                        .or(inner.filter(refused))
                        .or(own)
                        .or(inner),
                )
            });
            let repository = searched.to_string();
            SearchExplanation {
                repository,
                holding: PlaceExplanation::new(inner),
                external,
            }
        })
        .collect()
}

impl PlaceExplanation {
    fn new(found: Option<(Verdict, Control)>) -> Self {
        Self {
            verdict: found.map_or(Verdict::Allow, |(verdict, _)| verdict),
            control: found.map(|(_, control)| control),
        }
    }
}

impl SearchExplanation {
    /// Which of the repository's places is a holding and which is a registry, in search order.
    fn places(&self) -> impl Iterator<Item = (Place, &PlaceExplanation)> {
        let external = self.external.iter().map(|place| (Place::External, place));
        std::iter::once((Place::Holding, &self.holding)).chain(external)
    }
}

impl fmt::Display for PlaceExplanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.control {
            None => write!(formatter, "{}", self.verdict),
            Some(control) => write!(formatter, "{} ({control})", self.verdict),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}: {}", self.verdict, self.sentence)?;
        writeln!(formatter, "package     {}", self.path)?;
        writeln!(
            formatter,
            "group       {} ({} match)",
            self.group, self.strength
        )?;
        writeln!(formatter, "inheritance {}", self.ancestors.join(" < "))?;
        for control in &self.controls {
            let own = control.own.as_deref().unwrap_or("inherit");
            write!(formatter, "{:<11} {own}", control.control)?;
            match &control.inherited_from {
                Some(ancestor) => writeln!(formatter, ": {} from {ancestor}", control.effective)?,
                None => writeln!(formatter)?,
            }
        }
        for searched in &self.search {
            write!(formatter, "search      {}", searched.repository)?;
            for (place, explanation) in searched.places() {
                let word = match place {
                    Place::Holding => "holding",
                    Place::External => "external",
                };
                write!(formatter, "  {word} {explanation}")?;
            }
            writeln!(formatter)?;
        }
        screens::write(self, formatter)
    }
}
