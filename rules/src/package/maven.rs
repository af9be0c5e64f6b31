//! Maven coordinates: characters by Maven's own model validator, parts safe as folders.

use super::{NameError, check_length};

/// Checks group id and artifact id.
pub(super) fn check(group: &str, artifact: &str) -> Result<(), NameError> {
    check_characters("group id", group)?;
    check_characters("artifact id", artifact)?;
    if group.split('.').any(str::is_empty) {
        return Err(NameError::new(format!(
            "the group id {group:?} has an empty part"
        )));
    }
    if artifact.starts_with('.') || artifact.ends_with('.') {
        return Err(NameError::new(format!(
            "the artifact id {artifact:?} has a dot at its edge"
        )));
    }
    Ok(())
}

fn check_characters(what: &str, text: &str) -> Result<(), NameError> {
    check_length(what, text)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if text.bytes().all(allowed) {
        return Ok(());
    }
    Err(NameError::new(format!(
        "the {what} {text:?} holds a character other than A-Z a-z 0-9 _ . -"
    )))
}
