//! What was asked wrongly: the exit code tells it from what failed.

/// Asked wrongly, in a way that the parser of the command line cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);
