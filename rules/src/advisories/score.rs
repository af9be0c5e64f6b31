//! How severe an advisory is.

use std::fmt;

use serde::{Serialize, Serializer};

/// A CVSS base score in tenths, from 0.0 to 10.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Score(u8);

impl Score {
    /// The highest score.
    pub const MAX: Self = Self(100);

    /// A score, rounded to a tenth; nothing outside 0.0 to 10.0 is one.
    pub fn new(value: f64) -> Option<Self> {
        // Truncation is exact: the range was checked.
        (0.0..=10.0)
            .contains(&value)
            .then(|| Self((value * 10.0).round() as u8))
    }

    /// The score that a severity word stands for: the lowest of its band in CVSS v3.1, section 5,
    /// since a word promises no more. Databases say `MODERATE` for `MEDIUM`.
    pub fn from_word(word: &str) -> Option<Self> {
        let bands = [
            ("none", 0),
            ("low", 1),
            ("moderate", 40),
            ("medium", 40),
            ("high", 70),
            ("critical", 90),
        ];
        let band = bands
            .iter()
            .find(|(name, _tenths)| name.eq_ignore_ascii_case(word.trim()));
        band.map(|(_name, tenths)| Self(*tenths))
    }

    /// The score as a number.
    pub fn value(self) -> f64 {
        f64::from(self.0) / 10.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl Serialize for Score {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}
