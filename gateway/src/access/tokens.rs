//! Tokens as they were found a moment ago, so that a client that shows one with every request costs no database.

use std::time::Duration;

use moka::future::Cache as Table;

use crate::state::{State, StateError, Token};

/// A revoked token is refused after this long at the latest.
const REMEMBERED: Duration = Duration::from_secs(1);
const TOKENS_MAX: u64 = 10_000;

/// The tokens that were shown lately, unknown ones too.
pub struct Tokens(Table<[u8; 32], Option<Token>>);

impl Default for Tokens {
    fn default() -> Self {
        let table = Table::builder()
            .max_capacity(TOKENS_MAX)
            .time_to_live(REMEMBERED)
            .build();
        Self(table)
    }
}

impl Tokens {
    /// The token with this hash, unless it was revoked.
    pub async fn find(&self, state: &State, hash: [u8; 32]) -> Result<Option<Token>, StateError> {
        if let Some(known) = self.0.get(&hash).await {
            return Ok(known);
        }
        let found = state.find_token(&hash).await?;
        self.0.insert(hash, found.clone()).await;
        Ok(found)
    }
}
