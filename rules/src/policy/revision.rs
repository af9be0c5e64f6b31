//! The revision of a policy: FNV-1a (64 bits) over its content.
//!
//! It goes into keys of memoised documents, so that it has to be the same after a restart. It
//! guards against nobody: who can write the policy has no need to forge its revision.

use std::time::{SystemTime, UNIX_EPOCH};

use super::PolicySpec;
use crate::group::{GroupSpec, ModeSpec};
use crate::knowledge::Knowledge;
use crate::topology::RepositorySpec;

struct Hash(u64);

/// The revision of a policy's content and of the advisories that it judges with.
pub(super) fn revision(spec: &PolicySpec, knowledge: &Knowledge) -> u64 {
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
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
    hash.0
}

impl Hash {
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
        self.bytes(&seconds.to_le_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.count(texts.len());
        texts.iter().for_each(|text| self.text(text));
    }

    /// The length goes first, so that no two contents give the same bytes.
    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes(text.as_bytes());
    }

    fn count(&mut self, count: usize) {
        self.bytes(&(count as u64).to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
