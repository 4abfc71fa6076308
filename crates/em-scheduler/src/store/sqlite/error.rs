//! What SQLite's errors mean for the layers above.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// What a failed commit means for the operations that shared it.
pub(super) fn unavailable(error: &StoreError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied,
            ) => Self::Unavailable(error.to_string()),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Unusable(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

/// The same error, naming the file.
pub(super) fn naming(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(reason) | StoreError::Other(reason) | StoreError::Unusable(reason) => {
            StoreError::Unusable(format!("the database file {}: {reason}", path.display()))
        }
        error => error,
    }
}
