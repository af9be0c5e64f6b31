//! Tokens: what a secret allows. The secret itself never comes here, only its hash.

use std::fmt::Write as _;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::error::Attempt as _;
use super::moment::{from_milliseconds, to_milliseconds};
use super::text::{check_key, check_text, list_text, read_list};
use super::{State, StateError};

const COLUMNS_IN_FORCE: &str = "SELECT name, rights, repositories, patterns, created, expires, \
     revoked FROM tokens WHERE hash = $1 AND revoked IS NULL";
const COLUMNS_OF_ALL: &str = "SELECT name, rights, repositories, patterns, created, expires, \
     revoked FROM tokens ORDER BY created, name";

/// What a token allows its bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// To read packages.
    Read,
    /// To publish packages.
    Publish,
    /// To change what others may do.
    Admin,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// What people call it; unique among the unrevoked.
    pub name: String,
    /// The SHA-256 of the secret.
    pub hash: [u8; 32],
    /// What it allows.
    pub rights: Vec<Right>,
    /// Where it is good.
    pub repositories: Vec<String>,
    /// For which packages it is good.
    pub patterns: Vec<String>,
    /// When it ends by itself.
    pub expires: Option<SystemTime>,
    /// When it is made.
    pub created: SystemTime,
}

/// A token that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub rights: Vec<Right>,
    /// Where it is good.
    pub repositories: Vec<String>,
    /// For which packages it is good.
    pub patterns: Vec<String>,
    /// When it was made.
    pub created: SystemTime,
    /// When it ends by itself.
    pub expires: Option<SystemTime>,
    /// When it was revoked.
    pub revoked: Option<SystemTime>,
}

/// What came of making a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Creation {
    /// It is in force.
    Created,
    /// An unrevoked token has this name (or this very hash).
    NameTaken,
}

type Row = (
    String,
    String,
    String,
    String,
    i64,
    Option<i64>,
    Option<i64>,
);

impl State {
    /// Makes a token.
    pub async fn create_token(&self, token: &NewToken) -> Result<Creation, StateError> {
        check_key("token name", &token.name)?;
        let lists = [
            list_text("rights", &token.rights)?,
            list_text("repositories", &token.repositories)?,
            list_text("patterns", &token.patterns)?,
        ];
        for list in &lists {
            check_text("list", list)?;
        }
        let [rights, repositories, patterns] = lists;
        let insert = "INSERT INTO tokens \
             (hash, name, rights, repositories, patterns, created, expires) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let done = sqlx::query(insert)
            .bind(hexadecimal(&token.hash))
            .bind(token.name.clone())
            .bind(rights)
            .bind(repositories)
            .bind(patterns)
            .bind(to_milliseconds(token.created))
            .bind(token.expires.map(to_milliseconds))
            .execute(self.database.writer())
            .await
            .attempt("make a token")?;
        Ok(match done.rows_affected() {
            0 => Creation::NameTaken,
            _ => Creation::Created,
        })
    }

    /// The token with this hash, unless it was revoked. Whether it has expired is the caller's
    /// question ([`Token::is_expired`]), so that a client can be told.
    pub async fn find_token(&self, hash: &[u8; 32]) -> Result<Option<Token>, StateError> {
        let row: Option<Row> = sqlx::query_as(COLUMNS_IN_FORCE)
            .bind(hexadecimal(hash))
            .fetch_optional(self.database.reader())
            .await
            .attempt("look a token up")?;
        row.map(|row| Token::from_row("look a token up", row))
            .transpose()
    }

    /// Every token, revoked ones too, the oldest first.
    pub async fn tokens(&self) -> Result<Vec<Token>, StateError> {
        let attempt = "list the tokens";
        let rows: Vec<Row> = sqlx::query_as(COLUMNS_OF_ALL)
            .fetch_all(self.database.reader())
            .await
            .attempt(attempt)?;
        rows.into_iter()
            .map(|row| Token::from_row(attempt, row))
            .collect()
    }

    /// Ends the token of this name. False if there is none in force.
    pub async fn revoke_token(&self, name: &str, now: SystemTime) -> Result<bool, StateError> {
        check_key("token name", name)?;
        let done =
            sqlx::query("UPDATE tokens SET revoked = $1 WHERE name = $2 AND revoked IS NULL")
                .bind(to_milliseconds(now))
                .bind(name)
                .execute(self.database.writer())
                .await
                .attempt("revoke a token")?;
        Ok(done.rows_affected() > 0)
    }
}

impl Token {
    /// Whether it has ended by itself.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    fn from_row(attempt: &'static str, row: Row) -> Result<Self, StateError> {
        Ok(Self {
            name: row.0,
            rights: read_list(attempt, &row.1)?,
            repositories: read_list(attempt, &row.2)?,
            patterns: read_list(attempt, &row.3)?,
            created: from_milliseconds(row.4),
            expires: row.5.map(from_milliseconds),
            revoked: row.6.map(from_milliseconds),
        })
    }
}

fn hexadecimal(hash: &[u8; 32]) -> String {
    hash.iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing into a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
