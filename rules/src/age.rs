//! Spans of time as an operator writes them: `3d`, `12h`, `2w`, `0`.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

/// A span of whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(Duration);

/// From the largest unit to the smallest, with its seconds.
const UNITS: [(char, u64); 5] = [
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

impl Age {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// A span of this many days.
    pub const fn days(days: u64) -> Self {
        Self(Duration::from_secs(days * 86_400))
    }

    /// A span of this many hours.
    pub const fn hours(hours: u64) -> Self {
        Self(Duration::from_secs(hours * 3_600))
    }

    /// Reads a whole number and a unit (`s m h d w`); `0` needs none.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self::ZERO);
        }
        let unit = text.chars().last()?;
        let (_, seconds) = UNITS.iter().find(|(letter, _)| *letter == unit)?;
        let digits = &text[..text.len() - 1];
        let legal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: u64 = legal.then(|| digits.parse().ok())??;
        Some(Self(Duration::from_secs(count.checked_mul(*seconds)?)))
    }

    /// The span.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let fits = |(_, unit): &&(char, u64)| seconds > 0 && seconds.is_multiple_of(*unit);
        // In days rather than weeks: ages are compared with dates.
        match UNITS[1..].iter().find(fits) {
            Some((letter, unit)) => write!(formatter, "{}{letter}", seconds / unit),
            None => formatter.write_str("0"),
        }
    }
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no age: write \"3d\", \"12h\" or \"0\""
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_numbers_with_a_unit() {
        for (text, seconds, shown) in [
            ("3d", 259_200, "3d"),
            ("72h", 259_200, "3d"),
            ("2w", 1_209_600, "14d"),
            ("90s", 90, "90s"),
            ("0", 0, "0"),
            ("0d", 0, "0"),
        ] {
            let age = Age::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(age.duration().as_secs(), seconds, "{text}");
            assert_eq!(age.to_string(), shown, "{text}");
        }
        for text in [
            "",
            "d",
            "3",
            "-3d",
            "3 d",
            "3y",
            "1.5d",
            "99999999999999999999w",
        ] {
            assert_eq!(Age::parse(text), None, "{text}");
        }
    }
}
