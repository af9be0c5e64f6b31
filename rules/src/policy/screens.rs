//! The part of an explanation that tells what is asked of names and versions beyond their origin.

use std::collections::BTreeSet;
use std::fmt;
use std::time::SystemTime;

use super::explanation::{Explanation, ListExplanation, ScreenExplanation};
use super::screen::{Exemption, Screen, Set};
use super::{Policy, Subject};
use crate::decision::Control;
use crate::group::{Action, UnknownAge};
use crate::moment;
use crate::package::Ecosystem;

/// All screens of a group; none for a name of the house, which never comes from outside.
pub(super) fn explain_screens(
    policy: &Policy,
    subject: Subject<'_>,
    now: SystemTime,
) -> Vec<ScreenExplanation> {
    if subject.claimed {
        return Vec::new();
    }
    let screen = policy.screen(subject);
    let told = Told { policy, subject };
    let mut screens = told.values(screen);
    if let Some(exemption) = &screen.exemption {
        screens.push(told.line("exempt", exemption.setter, show_exemption(exemption, now)));
    }
    if !screen.observed.value.is_empty() {
        let set = &screen.observed;
        screens.push(told.line("observe", set.setter, names(&set.value)));
    }
    screens
}

/// Whose word a date is: nobody here has seen the version being published.
pub(super) fn explain_dates(subject: Subject<'_>) -> Option<&'static str> {
    let word = match subject.package.ecosystem() {
        Ecosystem::Npm => "the document's time as the upstream tells it",
        Ecosystem::Pypi => "the file's upload-time as the upstream tells it",
        Ecosystem::Maven => "the POM's Last-Modified as the upstream tells it",
        Ecosystem::Generic => return None,
    };
    (!subject.claimed).then_some(word)
}

/// The popular names that the name is compared with.
pub(super) fn explain_list(policy: &Policy, subject: Subject<'_>) -> Option<ListExplanation> {
    let is_compared = policy.screen(subject).lookalike.value != Action::Off;
    (is_compared && !subject.claimed).then(|| {
        let popular = policy.knowledge.popular(subject.package.ecosystem());
        ListExplanation {
            names: popular.len(),
            date: popular.date().to_owned(),
            source: popular.source().to_owned(),
        }
    })
}

/// The lines for people.
pub(super) fn write(explanation: &Explanation, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    if explanation.screens.is_empty() {
        writeln!(
            formatter,
            "screens     none: the name belongs to the house, nothing of it comes from outside"
        )?;
    }
    for screen in &explanation.screens {
        match &screen.inherited_from {
            Some(ancestor) => {
                let (key, value) = (screen.key, &screen.value);
                writeln!(formatter, "{key:<11} inherit: {value} from {ancestor}")?;
            }
            None => writeln!(formatter, "{:<11} {}", screen.key, screen.value)?,
        }
    }
    if let Some(dates) = explanation.dates {
        writeln!(formatter, "dates       {dates}")?;
    }
    if let Some(list) = &explanation.popular {
        let (names, date, source) = (list.names, &list.date, &list.source);
        let date = if date.is_empty() {
            "unknown date"
        } else {
            date
        };
        writeln!(formatter, "popular     {names} names of {date} ({source})")?;
    }
    Ok(())
}

/// Makes lines about one package.
struct Told<'a> {
    policy: &'a Policy,
    subject: Subject<'a>,
}

impl Told<'_> {
    fn values(&self, screen: &Screen) -> Vec<ScreenExplanation> {
        let score = |key, set: &Set<Option<f32>>| {
            let value = set.value.map(|score| format!("{score:.1}"));
            self.line(key, set.setter, value.unwrap_or_else(|| "off".to_owned()))
        };
        let fix = screen.min_age_fix.as_ref();
        let unknown = match screen.unknown_age.value {
            UnknownAge::Hold => "hold",
            UnknownAge::Allow => "allow",
        };
        let mut screens = vec![
            self.set("lookalike", &screen.lookalike),
            self.set("malware", &screen.malware),
            score("vulnerability_deny", &screen.vulnerability_deny),
            score("vulnerability_warn", &screen.vulnerability_warn),
            self.set("min_age", &screen.min_age),
        ];
        screens.extend(fix.map(|set| self.set("min_age_fix", set)));
        screens.push(self.line("unknown_age", screen.unknown_age.setter, unknown.to_owned()));
        screens
    }

    fn set<T: fmt::Display>(&self, key: &'static str, set: &Set<T>) -> ScreenExplanation {
        self.line(key, set.setter, set.value.to_string())
    }

    fn line(&self, key: &'static str, setter: usize, value: String) -> ScreenExplanation {
        let is_own = setter == self.subject.group;
        ScreenExplanation {
            key,
            value,
            inherited_from: (!is_own).then(|| self.policy.pattern(setter).to_owned()),
        }
    }
}

fn show_exemption(exemption: &Exemption, now: SystemTime) -> String {
    let until = match exemption.until {
        None => "without end".to_owned(),
        Some(end) if end <= now => format!("ended {}Z", moment::show(end)),
        Some(end) => format!("until {}Z", moment::show(end)),
    };
    let reason = exemption.reason.as_deref();
    let reason = reason.map(|reason| format!(" ({reason})"));
    let controls = names(&exemption.controls);
    format!("{controls} {until}{}", reason.unwrap_or_default())
}

fn names(controls: &BTreeSet<Control>) -> String {
    let names: Vec<_> = controls.iter().map(|control| control.as_str()).collect();
    names.join(", ")
}
