//! Generic names: those of CodeArtifact (`[^#/\s]+`, 1 to 255), as far as an address spells them
//! without escapes. Nothing of them is normalised.

use super::{NameError, check_length};

/// Checks namespace and name; both become segments of addresses.
pub(super) fn check(namespace: &str, name: &str) -> Result<(), NameError> {
    check_component("namespace", namespace)?;
    check_component("name", name)
}

/// Splits the client's spelling, `namespace/name`.
pub(super) fn split(text: &str) -> Result<(&str, &str), NameError> {
    text.split_once('/')
        .ok_or_else(|| NameError::new(format!("{text:?} is not namespace/name")))
}

fn check_component(what: &str, text: &str) -> Result<(), NameError> {
    check_length(what, text)?;
    if matches!(text, "." | "..") {
        return Err(NameError::new(format!(
            "the {what} {text:?} is a folder's name"
        )));
    }
    if text.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(NameError::new(format!(
        "the {what} {text:?} holds a character other than A-Z a-z 0-9 _ . - + ~"
    )))
}

/// What RFC 3986 reserves for nothing, and `+`, which names of C++ libraries have.
const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'~')
}
