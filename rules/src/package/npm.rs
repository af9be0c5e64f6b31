//! npm names: the rules of `validate-npm-package-name` that old packages meet too.

use super::{NameError, check_length};

/// The longest name with its scope, as the registry counts it.
const NAME_CHARACTERS_MAX: usize = 214;

/// Splits `name` or `@scope/name` into scope and name, both checked.
pub(super) fn parse(text: &str) -> Result<(&str, &str), NameError> {
    if text.len() > NAME_CHARACTERS_MAX {
        return Err(NameError::new(format!(
            "the name has {} bytes, more than {NAME_CHARACTERS_MAX}",
            text.len()
        )));
    }
    let Some(scoped) = text.strip_prefix('@') else {
        check_component("name", text)?;
        check_name(text)?;
        return Ok(("", text));
    };
    let Some((scope, name)) = scoped.split_once('/') else {
        return Err(NameError::new(format!(
            "{text:?} has a scope but no name: use @scope/name"
        )));
    };
    check_component("scope", scope)?;
    check_component("name", name)?;
    check_name(name)?;
    Ok((scope, name))
}

fn check_component(what: &str, text: &str) -> Result<(), NameError> {
    check_length(what, text)?;
    if let Some(character) = text.chars().find(|character| !is_url_safe(*character)) {
        return Err(NameError::new(format!(
            "the {what} {text:?} holds {character:?}: use only A-Z a-z 0-9 . _ ~ ! ' ( ) * -"
        )));
    }
    if text.starts_with('.') {
        return Err(NameError::new(format!(
            "the {what} {text:?} begins with a dot"
        )));
    }
    if text == "__proto__" {
        return Err(NameError::new(format!("the {what} {text:?} is reserved")));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), NameError> {
    if name.starts_with('_') {
        return Err(NameError::new(format!(
            "the name {name:?} begins with an underscore"
        )));
    }
    if ["node_modules", "favicon.ico"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
    {
        return Err(NameError::new(format!("the name {name:?} is reserved")));
    }
    Ok(())
}

/// The characters that `encodeURIComponent` leaves alone.
const fn is_url_safe(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(
            character,
            '.' | '_' | '~' | '!' | '\'' | '(' | ')' | '*' | '-'
        )
}
