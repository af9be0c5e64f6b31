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

    /// The popular names of an ecosystem: the embedded list. The first call compiles it, which takes a moment.
    pub fn popular(&self, ecosystem: Ecosystem) -> &'static Popular {
        Popular::embedded(ecosystem)
    }
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advisories = self.advisories.len();
        formatter
            .debug_struct("Knowledge")
            .field("advisories", &advisories)
            .finish_non_exhaustive()
    }
}
