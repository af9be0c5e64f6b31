//! Ranked names: the list itself, exact look-up, and the compact file.
//!
//! The file is one line of text, `lookalike-names 1 ECOSYSTEM DATE COUNT SOURCE`, and then the
//! names in alphabetical order, front-coded: one byte says how many bytes are the same as in the
//! name before, one byte how many follow, then these, then the rank as a LEB128 number. A date
//! that is not known is `-`; the source may have spaces or be missing.

use crate::Ecosystem;

/// The most names a list can hold; the rest of a longer list is left out.
pub const NAMES_MAX: usize = u16::MAX as usize - 1;

/// The longest file that is read, in bytes: a thousand for each name that can be held.
pub const LIST_BYTES_MAX: usize = 64 << 20;

/// The most rows that are read of a list; what is beyond [`NAMES_MAX`] names is left out.
pub const ROWS_MAX: usize = 1_000_000;

/// The longest name that the compact file can hold, in bytes.
pub(super) const NAME_BYTES_MAX: usize = u8::MAX as usize;

/// The first word of the compact file, and its version.
pub(super) const MAGIC: &str = "lookalike-names 1";

/// What stands for a date that is not known.
const NO_DATE: &str = "-";

/// Why a list cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The first line of a compact file is another one.
    #[error("the list does not begin with \"{MAGIC} ECOSYSTEM DATE COUNT\"")]
    Header,
    /// The names of a compact file end too early or hold bytes that are no text.
    #[error("the list is damaged at byte {0}")]
    Damaged(usize),
    /// There are fewer or more names in a compact file than announced.
    #[error("the list announces {announced} names and holds {found}")]
    Count {
        /// The number in the first line.
        announced: usize,
        /// The number of names.
        found: usize,
    },
    /// A compact file is of another ecosystem.
    #[error("the list is of {found} names, not of {expected} names")]
    Ecosystem {
        /// The ecosystem that was asked for.
        expected: Ecosystem,
        /// The one that the file tells.
        found: Ecosystem,
    },
    /// A line, row or field is not as it must be.
    #[error("{place}: {message}")]
    Place {
        /// `line 7`, or `row 7` of a JSON array.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// There is no name in it.
    #[error("the list holds no name")]
    Empty,
    /// It has too many bytes.
    #[error("the list has {0} bytes; at most {LIST_BYTES_MAX} are read")]
    TooLong(usize),
    /// It has too many rows.
    #[error("the list has more than {ROWS_MAX} rows")]
    TooManyRows,
}

/// What the first line of a compact file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) ecosystem: Ecosystem,
    /// Empty if it is not known; never with white space.
    pub(super) date: String,
    /// Empty if it is not known; one line.
    pub(super) source: String,
}

/// Names in order of rank.
#[derive(Default)]
pub(super) struct NameList {
    text: String,
    /// Where each name ends in `text`.
    ends: Vec<u32>,
    /// Open addressing: 16 bits of the hash, and the place of a name plus one or zero.
    slots: Vec<u32>,
}

impl NameList {
    /// Takes names in order of rank; repeated names count once.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut list = Self::default();
        list.rehash(64);
        for name in names {
            if list.ends.len() < NAMES_MAX && list.position(name).is_none() {
                list.push(name);
            }
        }
        list
    }

    /// Reads the compact file.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Heading, Self), ListError> {
        let (heading, announced, start) = decode_heading(bytes)?;
        let mut ranked = decode_names(bytes, start)?;
        let found = ranked.len();
        if found != announced {
            return Err(ListError::Count { announced, found });
        }
        ranked.sort_by_key(|&(rank, _)| rank);
        let names = ranked.iter().map(|(_, name)| name.as_str());
        Ok((heading, Self::new(names)))
    }

    /// Writes the compact file.
    pub(super) fn encode(&self, heading: &Heading) -> Vec<u8> {
        let mut ranked: Vec<_> = self.iter().zip(1_u32..).collect();
        ranked.retain(|(name, _)| name.len() <= NAME_BYTES_MAX);
        ranked.sort_unstable();
        let mut bytes = heading.line(ranked.len()).into_bytes();
        let mut before = "";
        for (name, rank) in ranked {
            let pairs = before.bytes().zip(name.bytes());
            let mut shared = pairs.take_while(|(left, right)| left == right).count();
            while !name.is_char_boundary(shared) {
                shared -= 1;
            }
            let rest = &name.as_bytes()[shared..];
            bytes.extend([shared as u8, rest.len() as u8]);
            bytes.extend(rest);
            encode_number(rank, &mut bytes);
            before = name;
        }
        bytes
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The name at a place.
    pub(super) fn name(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[place] as usize]
    }

    /// The names in order of rank.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        (0..self.len()).map(|place| self.name(place))
    }

    /// The place of a name: its rank less one.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.position_of([name, "", "", ""])
    }

    /// The place of a name that is given in parts.
    pub(super) fn position_of(&self, parts: [&str; 4]) -> Option<usize> {
        let hash = parts_hash(parts);
        let mut slot = self.slots.len().checked_sub(1)? & hash as usize;
        while let Some(place) = (self.slots[slot] as usize & 0xffff).checked_sub(1) {
            if self.slots[slot] >> 16 == tag(hash) && equals(self.name(place), parts) {
                return Some(place);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 4 + self.slots.len() * 4
    }

    fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len() as u32);
        if self.ends.len() * 2 > self.slots.len() {
            self.rehash(self.slots.len() * 2);
        } else {
            self.enter(self.len() - 1);
        }
    }

    fn rehash(&mut self, length: usize) {
        self.slots = vec![0; length];
        (0..self.len()).for_each(|place| self.enter(place));
    }

    fn enter(&mut self, place: usize) {
        let mask = self.slots.len() - 1;
        let hash = parts_hash([self.name(place), "", "", ""]);
        let mut slot = mask & hash as usize;
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = tag(hash) << 16 | (place as u32 + 1);
    }
}

impl Heading {
    fn line(&self, count: usize) -> String {
        let date = match self.date.as_str() {
            "" => NO_DATE,
            date => date,
        };
        let (ecosystem, source) = (self.ecosystem, &self.source);
        format!("{MAGIC} {ecosystem} {date} {count} {source}")
            .trim_end()
            .to_owned()
            + "\n"
    }
}

/// The names of a compact file in the order of the alphabet.
pub(super) fn names_of(bytes: &[u8]) -> Result<Vec<(u32, String)>, ListError> {
    let (_, _, start) = decode_heading(bytes)?;
    decode_names(bytes, start)
}

/// The first line: what it says, how many names it announces, and where they begin.
fn decode_heading(bytes: &[u8]) -> Result<(Heading, usize, usize), ListError> {
    let ends = |&byte: &u8| byte == b'\n';
    let end = bytes.iter().position(ends).ok_or(ListError::Header)?;
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| ListError::Header)?;
    let words = line.strip_prefix(MAGIC).ok_or(ListError::Header)?;
    let mut words = words.trim_start().splitn(4, ' ');
    let mut word = || words.next().ok_or(ListError::Header);
    let ecosystem = word()?.parse().map_err(|_| ListError::Header)?;
    let date = word()?;
    let announced = word()?.parse().map_err(|_| ListError::Header)?;
    let heading = Heading {
        ecosystem,
        date: if date == NO_DATE { "" } else { date }.to_owned(),
        source: words.next().unwrap_or_default().to_owned(),
    };
    Ok((heading, announced, end + 1))
}

fn parts_hash(parts: [&str; 4]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes());
    super::index::hash_of(bytes)
}

const fn tag(hash: u64) -> u32 {
    (hash >> 48) as u32
}

fn equals(text: &str, parts: [&str; 4]) -> bool {
    let mut rest = Some(text);
    for part in parts {
        rest = rest.and_then(|rest| rest.strip_prefix(part));
    }
    rest == Some("")
}

fn encode_number(mut number: u32, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Undoes the front coding.
fn decode_names(bytes: &[u8], start: usize) -> Result<Vec<(u32, String)>, ListError> {
    let mut ranked: Vec<(u32, String)> = Vec::new();
    let mut at = start;
    let mut before = "";
    while at < bytes.len() {
        if ranked.len() == NAMES_MAX {
            return Err(ListError::TooManyRows);
        }
        let damaged = || ListError::Damaged(at);
        let [shared, rest_length] = *bytes.get(at..at + 2).ok_or_else(damaged)? else {
            return Err(damaged());
        };
        let rest_end = at + 2 + usize::from(rest_length);
        let rest = bytes.get(at + 2..rest_end).ok_or_else(damaged)?;
        let rest = std::str::from_utf8(rest).map_err(|_| damaged())?;
        let kept = before.get(..usize::from(shared)).ok_or_else(damaged)?;
        let name = format!("{kept}{rest}");
        let (rank, next) = decode_number(bytes, rest_end).ok_or_else(damaged)?;
        ranked.push((rank, name));
        before = ranked.last().map_or("", |(_, name)| name);
        at = next;
    }
    Ok(ranked)
}

fn decode_number(bytes: &[u8], start: usize) -> Option<(u32, usize)> {
    let mut number = 0;
    for (count, &byte) in bytes.get(start..)?.iter().take(5).enumerate() {
        number |= u32::from(byte & 0x7f).checked_shl(7 * count as u32)?;
        if byte < 0x80 {
            return Some((number, start + count + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_written_and_read_back() {
        let long = "x".repeat(200);
        let names = [
            "zod",
            "@babel/core",
            "@babel/parser",
            "zod",
            &long,
            "\u{e9}t\u{e9}",
            "\u{e8}re",
        ];
        let list = NameList::new(names);
        assert_eq!(list.len(), 6);
        let heading = Heading {
            ecosystem: Ecosystem::Npm,
            date: "2026-09-23".into(),
            source: "a test of ours".into(),
        };
        let bytes = list.encode(&heading);
        let (read_heading, read) = NameList::decode(&bytes).unwrap();
        assert_eq!(read_heading, heading);
        assert!(list.iter().eq(read.iter()));
        assert_eq!(read.position_of(["@", "babel", "/", "core"]), Some(1));
        assert_eq!(read.position("babel"), None);
        for end in 0..bytes.len() {
            assert!(NameList::decode(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn many_names_are_found_again() {
        let names: Vec<_> = (0..5000).map(|number| format!("name{number}")).collect();
        let list = NameList::new(names.iter().map(String::as_str));
        assert!((0..5000).all(|place| list.position(&names[place]) == Some(place)));
        assert_eq!(list.position("name5000"), None);
        assert_eq!(NameList::default().position("a"), None);
    }
}
