//! The digests that an upload states of its file, computed as the bytes arrive.

use blake2::Blake2b;
use blake2::digest::consts::U32;
use md5::Md5;
use sha2::{Digest as _, Sha256};

/// Hashes a file three times in one pass.
#[derive(Clone, Debug, Default)]
pub struct ContentHasher {
    sha256: Sha256,
    blake2b_256: Blake2b<U32>,
    md5: Md5,
}

/// The digests of the bytes that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentDigests {
    /// FIPS 180-4.
    pub sha256: [u8; 32],
    /// RFC 7693, with 256 bits.
    pub blake2b_256: [u8; 32],
    /// RFC 1321; says nothing but that the bytes arrived.
    pub md5: [u8; 16],
}

impl ContentHasher {
    /// Takes the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.blake2b_256.update(bytes);
        self.md5.update(bytes);
    }

    /// The digests of all bytes so far.
    pub fn finish(self) -> ContentDigests {
        ContentDigests {
            sha256: self.sha256.finalize().into(),
            blake2b_256: self.blake2b_256.finalize().into(),
            md5: self.md5.finalize().into(),
        }
    }
}
