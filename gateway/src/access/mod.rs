//! Who asks, and what they may: tokens, credentials, rights, and the 401 that clients show.
//!
//! Pure: it looks nothing up and writes nothing. The caller reads the [`Credentials`] of a request,
//! finds the [`Token`](crate::state::Token) by its hash, makes a [`Principal`] of it, and asks it.
//! What lacks authentication is a [`Denial`] (401); what lacks a right is [`Refused`] (403).

mod challenge;
mod credentials;
mod rights;
mod secret;
mod tokens;

use std::sync::Arc;

use secret::PREFIX;

pub use challenge::{Denial, fields};
pub use credentials::{Credentials, Presented};
pub use rights::{Principal, Refused};
pub use secret::{NotAToken, TokenText, hash};
pub use tokens::Tokens;

/// The longest sentence that a client is shown; also that of `rules`.
const SENTENCE_BYTES_MAX: usize = 200;

/// Printable ASCII of at most `bytes_max` bytes: what a reason phrase takes (RFC 9112 §4).
fn plain(text: &str, bytes_max: usize) -> String {
    let printable = |c: char| match c {
        ' '..='~' => c,
        _ => '?',
    };
    let mut plain: String = text.chars().take(bytes_max + 1).map(printable).collect();
    if plain.len() > bytes_max {
        plain.truncate(bytes_max.saturating_sub(3));
        plain.push_str("...");
    }
    plain
}

/// A text without the tokens of ours in it, for logs: `npm logout` sends one in its path. `None` if there is none.
pub fn masked(text: &str) -> Option<Arc<str>> {
    let mut parts = text.split(PREFIX);
    let mut masked = parts.next()?.to_owned();
    let mut any = false;
    for part in parts {
        any = true;
        masked.push_str(PREFIX);
        masked.push_str("[redacted]");
        let is_secret = |letter: char| letter.is_ascii_alphanumeric() || letter == '%';
        masked.push_str(part.trim_start_matches(is_secret));
    }
    any.then(|| masked.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_masked_wherever_they_stand() {
        let token = TokenText::generate().unwrap();
        let secret = token.reveal();
        let path = format!("/npm/public/-/user/token/{secret}?x={secret}&y=1");
        let masked = masked(&path).unwrap();
        assert!(
            !masked.contains(&secret[PREFIX.len()..PREFIX.len() + 8]),
            "{masked}"
        );
        assert!(masked.ends_with("&y=1"), "{masked}");
        assert!(super::masked("/npm/public/left-pad").is_none());
    }

    #[test]
    fn what_is_shown_is_short_and_printable() {
        for (text, shown) in [
            ("ci", "ci"),
            ("", ""),
            ("12345678", "12345678"),
            ("123456789", "12345..."),
            ("a\r\nb\u{1b}", "a??b?"),
            ("é\u{4e2d}", "??"),
        ] {
            assert_eq!(plain(text, 8), shown);
        }
    }
}
