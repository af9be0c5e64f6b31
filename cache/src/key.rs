//! The name under which something is remembered: opaque to us, made by the caller.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::layout::Name;

/// A key: the caller's text. Its place on disk is a hash of the text, never the text itself, so
/// nothing a client writes can reach a path.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Key {
    text: Arc<str>,
    name: Name,
}

impl Key {
    /// A key of this text.
    pub fn new(text: &str) -> Key {
        Key {
            text: Arc::from(text),
            name: Name(Sha256::digest(text.as_bytes()).into()),
        }
    }

    /// The caller's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn name(&self) -> Name {
        self.name
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({:?})", self.as_str())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Key {
        Key::new(&text)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.as_str().to_owned()
    }
}
