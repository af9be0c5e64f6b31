//! What speaks for and against an imitation, as numbers for the model.
//!
//! The numbers describe one pair: the name that was asked for and one listed name that is at most
//! two edits away once separators are dropped. [`FEATURES`] names them in the model's order.

use super::Signal;
use super::edits::{self, Edit, EditKind, Edits};
use super::squash::Squashed;
use super::words::Words;

/// How many numbers there are.
pub(super) const FEATURE_COUNT: usize = FEATURES.len();

/// The names of the numbers, in order; the model file repeats them and is refused if they differ.
pub(super) const FEATURES: [&str; 30] = [
    "ecosystem",
    "target_length",
    "distance",
    "rank",
    "token_length",
    "token_change",
    "swapped",
    "doubled",
    "dropped",
    "inserted",
    "key_neighbour",
    "replaced",
    "confusable",
    "digit",
    "at_start",
    "at_end",
    "plural",
    "vowel",
    "layout",
    "name_tokens",
    "target_tokens",
    "scoped_target",
    "token_known",
    "target_token_known",
    "oddness",
    "oddness_rise",
    "oddness_worst",
    "coverage",
    "target_coverage",
    "rivals",
];

/// The numbers of one pair.
pub(super) type Features = [f32; FEATURE_COUNT];

/// The pair that is judged.
pub(super) struct Pair<'a> {
    pub(super) name: &'a Squashed,
    pub(super) target: &'a Squashed,
    pub(super) edits: &'a Edits,
    /// The place of the target in its list, 1 is first.
    pub(super) rank: u32,
    /// Whether the target is written with a scope.
    pub(super) scoped_target: bool,
    /// 0 npm, 1 PyPI.
    pub(super) ecosystem: f32,
    /// How many listed names are as near as this one.
    pub(super) rivals: usize,
}

impl Pair<'_> {
    /// Computes the numbers.
    pub(super) fn features(&self, words: &Words) -> Features {
        let edits = || self.edits.iter();
        let share =
            |matches: fn(&Edit) -> bool| edits().filter(|edit| matches(edit)).count() as f32;
        let (token, around) = self.changed_token();
        let target_token = self.changed_target_token();
        let length = token.len().min(target_token.len()) as f32;
        let (odd, worst) = words.oddness(token, around);
        let (target_odd, _) = words.oddness(target_token, (0, 0));
        let distance = self.edits.count() as f32;
        let target_length = self.target.bytes().len();
        [
            self.ecosystem,
            target_length as f32,
            distance,
            (self.rank as f32).log10(),
            length,
            distance / length,
            share(|edit| edit.kind == EditKind::Swapped),
            share(|edit| edit.kind == EditKind::Doubled),
            share(|edit| matches!(edit.kind, EditKind::Dropped | EditKind::Merged)),
            share(|edit| edit.kind == EditKind::Inserted),
            self.key_neighbours(),
            share(|edit| edit.kind == EditKind::Replaced),
            share(is_confusable),
            share(has_digit),
            f32::from(edits().any(|edit| edit.target_at == 0)),
            f32::from(edits().any(|edit| edit.target_at + 1 >= target_length)),
            f32::from(edits().any(|edit| self.is_plural(edit))),
            share(is_vowel_change),
            self.layout(),
            self.name.token_count() as f32,
            self.target.token_count() as f32,
            f32::from(self.scoped_target),
            self.token_known(token, words),
            f32::from(words.count(target_token)).ln_1p(),
            odd,
            odd - target_odd,
            worst,
            words.coverage(token),
            words.coverage(target_token),
            (self.rivals as f32).ln_1p(),
        ]
    }

    /// The signal that a human is told.
    pub(super) fn signal(&self) -> Signal {
        let mut edits = self.edits.iter();
        match (edits.next(), edits.next()) {
            (None, _) if self.scoped_target => Signal::ScopeFlattened,
            (None, _) => Signal::SeparatorsMoved,
            (Some(_), Some(_)) => Signal::TwoEdits,
            (Some(edit), None) if has_digit(edit) => {
                if is_confusable(edit) {
                    Signal::Homoglyph
                } else {
                    Signal::DigitChanged
                }
            }
            (Some(edit), None) => match edit.kind {
                EditKind::Swapped => Signal::LettersSwapped,
                EditKind::Dropped | EditKind::Merged => Signal::LetterDropped,
                EditKind::Doubled => Signal::LetterDoubled,
                EditKind::Inserted => Signal::LetterAdded,
                EditKind::Replaced => Signal::LetterReplaced,
            },
        }
    }

    /// Whether the pair may be blocked at all. Other separators alone do not: honest pairs abound,
    /// and the registries refuse new names of the kind themselves. Nor does another number in a
    /// name of several words (`cupy-cuda13x`): that is the next member of a family.
    pub(super) fn may_block(&self) -> bool {
        if self.edits.count() == 0 {
            return self.scoped_target;
        }
        let is_number =
            |edit: &Edit| edit.name_byte.is_ascii_digit() && edit.target_byte.is_ascii_digit();
        self.target.token_count() == 1 || !self.edits.iter().all(is_number)
    }

    /// The token of the name that holds the first edit, and where in it the edits are.
    fn changed_token(&self) -> (&[u8], (usize, usize)) {
        let first = self.edits.iter().next().map_or(0, |edit| edit.name_at);
        let (start, end) = self.name.token_at(first);
        let last = self.edits.iter().last().map_or(0, |edit| edit.name_at);
        let places = (first.saturating_sub(start), last.saturating_sub(start));
        (&self.name.bytes()[start..end], places)
    }

    /// The token of the target that holds the first edit.
    fn changed_target_token(&self) -> &[u8] {
        let first = self.edits.iter().next().map_or(0, |edit| edit.target_at);
        let (start, end) = self.target.token_at(first);
        &self.target.bytes()[start..end]
    }

    /// How common the changed token is; without an edit, the least common token.
    fn token_known(&self, token: &[u8], words: &Words) -> f32 {
        let count = if self.edits.count() > 0 {
            words.count(token)
        } else {
            let counts = self.name.tokens().map(|token| words.count(token));
            counts.min().unwrap_or_default()
        };
        f32::from(count).ln_1p()
    }

    /// Replacements and insertions of keys beside the right one.
    fn key_neighbours(&self) -> f32 {
        let is_slip = |edit: &&Edit| match edit.kind {
            EditKind::Replaced => edits::are_key_neighbours(edit.name_byte, edit.target_byte),
            EditKind::Inserted => {
                let beside = |at: Option<usize>| {
                    at.and_then(|at| self.name.bytes().get(at))
                        .is_some_and(|&other| edits::are_key_neighbours(edit.name_byte, other))
                };
                beside(edit.name_at.checked_sub(1)) || beside(Some(edit.name_at + 1))
            }
            _ => false,
        };
        self.edits.iter().filter(is_slip).count() as f32
    }

    /// An `s` more or less at the end of a token.
    fn is_plural(&self, edit: &Edit) -> bool {
        let (text, at, byte) = match edit.kind {
            EditKind::Inserted | EditKind::Doubled => (self.name, edit.name_at, edit.name_byte),
            EditKind::Dropped | EditKind::Merged => (self.target, edit.target_at, edit.target_byte),
            _ => return false,
        };
        byte == b's' && text.token_at(at).1 <= at + 1
    }

    /// 0 same boundaries or no way to tell, 1 all dropped, 2 fewer, 3 as many, 4 more.
    fn layout(&self) -> f32 {
        let (name, target) = (self.name.token_count(), self.target.token_count());
        if name == target && (self.edits.count() > 0 || self.name.starts() == self.target.starts())
        {
            return 0.0;
        }
        match name.cmp(&target) {
            std::cmp::Ordering::Less if name == 1 => 1.0,
            std::cmp::Ordering::Less => 2.0,
            std::cmp::Ordering::Equal => 3.0,
            std::cmp::Ordering::Greater => 4.0,
        }
    }
}

/// Whether a digit came, went or changed.
fn has_digit(edit: &Edit) -> bool {
    edit.name_byte.is_ascii_digit() || edit.target_byte.is_ascii_digit()
}

/// Whether one vowel stands for another.
fn is_vowel_change(edit: &Edit) -> bool {
    let is_vowel = |byte: u8| b"aeiouy".contains(&byte);
    edit.kind == EditKind::Replaced && is_vowel(edit.name_byte) && is_vowel(edit.target_byte)
}

/// Whether one character stands for another that looks like it.
fn is_confusable(edit: &Edit) -> bool {
    edit.kind == EditKind::Replaced && edits::are_confusable(edit.name_byte, edit.target_byte)
}
