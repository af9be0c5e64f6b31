//! A file's entry in a listing: its keys in order, each with its value as it is written in JSON.
//!
//! Values that nobody looks at are copied as they came; nothing of an entry is built but the list.

use std::borrow::Cow;

use rules::{Digest, DigestAlgorithm};

use super::super::json::{self, Scanner};

/// An honest entry has a dozen keys, and looking one up is a walk over all of them.
const FIELDS_MAX: usize = 64;

/// The hash functions that a fragment or an attribute may name, the one to show first.
pub(super) const HASHES: [&str; 6] = ["sha256", "sha512", "sha384", "sha224", "sha1", "md5"];

/// An object; of equal keys the last value is kept at the first one's place.
#[derive(Debug, Default)]
pub(super) struct Entry<'a> {
    fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Entry<'a> {
    /// Reads an object; `None` for any other value, and for more keys than an entry has.
    pub fn read(object: &'a str) -> Option<Self> {
        let mut entry = Self {
            fields: Vec::with_capacity(16),
        };
        let mut scanner = Scanner::new(object).ok()?;
        if !scanner.enters_object().ok()? {
            return None;
        }
        while let Some(key) = scanner.next_key().ok()? {
            let value = scanner.skip().ok()?.of(object);
            entry.put(key.text, Cow::Borrowed(value));
            if entry.fields.len() > FIELDS_MAX {
                return None;
            }
        }
        Some(entry)
    }

    /// The value as it is written.
    pub fn value(&self, key: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(known, _)| known == key)?;
        Some(value)
    }

    /// The text of the value, if it is a string.
    pub fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        let (_, value) = self.fields.iter().find(|(known, _)| known == key)?;
        match value {
            Cow::Borrowed(value) => json::string(value),
            Cow::Owned(value) => json::string(value).map(|text| Cow::Owned(text.into_owned())),
        }
    }

    /// Puts a value in the old one's place, or last.
    pub fn set(&mut self, key: &'a str, value: impl Into<Cow<'a, str>>) {
        self.put(Cow::Borrowed(key), value.into());
    }

    pub fn set_text(&mut self, key: &'a str, text: &str) {
        self.set(key, quoted(text));
    }

    /// Takes a field out and leaves the others in order.
    pub fn remove(&mut self, key: &str) -> Option<Cow<'a, str>> {
        let place = self.fields.iter().position(|(known, _)| known == key)?;
        Some(self.fields.remove(place).1)
    }

    /// What the document says of the file's PEP 658 metadata, under any of the names it has had
    /// (PEP 714), unless it says that there is none.
    pub fn core_metadata(&self) -> Option<Cow<'a, str>> {
        let names = [
            "core-metadata",
            "dist-info-metadata",
            "data-dist-info-metadata",
        ];
        let mut said = names
            .into_iter()
            .filter_map(|name| self.fields.iter().find(|(known, _)| known == name));
        let (_, value) = said.next()?;
        (!matches!(&**value, "null" | "false")).then(|| value.clone())
    }

    /// Appends the object.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (key, value) in &self.fields {
            json::push_key(out, key);
            out.extend_from_slice(value.as_bytes());
        }
        out.push(b'}');
    }

    fn put(&mut self, key: Cow<'a, str>, value: Cow<'a, str>) {
        match self.fields.iter_mut().find(|(known, _)| *known == key) {
            Some(field) => field.1 = value,
            None => self.fields.push((key, value)),
        }
    }
}

/// A text as JSON writes it.
pub(super) fn quoted(text: &str) -> String {
    let mut written = Vec::with_capacity(text.len() + 2);
    json::push_string(&mut written, text);
    String::from_utf8(written).unwrap_or_default()
}

/// The digests of a `{"sha256": "…"}`; algorithms that the house can't check promise nothing.
pub(super) fn digests(hashes: &str) -> Vec<Digest> {
    let mut found: Vec<Digest> = Vec::with_capacity(1);
    each_text(hashes, |name, value| {
        let Ok(algorithm) = name.parse::<DigestAlgorithm>() else {
            return;
        };
        found.retain(|digest| digest.algorithm != algorithm);
        found.extend(Digest::from_hex(algorithm, value));
    });
    found
}

/// The one hash that a fragment or an attribute has room for, as `sha256=…`.
pub(super) fn strongest(hashes: &str) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    each_text(hashes, |name, value| {
        let rank = HASHES.iter().position(|known| *known == name);
        if let Some(rank) = rank
            && best.as_ref().is_none_or(|(known, _)| rank <= *known)
        {
            best = Some((rank, format!("{name}={value}")));
        }
    });
    best.map(|(_, hash)| hash)
}

/// Calls `each` with the entries of an object that are strings, which has been scanned before.
fn each_text(object: &str, mut each: impl FnMut(&str, &str)) {
    let Ok(mut scanner) = Scanner::new(object) else {
        return;
    };
    if !scanner.enters_object().unwrap_or_default() {
        return;
    }
    while let Ok(Some(key)) = scanner.next_key() {
        let value = scanner.skip().unwrap_or_default().of(object);
        if let Some(value) = json::string(value) {
            each(&key.text, &value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_order_and_their_spelling() {
        let text = r#"{ "a" : 1.50, "b":{"c" : "\u00e9"}, "a":2e3, "d":null}"#;
        let mut entry = Entry::read(text).unwrap();
        entry.set("d", "true");
        entry.set_text("e", "\"");
        assert_eq!(entry.remove("x"), None);
        let mut out = Vec::new();
        entry.write(&mut out);
        let wanted = r#"{"a":2e3,"b":{"c" : "\u00e9"},"d":true,"e":"\""}"#;
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
        assert_eq!(entry.remove("b").as_deref(), Some(r#"{"c" : "\u00e9"}"#));
        assert_eq!((entry.value("a"), entry.value("b")), (Some("2e3"), None));
        assert_eq!(entry.text("e").as_deref(), Some("\""));
    }

    #[test]
    fn what_is_no_entry_is_left_out() {
        let many: Vec<String> = (0..=FIELDS_MAX).map(|key| format!("\"{key}\":0")).collect();
        assert!(Entry::read(&format!("{{{}}}", many[1..].join(","))).is_some());
        assert!(Entry::read(&format!("{{{}}}", many.join(","))).is_none());
        assert!(Entry::read("[]").is_none());
    }

    #[test]
    fn hashes_are_chosen() {
        let text = r#"{"md5":"00","sha256":7,"sha384":"ab","sha384":"cd","crc":"1"}"#;
        assert_eq!(strongest(text).as_deref(), Some("sha384=cd"));
        assert_eq!(strongest("true"), None);
        let md5 = "0".repeat(32);
        let twice = format!(
            r#"{{"md5":"{md5}","md5":"short","sha1":"{}"}}"#,
            "1".repeat(40)
        );
        let found: Vec<_> = digests(&twice)
            .iter()
            .map(|digest| digest.algorithm)
            .collect();
        assert_eq!(found, [DigestAlgorithm::Sha1]);
    }
}
