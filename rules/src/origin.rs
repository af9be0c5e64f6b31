//! Where a package may come from.

use std::sync::Arc;

use crate::decision::{Control, Reason};
use crate::lookalike::LookAlike;
use crate::package::PackageName;

/// What kind of place an origin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// What a repository of ours holds: published to it or retained in it.
    Holding,
    /// The public registry that a repository is connected to.
    External,
}

/// Proof that a package may be looked for in one place. Only this crate makes one, so code that
/// forgets to ask cannot fetch.
///
/// ```compile_fail
/// let origin = rules::Origin { asked: "public".into() };
/// ```
#[derive(Clone, Debug)]
pub struct Origin {
    package: PackageName,
    place: Place,
    repository: Arc<str>,
    asked: Arc<str>,
    claimed: bool,
    imitated: Option<Arc<LookAlike>>,
    observed: Option<Arc<Reason>>,
    /// The package's group, and the revision of the policy that has it.
    group: (usize, u64),
}

/// What came of looking in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is there.
    Found,
    /// The place answered that it is not there.
    Absent,
    /// The place did not answer, or could not be read.
    Failed,
}

/// Whether to look in the next place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Go on.
    Next,
    /// Look no further.
    Stop,
}

/// The places to look in, in order, and why others were left out.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    origins: Vec<Origin>,
    refusals: Vec<Reason>,
}

impl Origin {
    pub(crate) fn new(
        package: &PackageName,
        place: Place,
        repository: &Arc<str>,
        asked: &Arc<str>,
        claimed: bool,
    ) -> Self {
        let (repository, asked) = (Arc::clone(repository), Arc::clone(asked));
        Self {
            package: package.clone(),
            place,
            repository,
            asked,
            claimed,
            imitated: None,
            observed: None,
            group: (usize::MAX, 0),
        }
    }

    /// With the place of its package's group in a policy.
    pub(crate) fn in_group(self, group: usize, revision: u64) -> Self {
        Self {
            group: (group, revision),
            ..self
        }
    }

    /// The place of the package's group, if this origin was made by the policy of that revision.
    pub(crate) fn group_in(&self, revision: u64) -> Option<usize> {
        (self.group.1 == revision).then_some(self.group.0)
    }

    /// Whether the name belongs to the house.
    pub(crate) const fn is_claimed(&self) -> bool {
        self.claimed
    }

    /// With the name that its package imitates.
    pub(crate) fn imitating(self, imitated: Option<Arc<LookAlike>>) -> Self {
        Self { imitated, ..self }
    }

    /// Whom the package imitates, as far as its name tells.
    pub(crate) fn imitated(&self) -> Option<&LookAlike> {
        self.imitated.as_deref()
    }

    /// With what would have kept the place out, if it is only observed.
    pub(crate) fn observing(self, observed: Option<Arc<Reason>>) -> Self {
        Self { observed, ..self }
    }

    /// What would have kept this place out, if its group did not merely observe that; to be logged.
    pub fn observed(&self) -> Option<&Reason> {
        self.observed.as_deref()
    }

    /// The package that was asked for.
    pub const fn package(&self) -> &PackageName {
        &self.package
    }

    /// What kind of place this is.
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The repository whose holding or whose registry this is.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The repository that the client asked.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// What to do after looking here for one version.
    ///
    /// | outcome | holding, claimed name | holding, other name | external |
    /// |---------|-----------------------|---------------------|----------|
    /// | found   | stop                  | stop                | stop     |
    /// | absent  | next                  | next                | next     |
    /// | failed  | stop                  | next                | next     |
    ///
    /// A name of the house whose own place cannot be read must not be answered from another one.
    /// Version lists ask every place and merge; for them only the last line counts.
    pub const fn after(&self, outcome: Outcome) -> Next {
        match (outcome, self.place, self.claimed) {
            (Outcome::Found, _, _) | (Outcome::Failed, Place::Holding, true) => Next::Stop,
            (Outcome::Absent | Outcome::Failed, _, _) => Next::Next,
        }
    }
}

impl Origins {
    pub(crate) fn push(&mut self, origin: Origin) {
        self.origins.push(origin);
    }

    pub(crate) fn refuse(&mut self, reason: Reason) {
        self.refusals.push(reason);
    }

    /// Adds a place that was judged, if there is one.
    pub(crate) fn extend(&mut self, judged: Option<Result<Origin, Reason>>) {
        match judged {
            Some(Ok(origin)) => self.push(origin),
            Some(Err(reason)) => self.refuse(reason),
            None => {}
        }
    }

    /// The places in search order: for each repository its holding, then its registry.
    pub fn iter(&self) -> std::slice::Iter<'_, Origin> {
        self.origins.iter()
    }

    /// Why places were left out, in search order.
    pub fn refusals(&self) -> &[Reason] {
        &self.refusals
    }

    /// The most telling of the refusals: what keeps the public registry out comes first.
    pub fn refusal(&self) -> Option<&Reason> {
        // `min_by_key` keeps the first among equals.
        self.refusals
            .iter()
            .min_by_key(|reason| match reason.control {
                Control::External => 0,
                Control::WeakMatch => 1,
                Control::Lookalike => 2,
                Control::UpstreamFlag => 3,
                Control::Internal => 4,
                _ => 5,
            })
    }

    /// What would have kept a place out, if it were not merely observed: the first in search order, those of
    /// public registries before all.
    pub fn observed(&self) -> Option<&Reason> {
        let of = |place| {
            let mut origins = self.iter().filter(move |origin| origin.place == place);
            origins.find_map(Origin::observed)
        };
        of(Place::External).or_else(|| of(Place::Holding))
    }

    /// Whether there is no place to look in.
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// Whether a public registry is among the places.
    pub fn reaches_outside(&self) -> bool {
        self.iter().any(|origin| origin.place == Place::External)
    }
}

impl<'a> IntoIterator for &'a Origins {
    type Item = &'a Origin;
    type IntoIter = std::slice::Iter<'a, Origin>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
