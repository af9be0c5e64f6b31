//! Which version may be had instead of one that is refused?

use std::time::SystemTime;

use super::Policy;
use crate::facts::Facts;
use crate::origin::Origin;
use crate::version::{VersionKey, is_prerelease, same};

impl Policy {
    /// The version nearest to a refused one that [`Self::admit`] serves from this origin: the highest
    /// below it, else the lowest above it, by the order of the ecosystem.
    ///
    /// Prereleases count only if the refused version is one, yanked versions (PEP 592) never.
    /// The versions may come in any order; few of them are judged.
    pub fn nearest_allowed<'v>(
        &self,
        origin: &Origin,
        refused: &str,
        versions: impl IntoIterator<Item = (&'v str, &'v Facts)>,
        now: SystemTime,
    ) -> Option<&'v str> {
        let ecosystem = origin.package().ecosystem();
        let with_prereleases = is_prerelease(ecosystem, refused);
        let is_offered = |version: &str, facts: &Facts| {
            facts.yanked.is_none()
                && !same(ecosystem, version, refused)
                && (with_prereleases || !is_prerelease(ecosystem, version))
        };
        let offered = versions.into_iter();
        let offered = offered.filter(|(version, facts)| is_offered(version, facts));
        let mut offered: Vec<_> = offered
            .map(|(version, facts)| (VersionKey::new(ecosystem, version), facts))
            .collect();
        offered.sort_by(|(left, _), (right, _)| left.cmp(right));
        let refused = VersionKey::new(ecosystem, refused);
        let (below, above) =
            offered.split_at(offered.partition_point(|(version, _)| *version <= refused));
        below
            .iter()
            .rev()
            .chain(above)
            .find(|(version, facts)| {
                let decision = self.admit(origin, version.text(), facts, now);
                decision.permit().is_some()
            })
            .map(|(version, _)| version.text())
    }
}
