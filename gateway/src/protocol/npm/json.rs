//! Looking into a JSON document without building one: an object's entries as slices of the text.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// serde_json's own recursion limit. It does not count inside a `RawValue`, so we count here.
const DEPTH_MAX: usize = 128;

/// A stretch of a document. A `Range`, but small and `Copy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// Where `part`, which must be a slice of `document`, stands in it.
    pub fn of(document: &str, part: &str) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(document.as_ptr() as usize);
        Self {
            start,
            end: start + part.len(),
        }
    }

    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// Whether objects and arrays nest deeper than any honest document's do.
///
/// One pass, without a stack: text that isn't JSON is found out later.
pub(super) fn too_deep(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = string_end(bytes, at + 1),
            _ => {}
        }
        at += 1;
    }
    false
}

/// The place of the quote that ends the string whose text begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// Calls `each` with every entry of an object, in order, duplicates too.
pub(super) fn entries<'a>(
    object: &'a str,
    each: impl FnMut(Cow<'a, str>, &'a str),
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    Entries(each).deserialize(&mut deserializer)?;
    deserializer.end()
}

/// The text of a JSON string; `None` for any other value.
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Key<'_>>(value)
        .ok()
        .map(|Key(text)| text)
}

/// Appends a JSON string.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    // A string always serialises, and a vector always takes it.
    let _ = serde_json::to_writer(out, text);
}

/// Appends `"key":`, with a comma where something stands before it.
pub(super) fn push_key(out: &mut Vec<u8>, key: &str) {
    push_comma(out);
    push_string(out, key);
    out.push(b':');
}

pub(super) fn push_comma(out: &mut Vec<u8>) {
    if !matches!(out.last(), None | Some(b'{' | b'[')) {
        out.push(b',');
    }
}

/// An object whose entries go to a function.
pub(super) struct Entries<F>(pub F);

impl<'de, F: FnMut(Cow<'de, str>, &'de str)> DeserializeSeed<'de> for Entries<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Cow<'de, str>, &'de str)> Visitor<'de> for Entries<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let value: &'de RawValue = map.next_value()?;
            (self.0)(key, value.get());
        }
        Ok(())
    }
}

/// A string that is borrowed unless it holds escapes.
pub(super) struct Key<'a>(pub Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E: serde::de::Error>(
                self,
                text: &'de str,
            ) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The whole document as an object: `versions` goes entry by entry to one function, so that the
/// largest part is walked once, everything else to the other.
pub(super) struct Outline<V, F> {
    pub version: V,
    pub field: F,
}

impl<'de, V, F> Visitor<'de> for Outline<V, F>
where
    V: FnMut(Cow<'de, str>, &'de str),
    F: FnMut(Cow<'de, str>, &'de str),
{
    /// How often `versions` was there.
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<usize, A::Error> {
        let mut seen = 0;
        while let Some(Key(key)) = map.next_key()? {
            if key != "versions" {
                let value: &'de RawValue = map.next_value()?;
                (self.field)(key, value.get());
                continue;
            }
            seen += 1;
            if seen > 1 {
                return Err(A::Error::custom("`versions` stands twice in the document"));
            }
            map.next_value_seed(Entries(&mut self.version))?;
            (self.field)(key, "");
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_bounded_without_recursion() {
        let nest = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(!too_deep(&nest(DEPTH_MAX)));
        assert!(too_deep(&nest(DEPTH_MAX + 1)));
        assert!(too_deep(&nest(200_000)));
        assert!(!too_deep(&format!("[\"{}\\\"[\"]", "[".repeat(500))));
        assert!(!too_deep("\"\\"));
        assert!(!too_deep(&"[]".repeat(500)));
    }

    #[test]
    fn entries_are_slices_of_the_text() {
        let text = r#" { "a" : 1 , "\u0062":{"c":[ ]}, "a":"x" } "#;
        let mut seen = Vec::new();
        entries(text, |key, value| seen.push((key, Span::of(text, value)))).unwrap();
        let seen: Vec<_> = seen
            .iter()
            .map(|(key, span)| (&**key, &text[span.range()]))
            .collect();
        assert_eq!(seen, [("a", "1"), ("b", "{\"c\":[ ]}"), ("a", "\"x\"")]);
        assert!(entries("[]", |_, _| {}).is_err());
        assert!(entries("{} x", |_, _| {}).is_err());
    }
}
