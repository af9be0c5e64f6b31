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
    lists: [Option<Arc<Popular>>; 3],
}

impl Knowledge {
    /// With these advisories instead.
    #[must_use]
    pub fn with_advisories(mut self, advisories: Arc<Advisories>) -> Self {
        self.advisories = advisories;
        self
    }

    /// With this list of popular names instead of the embedded one.
    #[must_use]
    pub fn with_list(mut self, list: Popular) -> Self {
        let place = list.ecosystem() as usize;
        self.lists[place] = Some(Arc::new(list));
        self
    }

    /// The advisories.
    pub fn advisories(&self) -> &Advisories {
        &self.advisories
    }

    /// The popular names of an ecosystem. The first call for an embedded list compiles it, which takes a moment.
    pub fn popular(&self, ecosystem: Ecosystem) -> &Popular {
        match &self.lists[ecosystem as usize] {
            Some(list) => list,
            None => Popular::embedded(ecosystem),
        }
    }

    /// A number that differs when what is known does, with all likelihood.
    pub(crate) fn revision(&self) -> u64 {
        let newest = self.advisories.newest();
        let newest = newest.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let newest = newest.map_or(0, |since| since.as_secs());
        let mut revision = newest ^ (self.advisories.len() as u64).rotate_left(40);
        for list in self.lists.iter().flatten() {
            let date = list.date().bytes().fold(7, |sum: u64, byte| {
                sum.wrapping_mul(31).wrapping_add(u64::from(byte))
            });
            revision = revision.rotate_left(13) ^ date ^ list.len() as u64;
        }
        revision
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
