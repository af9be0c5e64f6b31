//! What is written beside versions and files in the state database: JSON, read here and nowhere else.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A version of an npm package.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NpmVersion {
    /// As it was published, without what the registry says itself.
    pub manifest: Map<String, Value>,
    pub deprecated: Option<String>,
    /// How many files its tarball has, and how large they are.
    pub unpacked: Option<(u64, u64)>,
}

/// A file, of any ecosystem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct File {
    /// Whether it only stands beside another one: a signature, metadata, provenance.
    pub beside: bool,
    /// PyPI: from the metadata inside.
    pub requires_python: Option<String>,
    /// PyPI: why it was yanked, if it was (PEP 592).
    pub yanked: Option<String>,
    /// PyPI: the SHA-256 of its metadata file (PEP 658).
    pub metadata_sha256: Option<String>,
    /// PyPI: there is a signature beside it.
    pub has_signature: bool,
}

impl File {
    /// One that only stands beside another.
    pub fn beside() -> Self {
        Self {
            beside: true,
            ..Self::default()
        }
    }
}

/// Reads a note. One that can't be read says nothing.
pub fn read<T: DeserializeOwned + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}

/// Writes a note.
pub fn write(note: &impl Serialize) -> String {
    serde_json::to_string(note).unwrap_or_else(|_| "{}".to_owned())
}
