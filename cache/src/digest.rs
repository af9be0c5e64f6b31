//! Digests: algorithm and value, and all the usual ones computed in one pass.

use std::fmt;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A digest algorithm that a registry uses. MD5 and SHA-1 are here because registries publish
/// them; the content address is always SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DigestAlgorithm {
    /// RFC 1321.
    Md5,
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha384,
    /// FIPS 180-4.
    Sha512,
}

/// The value of a digest and how it was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    /// How it was made.
    pub algorithm: DigestAlgorithm,
    /// The value.
    pub bytes: Vec<u8>,
}

/// Several digests of one body, computed in one pass.
#[derive(Clone)]
pub struct Digests(Vec<Hasher>);

/// One algorithm.
#[derive(Clone)]
pub(crate) enum Hasher {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl DigestAlgorithm {
    const ALL: [DigestAlgorithm; 5] = [
        DigestAlgorithm::Md5,
        DigestAlgorithm::Sha1,
        DigestAlgorithm::Sha256,
        DigestAlgorithm::Sha384,
        DigestAlgorithm::Sha512,
    ];

    /// The usual name, in small letters: `sha256`.
    pub fn as_str(self) -> &'static str {
        match self {
            DigestAlgorithm::Md5 => "md5",
            DigestAlgorithm::Sha1 => "sha1",
            DigestAlgorithm::Sha256 => "sha256",
            DigestAlgorithm::Sha384 => "sha384",
            DigestAlgorithm::Sha512 => "sha512",
        }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Digest {
    /// The value in small hexadecimal letters.
    pub fn hex(&self) -> String {
        hex(&self.bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.algorithm, self.hex())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Digest, &'static str> {
        let (name, value) = text.split_once(':').ok_or("a digest is algorithm:hex")?;
        let mut algorithms = DigestAlgorithm::ALL.into_iter();
        let algorithm = algorithms
            .find(|one| one.as_str() == name)
            .ok_or("unknown digest algorithm")?;
        let bytes = unhex(value).ok_or("a digest's value is hexadecimal")?;
        Ok(Digest { algorithm, bytes })
    }
}

impl Digests {
    /// Only the content address, SHA-256, and these besides. SHA-384 is left out: it is computed when it is asked for.
    pub fn with(algorithms: &[DigestAlgorithm]) -> Digests {
        let wanted = |algorithm: &DigestAlgorithm| {
            *algorithm == DigestAlgorithm::Sha256 || algorithms.contains(algorithm)
        };
        Digests(
            IN_ONE_PASS
                .into_iter()
                .filter(wanted)
                .map(Hasher::new)
                .collect(),
        )
    }

    /// Takes the next piece of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        for hasher in &mut self.0 {
            hasher.update(bytes);
        }
    }

    /// The digests of everything taken, weakest first.
    pub fn finish(self) -> Vec<Digest> {
        self.0.into_iter().map(Hasher::finish).collect()
    }
}

impl Default for Digests {
    /// MD5, SHA-1, SHA-256 and SHA-512.
    fn default() -> Digests {
        Digests::with(&IN_ONE_PASS)
    }
}

/// What a body can be asked for without being read again, weakest first.
const IN_ONE_PASS: [DigestAlgorithm; 4] = [
    DigestAlgorithm::Md5,
    DigestAlgorithm::Sha1,
    DigestAlgorithm::Sha256,
    DigestAlgorithm::Sha512,
];

impl Hasher {
    pub(crate) fn new(algorithm: DigestAlgorithm) -> Hasher {
        match algorithm {
            DigestAlgorithm::Md5 => Hasher::Md5(Md5::new()),
            DigestAlgorithm::Sha1 => Hasher::Sha1(Sha1::new()),
            DigestAlgorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            DigestAlgorithm::Sha384 => Hasher::Sha384(Sha384::new()),
            DigestAlgorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Md5(hasher) => hasher.update(bytes),
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha384(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        let (algorithm, bytes) = match self {
            Hasher::Md5(hasher) => (DigestAlgorithm::Md5, hasher.finalize().to_vec()),
            Hasher::Sha1(hasher) => (DigestAlgorithm::Sha1, hasher.finalize().to_vec()),
            Hasher::Sha256(hasher) => (DigestAlgorithm::Sha256, hasher.finalize().to_vec()),
            Hasher::Sha384(hasher) => (DigestAlgorithm::Sha384, hasher.finalize().to_vec()),
            Hasher::Sha512(hasher) => (DigestAlgorithm::Sha512, hasher.finalize().to_vec()),
        };
        Digest { algorithm, bytes }
    }
}

/// Bytes in small hexadecimal letters.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 16] = b"0123456789abcdef";
    let letter = |nibble: u8| char::from(LETTERS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [letter(byte >> 4), letter(byte & 15)])
        .collect()
}

/// The bytes that hexadecimal text stands for.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |letter: u8| char::from(letter).to_digit(16);
    let letters = text.as_bytes();
    if !letters.len().is_multiple_of(2) {
        return None;
    }
    let pairs = letters.chunks_exact(2);
    pairs
        .map(|pair| u8::try_from(nibble(pair[0])? * 16 + nibble(pair[1])?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_gives_the_known_values() {
        let mut digests = Digests::default();
        digests.update(b"a");
        digests.update(b"bc");
        let all = digests.finish();
        assert_eq!(all[0].hex(), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(all[1].hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(all[2].hex().starts_with("ba7816bf8f01cfea"));
        assert!(all[3].hex().starts_with("ddaf35a193617aba"));
        let mut again = Hasher::new(DigestAlgorithm::Sha384);
        again.update(b"abc");
        assert!(again.finish().hex().starts_with("cb00753f45a35e8b"));
    }

    #[test]
    fn text_goes_there_and_back() {
        let digest = Digest {
            algorithm: DigestAlgorithm::Sha1,
            bytes: vec![0, 255, 16],
        };
        assert_eq!(digest.to_string(), "sha1:00ff10");
        assert_eq!(Digest::try_from(digest.to_string()), Ok(digest));
        for wrong in ["", "sha1", "sha3:00", "md5:0", "md5:0g", "md5:+1"] {
            assert!(Digest::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
