//! The revision of a policy: a hash of its content and of what it judges with.
//!
//! It goes into keys of memoised documents, so that it has to be the same after a restart.

use std::time::{SystemTime, UNIX_EPOCH};

use super::PolicySpec;
use crate::group::{GroupSpec, ModeSpec};
use crate::knowledge::Knowledge;
use crate::stable::StableHash;
use crate::topology::RepositorySpec;

/// The revision of a policy's content, of the advisories and of the lists of popular names that
/// it judges with. The embedded lists are part of the programme and do not count.
pub(super) fn revision(spec: &PolicySpec, knowledge: &Knowledge) -> u64 {
    let mut hash = StableHash::new();
    hash.count(spec.groups.len());
    spec.groups.iter().for_each(|group| hash.group(group));
    hash.count(spec.repositories.len());
    spec.repositories
        .iter()
        .for_each(|repository| hash.repository(repository));
    for head in knowledge.advisories().heads() {
        hash.text(head.id);
        hash.moment(head.modified);
    }
    for list in knowledge.replaced_lists() {
        hash.text(list.ecosystem().as_str());
        hash.number(list.digest());
    }
    hash.value()
}

impl StableHash {
    fn group(&mut self, group: &GroupSpec) {
        self.text(&group.pattern);
        for mode in [&group.publish, &group.internal, &group.external] {
            self.mode(mode.as_ref());
        }
        // What has no order of its own to hash is hashed as it prints.
        self.text(&format!(
            "{:?}",
            (
                (&group.lookalike, &group.malware, &group.unknown_age),
                (&group.vulnerability_deny, &group.vulnerability_warn),
                (&group.min_age, &group.min_age_fix),
                (&group.exempt, &group.until, &group.observe),
            )
        ));
        for text in [&group.description, &group.contact, &group.reason] {
            self.count(usize::from(text.is_some()));
            self.text(text.as_deref().unwrap_or_default());
        }
    }

    fn mode(&mut self, mode: Option<&ModeSpec>) {
        match mode {
            None | Some(ModeSpec::Inherit) => self.count(0),
            Some(ModeSpec::Allow) => self.count(1),
            Some(ModeSpec::Block) => self.count(2),
            Some(ModeSpec::Repositories(names)) => {
                self.count(3);
                self.texts(names);
            }
        }
    }

    fn repository(&mut self, repository: &RepositorySpec) {
        self.text(&repository.name);
        self.texts(&repository.upstreams);
        self.count(repository.external.len());
        repository
            .external
            .iter()
            .for_each(|ecosystem| self.text(ecosystem.as_str()));
    }

    fn moment(&mut self, moment: Option<SystemTime>) {
        let since = moment.and_then(|moment| moment.duration_since(UNIX_EPOCH).ok());
        let seconds = since.map_or(0, |since| since.as_secs());
        self.number(seconds);
    }
}
