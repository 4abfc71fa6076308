//! What PostgreSQL says, sorted by what the layers above must do about it.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::url::Target;
use crate::store::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let text = words(&error);
        let passing = match error.code() {
            Some(code) => is_passing(code),
            // No word from the server: the connection itself failed, unless a value of ours did not fit.
            None => error.is_closed() || is_io(&error),
        };
        let gone = [&SqlState::UNDEFINED_TABLE, &SqlState::INVALID_SCHEMA_NAME];
        if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
            Self::Locked(text)
        } else if error.code().is_some_and(|code| gone.contains(&code)) && text.contains("em_scheduler") {
            Self::Vanished(text)
        } else if passing {
            Self::Unavailable(text)
        } else {
            Self::Other(text)
        }
    }
}

/// What the server says, if the role may not create something or there is no schema to create it in.
pub(super) fn denied(error: &StoreError) -> Option<&str> {
    let codes = [&SqlState::INSUFFICIENT_PRIVILEGE, &SqlState::INVALID_SCHEMA_NAME];
    match error {
        StoreError::Other(text) if codes.iter().any(|code| text.starts_with(code.code())) => Some(text),
        _ => None,
    }
}

/// Why no connection could be had, naming the place. What only a person can change is `Unusable`.
pub(super) fn connecting(error: PoolError, target: &Target) -> StoreError {
    let error = match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(_) => {
            return StoreError::Unavailable(format!("no connection to PostgreSQL in time ({target})"));
        }
        error => return StoreError::Unavailable(format!("no connection to PostgreSQL ({target}): {error}")),
    };
    let text = format!("no connection to PostgreSQL ({target}): {}", words(&error));
    let for_good = match error.code() {
        Some(code) => !is_passing(code),
        None => !is_io(&error) && !error.is_closed(),
    };
    if for_good {
        StoreError::Unusable(text)
    } else {
        StoreError::Unavailable(text)
    }
}

/// Whether the same may succeed later, without anybody changing the program, the schema or the configuration.
fn is_passing(code: &SqlState) -> bool {
    // Connection errors, resources that ran out, and conflicts with others.
    matches!(code.code().get(..2), Some("08" | "53" | "40"))
        || [
            // Shutting down, crashed, starting up, idle for too long.
            &SqlState::ADMIN_SHUTDOWN,
            &SqlState::CRASH_SHUTDOWN,
            &SqlState::CANNOT_CONNECT_NOW,
            &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            &SqlState::QUERY_CANCELED,
            &SqlState::LOCK_NOT_AVAILABLE,
            &SqlState::READ_ONLY_SQL_TRANSACTION,
            &SqlState::IO_ERROR,
        ]
        .contains(&code)
}

/// Whether the network failed; a certificate that does not convince comes as such an error too, and is none.
fn is_io(error: &Error) -> bool {
    let Some(io) = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>())
    else {
        return false;
    };
    !io.get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

/// The error and its causes in one line.
fn words(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        let detail = db
            .detail()
            .map(|detail| format!(" ({detail})"))
            .unwrap_or_default();
        return format!("{} {}{detail}", db.code().code(), db.message());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += ": ";
        text += &error.to_string();
        cause = error.source();
    }
    text
}
