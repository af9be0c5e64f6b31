//! PEP 440: the version scheme of Python, in its permissive spelling (appendix B).

use std::cmp::Ordering;

use super::Number;

/// A version as its sort key.
///
/// The derived order is PEP 440's: the fields stand in the order in which they are compared.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version<'a> {
    epoch: Number<'a>,
    /// Without trailing zeros.
    release: Vec<Number<'a>>,
    pre: Pre<'a>,
    /// `None`, the absence, sorts below every post-release.
    post: Option<Number<'a>>,
    dev: Dev<'a>,
    local: Vec<Segment>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pre<'a> {
    /// Only a development release, which sorts below the pre-releases.
    Development,
    Phase(Phase, Number<'a>),
    Final,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Alpha,
    Beta,
    Candidate,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dev<'a> {
    Release(Number<'a>),
    None,
}

/// A part of a local version; words sort below numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Word(String),
    Number(Digits),
}

/// A number that owns its digits, since local versions are split after folding.
#[derive(Debug, PartialEq, Eq)]
struct Digits(String);

/// What is still to be read.
struct Reader<'a>(&'a str);

/// Spellings, longest first where one begins another.
const PHASES: [(&str, Phase); 8] = [
    ("alpha", Phase::Alpha),
    ("a", Phase::Alpha),
    ("beta", Phase::Beta),
    ("b", Phase::Beta),
    ("c", Phase::Candidate),
    ("rc", Phase::Candidate),
    ("preview", Phase::Candidate),
    ("pre", Phase::Candidate),
];

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (public, local) = match text.split_once('+') {
            Some((public, local)) => (public, parse_local(local)?),
            None => (text, Vec::new()),
        };
        let mut reader = Reader(public.strip_prefix(['v', 'V']).unwrap_or(public));
        let (epoch, release) = reader.release()?;
        let phase = reader.phase();
        let post = reader.post();
        let dev = reader.labelled(&["dev"]);
        if !reader.0.is_empty() {
            return None;
        }
        let pre = match (phase, post, dev) {
            (Some((phase, number)), ..) => Pre::Phase(phase, number),
            (None, None, Some(_)) => Pre::Development,
            (None, ..) => Pre::Final,
        };
        Some(Self {
            epoch,
            release,
            pre,
            post,
            dev: dev.map_or(Dev::None, Dev::Release),
            local,
        })
    }

    pub(super) const fn is_prerelease(&self) -> bool {
        !matches!((&self.pre, &self.dev), (Pre::Final, Dev::None))
    }
}

impl<'a> Reader<'a> {
    /// Epoch and release, trailing zeros cut.
    fn release(&mut self) -> Option<(Number<'a>, Vec<Number<'a>>)> {
        let mut first = self.number()?;
        let mut epoch = Number::ZERO;
        if let Some(rest) = self.0.strip_prefix('!') {
            self.0 = rest;
            epoch = first;
            first = self.number()?;
        }
        let mut release = vec![first];
        while let Some(rest) = self.0.strip_prefix('.') {
            let mut ahead = Reader(rest);
            let Some(number) = ahead.number() else { break };
            release.push(number);
            self.0 = ahead.0;
        }
        while release.last().is_some_and(|number| number.is_zero()) {
            release.pop();
        }
        Some((epoch, release))
    }

    fn phase(&mut self) -> Option<(Phase, Number<'a>)> {
        PHASES
            .iter()
            .find_map(|(label, phase)| Some((*phase, self.labelled(&[label])?)))
    }

    fn post(&mut self) -> Option<Number<'a>> {
        if let Some(number) = self.labelled(&["post", "rev", "r"]) {
            return Some(number);
        }
        // The implicit post-release: `1.0-1`.
        let mut ahead = Reader(self.0.strip_prefix('-')?);
        let number = ahead.number()?;
        self.0 = ahead.0;
        Some(number)
    }

    /// A separator or none, one of the labels, a separator or none, a number or none.
    fn labelled(&mut self, labels: &[&str]) -> Option<Number<'a>> {
        let start = self.0.strip_prefix(['.', '-', '_']).unwrap_or(self.0);
        let rest = labels.iter().find_map(|label| strip_label(start, label))?;
        let mut ahead = Reader(rest.strip_prefix(['.', '-', '_']).unwrap_or(rest));
        let number = ahead.number();
        self.0 = if number.is_some() { ahead.0 } else { rest };
        Some(number.unwrap_or(Number::ZERO))
    }

    fn number(&mut self) -> Option<Number<'a>> {
        let end = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(end);
        let number = Number::parse(digits)?;
        self.0 = rest;
        Some(number)
    }
}

fn strip_label<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(label.len())?;
    start.eq_ignore_ascii_case(label).then_some(rest)
}

fn parse_local(text: &str) -> Option<Vec<Segment>> {
    text.split(['.', '-', '_'])
        .map(|part| {
            if let Some(number) = Number::parse(part) {
                return Some(Segment::Number(Digits(number.0.to_owned())));
            }
            let word = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
            word.then(|| Segment::Word(part.to_ascii_lowercase()))
        })
        .collect()
}

impl Ord for Digits {
    fn cmp(&self, other: &Self) -> Ordering {
        Number(&self.0).cmp(&Number(&other.0))
    }
}

impl PartialOrd for Digits {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
