//! Maven's `ComparableVersion` (Maven 3.9), restated.
//!
//! A version is a list of items; a hyphen, and every change between digits and letters, opens a
//! list within the list. Depth is bounded by the length of a version, which the parent limits.

use std::cmp::Ordering;

use super::{Number, VERSION_BYTES_MAX};

/// A version as Maven compares it.
#[derive(Debug)]
pub(super) struct Version(Vec<Item>);

#[derive(Debug)]
enum Item {
    /// Digits without leading zeros.
    Number(String),
    Word(Qualifier),
    /// A word and the number after it, like `rc1` or `rc-1`.
    Numbered(Qualifier, String),
    List(Vec<Item>),
}

/// Words that Maven knows sort as listed; all others come after, by their text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Qualifier {
    Alpha,
    Beta,
    Milestone,
    Candidate,
    Snapshot,
    Release,
    ServicePack,
    Other(String),
}

/// The lists that are still open, the outermost first.
struct Builder {
    open: Vec<Vec<Item>>,
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > VERSION_BYTES_MAX {
            return None;
        }
        let text = text.to_lowercase();
        let mut builder = Builder {
            open: vec![Vec::new()],
        };
        let (mut start, mut digits, mut numbered) = (0, false, false);
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let pending = &text[start..at];
            match character {
                '.' => {
                    builder.push(item(pending, digits, numbered));
                    (start, numbered) = (at + 1, false);
                }
                '-' => {
                    let number_next = characters
                        .peek()
                        .is_some_and(|next| next.1.is_ascii_digit());
                    if !pending.is_empty() && !digits && number_next {
                        // `X-1` means `X1`.
                        numbered = true;
                        continue;
                    }
                    builder.push(item(pending, digits, numbered));
                    builder.nest();
                    (start, numbered) = (at + 1, false);
                }
                '0'..='9' => {
                    if !digits && !pending.is_empty() {
                        numbered = true;
                        builder.nest();
                    }
                    digits = true;
                }
                _ => {
                    if digits && !pending.is_empty() {
                        builder.push(item(pending, true, numbered));
                        builder.nest();
                        (start, numbered) = (at, false);
                    }
                    digits = false;
                }
            }
        }
        if start < text.len() {
            if !digits {
                builder.nest();
            }
            builder.push(item(&text[start..], digits, numbered));
        }
        Some(Self(builder.finish()))
    }
}

fn item(text: &str, digits: bool, numbered: bool) -> Item {
    if text.is_empty() {
        return Item::Number(String::new());
    }
    if numbered {
        let text = text.replace('-', "");
        let split = text
            .find(|character: char| character.is_ascii_digit())
            .unwrap_or(text.len());
        let (word, number) = text.split_at(split);
        return Item::Numbered(
            qualifier(word, true),
            number.trim_start_matches('0').to_owned(),
        );
    }
    if digits {
        return Item::Number(text.trim_start_matches('0').to_owned());
    }
    Item::Word(qualifier(text, false))
}

fn qualifier(text: &str, numbered: bool) -> Qualifier {
    match (text, numbered) {
        ("alpha", _) | ("a", true) => Qualifier::Alpha,
        ("beta", _) | ("b", true) => Qualifier::Beta,
        ("milestone", _) | ("m", true) => Qualifier::Milestone,
        ("rc" | "cr", _) => Qualifier::Candidate,
        ("snapshot", _) => Qualifier::Snapshot,
        ("" | "ga" | "final" | "release", _) => Qualifier::Release,
        ("sp", _) => Qualifier::ServicePack,
        (other, _) => Qualifier::Other(other.to_owned()),
    }
}

impl Builder {
    fn push(&mut self, item: Item) {
        if let Some(list) = self.open.last_mut() {
            list.push(item);
        }
    }

    /// Opens a list within the innermost one, unless that is still empty.
    fn nest(&mut self) {
        if self.open.last().is_some_and(|list| !list.is_empty()) {
            self.open.push(Vec::new());
        }
    }

    fn finish(mut self) -> Vec<Item> {
        let mut inner: Option<Vec<Item>> = None;
        while let Some(mut list) = self.open.pop() {
            list.extend(inner.take().map(Item::List));
            normalise(&mut list);
            inner = Some(list);
        }
        inner.unwrap_or_default()
    }
}

/// Removes what means nothing, at the end or before a qualifier: `1.0.0-x` is `1-x`.
fn normalise(list: &mut Vec<Item>) {
    for at in (0..list.len()).rev() {
        let null = match list.get(at) {
            Some(Item::Number(digits)) => digits.is_empty(),
            Some(Item::List(items)) => items.is_empty(),
            _ => false,
        };
        let removable = match list.get(at + 1) {
            None | Some(Item::Word(_)) => true,
            Some(Item::List(items)) => {
                matches!(items.first(), Some(Item::Word(_) | Item::Numbered(..)))
            }
            _ => false,
        };
        if null && removable {
            list.remove(at);
        }
    }
}

impl Item {
    /// Compares with an item that is not there.
    fn cmp_absent(&self) -> Ordering {
        match self {
            Self::Number(digits) if digits.is_empty() => Ordering::Equal,
            Self::Number(_) => Ordering::Greater,
            Self::Word(word) | Self::Numbered(word, _) => word.cmp(&Qualifier::Release),
            Self::List(items) => items
                .iter()
                .map(Self::cmp_absent)
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal),
        }
    }

    /// Kinds that differ: words, then words with numbers, then lists, then numbers.
    const fn rank(&self) -> u8 {
        match self {
            Self::Word(_) | Self::Numbered(..) => 0,
            Self::List(_) => 1,
            Self::Number(_) => 2,
        }
    }

    fn cmp_present(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => Number(left).cmp(&Number(right)),
            (Self::List(left), Self::List(right)) => cmp_lists(left, right),
            (Self::Word(left), Self::Word(right)) => left.cmp(right),
            (Self::Word(left), Self::Numbered(right, _)) => left.cmp(right).then(Ordering::Less),
            (Self::Numbered(left, _), Self::Word(right)) => left.cmp(right).then(Ordering::Greater),
            (Self::Numbered(left, low), Self::Numbered(right, high)) => {
                left.cmp(right).then_with(|| Number(low).cmp(&Number(high)))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

fn cmp_lists(left: &[Item], right: &[Item]) -> Ordering {
    for at in 0..left.len().max(right.len()) {
        let order = match (left.get(at), right.get(at)) {
            (Some(left), Some(right)) => left.cmp_present(right),
            (Some(left), None) => left.cmp_absent(),
            (None, Some(right)) => right.cmp_absent().reverse(),
            (None, None) => Ordering::Equal,
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        cmp_lists(&self.0, &other.0)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

/// Whether a word of the version is one of Maven's qualifiers below the release.
pub(super) fn is_prerelease(version: &str) -> bool {
    let version = version.to_ascii_lowercase();
    version
        .split(|character: char| !character.is_alphanumeric())
        .flat_map(words)
        .any(|(word, numbered)| qualifier(word, numbered) < Qualifier::Release)
}

/// The runs of letters in a part, each with whether a digit follows.
fn words(part: &str) -> impl Iterator<Item = (&str, bool)> {
    let digit = |character: char| character.is_ascii_digit();
    part.split_inclusive(digit)
        .map(move |run| {
            run.strip_suffix(digit)
                .map_or((run, false), |word| (word, true))
        })
        .filter(|(word, _numbered)| !word.is_empty())
}
