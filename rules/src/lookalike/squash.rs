//! A name as the comparison sees it: lower case, without separators.
//!
//! `@Scope/Foo_bar.js` becomes `scopefoobarjs` plus the places at which its tokens begin, so that
//! moved separators are visible without hindering the comparison of letters. Names longer than
//! [`LENGTH_MAX`] are not squashed: nothing popular is that long.

/// The longest squashed name that is compared, in bytes.
pub(super) const LENGTH_MAX: usize = 64;

/// A squashed name and its token boundaries.
#[derive(Clone, Copy)]
pub(super) struct Squashed {
    bytes: [u8; LENGTH_MAX],
    length: u8,
    /// Bit `i` is set when a token begins at byte `i`.
    starts: u64,
}

impl Squashed {
    /// Squashes the namespace (may be empty) and the name; `None` if nothing or too much is left.
    pub(super) fn new(namespace: &str, name: &str) -> Option<Self> {
        let mut squashed = Self {
            bytes: [0; LENGTH_MAX],
            length: 0,
            starts: 0,
        };
        for part in [namespace, name] {
            squashed.append(part.as_bytes())?;
        }
        (squashed.length > 0).then_some(squashed)
    }

    /// Squashes a name as it is written in a list: `@scope/name`, `name` or `group:artifact`.
    pub(super) fn of(text: &str) -> Option<Self> {
        Self::new("", text)
    }

    /// Appends bytes; whatever is not a letter or digit ends a token.
    fn append(&mut self, bytes: &[u8]) -> Option<()> {
        let mut begins = true;
        for &byte in bytes {
            if matches!(byte, b'-' | b'_' | b'.' | b'/' | b'@' | b':' | b'~') {
                begins = true;
                continue;
            }
            let at = usize::from(self.length);
            *self.bytes.get_mut(at)? = byte.to_ascii_lowercase();
            self.starts |= u64::from(begins) << at;
            self.length += 1;
            begins = false;
        }
        Some(())
    }

    /// The first `length` bytes with their boundaries; `None` if nothing would be left.
    pub(super) fn truncated(mut self, length: usize) -> Option<Self> {
        let length = length.min(self.bytes().len());
        self.length = length as u8;
        self.starts &= mask(length);
        (length > 0).then_some(self)
    }

    /// Letters and digits, lower case.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The token boundaries as bits.
    pub(super) const fn starts(&self) -> u64 {
        self.starts
    }

    /// How many tokens the name has.
    pub(super) const fn token_count(&self) -> u32 {
        self.starts.count_ones()
    }

    /// The token that holds byte `at`, as a range; places past the end belong to the last token.
    pub(super) fn token_at(&self, at: usize) -> (usize, usize) {
        let length = self.bytes().len();
        let at = at.min(length - 1);
        let before = self.starts & mask(at + 1);
        let start = 63 - (before | 1).leading_zeros() as usize;
        let after = self.starts & !mask(at + 1);
        let end = (after.trailing_zeros() as usize).min(length);
        (start, end)
    }

    /// The tokens from left to right.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = 0;
        std::iter::from_fn(move || {
            if at >= self.bytes().len() {
                return None;
            }
            let (start, end) = self.token_at(at);
            at = end;
            self.bytes().get(start..end)
        })
    }
}

/// The lowest `count` bits.
const fn mask(count: usize) -> u64 {
    if count >= 64 {
        u64::MAX
    } else {
        (1 << count) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_again() {
        let name = Squashed::of("@Scope/Foo_bar.js").unwrap();
        assert_eq!(name.bytes(), b"scopefoobarjs");
        let tokens: Vec<_> = name.tokens().collect();
        assert_eq!(tokens, [&b"scope"[..], b"foo", b"bar", b"js"]);
        assert_eq!(name.token_at(8), (8, 11));
        assert_eq!(name.token_at(99), (11, 13));
        assert_eq!(name.truncated(8).unwrap().token_count(), 2);
    }

    #[test]
    fn extremes_are_refused() {
        assert!(Squashed::of("-._").is_none());
        assert!(Squashed::of(&"a".repeat(65)).is_none());
        let longest = Squashed::of(&"a-".repeat(64)).unwrap();
        assert_eq!(longest.tokens().count(), 64);
        assert_eq!(longest.token_at(63), (63, 64));
    }
}
