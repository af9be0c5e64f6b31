//! What a row of the table of limits says, and how its value is read from a configuration.

use std::time::Duration;

use super::{KIB, Limits};
use crate::config::units;

/// What a bound counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Milliseconds.
    Time,
}

/// A bound's place in [`Limits`].
pub enum Field<'a> {
    /// A size.
    Bytes(&'a mut u64),
    /// A number of things.
    Count(&'a mut usize),
    /// A time.
    Time(&'a mut Duration),
}

/// One row of the table: everything there is to say about a bound.
pub struct Row {
    /// The key below `[limits]`.
    pub name: &'static str,
    /// The default, in the unit.
    pub default: u64,
    /// The smallest value that makes sense, in the unit.
    pub least: u64,
    /// What is counted.
    pub unit: Unit,
    /// One line of documentation.
    pub doc: &'static str,
    /// The field that the row sets.
    pub field: for<'a> fn(&'a mut Limits) -> Field<'a>,
}

/// Finds the field that a row sets.
type Place = for<'a> fn(&'a mut Limits) -> Field<'a>;

pub(super) const fn size(name: &'static str, default: u64, doc: &'static str, field: Place) -> Row {
    Row {
        name,
        default,
        least: KIB,
        unit: Unit::Bytes,
        doc,
        field,
    }
}

pub(super) const fn count(
    name: &'static str,
    default: u64,
    least: u64,
    doc: &'static str,
    field: Place,
) -> Row {
    Row {
        name,
        default,
        least,
        unit: Unit::Count,
        doc,
        field,
    }
}

pub(super) const fn time(
    name: &'static str,
    seconds: u64,
    least_seconds: u64,
    doc: &'static str,
    field: Place,
) -> Row {
    let (default, least) = (seconds * 1_000, least_seconds * 1_000);
    Row {
        name,
        default,
        least,
        unit: Unit::Time,
        doc,
        field,
    }
}

impl Row {
    /// The default as it is written in `portcullis.toml`.
    pub fn default_text(&self) -> String {
        self.show(self.default)
    }

    /// Sets the bound from an integer; times take none, because their unit would be a guess.
    pub fn set_integer(&self, limits: &mut Limits, value: i64) -> Result<(), String> {
        if self.unit == Unit::Time {
            return Err(format!(
                "a time needs its unit; write \"{}\"",
                self.default_text()
            ));
        }
        let value = u64::try_from(value).map_err(|_| {
            format!(
                "{value} is below zero; the default is {}",
                self.default_text()
            )
        })?;
        self.set(limits, value)
    }

    /// Sets the bound from text such as `10s` or `64KiB`.
    pub fn set_text(&self, limits: &mut Limits, text: &str) -> Result<(), String> {
        let value = match self.unit {
            Unit::Bytes => units::parse_size(text)?,
            Unit::Time => u64::try_from(units::parse_time(text)?.as_millis()).unwrap_or(u64::MAX),
            Unit::Count => text
                .trim()
                .parse()
                .map_err(|_| format!("`{text}` is no whole number; write {}", self.default))?,
        };
        self.set(limits, value)
    }

    pub(super) fn set(&self, limits: &mut Limits, value: u64) -> Result<(), String> {
        if value < self.least {
            let least = self.show(self.least);
            return Err(format!(
                "{} is too small; set at least {least}",
                self.show(value)
            ));
        }
        match (self.field)(limits) {
            Field::Bytes(field) => *field = value,
            Field::Count(field) => *field = usize::try_from(value).unwrap_or(usize::MAX),
            Field::Time(field) => *field = Duration::from_millis(value),
        }
        Ok(())
    }

    fn show(&self, value: u64) -> String {
        match self.unit {
            Unit::Bytes => units::show_size(value),
            Unit::Count => value.to_string(),
            Unit::Time => units::show_time(Duration::from_millis(value)),
        }
    }
}
