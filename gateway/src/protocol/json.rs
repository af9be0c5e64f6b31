//! Looking into a JSON document without building one: a walk that yields stretches of the text.
//!
//! The grammar of RFC 8259 is checked at every byte that is stepped over; what a string holds is
//! only decoded where somebody reads it. Nothing here recurses.

mod span;
mod write;

use std::borrow::Cow;

pub(in crate::protocol) use span::Span;
pub(in crate::protocol) use write::{push_comma, push_key, push_string};

/// As deep as objects and arrays nest in any honest document; serde_json has the same bound.
const DEPTH_MAX: u32 = 128;

/// The text is no JSON, or not the JSON that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why} at byte {at}")]
pub(in crate::protocol) struct Malformed {
    why: &'static str,
    at: usize,
}

/// The key of an object's entry.
#[derive(Debug)]
pub(in crate::protocol) struct Key<'a> {
    /// Without its escapes.
    pub text: Cow<'a, str>,
    /// As it is written, without its quotes.
    pub written: Span,
}

/// A place in a text, and the way on from there.
#[derive(Debug)]
pub(in crate::protocol) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// How many objects and arrays stand open.
    depth: u32,
    /// The one that was opened last has had no entry so far.
    fresh: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Result<Self, Malformed> {
        let scanner = Self {
            text,
            at: 0,
            depth: 0,
            fresh: false,
        };
        match u32::try_from(text.len()) {
            Ok(_) => Ok(scanner),
            Err(_) => Err(scanner.malformed("too much text")),
        }
    }

    /// At a value of a text that was scanned before.
    pub const fn at(text: &'a str, value: Span) -> Self {
        Self {
            text,
            at: value.start(),
            depth: 0,
            fresh: false,
        }
    }

    /// Where the next value begins, or whatever stands in its place.
    pub fn start(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Where the last value ended.
    pub const fn end(&self) -> usize {
        self.at
    }

    pub const fn malformed(&self, why: &'static str) -> Malformed {
        Malformed { why, at: self.at }
    }

    /// Steps into the object that comes next; false, and nowhere, if it is another value. All its
    /// keys must be asked for then.
    pub fn enters_object(&mut self) -> Result<bool, Malformed> {
        self.enters(b'{')
    }

    /// Steps into the array that comes next, likewise.
    pub fn enters_array(&mut self) -> Result<bool, Malformed> {
        self.enters(b'[')
    }

    /// The next key of the object that was entered; `None` where it ends. The value that follows
    /// must be skipped or entered.
    pub fn next_key(&mut self) -> Result<Option<Key<'a>>, Malformed> {
        if !self.goes_on(b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(self.malformed("no key"));
        }
        let start = self.at + 1;
        let plain = self.string()?;
        let written = Span::new(start, self.at - 1);
        let text = match plain {
            true => Cow::Borrowed(written.of(self.text)),
            false => {
                decode(written.of(self.text)).ok_or(self.malformed("a key that is no text"))?
            }
        };
        self.expect(b':')?;
        Ok(Some(Key { text, written }))
    }

    /// Whether the array that was entered has one more value, which must be skipped or entered.
    pub fn next_item(&mut self) -> Result<bool, Malformed> {
        self.goes_on(b']')
    }

    /// Steps over the value that comes next.
    pub fn skip(&mut self) -> Result<Span, Malformed> {
        let start = self.start();
        // The open ones among what is skipped, innermost lowest: a one for an object.
        let (mut kinds, outside) = (0_u128, self.depth);
        loop {
            match self.peek() {
                Some(b'"') => drop(self.string()?),
                Some(bracket @ (b'{' | b'[')) => {
                    self.open()?;
                    kinds = kinds << 1 | u128::from(bracket == b'{');
                    // `]` and `}` are two above.
                    if self.peek() == Some(bracket + 2) {
                        self.at += 1;
                        self.depth -= 1;
                        kinds >>= 1;
                    } else {
                        self.key_of(kinds)?;
                        continue;
                    }
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(_) => self.word()?,
                None => return Err(self.malformed("the text ends early")),
            }
            while self.depth > outside {
                let is_object = kinds & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.key_of(kinds)?;
                        break;
                    }
                    Some(b'}') if is_object => {}
                    Some(b']') if !is_object => {}
                    _ => return Err(self.malformed("neither a comma nor the end")),
                }
                self.at += 1;
                self.depth -= 1;
                kinds >>= 1;
            }
            if self.depth == outside {
                return Ok(Span::new(start, self.at));
            }
        }
    }

    /// Nothing may follow.
    pub fn finish(mut self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.malformed("something behind the document")),
        }
    }

    fn enters(&mut self, bracket: u8) -> Result<bool, Malformed> {
        if self.peek() != Some(bracket) {
            return Ok(false);
        }
        self.fresh = true;
        self.open().map(|()| true)
    }

    fn open(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        self.depth += 1;
        match self.depth > DEPTH_MAX {
            true => Err(self.malformed("it nests too deeply")),
            false => Ok(()),
        }
    }

    /// Steps over a comma before an entry that is not the first, or over the `end`.
    fn goes_on(&mut self, end: u8) -> Result<bool, Malformed> {
        let first = std::mem::take(&mut self.fresh);
        match self.peek() {
            Some(byte) if byte == end => {
                self.at += 1;
                self.depth = self.depth.saturating_sub(1);
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if first => Ok(true),
            _ => Err(self.malformed("neither a comma nor the end")),
        }
    }

    /// Steps over a key, where an object's value is to follow.
    fn key_of(&mut self, kinds: u128) -> Result<(), Malformed> {
        if kinds & 1 == 0 {
            return Ok(());
        }
        if self.peek() != Some(b'"') {
            return Err(self.malformed("no key"));
        }
        self.string()?;
        self.expect(b':')
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.malformed("no colon"));
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.peek_behind_space(),
        }
    }

    fn peek_behind_space(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Steps over the string whose quote comes next; whether it is without escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, Malformed> {
        let bytes = self.text.as_bytes();
        let at = plain_end(bytes, self.at + 1);
        if bytes.get(at) == Some(&b'"') {
            self.at = at + 1;
            return Ok(true);
        }
        self.at = at;
        self.escapes().map(|()| false)
    }

    /// Steps over the rest of a string, from the first byte on that isn't plain.
    fn escapes(&mut self) -> Result<(), Malformed> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at..) {
                Some([b'"', ..]) => {
                    self.at += 1;
                    return Ok(());
                }
                Some([b'\\', b'u', digits @ ..]) if is_code(digits) => self.at += 6,
                Some([b'\\', letter, ..]) if b"\"\\/bfnrt".contains(letter) => self.at += 2,
                _ => return Err(self.malformed("a broken string")),
            }
            self.at = plain_end(bytes, self.at);
        }
    }

    fn number(&mut self) -> Result<(), Malformed> {
        let bytes = self.text.as_bytes();
        self.at += usize::from(bytes.get(self.at) == Some(&b'-'));
        match bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.malformed("a broken number"));
        }
        self.at += count;
        Ok(())
    }

    fn word(&mut self) -> Result<(), Malformed> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let words: [&[u8]; 3] = [b"true", b"false", b"null"];
        let Some(word) = words.into_iter().find(|word| rest.starts_with(word)) else {
            return Err(self.malformed("no value"));
        };
        self.at += word.len();
        Ok(())
    }
}

/// The text of a JSON string; `None` for any other value. The value must have been scanned.
pub(in crate::protocol) fn string(value: &str) -> Option<Cow<'_, str>> {
    let written = value.strip_prefix('"')?.strip_suffix('"')?;
    match plain_end(written.as_bytes(), 0) == written.len() {
        true => Some(Cow::Borrowed(written)),
        false => decode(written),
    }
}

/// What the inside of a scanned string means; `None` if its escapes are no text (half a surrogate
/// pair).
fn decode(written: &str) -> Option<Cow<'static, str>> {
    let text: String = serde_json::from_str(&format!("\"{written}\"")).ok()?;
    Some(Cow::Owned(text))
}

/// The place of the first byte from `at` on that can't stand in a string as it is: the quote, the
/// backslash and control characters. Eight bytes at a time, as long as most strings are.
// Half of the time of a walk goes by in here, and a call would double that.
#[inline(always)]
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES * 0x80;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let quotes = word ^ (ONES * b'"' as u64);
        let backslashes = word ^ (ONES * b'\\' as u64);
        // Borrowed bits make false marks only above a true one, and the lowest is what counts.
        let marks = (quotes.wrapping_sub(ONES) & !quotes)
            | (backslashes.wrapping_sub(ONES) & !backslashes)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        if marks & HIGHS != 0 {
            return at + (marks & HIGHS).trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| is_plain(**byte)).count()
}

const fn is_plain(byte: u8) -> bool {
    (byte >= 0x20) & (byte != b'"') & (byte != b'\\')
}

/// Whether four hexadecimal digits come first.
fn is_code(digits: &[u8]) -> bool {
    let four = digits.first_chunk::<4>();
    four.is_some_and(|four| four.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    fn scan(text: &str) -> Result<Span, Malformed> {
        let mut scanner = Scanner::new(text)?;
        let span = scanner.skip()?;
        scanner.finish().map(|()| span)
    }

    /// The same document, but walked by keys and items instead of skipped.
    fn walk(scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
        if scanner.enters_object()? {
            while scanner.next_key()?.is_some() {
                walk(scanner)?;
            }
        } else if scanner.enters_array()? {
            while scanner.next_item()? {
                walk(scanner)?;
            }
        } else {
            scanner.skip()?;
        }
        Ok(())
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let nest = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let most = DEPTH_MAX as usize;
        assert!(scan(&nest(most)).is_ok());
        assert!(scan(&nest(most + 1)).is_err());
        assert!(scan(&nest(200_000)).is_err());
        assert!(scan(&format!("[\"{}\\\"[\"]", "[".repeat(500))).is_ok());
        assert!(scan("\"\\").is_err());
        assert!(scan(&format!("[{}[]]", "[],".repeat(500))).is_ok());
        let text = format!("{{\"a\":{}}}", nest(most));
        let mut scanner = Scanner::new(&text).unwrap();
        assert!(scanner.enters_object().unwrap());
        scanner.next_key().unwrap();
        assert!(scanner.skip().is_err(), "what was entered counts");
    }

    #[test]
    fn entries_are_slices_of_the_text() {
        let text = r#" { "a" : 1 , "\u0062":{"c":[ ]}, "a":"x" } "#;
        let mut scanner = Scanner::new(text).unwrap();
        let mut seen = Vec::new();
        assert!(!scanner.enters_array().unwrap());
        assert!(scanner.enters_object().unwrap());
        while let Some(key) = scanner.next_key().unwrap() {
            seen.push((
                key.text,
                key.written.of(text),
                scanner.skip().unwrap().of(text),
            ));
        }
        let seen: Vec<_> = seen
            .iter()
            .map(|(key, raw, value)| (&**key, *raw, *value))
            .collect();
        let b = ("b", r"\u0062", "{\"c\":[ ]}");
        assert_eq!(seen, [("a", "a", "1"), b, ("a", "a", "\"x\"")]);
        scanner.finish().unwrap();
    }

    /// serde_json is the judge of what is JSON, here of every text near some that are.
    #[test]
    fn the_grammar_is_that_of_serde_json() {
        let seeds = [
            r#"{"a":[1,-0.5e+10,{"b":"c\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}],"":null}"#,
            r#" [ true , false , null , 0 , [ ] , { } , "é☠ long enough for two words" ] "#,
            "-1e5",
            "\"\"",
        ];
        let inserted = [
            "", "\"", "\\", ",", "}", "]", "0", "-", ".", "e", "\u{1}", "\u{7f}", " x",
        ];
        let mut judged = 0;
        for seed in seeds {
            let places = (0..=seed.len()).filter(|at| seed.is_char_boundary(*at));
            for (at, insert) in places.flat_map(|at| inserted.map(|insert| (at, insert))) {
                let cut = seed[at..].chars().next().map_or(0, char::len_utf8);
                for text in [
                    format!("{}{insert}{}", &seed[..at], &seed[at..]),
                    format!("{}{insert}{}", &seed[..at], &seed[at + cut..]),
                    format!("{}{insert}", &seed[..at]),
                ] {
                    let wanted = serde_json::from_str::<IgnoredAny>(&text).is_ok();
                    assert_eq!(scan(&text).is_ok(), wanted, "{text}");
                    let mut scanner = Scanner::new(&text).unwrap();
                    let walked = walk(&mut scanner).and_then(|()| scanner.finish());
                    assert_eq!(walked.is_ok(), wanted, "{text}");
                    judged += usize::from(wanted);
                }
            }
        }
        assert!(judged > 100, "{judged}");
    }

    #[test]
    fn strings_are_read_and_written() {
        for text in [
            "",
            "a",
            "a\"b",
            "\u{1f}",
            "\u{7f}\u{80}",
            "\\",
            "a long one: \n",
            "é☠\u{10ffff}",
        ] {
            let mut written = Vec::new();
            push_string(&mut written, text);
            assert_eq!(written, serde_json::to_vec(text).unwrap());
            let written = String::from_utf8(written).unwrap();
            assert_eq!(string(&written).as_deref(), Some(text));
        }
        assert_eq!(string(r#""\/\u00e9""#).as_deref(), Some("/é"));
        for other in ["1", "{}", "null", r#""\ud800""#] {
            assert_eq!(string(other), None, "{other}");
        }
        let long = "x".repeat(40);
        for (at, byte) in (0..40).flat_map(|at| [b'"', b'\\', 0, 0x1f].map(|byte| (at, byte))) {
            let mut bytes = long.clone().into_bytes();
            bytes[at] = byte;
            assert_eq!(plain_end(&bytes, 0), at);
        }
    }
}
