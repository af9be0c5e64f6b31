//! What is known of the world outside, that policies are judged with: popular names and advisories.

use std::fmt;
use std::sync::Arc;

use crate::advisories::Advisories;
use crate::lookalike::Popular;
use crate::package::Ecosystem;

/// Everything known; a clone is cheap. The default is the embedded lists and no advisories.
#[derive(Clone, Default)]
pub struct Knowledge {
    advisories: Arc<Advisories>,
    /// Lists in place of the embedded ones, in the order of [`Ecosystem::ALL`].
    popular: [Option<Arc<Popular>>; Ecosystem::ALL.len()],
}

impl Knowledge {
    /// With these advisories instead.
    #[must_use]
    pub fn with_advisories(mut self, advisories: Arc<Advisories>) -> Self {
        self.advisories = advisories;
        self
    }

    /// The advisories.
    pub fn advisories(&self) -> &Advisories {
        &self.advisories
    }

    /// With this list of popular names instead of the one for the same ecosystem.
    #[must_use]
    pub fn with_popular(mut self, popular: Arc<Popular>) -> Self {
        let slot = popular.ecosystem() as usize;
        self.popular[slot] = Some(popular);
        self
    }

    /// The popular names of an ecosystem: the list that was given, else the embedded one, whose first use
    /// compiles it, which takes a moment.
    pub fn popular(&self, ecosystem: Ecosystem) -> &Popular {
        match &self.popular[ecosystem as usize] {
            Some(popular) => popular,
            None => Popular::embedded(ecosystem),
        }
    }

    /// The lists that stand in place of embedded ones.
    pub(crate) fn replaced_lists(&self) -> impl Iterator<Item = &Popular> {
        self.popular.iter().flatten().map(Arc::as_ref)
    }
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advisories = self.advisories.len();
        formatter
            .debug_struct("Knowledge")
            .field("advisories", &advisories)
            .field("replaced_lists", &self.replaced_lists().count())
            .finish_non_exhaustive()
    }
}
