//! The deletion index: which list entries are within one or two edits of a text?
//!
//! Two texts within `d` edits (insertion, deletion, replacement, swap of neighbours) have a common
//! text that both reach by at most `d` deletions (the symmetric-deletion method). The index holds
//! a hash of every such text of the listed names; a lookup hashes the deletions of what is asked.
//! Answers are candidates: the caller verifies them, so that a collision of hashes does no harm.
//!
//! Entries are sorted 32-bit words (16 bits of tag, 16 bits of identity) behind a table of
//! buckets. A bit filter in front answers most misses with one memory access.

/// The most candidates that one lookup hands out.
pub(super) const CANDIDATES_MAX: usize = 24;

/// Lengths for which two deletions are tried: shorter names share too many letters by chance, and
/// of longer ones there are too many deletions.
const TWO_DELETIONS: std::ops::RangeInclusive<usize> = 9..=24;

/// An odd multiplier with well mixed bits (the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// How many deletions an entry is stored with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// The text itself only.
    Exact,
    /// Up to one deletion.
    One,
    /// Up to two deletions, where the length allows.
    Two,
}

/// Hashes of texts with deletions, and whose they are.
#[derive(Default)]
pub(super) struct DeletionIndex {
    filter: Vec<u64>,
    /// Where each bucket begins in `entries`; one more than there are buckets.
    offsets: Vec<u32>,
    entries: Vec<u32>,
    bucket_bits: u32,
}

/// The identities a lookup found, without repetition.
pub(super) struct Candidates {
    identities: [u16; CANDIDATES_MAX],
    length: usize,
}

impl DeletionIndex {
    /// Builds the index; the identity of a text is its place in the iteration.
    pub(super) fn build<'a>(texts: impl Iterator<Item = (u16, &'a [u8], Depth)> + Clone) -> Self {
        let mut count = 0;
        let each = |visit: &mut dyn FnMut(u64, u16)| {
            for (identity, text, depth) in texts.clone() {
                for_each_deletion(text, depth, |hash| visit(hash, identity));
            }
        };
        each(&mut |_, _| count += 1);
        let bucket_bits = usize::ilog2(count / 8 + 2);
        let mut index = Self {
            filter: vec![0; (count * 10 / 64 + 1).next_power_of_two()],
            offsets: vec![0; (1 << bucket_bits) + 1],
            entries: vec![0; count],
            bucket_bits,
        };
        each(&mut |hash, _| {
            let (word, bits) = index.filter_place(hash);
            index.filter[word] |= bits;
            index.offsets[bucket(hash, bucket_bits) + 1] += 1;
        });
        for at in 1..index.offsets.len() {
            index.offsets[at] += index.offsets[at - 1];
        }
        let mut next = index.offsets.clone();
        each(&mut |hash, identity| {
            let place = &mut next[bucket(hash, bucket_bits)];
            index.entries[*place as usize] = tag(hash) << 16 | u32::from(identity);
            *place += 1;
        });
        for pair in index.offsets.windows(2) {
            index.entries[pair[0] as usize..pair[1] as usize].sort_unstable();
        }
        index
    }

    /// Entries that are probably within `depth` edits of the text, nearest deletions first.
    pub(super) fn candidates(&self, text: &[u8], depth: Depth) -> Candidates {
        let mut found = Candidates {
            identities: [0; CANDIDATES_MAX],
            length: 0,
        };
        if !self.entries.is_empty() {
            for_each_deletion(text, depth, |hash| self.look_up(hash, &mut found));
        }
        found
    }

    fn look_up(&self, hash: u64, found: &mut Candidates) {
        let (word, bits) = self.filter_place(hash);
        if self.filter[word] & bits != bits {
            return;
        }
        let bucket = bucket(hash, self.bucket_bits);
        let range = self.offsets[bucket] as usize..self.offsets[bucket + 1] as usize;
        let wanted = tag(hash);
        for &entry in &self.entries[range] {
            if entry >> 16 == wanted {
                found.add(entry as u16);
            }
        }
    }

    fn filter_place(&self, hash: u64) -> (usize, u64) {
        let word = (hash >> 12) as usize & (self.filter.len() - 1);
        (word, 1 << (hash & 63) | 1 << (hash >> 6 & 63))
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.filter.len() * 8 + (self.offsets.len() + self.entries.len()) * 4
    }
}

impl Candidates {
    fn add(&mut self, identity: u16) {
        if self.length < CANDIDATES_MAX && !self.as_slice().contains(&identity) {
            self.identities[self.length] = identity;
            self.length += 1;
        }
    }

    /// What was found.
    pub(super) fn as_slice(&self) -> &[u16] {
        &self.identities[..self.length]
    }
}

/// The hash of a text, the same that the index uses for texts without deletions.
pub(super) fn hash(text: &[u8]) -> u64 {
    hash_of(text.iter().copied())
}

/// The hash of bytes that need not lie together.
pub(super) fn hash_of(bytes: impl Iterator<Item = u8>) -> u64 {
    finish(bytes.fold(0, step))
}

/// The hashes of the beginnings of a text: of one byte, of two, and so on.
pub(super) fn prefix_hashes(text: &[u8]) -> impl Iterator<Item = u64> {
    text.iter().scan(0, |sum, &byte| {
        *sum = step(*sum, byte);
        Some(finish(*sum))
    })
}

fn step(sum: u64, byte: u8) -> u64 {
    sum.wrapping_mul(MULTIPLIER)
        .wrapping_add(u64::from(byte) + 1)
}

fn finish(sum: u64) -> u64 {
    let mixed = (sum ^ sum >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ mixed >> 29
}

fn bucket(hash: u64, bits: u32) -> usize {
    (hash >> (64 - bits)) as usize
}

fn tag(hash: u64) -> u32 {
    (hash >> 24) as u32 & 0xffff
}

/// Calls `visit` with the hash of the text and of its deletions, nearest first.
///
/// Runs of one letter are shortened at their end only: the other deletions give the same text.
fn for_each_deletion(text: &[u8], depth: Depth, mut visit: impl FnMut(u64)) {
    visit(hash(text));
    if depth == Depth::Exact || text.len() < 3 || text.len() > super::squash::LENGTH_MAX {
        return;
    }
    // The polynomial of the text from each place on, and the power that belongs to its length.
    let mut suffixes = [(0_u64, 1_u64); super::squash::LENGTH_MAX + 1];
    for at in (0..text.len()).rev() {
        let (sum, power) = suffixes[at + 1];
        suffixes[at] = (
            sum.wrapping_add((u64::from(text[at]) + 1).wrapping_mul(power)),
            power.wrapping_mul(MULTIPLIER),
        );
    }
    let joined = |prefix: u64, at: usize| {
        let (sum, power) = suffixes[at];
        finish(prefix.wrapping_mul(power).wrapping_add(sum))
    };
    let repeats = |at: usize| text.get(at + 1) == Some(&text[at]);
    let mut prefix = 0;
    for (at, &byte) in text.iter().enumerate() {
        if !repeats(at) {
            visit(joined(prefix, at + 1));
        }
        prefix = step(prefix, byte);
    }
    if depth == Depth::One || !TWO_DELETIONS.contains(&text.len()) {
        return;
    }
    let mut prefix = 0;
    for (first, &byte) in text.iter().enumerate() {
        let mut between = prefix;
        for (second, &other) in text.iter().enumerate().skip(first + 1) {
            if !repeats(second) {
                visit(joined(between, second + 1));
            }
            between = step(between, other);
        }
        prefix = step(prefix, byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(texts: &[&'static str]) -> DeletionIndex {
        let texts = texts.iter().enumerate();
        DeletionIndex::build(texts.map(|(at, text)| (at as u16, text.as_bytes(), Depth::Two)))
    }

    #[test]
    fn all_texts_within_two_edits_are_found() {
        let index = index(&["typescript", "lodash", "beautifulsoup", "aabbccddee"]);
        for (text, depth, found) in [
            ("typescript", Depth::Exact, 0),
            ("typsecript", Depth::One, 0),
            ("tpyescrit", Depth::Two, 0),
            ("lodahs", Depth::One, 1),
            ("loddash", Depth::One, 1),
            ("baetifulsoup", Depth::Two, 2),
            ("abbccdee", Depth::Two, 3),
            ("aaabbcccddee", Depth::Two, 3),
        ] {
            assert_eq!(
                index.candidates(text.as_bytes(), depth).as_slice(),
                [found],
                "{text}"
            );
        }
        assert!(
            index
                .candidates(b"requests", Depth::Two)
                .as_slice()
                .is_empty()
        );
        assert!(
            DeletionIndex::default()
                .candidates(b"a", Depth::Two)
                .as_slice()
                .is_empty()
        );
    }
}
