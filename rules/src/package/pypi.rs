//! PyPI names: valid by the core metadata specification, compared by PEP 503.

use super::{NameError, check_length};

/// Checks the name and returns its normal form.
pub(super) fn parse(text: &str) -> Result<String, NameError> {
    check_length("name", text)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    if !bytes.iter().copied().all(allowed) {
        return Err(NameError::new(format!(
            "the name {text:?} holds a character other than A-Z a-z 0-9 . _ -"
        )));
    }
    if !edge(bytes.first()) || !edge(bytes.last()) {
        return Err(NameError::new(format!(
            "the name {text:?} does not begin and end with a letter or digit"
        )));
    }
    Ok(normal_form(text))
}

/// Lower case, and every run of `-`, `_` and `.` becomes one `-` (PEP 503).
pub(crate) fn normal_form(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for character in text.chars() {
        if !matches!(character, '-' | '_' | '.') {
            normal.push(character.to_ascii_lowercase());
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal
}
