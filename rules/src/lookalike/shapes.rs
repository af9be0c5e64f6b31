//! Imitations that leave the letters of the name alone and add to it or move it about.
//!
//! Versions in the name, words in another order, affixes of a language, scopes written into the
//! name, brands with words around them. Honest packages do all of this, so that most of it is only
//! suspicious; numbers in the comments are shares of honest names that nobody knows.

use super::catalogue::Catalogue;
use super::edits::Edits;
use super::squash::Squashed;
use super::words::Words;
use super::{Severity, Signal};
use crate::{Ecosystem, PackageName};

/// How far down the list names are protected against additions.
const RANK_MAX: usize = 5_000;

/// How far down the list names count as brands, and the length from which they do.
const BRAND_RANK_MAX: usize = 1_000;
const BRAND_LENGTH_MIN: usize = 5;

/// A brand that so many popular names hold is the name of a platform: plugins are honest.
const BRAND_NAMES_MAX: u16 = 25;

/// What languages put before and behind names.
const NPM_AFFIXES: [&[u8]; 4] = [b"node", b"js", b"ts", b"npm"];
const PYPI_AFFIXES: [&[u8]; 6] = [b"python3", b"python", b"py3", b"py", b"lib", b"sdk"];

/// What a shape tells: the place of the imitated name and how.
pub(super) type Finding = (usize, Signal, Severity);

/// The first shape that fits.
pub(super) fn find(
    catalogue: &Catalogue,
    words: &Words,
    name: &PackageName,
    squashed: &Squashed,
) -> Option<Finding> {
    version(catalogue, name)
        .or_else(|| confusable(catalogue, squashed))
        .or_else(|| order(catalogue, squashed))
        .or_else(|| affix(catalogue, name.ecosystem(), squashed))
        .or_else(|| brand(catalogue, words, squashed))
}

/// `typescript-5.6`, `prettier-v2`, `debug11`: a version behind a name. With a separator before it
/// no honest npm name of the development set has it (0 of 4,635 beside the first 5,000 names).
fn version(catalogue: &Catalogue, name: &PackageName) -> Option<Finding> {
    let text = name.name();
    let stem = text.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let digits = &text[stem.len()..];
    let digits = digits.trim_start_matches('.');
    if digits.is_empty() {
        return None;
    }
    let base = stem.trim_end_matches(['-', '_', '.']);
    let marked = stem
        .strip_suffix(['v', 'V'])
        .filter(|rest| rest.ends_with(['-', '_', '.']));
    let has_separator = stem.len() > base.len() || marked.is_some();
    let base = marked.map_or(base, |rest| rest.trim_end_matches(['-', '_', '.']));
    let base = Squashed::of(base).filter(|base| base.bytes().len() >= 4)?;
    let place = catalogue.same_letters(base.bytes())?;
    let is_npm = name.ecosystem() == Ecosystem::Npm;
    let severity = if digits.contains('.') || (has_separator && is_npm) {
        Severity::Block
    } else {
        Severity::Suspicious
    };
    (place < RANK_MAX).then_some((place, Signal::VersionAppended, severity))
}

/// Characters that look like others, several at once: `g00gle`, `rnatplotlib`.
fn confusable(catalogue: &Catalogue, name: &Squashed) -> Option<Finding> {
    let mut letters = [0; super::squash::LENGTH_MAX];
    let bytes = name.bytes();
    let (mut length, mut at) = (0, 0);
    while at < bytes.len() {
        let pair = bytes.get(at..at + 2).unwrap_or_default();
        let (letter, step) = match (bytes[at], pair) {
            (_, b"rn") => (b'm', 2),
            (_, b"vv") => (b'w', 2),
            (b'0', _) => (b'o', 1),
            (b'1', _) => (b'l', 1),
            (b'5', _) => (b's', 1),
            (b'3', _) => (b'e', 1),
            (letter, _) => (letter, 1),
        };
        letters[length] = letter;
        length += 1;
        at += step;
    }
    if length < 5 || letters[..length] == *bytes {
        return None;
    }
    let place = catalogue.same_letters(&letters[..length])?;
    let severity = if place < RANK_MAX && length > 6 {
        Severity::Block
    } else {
        Severity::Suspicious
    };
    Some((place, Signal::Homoglyph, severity))
}

/// The same words in another order (0.3 % on npm, hardly any on PyPI).
fn order(catalogue: &Catalogue, name: &Squashed) -> Option<Finding> {
    let place = catalogue
        .same_words(name)
        .filter(|&place| place < 2 * RANK_MAX)?;
    Some((place, Signal::WordsReordered, Severity::Suspicious))
}

/// `node-` before and `js` behind a name, `python-` on PyPI.
fn affix(catalogue: &Catalogue, ecosystem: Ecosystem, name: &Squashed) -> Option<Finding> {
    let affixes: &[&[u8]] = match ecosystem {
        Ecosystem::Npm => &NPM_AFFIXES,
        Ecosystem::Pypi => &PYPI_AFFIXES,
        Ecosystem::Maven | Ecosystem::Generic => return None,
    };
    let bytes = name.bytes();
    let stems = affixes.iter().flat_map(|affix| {
        let suffix = bytes.strip_suffix(*affix);
        [bytes.strip_prefix(*affix), suffix]
    });
    let mut long = stems
        .flatten()
        .filter(|stem| stem.len() >= BRAND_LENGTH_MIN);
    let place = long.find_map(|stem| catalogue.same_letters(stem))?;
    (place < RANK_MAX).then_some((place, Signal::AffixAdded, Severity::Suspicious))
}

/// A word of the name is a well-known name, perhaps with one letter changed.
fn brand(catalogue: &Catalogue, words: &Words, name: &Squashed) -> Option<Finding> {
    if name.token_count() < 2 {
        return None;
    }
    let mut best: Option<usize> = None;
    for token in name
        .tokens()
        .filter(|token| token.len() >= BRAND_LENGTH_MIN)
    {
        let is_misspelt = token.len() > 6 && words.count(token) == 0;
        catalogue.near_part(token, is_misspelt, |place, target| {
            let is_brand = place < BRAND_RANK_MAX && target.token_count() == 1;
            let is_near = target.bytes() == token
                || Edits::between(token, target.bytes()).is_some_and(|edits| edits.count() < 2);
            let is_distinct = words.count(target.bytes()) <= BRAND_NAMES_MAX;
            if is_brand && is_near && is_distinct && best.is_none_or(|other| place < other) {
                best = Some(place);
            }
        });
    }
    Some((best?, Signal::BrandUsed, Severity::Suspicious))
}
