//! What could not be understood of a feed.

use std::fmt;

use super::PROBLEMS_MAX;

/// One thing in a record that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, the name within the zip, or the line.
    pub origin: String,
    /// The field with its path, such as `affected[0].package.name`; empty for the whole record.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

/// All problems of a feed: the first in words, all by number.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    first: Vec<Problem>,
    count: usize,
}

impl Problems {
    /// The first ones, at most [`PROBLEMS_MAX`].
    pub fn first(&self) -> &[Problem] {
        &self.first
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn push(&mut self, problem: Problem) {
        self.count += 1;
        if self.first.len() < PROBLEMS_MAX {
            self.first.push(problem);
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        self.count += other.count;
        let room = PROBLEMS_MAX - self.first.len();
        self.first.extend(other.first.into_iter().take(room));
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names within an archive, and what is quoted from records, may hold anything.
        write!(formatter, "{}", self.origin.escape_debug())?;
        if !self.field.is_empty() {
            write!(formatter, ": {}", self.field.escape_debug())?;
        }
        write!(formatter, ": {}", self.message)
    }
}
