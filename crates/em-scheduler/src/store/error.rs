//! What can go wrong in a store, as the layers above need to tell it apart.

use crate::model::Corrupt;

/// The one error type of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is shutting down or is locked by somebody else: try again later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Another session holds a row that is needed.
    #[error("the database is unavailable: a row is locked by another session: {0}")]
    Locked(String),
    /// Tables of the scheduler's own are not there any more.
    #[error("the scheduler's tables have vanished from the database: {0}")]
    Vanished(String),
    /// Another instance holds the database.
    #[error("{0}")]
    Held(String),
    /// The database is there but is not what it must be: a missing table, a newer schema.
    #[error("{0}")]
    Unusable(String),
    /// A value in a row that cannot be read.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// Anything else: a bug of ours or a refusal of the database, to be logged whole.
    #[error("{0}")]
    Other(String),
}

impl StoreError {
    /// The value that cannot be read, where that is what went wrong: it concerns one row alone.
    ///
    /// # Errors
    /// Any other error, as it was.
    pub(super) fn unreadable(self) -> Result<Corrupt> {
        match self {
            Self::Corrupt(corrupt) => Ok(corrupt),
            other => Err(other),
        }
    }

    /// Whether trying again later may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Locked(_) | Self::Vanished(_))
    }
}

/// What was read, or the value in it that cannot be; any other error ends the operation.
pub(super) fn corrupt<T>(read: Result<T>) -> Result<Result<T, Corrupt>> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(error) => error.unreadable().map(Err),
    }
}

/// Results of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
