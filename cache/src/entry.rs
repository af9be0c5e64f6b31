//! One remembered response: the caller's attributes, its lifetime, its body's digest and size.
//!
//! On disk an entry is two lines: the SHA-256 of the second line, and JSON. A torn, hollow or
//! flipped file fails that check and is treated as missing, so an entry needs no fsync.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::{Digest, DigestAlgorithm, hex};
use crate::key::Key;
use crate::layout::Name;

/// How far in the future an entry may have been fetched and still count as fresh: more means that
/// the clock was wrong then or is wrong now, and asking again is the safe answer.
const SKEW_MAX: Duration = Duration::from_secs(300);

/// What the caller says of a response.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Meta {
    /// The caller's: content type, validators and the like. We never look inside.
    pub attributes: BTreeMap<String, String>,
    /// When the response was fetched or last confirmed.
    pub fetched_at: SystemTime,
    /// How long after that it is fresh.
    pub fresh_for: Duration,
}

/// One remembered response.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Entry {
    /// Under which key.
    pub key: Key,
    /// The caller's words about it.
    pub meta: Meta,
    /// A body, or the knowledge that there is none.
    pub kind: Kind,
}

/// What is remembered under a key.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub enum Kind {
    /// A body.
    Stored {
        /// SHA-256, the content address.
        digest: Digest,
        /// Bytes.
        size: u64,
        /// MD5, SHA-1, SHA-256 and SHA-512.
        digests: Vec<Digest>,
    },
    /// A negative entry: there is no such thing.
    Absent,
}

impl Meta {
    /// No attributes yet.
    pub fn new(fetched_at: SystemTime, fresh_for: Duration) -> Meta {
        Meta {
            attributes: BTreeMap::new(),
            fetched_at,
            fresh_for,
        }
    }

    /// Whether the response may be used without asking (RFC 9111 §4.2).
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        match now.duration_since(self.fetched_at) {
            Ok(age) => age < self.fresh_for,
            Err(ahead) => ahead.duration() <= SKEW_MAX && !self.fresh_for.is_zero(),
        }
    }
}

impl Entry {
    /// The body's size; nothing for a negative entry.
    pub fn size(&self) -> Option<u64> {
        match &self.kind {
            Kind::Stored { size, .. } => Some(*size),
            Kind::Absent => None,
        }
    }

    /// The body's digest by one algorithm.
    pub fn digest(&self, algorithm: DigestAlgorithm) -> Option<&Digest> {
        match &self.kind {
            Kind::Stored { digests, .. } => digests.iter().find(|one| one.algorithm == algorithm),
            Kind::Absent => None,
        }
    }

    /// Name and size of the body's blob.
    pub(crate) fn blob(&self) -> Option<(Name, u64)> {
        match &self.kind {
            Kind::Stored { digest, size, .. } => {
                Some((Name(digest.bytes.as_slice().try_into().ok()?), *size))
            }
            Kind::Absent => None,
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let json = serde_json::to_vec(self)?;
        let mut file = hex(&Sha256::digest(&json)).into_bytes();
        file.push(b'\n');
        file.extend_from_slice(&json);
        Ok(file)
    }

    /// The entry in these bytes, if they are whole.
    pub(crate) fn decode(file: &[u8]) -> Option<Entry> {
        let (check, json) = file.split_at_checked(65)?;
        if check[64] != b'\n' || hex(&Sha256::digest(json)).as_bytes() != &check[..64] {
            return None;
        }
        let entry: Entry = serde_json::from_slice(json).ok()?;
        let whole = matches!(entry.kind, Kind::Absent) || entry.blob().is_some();
        whole.then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_hollow_and_flipped_files_are_no_entries() {
        let meta = Meta::new(SystemTime::UNIX_EPOCH, Duration::from_secs(9));
        let entry = Entry {
            key: Key::new("k"),
            meta,
            kind: Kind::Absent,
        };
        let file = entry.encode().unwrap();
        assert_eq!(Entry::decode(&file), Some(entry));
        for end in 0..file.len() {
            assert_eq!(Entry::decode(&file[..end]), None);
            let mut flipped = file.clone();
            flipped[end] ^= 1;
            assert_eq!(Entry::decode(&flipped), None);
        }
    }

    #[test]
    fn freshness_ends_and_distrusts_the_future() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let meta = Meta::new(start, Duration::from_secs(60));
        assert!(meta.is_fresh(start));
        assert!(meta.is_fresh(start + Duration::from_secs(59)));
        assert!(!meta.is_fresh(start + Duration::from_secs(60)));
        assert!(meta.is_fresh(start - Duration::from_secs(10)));
        assert!(!meta.is_fresh(start - Duration::from_secs(1000)));
    }
}
