//! Judging names and versions beyond their origin: look-alikes, advisories, age.
//!
//! Each control that finds something says what, and the group's screen says what becomes of it. The first that refuses
//! or holds decides; else the first warning is passed on.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::screen::{Screen, Set};
use super::sentence::{Part, sentence};
use super::{Policy, Subject};
use crate::advisories::{Advisory, AdvisoryKind};
use crate::age::Age;
use crate::decision::{Control, Reason, Verdict};
use crate::facts::Facts;
use crate::group::{Action, UnknownAge};
use crate::lookalike::{InternalNames, LookAlike, Severity};
use crate::moment;
use crate::package::Ecosystem;
use crate::pattern::Pattern;

use Part::{Fixed, Name};

/// What a control found, and what is to become of it.
pub(super) struct Found {
    pub verdict: Verdict,
    pub reason: Reason,
}

/// A suspicious name is only refused while its package is this young and has this few versions (lookalike.md §6).
pub(super) const THIN_AGE: Duration = Duration::from_secs(30 * 86_400);
const THIN_VERSIONS: usize = 3;

impl Policy {
    pub(super) fn screen(&self, subject: Subject<'_>) -> &Screen {
        &self.screens[subject.group]
    }

    /// Whom a name imitates, if its group cares at this moment.
    pub(super) fn imitated(&self, subject: Subject<'_>, now: SystemTime) -> Option<Arc<LookAlike>> {
        let screen = self.screen(subject);
        let cares = screen.lookalike.value != Action::Off && screen.counts(Control::Lookalike, now);
        if subject.claimed || !cares {
            return None;
        }
        self.imitations.of(subject.package, || {
            let popular = self.knowledge.popular(subject.package.ecosystem());
            popular.check(subject.package, &self.internal_names)
        })
    }

    /// What becomes of a name that surely imitates: it may not even be asked for.
    pub(super) fn found_imitation(&self, subject: Subject<'_>, found: &LookAlike) -> Option<Found> {
        (found.severity == Severity::Block).then(|| {
            let reason = self.imitation(subject, found, "");
            self.outcome(
                subject,
                Control::Lookalike,
                self.screen(subject).lookalike.value,
                reason,
            )
        })
    }

    /// The same for a name that is only suspicious, in the light of what is known of the package.
    pub(super) fn found_suspicion(
        &self,
        subject: Subject<'_>,
        found: &LookAlike,
        facts: &Facts,
        now: SystemTime,
    ) -> Option<Found> {
        let since = facts.package_since?;
        let is_young = now.duration_since(since).is_ok_and(|age| age < THIN_AGE);
        let is_thin = facts.versions.is_some_and(|count| count <= THIN_VERSIONS);
        (found.severity == Severity::Suspicious && is_young && is_thin).then(|| {
            let reason = self.imitation(subject, found, " and is new");
            self.outcome(
                subject,
                Control::Lookalike,
                self.screen(subject).lookalike.value,
                reason,
            )
        })
    }

    /// A suspicious name, without anything known of the package.
    pub(super) fn suspicion(&self, subject: Subject<'_>, found: &LookAlike) -> Found {
        let mut reason = self.imitation(subject, found, "");
        let shown = subject.package.to_string();
        let phrase = format!(
            " ({}): package group refuses it while it is under 30 days old with at most 3 versions",
            found.signal
        );
        reason.sentence = sentence(&[
            Name(&shown),
            Fixed(" looks like "),
            Name(&found.imitates),
            Fixed(&phrase),
        ]);
        Found {
            verdict: Verdict::Warn,
            reason,
        }
    }

    fn imitation(&self, subject: Subject<'_>, found: &LookAlike, more: &str) -> Reason {
        let shown = subject.package.to_string();
        let verb = match self.screen(subject).lookalike.value {
            Action::Deny => "blocked",
            Action::Warn | Action::Off => "noted",
        };
        let phrase = format!(" ({}){more}: {verb} by package group ", found.signal);
        let whose = if found.is_internal {
            " looks like the internal name "
        } else {
            " looks like the popular name "
        };
        let text = sentence(&[
            Name(&shown),
            Fixed(whose),
            Name(&found.imitates),
            Fixed(&phrase),
            Name(self.pattern(subject.group)),
            Fixed("; check the spelling"),
        ]);
        let mut reason = self.screened(
            Control::Lookalike,
            subject,
            &self.screen(subject).lookalike,
            text,
        );
        reason.imitates = Some(found.imitates.clone());
        reason
    }

    /// What the advisories know of a version; without one, of the package as a whole.
    pub(super) fn found_advisories(
        &self,
        subject: Subject<'_>,
        version: Option<&str>,
        now: SystemTime,
    ) -> Vec<Found> {
        let advisories = self.knowledge.advisories();
        // Advisories speak of the public registries' packages, never of the house's own.
        let known = match advisories.of(subject.package) {
            Some(known) if !subject.claimed => known,
            _ => return Vec::new(),
        };
        let found: Vec<Advisory<'_>> = match version {
            Some(version) => known.affecting(version).collect(),
            None => known
                .iter()
                .filter(|advisory| advisory.affects() == crate::advisories::Affects::All)
                .collect(),
        };
        let screen = self.screen(subject);
        let judge = |advisory: Advisory<'_>| match advisory.kind() {
            AdvisoryKind::Malware => self.found_malware(subject, version, advisory),
            AdvisoryKind::Vulnerability => self.found_vulnerability(subject, version, advisory),
        };
        found
            .into_iter()
            .filter_map(judge)
            .filter(|found| screen.counts(found.reason.control, now))
            .collect()
    }

    fn found_malware(
        &self,
        subject: Subject<'_>,
        version: Option<&str>,
        advisory: Advisory<'_>,
    ) -> Option<Found> {
        let set = &self.screen(subject).malware;
        (set.value != Action::Off).then(|| {
            let shown = named(subject, version);
            let text = sentence(&[
                Name(&shown),
                Fixed(" is malware, says advisory "),
                Name(advisory.id()),
                Fixed(": blocked by package group "),
                Name(self.pattern(subject.group)),
                Fixed("; look where it was installed before"),
            ]);
            let reason = self.screened(Control::Malware, subject, set, text);
            self.outcome(subject, Control::Malware, set.value, reason)
        })
    }

    fn found_vulnerability(
        &self,
        subject: Subject<'_>,
        version: Option<&str>,
        advisory: Advisory<'_>,
    ) -> Option<Found> {
        let score = advisory.severity()?.value();
        let screen = self.screen(subject);
        let reaches =
            |set: &Set<Option<f32>>| set.value.is_some_and(|least| score >= f64::from(least));
        let (action, set) = if reaches(&screen.vulnerability_deny) {
            (Action::Deny, &screen.vulnerability_deny)
        } else if reaches(&screen.vulnerability_warn) {
            (Action::Warn, &screen.vulnerability_warn)
        } else {
            return None;
        };
        let shown = named(subject, version);
        let scored = format!(" (score {score:.1}): package group ");
        let fixed: Vec<&str> = advisory.fixed().take(2).collect();
        let fix = match fixed.as_slice() {
            [] => String::from("; no fixed version is known"),
            some => format!("; fixed in {}", some.join(", ")),
        };
        let text = sentence(&[
            Name(&shown),
            Fixed(" has vulnerability "),
            Name(advisory.id()),
            Fixed(&scored),
            Name(self.pattern(subject.group)),
            Fixed(if action == Action::Deny {
                " blocks it"
            } else {
                " warns of it"
            }),
            Name(&fix),
        ]);
        let reason = self.screened(Control::Vulnerability, subject, set, text);
        Some(self.outcome(subject, Control::Vulnerability, action, reason))
    }

    /// What becomes of a version that may be too young.
    pub(super) fn found_age(
        &self,
        subject: Subject<'_>,
        version: &str,
        facts: &Facts,
        now: SystemTime,
    ) -> Option<Found> {
        let screen = self.screen(subject);
        if !screen.counts(Control::MinAge, now) {
            return None;
        }
        let set = self.age_for(subject, version);
        if set.value == Age::ZERO {
            return None;
        }
        let Some(since) = facts.since() else {
            return self.unknown_age(subject, version, set);
        };
        let event = match facts.published {
            Some(published) if published == since => "published",
            _ => "first seen",
        };
        let until = since.checked_add(set.value.duration())?;
        if now >= until {
            return None;
        }
        let shown = named(subject, Some(version));
        let ends = format!(
            ": min_age is {}, {event} {}Z; free at {}Z",
            set.value,
            moment::show(since),
            moment::show(until)
        );
        let text = sentence(&[
            Name(&shown),
            Fixed(" is held by package group "),
            Name(self.pattern(subject.group)),
            Fixed(&ends),
        ]);
        let mut reason = self.screened(Control::MinAge, subject, set, text);
        reason.until = Some(until);
        Some(self.held(subject, reason))
    }

    /// The age that a version has to have: another one for a version that fixes something.
    fn age_for(&self, subject: Subject<'_>, version: &str) -> &Set<Age> {
        let screen = self.screen(subject);
        let (Some(fix), false) = (&screen.min_age_fix, screen.min_age.value == Age::ZERO) else {
            return &screen.min_age;
        };
        let advisories = self.knowledge.advisories();
        match advisories.is_fixed_by(subject.package, version).next() {
            Some(_) => fix,
            None => &screen.min_age,
        }
    }

    fn unknown_age(&self, subject: Subject<'_>, version: &str, set: &Set<Age>) -> Option<Found> {
        (self.screen(subject).unknown_age.value == UnknownAge::Hold).then(|| {
            let shown = named(subject, Some(version));
            let age = format!(
                ": min_age is {} and its date of publishing is not known",
                set.value
            );
            let text = sentence(&[
                Name(&shown),
                Fixed(" is held by package group "),
                Name(self.pattern(subject.group)),
                Fixed(&age),
            ]);
            let reason = self.screened(Control::MinAge, subject, set, text);
            self.held(subject, reason)
        })
    }

    fn held(&self, subject: Subject<'_>, reason: Reason) -> Found {
        let found = self.outcome(subject, Control::MinAge, Action::Deny, reason);
        let verdict = match found.verdict {
            Verdict::Deny => Verdict::Hold,
            other => other,
        };
        Found { verdict, ..found }
    }

    /// What an action makes of a finding; observed ones only warn.
    fn outcome(
        &self,
        subject: Subject<'_>,
        control: Control,
        action: Action,
        mut reason: Reason,
    ) -> Found {
        let verdict = match action {
            Action::Deny if self.screen(subject).observes(control) => {
                reason.observed = true;
                Verdict::Warn
            }
            Action::Deny => Verdict::Deny,
            Action::Warn | Action::Off => Verdict::Warn,
        };
        Found { verdict, reason }
    }

    fn screened<T>(
        &self,
        control: Control,
        subject: Subject<'_>,
        set: &Set<T>,
        text: String,
    ) -> Reason {
        let ancestor = (set.setter != subject.group).then(|| self.pattern(set.setter));
        self.reason(control, subject, ancestor, text)
    }
}

fn named(subject: Subject<'_>, version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{} {version}", subject.package),
        None => subject.package.to_string(),
    }
}

/// The names of the house, as look-alikes are compared with them: what groups claim as internal only.
pub(super) fn internal_names(policy: &Policy) -> InternalNames {
    let claims: Vec<_> = policy
        .hierarchy
        .groups()
        .iter()
        .enumerate()
        .filter(|(at, _)| policy.hierarchy.claims(*at))
        .filter_map(|(_, group)| claim(&group.pattern))
        .collect();
    InternalNames::new(
        claims
            .iter()
            .map(|(ecosystem, claim)| (*ecosystem, claim.as_str())),
    )
}

/// A pattern as clients write the names that it claims; `None` for whole ecosystems.
fn claim(pattern: &Pattern) -> Option<(Ecosystem, String)> {
    let ecosystem = pattern.ecosystem()?;
    let (namespace, name) = pattern.key().split_once('/').unwrap_or((pattern.key(), ""));
    let text = match (ecosystem, namespace, name) {
        // No public names exist that could imitate the house's generic ones.
        (_, "", "") | (Ecosystem::Generic, _, _) => return None,
        (Ecosystem::Npm, scope, "") => format!("@{scope}"),
        (Ecosystem::Npm, "", name) | (Ecosystem::Pypi, _, name) => name.to_owned(),
        (Ecosystem::Npm, scope, name) => format!("@{scope}/{name}"),
        (Ecosystem::Maven, group, "") => group.to_owned(),
        (Ecosystem::Maven, group, artifact) => format!("{group}:{artifact}"),
    };
    Some((ecosystem, text))
}
