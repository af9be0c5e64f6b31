//! Digests as registries promise them; computing them is the cache's work.

use std::fmt;
use std::str::FromStr;

/// A hash function that a registry may promise. The order is by strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestAlgorithm {
    /// RFC 1321; broken, still in Maven's sidecars.
    Md5,
    /// RFC 3174; broken, still npm's `shasum`.
    Sha1,
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha384,
    /// FIPS 180-4; npm's `integrity`.
    Sha512,
}

/// The value that a body must hash to. `Display` is `sha256:0123…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Digest {
    /// The hash function.
    pub algorithm: DigestAlgorithm,
    /// Its value, as long as the function says.
    pub bytes: Vec<u8>,
}

/// The text names no known hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown digest algorithm: use md5, sha1, sha256, sha384 or sha512")]
pub struct UnknownAlgorithm;

impl DigestAlgorithm {
    /// Every algorithm, weakest first.
    pub const ALL: [Self; 5] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    /// The name as it stands in file suffixes and SRI strings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The length of a value in hexadecimal digits.
    pub const fn hex_length(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for DigestAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(UnknownAlgorithm)
    }
}

impl Digest {
    /// Reads hexadecimal digits of either case; `None` unless the length is right.
    pub fn from_hex(algorithm: DigestAlgorithm, text: &str) -> Option<Self> {
        if text.len() != algorithm.hex_length() {
            return None;
        }
        let bytes = text.as_bytes().chunks_exact(2).map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        });
        Some(Self {
            algorithm,
            bytes: bytes.collect::<Option<_>>()?,
        })
    }

    /// Reads Subresource Integrity metadata (W3C SRI 3.5): parts between spaces, each
    /// `algorithm-base64?options`. Parts that are not understood are left out, as SRI says.
    pub fn from_sri(text: &str) -> Vec<Self> {
        text.split_ascii_whitespace()
            .filter_map(Self::from_sri_part)
            .collect()
    }

    fn from_sri_part(part: &str) -> Option<Self> {
        let (algorithm, value) = part.split_once('-')?;
        let algorithm: DigestAlgorithm = algorithm.parse().ok()?;
        let value = value
            .split_once('?')
            .map_or(value, |(value, _options)| value);
        let bytes = decode_base64(value)?;
        (bytes.len() * 2 == algorithm.hex_length()).then_some(Self { algorithm, bytes })
    }

    /// The value in lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
        self.bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
            .collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.algorithm, self.hex())
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Base64 of RFC 4648 section 4; padding may be left out, trailing bits must be zero.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut pending, mut bits) = (0_u32, 0_u32);
    for symbol in text {
        pending = pending << 6 | sextet(*symbol)?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.extend((pending >> bits).to_be_bytes().last());
            pending &= (1 << bits) - 1;
        }
    }
    (bits < 6 && pending == 0).then_some(bytes)
}

fn sextet(symbol: u8) -> Option<u32> {
    Some(u32::from(match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_and_written() {
        let text = "D41D8CD98F00B204E9800998ECF8427E";
        let digest = Digest::from_hex(DigestAlgorithm::Md5, text).unwrap();
        assert_eq!(digest.to_string(), format!("md5:{}", text.to_lowercase()));
        assert_eq!(Digest::from_hex(DigestAlgorithm::Sha1, text), None);
        assert_eq!(
            Digest::from_hex(DigestAlgorithm::Md5, &text.replace('D', "g")),
            None
        );
        assert_eq!(
            Digest::from_hex(DigestAlgorithm::Md5, &"\u{e9}".repeat(16)),
            None
        );
    }

    #[test]
    fn subresource_integrity_is_read() {
        let text = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= \
                    sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=?x \
                    whirlpool-AAAA sha512-short";
        let digests = Digest::from_sri(text);
        assert_eq!(digests.len(), 2);
        assert_eq!(digests[0].hex(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert!(digests[1].hex().starts_with("e3b0c44298fc1c14"));
    }
}
