//! Texts on their way into a column and back: what fits, lists as JSON, rows of placeholders.

use std::borrow::Cow;
use std::fmt::Write as _;

use rules::PackageName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::AssertSqlSafe;

use super::StateError;

/// The longest text of a key. PostgreSQL refuses index rows beyond a third of a page (2,704
/// bytes), and a key is up to four of these.
const KEY_BYTES_MAX: usize = 512;

/// Refuses a text that cannot be part of a key.
pub(super) fn check_key(what: &'static str, text: &str) -> Result<(), StateError> {
    let problem = if text.is_empty() {
        "it is empty"
    } else if text.len() > KEY_BYTES_MAX {
        "it is longer than 512 bytes"
    } else {
        return check_text(what, text);
    };
    Err(StateError::Unstorable { what, problem })
}

/// Refuses a zero byte, which PostgreSQL's texts cannot hold.
pub(super) fn check_text(what: &'static str, text: &str) -> Result<(), StateError> {
    if !text.contains('\0') {
        return Ok(());
    }
    let problem = "it holds a zero byte";
    Err(StateError::Unstorable { what, problem })
}

/// Replaces zero bytes in a text that is only shown.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A list as a column holds it.
pub(super) fn list_text<T: Serialize>(
    what: &'static str,
    list: &[T],
) -> Result<String, StateError> {
    let problem = "it is not representable in JSON";
    serde_json::to_string(list).map_err(|_| StateError::Unstorable { what, problem })
}

/// Reads a list back.
pub(super) fn read_list<T: DeserializeOwned>(
    attempt: &'static str,
    text: &str,
) -> Result<Vec<T>, StateError> {
    let what = "list";
    serde_json::from_str(text).map_err(|_| StateError::Damaged { attempt, what })
}

/// Reads a package's path back.
pub(super) fn read_package(attempt: &'static str, path: &str) -> Result<PackageName, StateError> {
    let what = "package name";
    rules::parse_path(path).map_err(|_| StateError::Damaged { attempt, what })
}

/// `insert` with `rows` rows of `columns` placeholders each, and `end` behind them.
///
/// Nothing of it is foreign: the texts are literals, the rest is numbers.
pub(super) fn insert_rows(
    insert: &'static str,
    rows: usize,
    columns: usize,
    end: &'static str,
) -> AssertSqlSafe<String> {
    let mut statement = String::with_capacity(insert.len() + end.len() + rows * columns * 6);
    statement.push_str(insert);
    for row in 0..rows {
        statement.push_str(if row == 0 { " VALUES (" } else { ", (" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { ", " };
            // Writing into a String does not fail.
            let _ = write!(statement, "{comma}${}", row * columns + column + 1);
        }
        statement.push(')');
    }
    statement.push(' ');
    statement.push_str(end);
    AssertSqlSafe(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbered_through() {
        let statement = insert_rows("INSERT INTO a (b, c)", 2, 2, "ON CONFLICT DO NOTHING");
        let wanted = "INSERT INTO a (b, c) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING";
        assert_eq!(statement.0, wanted);
    }

    #[test]
    fn keys_are_short_and_without_zero_bytes() {
        assert!(check_key("tag", "latest").is_ok());
        for text in ["", "a\0b", &"a".repeat(513)] {
            assert!(check_key("tag", text).is_err());
        }
        assert_eq!(shown("a\0b"), "a\u{fffd}b");
    }
}
