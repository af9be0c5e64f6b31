//! The text of a token: how it is made, recognised and hashed.
//!
//! `portcullis_`, 32 random bytes in hexadecimal, and four bytes of checksum. The prefix lets
//! secret scanners find a leaked token; the checksum lets a mistyped one be told apart from an
//! unknown one without asking the database. It is no proof of anything: anyone can compute it.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// What every token begins with.
pub(super) const PREFIX: &str = "portcullis_";
const SECRET_BYTES: usize = 32;
const SECRET_DIGITS: usize = SECRET_BYTES * 2;
const CHECKSUM_BYTES: usize = 4;
const TEXT_BYTES: usize = PREFIX.len() + SECRET_DIGITS + CHECKSUM_BYTES * 2;

/// The text of a token. It is shown once, to who made it, and appears in no log or message.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(String);

/// Why a text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAToken {
    /// It is something else: another registry's token, a password, an unset variable.
    #[error("this is no token of portcullis: those begin with portcullis_")]
    Foreign,
    /// It was one before it was cut or mistyped.
    #[error("the token is cut or mistyped; copy it again")]
    Mistyped,
}

impl TokenText {
    /// A new one from the system's random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        Ok(Self::of(&secret))
    }

    /// Recognises a token, by its form alone.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let rest = text.strip_prefix(PREFIX).ok_or(NotAToken::Foreign)?;
        if text.len() != TEXT_BYTES {
            return Err(NotAToken::Mistyped);
        }
        let (secret, sum) = rest
            .split_at_checked(SECRET_DIGITS)
            .ok_or(NotAToken::Mistyped)?;
        // The checksum covers the digits as written, so nothing but small ones passes by chance.
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match secret.bytes().all(is_digit) && sum == checksum(secret) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotAToken::Mistyped),
        }
    }

    /// The secret itself, to be shown once or written into a client's configuration.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Under which the state database knows it.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }

    fn of(secret: &[u8; SECRET_BYTES]) -> Self {
        let digits = hexadecimal(secret);
        let sum = checksum(&digits);
        Self(format!("{PREFIX}{digits}{sum}"))
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

/// The hash under which a token is kept: SHA-256 of its whole text.
///
/// Slow, salted hashes (argon2, bcrypt) make up for passwords that can be guessed. 256 random bits
/// can not be guessed at any speed, and no two tokens are alike, so a salt would hide nothing. A
/// plain hash can be looked up by index, and costs a request a microsecond instead of a tenth of a
/// second.
pub fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn checksum(digits: &str) -> String {
    // Over the prefix too, so that it is not the beginning of some other hash of the secret.
    let sum = hash(&format!("{PREFIX}{digits}"));
    hexadecimal(&sum[..CHECKSUM_BYTES])
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four: u8| char::from(DIGITS[usize::from(four & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_unlike_and_read_back() {
        let one = TokenText::generate().unwrap();
        let other = TokenText::generate().unwrap();
        assert_ne!(one.reveal(), other.reveal());
        assert_ne!(one.hash(), other.hash());
        assert_eq!(TokenText::parse(one.reveal()).unwrap(), one);
        assert_eq!(one.reveal().len(), 83);
        let safe = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(one.reveal().chars().all(safe), "goes into addresses as is");
        assert_eq!(format!("{one:?}"), "[redacted]");
    }

    #[test]
    fn the_form_is_a_promise() {
        let zero = TokenText::of(&[0; 32]);
        let text = format!("portcullis_{}", "00".repeat(32));
        let sum = hexadecimal(&Sha256::digest(text.as_bytes())[..4]);
        assert_eq!(zero.reveal(), format!("{text}{sum}"));
        let expected: [u8; 32] = Sha256::digest(zero.reveal().as_bytes()).into();
        assert_eq!(zero.hash(), expected);
    }

    #[test]
    fn every_single_mistake_is_recognised() {
        let good = TokenText::of(&[0xa5; 32]).reveal().to_owned();
        for at in 0..good.len() {
            let mut cut = good.clone();
            cut.remove(at);
            assert!(TokenText::parse(&cut).is_err(), "{at}");
            let mut other = good.clone().into_bytes();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            assert!(TokenText::parse(&String::from_utf8(other).unwrap()).is_err());
        }
    }

    #[test]
    fn what_is_no_token_is_told_apart() {
        let good = TokenText::of(&[1; 32]).reveal().to_owned();
        let wide = format!("portcullis_{}", "é".repeat(36));
        for (text, why) in [
            ("", NotAToken::Foreign),
            ("${NPM_TOKEN}", NotAToken::Foreign),
            ("npm_abcdef", NotAToken::Foreign),
            ("portcullis_", NotAToken::Mistyped),
            (&good.to_uppercase(), NotAToken::Foreign),
            (&good.replace('1', "A"), NotAToken::Mistyped),
            (&format!("{good} "), NotAToken::Mistyped),
            (&wide, NotAToken::Mistyped),
        ] {
            assert_eq!(TokenText::parse(text), Err(why), "{text}");
        }
    }
}
