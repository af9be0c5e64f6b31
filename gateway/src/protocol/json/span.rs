//! A stretch of a document.

use std::ops::Range;

/// A stretch of a document. A `Range`, but small and `Copy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::protocol) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Only for places in a text that a [`Scanner`] took, so that they fit.
    pub const fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    pub const fn start(self) -> usize {
        self.start as usize
    }

    pub const fn end(self) -> usize {
        self.end as usize
    }

    pub const fn len(self) -> usize {
        self.range().end.saturating_sub(self.range().start)
    }

    pub const fn range(self) -> Range<usize> {
        self.start()..self.end()
    }

    /// The stretch of its document; empty if it is of another one.
    pub fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }
}
