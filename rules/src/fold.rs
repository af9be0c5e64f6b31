//! Folding: what two names have in common when only the eye compares them.
//!
//! Case is removed, every run of `-`, `.` and `_` becomes one `.`, and characters *outside ASCII*
//! are replaced by what they are confusable with (TR39 skeleton, the table of the
//! `unicode-security` crate). Look-alikes within ASCII (`1` and `l`, `rn` and `m`) are left alone
//! on purpose: folding them would block honest names. Judging those is the work of the look-alike
//! control.
//!
//! Here also lives the word of package groups: `[\p{L}\p{N}][\p{L}\p{N}\p{M}]*`. It is not the
//! `\b` of regular expressions: `_` is punctuation.

use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

/// Whether the character continues a word.
pub(crate) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || is_combining_mark(character)
}

/// Whether a prefix may end at this place: not inside a word.
pub(crate) fn is_boundary(text: &str, at: usize) -> bool {
    let (Some(before), Some(after)) = (text.get(..at), text.get(at..)) else {
        return false;
    };
    !(before.chars().next_back().is_some_and(is_word) && after.chars().next().is_some_and(is_word))
}

/// Folds one component. It never yields a `/` unless one was given: slashes separate components.
pub(crate) fn fold_into(text: &str, folded: &mut String) {
    let start = folded.len();
    let mut push = |character: char| {
        if !matches!(character, '-' | '.' | '_') {
            folded.extend(character.to_lowercase());
        } else if folded.len() == start || !folded.ends_with('.') {
            folded.push('.');
        }
    };
    if text.is_ascii() {
        return text.chars().for_each(push);
    }
    let mut buffer = [0; 4];
    for character in text.chars() {
        if character.is_ascii() {
            push(character);
            continue;
        }
        // The slash-like characters have `/` as their skeleton; they must not become a separator.
        skeleton(character.encode_utf8(&mut buffer)).for_each(|prototype| {
            push(if prototype == '/' {
                character
            } else {
                prototype
            })
        });
    }
}

/// The folded coordinate `namespace/name`, the key under which groups are looked up.
pub(crate) fn folded_key(namespace: &str, name: &str) -> String {
    let mut key = String::with_capacity(namespace.len() + 1 + name.len());
    fold_into(namespace, &mut key);
    key.push('/');
    fold_into(name, &mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_fold_to_the_same_key() {
        for (left, right) in [
            ("foo-bar", "Foo..BAR"),
            ("p\u{430}ypal", "paypal"),
            ("foo_bar", "foo-_.bar"),
            ("\u{ff52}eact", "react"),
        ] {
            assert_eq!(
                folded_key("", left),
                folded_key("", right),
                "{left} {right}"
            );
        }
        for (left, right) in [("foobar", "foo-bar"), ("l", "1"), ("rn", "m"), ("o", "0")] {
            assert_ne!(
                folded_key("", left),
                folded_key("", right),
                "{left} {right}"
            );
        }
        assert_eq!(folded_key("a-", "-b"), "a./.b");
        assert_eq!(folded_key("", "a\u{2044}b").matches('/').count(), 1);
    }
}
