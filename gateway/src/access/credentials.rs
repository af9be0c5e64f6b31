//! Reading an `Authorization` field: Bearer (RFC 6750) and Basic (RFC 7617).
//!
//! npm, pnpm and Bun send Bearer; pip, uv, twine, Poetry, Maven and Gradle send Basic. The user
//! name means nothing (`__token__`, `aws` or any other); the password is the token.
//!
//! Nothing here is compared with a secret, so nothing need take constant time: a token is hashed
//! and the hash is looked up, and whoever times that learns of a hash, not of a token.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{NotAToken, TokenText};

/// The longest value that is read: other registries' tokens may have two kilobytes, and are to be
/// told that they are foreign, not malformed.
const VALUE_BYTES_MAX: usize = 8192;

/// What a request shows for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A token, or what is shown as one.
    Token(Presented),
    /// A field that can not be read, or of a scheme that is not ours.
    Malformed,
}

/// What was shown as a token. It appears in no log or message.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented(Result<TokenText, NotAToken>);

impl Credentials {
    /// Reads the value of the request's only `Authorization` field.
    pub fn read(value: Option<&[u8]>) -> Self {
        let Some(value) = value else {
            return Self::None;
        };
        let presented = match str::from_utf8(value) {
            Ok(text) if text.len() <= VALUE_BYTES_MAX => presented(text.trim_matches([' ', '\t'])),
            _ => None,
        };
        presented.map_or(Self::Malformed, Self::Token)
    }
}

impl Presented {
    /// The token, if its form is right; only then is it worth looking up.
    pub fn token(&self) -> Result<&TokenText, NotAToken> {
        self.0.as_ref().map_err(|why| *why)
    }

    fn new(text: &str) -> Self {
        Self(TokenText::parse(text))
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

/// RFC 9110 §11.4: the scheme in letters of any case, blanks, and the rest.
fn presented(value: &str) -> Option<Presented> {
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        let whole = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic());
        return whole.then(|| Presented::new(rest));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        return basic(rest);
    }
    None
}

fn basic(encoded: &str) -> Option<Presented> {
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    // `http://TOKEN@host/`, as some write it: the token alone, with an empty password.
    let as_user = Presented::new(user);
    if password.is_empty() && as_user.token() != Err(NotAToken::Foreign) {
        return Some(as_user);
    }
    Some(Presented::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Credentials {
        Credentials::read(Some(value.as_bytes()))
    }

    #[test]
    fn every_way_to_show_a_token_is_read() {
        let token = TokenText::generate().unwrap();
        let text = token.reveal();
        let encoded = |pair: &str| STANDARD.encode(pair);
        for value in [
            format!("Bearer {text}"),
            format!("bearer {text}"),
            format!("BEARER   {text} "),
            format!("Basic {}", encoded(&format!("__token__:{text}"))),
            format!("basic {}", encoded(&format!("aws:{text}"))),
            format!("Basic {}", encoded(&format!("é:{text}"))),
            format!("Basic {}", encoded(&format!(":{text}"))),
            format!("BASIC  {}", encoded(&format!("{text}:"))),
        ] {
            let Credentials::Token(presented) = read(&value) else {
                panic!("{value}");
            };
            assert_eq!(presented.token(), Ok(&token), "{value}");
            assert!(!format!("{presented:?}").contains(text));
        }
        assert_eq!(Credentials::read(None), Credentials::None);
    }

    #[test]
    fn what_is_no_token_is_known_without_a_look_up() {
        let token = TokenText::generate().unwrap();
        let (text, last) = token.reveal().split_at(82);
        let other = if last == "0" { "1" } else { "0" };
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (value, why) in [
            (format!("Bearer {text}"), NotAToken::Mistyped),
            (format!("Bearer {text}{other}"), NotAToken::Mistyped),
            (basic(&format!("{text}:")), NotAToken::Mistyped),
            (basic(&format!("u:{text}{last}:")), NotAToken::Mistyped),
            (basic("user:secret"), NotAToken::Foreign),
            (basic("user:"), NotAToken::Foreign),
            (basic(":"), NotAToken::Foreign),
            ("Bearer ${NPM_TOKEN}".to_owned(), NotAToken::Foreign),
            (format!("Bearer {}", "x".repeat(4000)), NotAToken::Foreign),
        ] {
            let Credentials::Token(presented) = read(&value) else {
                panic!("{value}");
            };
            assert_eq!(presented.token(), Err(why), "{value}");
        }
    }

    #[test]
    fn everything_else_is_malformed() {
        for value in [
            "",
            " ",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer\ta",
            "Bearer \u{e9}",
            "Basic",
            "Basic ",
            "Basic dXNlcg==",
            "Basic dTpw=",
            "Basic dTp",
            "Basic dT\u{7f}w",
            "Basic //79/A==",
            "Digest username=\"u\"",
            "Negotiate abc",
            "portcullis_abc",
        ] {
            assert_eq!(read(value), Credentials::Malformed, "{value:?}");
        }
        assert_eq!(
            Credentials::read(Some(b"Bearer \xff")),
            Credentials::Malformed
        );
        let long = format!("Bearer {}", "x".repeat(VALUE_BYTES_MAX));
        assert_eq!(read(&long), Credentials::Malformed);
    }
}
