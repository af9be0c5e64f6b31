//! Tables of an index: flat arrays that point into each other, and one text for all words.

use std::ops::Range;

use super::interval::Interval;
use super::{AdvisoryKind, Affects, Score};

/// The most bytes of text, and the most items of an array.
const PLACES_MAX: usize = u32::MAX as usize;

/// The arrays.
#[derive(Debug, Default)]
pub(super) struct Tables {
    words: String,
    pub(super) headers: Vec<Header>,
    pub(super) entries: Vec<Entry>,
    pub(super) intervals: Vec<Interval<Text>>,
    /// Listed and fixed versions.
    pub(super) versions: Vec<Text>,
}

/// What an advisory says of all its packages.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) id: Text,
    pub(super) summary: Text,
    /// Seconds since 1970, 0 for none.
    pub(super) published: u32,
    pub(super) modified: u32,
    pub(super) kind: AdvisoryKind,
    pub(super) withdrawn: bool,
}

/// What an advisory says of one package.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) header: u32,
    pub(super) intervals: Slice,
    /// Those outside of the intervals.
    pub(super) listed: Slice,
    pub(super) fixed: Slice,
    pub(super) severity: Option<Score>,
    pub(super) affects: Affects,
}

/// A part of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    start: u32,
    bytes: u32,
}

/// A part of an array.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slice {
    pub(super) start: u32,
    pub(super) count: u32,
}

/// By how much the places of one set of tables move when it is appended to another.
struct Shift {
    words: u32,
    headers: u32,
    intervals: u32,
    versions: u32,
}

impl Tables {
    pub(super) fn text(&self, text: Text) -> &str {
        let start = text.start as usize;
        self.words
            .get(start..start + text.bytes as usize)
            .unwrap_or_default()
    }

    /// Whether so much more can be pointed to.
    pub(super) fn has_room(&self, bytes: usize, items: usize) -> bool {
        let arrays = [
            self.headers.len(),
            self.entries.len(),
            self.intervals.len(),
            self.versions.len(),
        ];
        let room =
            |used: usize, more: usize| used.checked_add(more).is_some_and(|sum| sum <= PLACES_MAX);
        room(self.words.len(), bytes) && arrays.into_iter().all(|used| room(used, items))
    }

    pub(super) fn push_text(&mut self, text: &str) -> Text {
        let start = self.words.len();
        self.words.push_str(text);
        Text {
            start: place(start),
            bytes: place(text.len()),
        }
    }

    /// Appends other tables, whose entries then stand behind the own ones; `false` if there is no
    /// room for them.
    pub(super) fn append(&mut self, other: Self) -> bool {
        let items = other.headers.len().max(other.entries.len());
        let items = items.max(other.intervals.len()).max(other.versions.len());
        if !self.has_room(other.words.len(), items) {
            return false;
        }
        let shift = Shift {
            words: place(self.words.len()),
            headers: place(self.headers.len()),
            intervals: place(self.intervals.len()),
            versions: place(self.versions.len()),
        };
        self.words.push_str(&other.words);
        let headers = other.headers.into_iter();
        self.headers
            .extend(headers.map(|header| shift.header(header)));
        let entries = other.entries.into_iter();
        self.entries.extend(entries.map(|entry| shift.entry(entry)));
        let intervals = other.intervals.into_iter();
        self.intervals
            .extend(intervals.map(|interval| interval.map(|text| shift.text(*text))));
        let versions = other.versions.into_iter();
        self.versions.extend(versions.map(|text| shift.text(text)));
        true
    }

    pub(super) fn shrink(&mut self) {
        self.words.shrink_to_fit();
        self.headers.shrink_to_fit();
        self.entries.shrink_to_fit();
        self.intervals.shrink_to_fit();
        self.versions.shrink_to_fit();
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        self.words.capacity()
            + self.headers.capacity() * size_of::<Header>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.intervals.capacity() * size_of::<Interval<Text>>()
            + self.versions.capacity() * size_of::<Text>()
    }
}

impl Shift {
    const fn text(&self, text: Text) -> Text {
        Text {
            start: text.start + self.words,
            ..text
        }
    }

    const fn header(&self, header: Header) -> Header {
        Header {
            id: self.text(header.id),
            summary: self.text(header.summary),
            ..header
        }
    }

    const fn entry(&self, entry: Entry) -> Entry {
        Entry {
            header: entry.header + self.headers,
            intervals: entry.intervals.moved(self.intervals),
            listed: entry.listed.moved(self.versions),
            fixed: entry.fixed.moved(self.versions),
            ..entry
        }
    }
}

impl Slice {
    pub(super) fn since(start: usize, end: usize) -> Self {
        Self {
            start: place(start),
            count: place(end - start),
        }
    }

    pub(super) fn of<T>(self, array: &[T]) -> &[T] {
        array.get(self.range()).unwrap_or_default()
    }

    const fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.count as usize
    }

    const fn moved(self, by: u32) -> Self {
        Self {
            start: self.start + by,
            ..self
        }
    }
}

/// The place of a count that [`Tables::has_room`] was asked for.
pub(super) fn place(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
