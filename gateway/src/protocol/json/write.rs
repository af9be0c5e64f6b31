//! Writing JSON: strings, keys, and the commas between.

use super::plain_end;

/// Appends a JSON string.
pub(in crate::protocol) fn push_string(out: &mut Vec<u8>, text: &str) {
    if plain_end(text.as_bytes(), 0) == text.len() {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // A string always serialises, and a vector always takes it.
        let _ = serde_json::to_writer(out, text);
    }
}

/// Appends `"key":`, with a comma where something stands before it.
pub(in crate::protocol) fn push_key(out: &mut Vec<u8>, key: &str) {
    push_comma(out);
    push_string(out, key);
    out.push(b':');
}

pub(in crate::protocol) fn push_comma(out: &mut Vec<u8>) {
    if !matches!(out.last(), None | Some(b'{' | b'[')) {
        out.push(b',');
    }
}
