//! What SQLite's result codes mean to us: try again, somebody else's write, or damage.
//!
//! Source: <https://www.sqlite.org/rescode.html>; extended codes keep the primary one in their low byte.

use crate::store::StoreError;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Database(told) => {
                let code = told.code().and_then(|code| code.parse::<u32>().ok());
                by_code(code.unwrap_or(1), told.message().to_owned())
            }
            E::RowNotFound | E::ColumnDecode { .. } | E::Decode(_) | E::ColumnNotFound(_) | E::TypeNotFound { .. } => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

fn by_code(code: u32, message: String) -> StoreError {
    match code & 0xff {
        // CONSTRAINT
        19 => StoreError::Conflict(message),
        // ERROR (a table is missing), CORRUPT, TOOBIG, MISMATCH, FORMAT, RANGE, NOTADB
        1 | 11 | 18 | 20 | 24 | 25 | 26 => StoreError::Corrupt(message),
        // PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL and the rest
        _ => StoreError::Unavailable(message),
    }
}

/// A stored document that does not read.
pub(super) fn unreadable(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_full_and_read_only_are_for_later_constraints_are_conflicts_and_damage_is_damage() {
        let kind = |code| match by_code(code, String::new()) {
            StoreError::Unavailable(_) => 'u',
            StoreError::Conflict(_) => 'c',
            StoreError::Corrupt(_) => 'd',
        };
        let table = [(5, 'u'), (517, 'u'), (6, 'u'), (8, 'u'), (1032, 'u'), (10, 'u'), (4106, 'u'), (13, 'u')];
        let rest = [(14, 'u'), (7, 'u'), (19, 'c'), (1555, 'c'), (787, 'c'), (2067, 'c'), (11, 'd'), (267, 'd')];
        for (code, expected) in table.into_iter().chain(rest).chain([(26, 'd'), (1, 'd')]) {
            assert_eq!(kind(code), expected, "code {code}");
        }
    }
}
