//! The digests that the three ecosystems' uploads and indexes promise, computed in one pass.

use blake2::Blake2b256;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

/// All digests of one body: npm wants SHA-1 and SHA-512, PyPI's upload SHA-256, MD5 and
/// BLAKE2b-256 (RFC 7693), Maven's checksum files MD5, SHA-1, SHA-256 and SHA-512.
#[derive(Default)]
pub(super) struct DigestPass {
    sha256: Sha256,
    sha1: Sha1,
    sha512: Sha512,
    md5: Md5,
    blake2b256: Blake2b256,
}

/// The content address alone.
#[derive(Default)]
pub(super) struct ContentPass(Sha256);

/// The values, in small hexadecimal letters.
pub(super) struct Digests {
    pub(super) sha256: String,
    pub(super) sha1: String,
    pub(super) sha512: String,
    pub(super) md5: String,
    pub(super) blake2b256: String,
}

impl DigestPass {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.sha1.update(bytes);
        self.sha512.update(bytes);
        self.md5.update(bytes);
        self.blake2b256.update(bytes);
    }

    pub(super) fn finish(self) -> Digests {
        Digests {
            sha256: hex(&self.sha256.finalize()),
            sha1: hex(&self.sha1.finalize()),
            sha512: hex(&self.sha512.finalize()),
            md5: hex(&self.md5.finalize()),
            blake2b256: hex(&self.blake2b256.finalize()),
        }
    }
}

impl ContentPass {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Whether this can be a blob's name.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && is_small_hex(text)
}

/// Whether this can be the name of a folder of blobs.
pub(super) fn is_shelf(text: &str) -> bool {
    text.len() == 2 && is_small_hex(text)
}

fn is_small_hex(text: &str) -> bool {
    text.bytes()
        .all(|letter| matches!(letter, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 16] = b"0123456789abcdef";
    let letter = |nibble: u8| char::from(LETTERS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [letter(byte >> 4), letter(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_gives_the_known_values() {
        let mut pass = DigestPass::default();
        pass.update(b"a");
        pass.update(b"bc");
        let digests = pass.finish();
        assert_eq!(digests.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(digests.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(digests.sha256.starts_with("ba7816bf8f01cfea"));
        assert!(digests.sha512.starts_with("ddaf35a193617aba"));
        assert_eq!(
            digests.blake2b256,
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"
        );
        assert!(is_sha256(&digests.sha256));
    }

    #[test]
    fn a_name_is_64_small_letters() {
        let name = "0a".repeat(32);
        assert!(is_sha256(&name));
        for wrong in ["", &name[1..], &name.replace('a', "A"), &"/.".repeat(32)] {
            assert!(!is_sha256(wrong), "{wrong}");
        }
        assert!(is_shelf("0a") && !is_shelf("..") && !is_shelf("0A"));
    }
}
