//! What is usual in names: known words, and which letters follow each other.
//!
//! Built from the tokens of the popular names of all ecosystems. A changed token that is itself
//! a word (`parse` beside `parser`) speaks for an honest name; one with letters that never meet
//! (`reqeust`) speaks for a slip of the finger, real or staged.

use super::index::{self, hash};
use super::squash::{LENGTH_MAX, Squashed};

/// Letters, digits and the edge of a token.
const SYMBOLS: usize = 38;

/// The longest and shortest token that counts as a word.
const WORD_LENGTHS: std::ops::RangeInclusive<usize> = 2..=20;

/// How often a token must occur to count when a longer token is taken apart.
const PART_COUNT_MIN: u16 = 2;

/// Word counts and letter statistics.
#[derive(Default)]
pub(super) struct Words {
    /// Open addressing: the hash's upper half and how many names hold the token; 0 is free.
    slots: Vec<(u32, u16)>,
    /// The logarithm of each trigram's probability, in sixteenths, negated.
    trigrams: Vec<u8>,
}

impl Words {
    /// Counts the tokens of the names.
    pub(super) fn build<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut keys = Vec::new();
        let mut trigrams = vec![0_u32; SYMBOLS * SYMBOLS * SYMBOLS];
        for squashed in names.filter_map(Squashed::of) {
            for token in squashed.tokens() {
                trigram_places(token).for_each(|place| trigrams[place] += 1);
                if WORD_LENGTHS.contains(&token.len()) {
                    keys.push(key(hash(token)));
                }
            }
        }
        keys.sort_unstable();
        let runs = || keys.chunk_by(|left, right| left == right);
        let mut words = Self {
            slots: vec![(0, 0); (runs().count() * 2 + 1).next_power_of_two()],
            trigrams: probabilities(&trigrams),
        };
        for run in runs() {
            let slot = words.slot(run[0]);
            words.slots[slot] = (run[0], u16::try_from(run.len()).unwrap_or(u16::MAX));
        }
        words
    }

    /// How many popular names hold the token.
    pub(super) fn count(&self, token: &[u8]) -> u16 {
        if !WORD_LENGTHS.contains(&token.len()) || self.slots.is_empty() {
            return 0;
        }
        self.slots[self.slot(key(hash(token)))].1
    }

    /// How unusual the token's letters are in their order: the mean, and the worst three letters
    /// around the given range. Natural logarithms, positive.
    pub(super) fn oddness(&self, token: &[u8], around: (usize, usize)) -> (f32, f32) {
        let (mut sum, mut worst, mut count) = (0.0, 0.0_f32, 0.0);
        for (at, place) in trigram_places(token).enumerate() {
            let odd = f32::from(self.trigrams.get(place).copied().unwrap_or_default()) / 16.0;
            sum += odd;
            count += 1.0;
            // The trigram number `at` covers the letters `at - 2` to `at`.
            if at >= around.0 && at <= around.1 + 2 {
                worst = worst.max(odd);
            }
        }
        (sum / count, worst)
    }

    /// Which share of the text known words of three letters or more can cover, without overlap.
    pub(super) fn coverage(&self, text: &[u8]) -> f32 {
        const PART_MAX: usize = 12;
        let text = &text[..text.len().min(LENGTH_MAX)];
        if self.slots.is_empty() {
            return 0.0;
        }
        // How many bytes before each place can be covered at most.
        let mut best = [0_u8; LENGTH_MAX + 1];
        for start in 0..text.len() {
            best[start + 1] = best[start + 1].max(best[start]);
            let end = text.len().min(start + PART_MAX);
            let hashes = index::prefix_hashes(&text[start..end]);
            for (hash, length) in hashes
                .zip(1..)
                .skip(2)
                .filter(|&(_, length)| length < text.len())
            {
                let reached = best[start] + length as u8;
                let place = start + length;
                if reached > best[place] && self.slots[self.slot(key(hash))].1 >= PART_COUNT_MIN {
                    best[place] = reached;
                }
            }
        }
        f32::from(best[text.len()]) / text.len().max(1) as f32
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.len() * 8 + self.trigrams.len()
    }

    /// The slot of the token, or the empty one where it would be.
    fn slot(&self, key: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = key as usize & mask;
        while self.slots[at].1 != 0 && self.slots[at].0 != key {
            at = (at + 1) & mask;
        }
        at
    }
}

/// What stands for a token in the table.
fn key(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Places in the table of trigrams, with the edges of the token before and after.
fn trigram_places(token: &[u8]) -> impl Iterator<Item = usize> {
    let (mut first, mut second) = (0, 0);
    let symbols = token.iter().map(|&byte| match byte {
        b'a'..=b'z' => usize::from(byte - b'a') + 1,
        b'0'..=b'9' => usize::from(byte - b'0') + 27,
        _ => 37,
    });
    symbols.chain([0]).map(move |third| {
        let place = (first * SYMBOLS + second) * SYMBOLS + third;
        (first, second) = (second, third);
        place
    })
}

/// Negative logarithms of conditional probabilities, smoothed by the pair and the single symbol.
fn probabilities(counts: &[u32]) -> Vec<u8> {
    let mut singles = [0.0_f32; SYMBOLS];
    let mut pairs = vec![0.0_f32; SYMBOLS * SYMBOLS];
    for (place, &count) in counts.iter().enumerate() {
        singles[place % SYMBOLS] += count as f32;
        pairs[place % (SYMBOLS * SYMBOLS)] += count as f32;
    }
    let total: f32 = singles.iter().sum();
    let mut table = vec![0; counts.len()];
    for context in 0..SYMBOLS * SYMBOLS {
        let range = context * SYMBOLS..(context + 1) * SYMBOLS;
        let seen: f32 = counts[range.clone()]
            .iter()
            .map(|&count| count as f32)
            .sum();
        let second = context % SYMBOLS;
        let pair_range = second * SYMBOLS..(second + 1) * SYMBOLS;
        let pair_seen: f32 = pairs[pair_range].iter().sum();
        for third in 0..SYMBOLS {
            let single = (singles[third] + 1.0) / (total + SYMBOLS as f32);
            let pair = (pairs[second * SYMBOLS + third] + 4.0 * single) / (pair_seen + 4.0);
            let place = range.start + third;
            let probability = (counts[place] as f32 + 4.0 * pair) / (seen + 4.0);
            table[place] = (-probability.ln() * 16.0).clamp(0.0, 255.0) as u8;
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_letters_are_judged() {
        let names = [
            "request",
            "request-promise",
            "react-dom",
            "parse-json",
            "json-request",
        ];
        let words = Words::build(names.into_iter());
        assert_eq!(words.count(b"request"), 3);
        assert_eq!(words.count(b"reqeust"), 0);
        assert_eq!(words.count(b""), 0);
        let (usual, _) = words.oddness(b"request", (2, 4));
        let (odd, worst) = words.oddness(b"reqeust", (2, 4));
        assert!(odd > usual && worst > odd);
        assert!(words.coverage(b"requestjson") > 0.99);
        assert!(words.coverage(b"reqeust") < 0.01);
        assert_eq!(Words::default().count(b"request"), 0);
    }
}
