//! Semantic Versioning 2.0.0, with the leading `v` or `=` that npm tolerates.

use std::cmp::Ordering;

use super::Number;

/// A version by its precedence; build metadata has none.
#[derive(Debug)]
pub(super) struct Version<'a> {
    core: [Number<'a>; 3],
    prerelease: Vec<Identifier<'a>>,
}

/// A part of a pre-release; numbers sort below words (section 11.4.3).
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier<'a> {
    Number(Number<'a>),
    Word(&'a str),
}

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['v', '=']);
        let text = text
            .split_once('+')
            .map_or(text, |(version, _build)| version);
        let (core, prerelease) = match text.split_once('-') {
            Some((core, prerelease)) => (core, Some(prerelease)),
            None => (text, None),
        };
        let mut numbers = core.split('.').map(Number::parse);
        let core = [numbers.next()??, numbers.next()??, numbers.next()??];
        if numbers.next().is_some() {
            return None;
        }
        let prerelease = match prerelease {
            Some(text) => text.split('.').map(identifier).collect::<Option<_>>()?,
            None => Vec::new(),
        };
        Some(Self { core, prerelease })
    }

    pub(super) const fn is_prerelease(&self) -> bool {
        !self.prerelease.is_empty()
    }
}

fn identifier(text: &str) -> Option<Identifier<'_>> {
    if let Some(number) = Number::parse(text) {
        return Some(Identifier::Number(number));
    }
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!text.is_empty() && text.bytes().all(word)).then_some(Identifier::Word(text))
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // A version without a pre-release is the higher one (section 11.3).
        let finality = other.is_prerelease().cmp(&self.is_prerelease());
        self.core
            .cmp(&other.core)
            .then(finality)
            .then_with(|| self.prerelease.cmp(&other.prerelease))
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version<'_> {}
