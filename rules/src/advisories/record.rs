//! Records: what an index is built from, borrowed from wherever they were read.

use std::fmt;
use std::time::SystemTime;

use crate::PackageName;

use super::{AdvisoryKind, Score};

/// One record of a database.
#[derive(Clone, Debug)]
pub struct AdvisoryRecord<'a> {
    /// The id; of several records with one id the last modified counts.
    pub id: &'a str,
    /// What it warns of.
    pub kind: AdvisoryKind,
    /// One line about it; cut at [`SUMMARY_BYTES_MAX`], control characters become spaces.
    pub summary: &'a str,
    /// When it was first published.
    pub published: Option<SystemTime>,
    /// When it was last changed; without, it is taken for the oldest.
    pub modified: Option<SystemTime>,
    /// Whether it was taken back: then it affects nothing, and older records of its id neither.
    pub withdrawn: bool,
    /// The packages it affects.
    pub affected: Vec<AffectedPackage<'a>>,
}

/// The longest summary that is kept, in bytes.
pub const SUMMARY_BYTES_MAX: usize = 240;

/// One entry of the schema's `affected`.
#[derive(Clone, Debug)]
pub struct AffectedPackage<'a> {
    /// Its place in the record, for [`Fault`]s.
    pub index: usize,
    /// The package.
    pub package: PackageName,
    /// How severe it is for this package.
    pub severity: Option<Score>,
    /// The events of each range of type `SEMVER` or `ECOSYSTEM`.
    pub ranges: Vec<Vec<RangeEvent<'a>>>,
    /// The affected versions that are listed.
    pub versions: Vec<&'a str>,
}

/// One event on the timeline of a range, as the schema's section "events fields" has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeEvent<'a> {
    /// From this version on; `0` is before every version.
    Introduced(&'a str),
    /// Before this version.
    Fixed(&'a str),
    /// Up to and with this version.
    LastAffected(&'a str),
    /// Nothing from this version on is spoken of; `*` is after every version.
    Limit(&'a str),
}

/// What could not be understood of a record; the rest of it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, such as `affected[0].ranges[1]`.
    pub field: String,
    /// What is wrong, and what was made of it.
    pub message: String,
}

impl<'a> RangeEvent<'a> {
    /// The version it speaks of.
    pub const fn version(&self) -> &'a str {
        match self {
            Self::Introduced(version)
            | Self::Fixed(version)
            | Self::LastAffected(version)
            | Self::Limit(version) => version,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}
