//! May this version be served, and when does the answer change by itself?

use std::time::SystemTime;

use super::screening::Found;
use super::{Policy, screening};
use crate::age::Age;
use crate::decision::{Control, Decision, Inspection, Permit, Verdict};
use crate::facts::Facts;
use crate::origin::{Origin, Place};

impl Policy {
    /// May this version be served from this origin? Where it may come from was decided with the
    /// origin. What is held already is not asked for its age or its name again, but malware stops.
    pub fn admit(
        &self,
        origin: &Origin,
        version: &str,
        facts: &Facts,
        now: SystemTime,
    ) -> Decision {
        let subject = self.subject_of(origin);
        let mut found = match facts.ours {
            true => Vec::new(),
            false => self.found_advisories(subject, Some(version), now),
        };
        if origin.place() == Place::External {
            if let Some(imitated) = origin.imitated() {
                found.extend(self.found_imitation(subject, imitated));
                found.extend(self.found_suspicion(subject, imitated, facts, now));
            }
            found.extend(self.found_age(subject, version, facts, now));
        }
        // Last: it is known without a version, and told of the origin too.
        found.extend(origin.observed().cloned().map(|reason| Found {
            verdict: Verdict::Warn,
            reason,
        }));
        let decisive = found
            .iter()
            .position(|found| matches!(found.verdict, Verdict::Deny | Verdict::Hold));
        let told = decisive.or(if found.is_empty() { None } else { Some(0) });
        match told.map(|at| found.swap_remove(at)) {
            None => Decision::Allow(Permit::new(origin, version)),
            Some(found) => match found.verdict {
                Verdict::Deny => Decision::Deny(found.reason),
                Verdict::Hold => Decision::Hold(Inspection::new(origin, version), found.reason),
                Verdict::Warn | Verdict::Allow => {
                    Decision::Warn(Permit::new(origin, version), found.reason)
                }
            },
        }
    }

    /// A version from an origin that may be asked may be fetched to be looked at, whatever the verdict on it.
    pub fn inspect(&self, origin: &Origin, version: &str) -> Inspection {
        Inspection::new(origin, version)
    }

    /// When the next verdict on a package from this origin changes by itself, as far as that does not show in a hold:
    /// an exemption ends, or a package grows too old to be suspicious.
    pub fn changes_at(
        &self,
        origin: &Origin,
        facts: &Facts,
        now: SystemTime,
    ) -> Option<SystemTime> {
        let subject = self.subject_of(origin);
        let exemption = self.screen(subject).exemption.as_ref();
        let ends = exemption.and_then(|exemption| exemption.until);
        let grown = origin
            .imitated()
            .and(facts.package_since)
            .and_then(|since| since.checked_add(screening::THIN_AGE));
        [ends, grown]
            .into_iter()
            .flatten()
            .filter(|moment| *moment > now)
            .min()
    }

    /// Whether the name of a package from outside is one that imitates.
    pub fn judges_name(&self, outside: &Origin) -> bool {
        outside.imitated().is_some()
    }

    /// Whether the verdict on a version from outside depends on when it and its package were published.
    pub fn judges_age(&self, outside: &Origin, now: SystemTime) -> bool {
        let screen = self.screen(self.subject_of(outside));
        let age = screen.min_age.value != Age::ZERO && screen.counts(Control::MinAge, now);
        age || outside.imitated().is_some()
    }
}
