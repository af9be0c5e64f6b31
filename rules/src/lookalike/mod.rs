//! Look-alike names: is this the name of a typosquat, combosquat, homoglyph, separator, word-order,
//! digit or scope confusion of a popular or of an internal name?
//!
//! The name is all that is looked at. **Names alone find about two thirds of the near-name squats
//! at best**, at a rate of false blocks that real work bears; whoever promises more blocks honest
//! packages. That is why there are two severities: [`Severity::Block`] for names that hardly any
//! honest package has, and [`Severity::Suspicious`] for those that become a refusal only when other
//! evidence agrees (a package of few days and versions).
//!
//! A listed name is never a look-alike, nor is a package in a namespace that listed names have.
//!
//! ```
//! use rules::lookalike::{InternalNames, Popular, Severity};
//! use rules::{Ecosystem, PackageName};
//!
//! let popular = Popular::embedded(Ecosystem::Pypi);
//! let ours = InternalNames::default();
//! let found = |name| popular.check(&PackageName::pypi(name).unwrap(), &ours);
//! let found_squat = found("beautifulosup4").unwrap();
//! assert_eq!(found_squat.imitates, "beautifulsoup4");
//! assert_eq!(found_squat.severity, Severity::Block);
//! assert_eq!(found_squat.signal.phrase(), "two neighbouring letters swapped");
//! assert_eq!(found("requests"), None);
//! ```
//!
//! The lists can be replaced while the programme runs: [`Popular::from_bytes`] reads what others
//! publish, [`Popular::encode`] writes what is kept on disk, and `Knowledge::with_popular` puts a list
//! in force.
//!
//! How it works: the name without separators is looked up in a deletion index of the listed names
//! (`index`), the edits are spelt out (`edits`), thirty numbers are taken of each pair (`evidence`,
//! `words`), and a small sum of decision trees judges them (`model`, trained by `training/`).
//! Additions and rearrangements are recognised by shape (`shapes`), scopes and groups by their
//! owner (`namespace`).

mod catalogue;
mod edits;
mod evidence;
mod index;
mod internal;
mod judge;
mod list;
mod model;
mod namespace;
mod popular;
mod ranked;
mod shapes;
mod squash;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;

pub use internal::InternalNames;
pub use list::{LIST_BYTES_MAX, ListError, NAMES_MAX, ROWS_MAX};
pub use popular::{Popular, Sample};

/// A name that looks like another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookAlike {
    /// The popular or internal name (or namespace) that is imitated, as clients write it.
    pub imitates: String,
    /// Whether that name is one of the house's own.
    pub is_internal: bool,
    /// How.
    pub signal: Signal,
    /// How sure it is.
    pub severity: Severity,
}

/// How sure a name is an imitation, judged by the name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Honest packages have such names too: deny only when other evidence agrees.
    Suspicious,
    /// Fewer than one honest name in two thousand is like this.
    Block,
}

/// How a name resembles another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Two neighbouring letters are swapped.
    LettersSwapped,
    /// A letter is missing.
    LetterDropped,
    /// A letter is there twice.
    LetterDoubled,
    /// A letter is there too many.
    LetterAdded,
    /// A letter is there instead of another.
    LetterReplaced,
    /// Two edits.
    TwoEdits,
    /// A digit is added, dropped or changed.
    DigitChanged,
    /// A character stands for one that looks like it.
    Homoglyph,
    /// The same letters with other separators.
    SeparatorsMoved,
    /// The same words in another order.
    WordsReordered,
    /// A version behind the name.
    VersionAppended,
    /// A word of the language before or behind the name.
    AffixAdded,
    /// A scope written into the name.
    ScopeFlattened,
    /// A scope or group that looks like a known one.
    NamespaceAltered,
    /// A well-known name among other words.
    BrandUsed,
}

impl Signal {
    /// The words for humans: "resembles X: *one letter dropped*".
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::LettersSwapped => "two neighbouring letters swapped",
            Self::LetterDropped => "one letter dropped",
            Self::LetterDoubled => "one letter doubled",
            Self::LetterAdded => "one letter added",
            Self::LetterReplaced => "one letter replaced",
            Self::TwoEdits => "two letters changed",
            Self::DigitChanged => "a digit added, dropped or changed",
            Self::Homoglyph => "a character that looks like another",
            Self::SeparatorsMoved => "separators moved",
            Self::WordsReordered => "words in another order",
            Self::VersionAppended => "a version number appended",
            Self::AffixAdded => "a language prefix or suffix added",
            Self::ScopeFlattened => "a scope written into the name",
            Self::NamespaceAltered => "a namespace that looks like a known one",
            Self::BrandUsed => "a well-known name among other words",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.phrase())
    }
}

impl fmt::Display for LookAlike {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.is_internal {
            "internal"
        } else {
            "popular"
        };
        write!(
            formatter,
            "looks like the {whose} name {}: {}",
            self.imitates, self.signal
        )
    }
}
