//! What can go wrong once a handler is at work. How it is told is in `response`.

use crate::model::Corrupt;
use crate::store::StoreError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The caller asked for what cannot be had. The reason is theirs to read.
    #[error("{0}")]
    Reason(String),
    /// The same, in words that a client knows whole: its verb does not stand before them.
    #[error("{0}")]
    Whole(&'static str),
    /// The database cannot be reached. What it said is for the log alone.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database cannot be reached, but the runner has been asked already: repeating the request would ask it
    /// twice.
    #[error("the outcome of a run could not be written down: {0}")]
    Unrecorded(String),
    /// A fault of ours or a damaged database. For the log alone.
    #[error("{0}")]
    Fault(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            // The driver's words, without the sentence that Display puts before them.
            StoreError::Unavailable(reason) | StoreError::Locked(reason) | StoreError::Vanished(reason) => {
                Self::Unavailable(reason)
            }
            // A row of em_web's tables that cannot be read concerns its task, and the caller can mend it.
            StoreError::Corrupt(Corrupt {
                table: "task" | "project",
                ..
            }) => Self::Reason(error.to_string()),
            error => Self::Fault(error.to_string()),
        }
    }
}
