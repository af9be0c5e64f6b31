//! The digests of a staged or hosted file, as its checksum sidecars show them.

use rules::{Digest, DigestAlgorithm};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// The digests of a file's bytes, in lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    pub md5: String,
    pub sha1: String,
    pub sha256: String,
    pub sha512: String,
}

impl Digests {
    /// Computes them of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        let hex = |algorithm, bytes: &[u8]| {
            let bytes = bytes.to_vec();
            Digest { algorithm, bytes }.hex()
        };
        Self {
            md5: hex(DigestAlgorithm::Md5, &md5::Md5::digest(bytes)),
            sha1: hex(DigestAlgorithm::Sha1, &sha1::Sha1::digest(bytes)),
            sha256: hex(DigestAlgorithm::Sha256, &sha2::Sha256::digest(bytes)),
            sha512: hex(DigestAlgorithm::Sha512, &sha2::Sha512::digest(bytes)),
        }
    }

    /// The digest of an algorithm; SHA-384 has no sidecar.
    pub fn value(&self, algorithm: DigestAlgorithm) -> Option<&str> {
        match algorithm {
            DigestAlgorithm::Md5 => Some(&self.md5),
            DigestAlgorithm::Sha1 => Some(&self.sha1),
            DigestAlgorithm::Sha256 => Some(&self.sha256),
            DigestAlgorithm::Sha384 => None,
            DigestAlgorithm::Sha512 => Some(&self.sha512),
        }
    }

    /// Whether these are the digits that a checksum of an algorithm must have.
    pub(super) fn fits(&self, algorithm: &str, stated: &str) -> bool {
        let algorithm = algorithm.parse().ok();
        algorithm.and_then(|algorithm| self.value(algorithm)) == Some(stated)
    }
}
