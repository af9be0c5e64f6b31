//! What can go wrong with the database: [`StateError`], which names what was attempted.
//!
//! That a version exists already, or a status may not change, is no error but an answer of the
//! call.

/// Why the state database did not do what was asked. Holds no secret of the address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The database is busy, full, or out of reach: the same call may succeed later.
    #[error("cannot {attempt}, the state database is unavailable: {reason}")]
    Unavailable {
        /// What was attempted.
        attempt: &'static str,
        /// The database's answer.
        reason: String,
    },
    /// The database refused.
    #[error("cannot {attempt}: {source}")]
    Database {
        /// What was attempted.
        attempt: &'static str,
        /// The database's answer.
        source: sqlx::Error,
    },
    /// The database was written by a newer program.
    #[error(
        "the state database has schema {found}, this program knows {known}: start the program \
         that upgraded it, or restore a copy from before"
    )]
    NewerSchema {
        /// What the database says.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The address of the database cannot be used.
    #[error("the address of the state database is unusable: {0}")]
    Location(String),
    /// A stored value is not one that this program writes.
    #[error("cannot {attempt}: the state database holds an unknown {what}")]
    Damaged {
        /// What was attempted.
        attempt: &'static str,
        /// What could not be read.
        what: &'static str,
    },
    /// The caller gave what no column can hold.
    #[error("cannot store the {what}: {problem}")]
    Unstorable {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Names the attempt when the database refuses.
pub(super) trait Attempt<T> {
    fn attempt(self, attempt: &'static str) -> Result<T, StateError>;
}

impl<T> Attempt<T> for Result<T, sqlx::Error> {
    fn attempt(self, attempt: &'static str) -> Result<T, StateError> {
        self.map_err(|source| match unavailable(&source) {
            Some(reason) => StateError::Unavailable { attempt, reason },
            None => StateError::Database { attempt, source },
        })
    }
}

/// The reason, if the same call may succeed later.
fn unavailable(error: &sqlx::Error) -> Option<String> {
    let passing = match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| is_passing(&code)),
        _ => false,
    };
    passing.then(|| error.to_string())
}

/// Whether a code stands for a state of the database or its disk and not of the statement.
fn is_passing(code: &str) -> bool {
    // SQLSTATE has five characters (PostgreSQL, appendix A): connection, resources, operator,
    // disk; serialization failure, deadlock, lock not available, read-only.
    if code.len() == 5 {
        return ["08", "53", "57", "58"].contains(&&code[..2])
            || ["40001", "40P01", "55P03", "25006"].contains(&code);
    }
    // SQLite's extended codes keep the primary one in the low byte: BUSY, LOCKED, NOMEM,
    // READONLY, IOERR, FULL, CANTOPEN.
    code.parse::<u32>()
        .is_ok_and(|code| [5, 6, 7, 8, 10, 13, 14].contains(&(code & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::is_passing;

    #[test]
    fn busy_and_full_pass_and_mistakes_do_not() {
        for code in [
            "5", "261", "517", "6", "13", "778", "53100", "57P01", "40P01",
        ] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["1", "19", "2067", "42601", "23505", "", "é¤1"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
