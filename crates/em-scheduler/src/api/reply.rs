//! What a handler answers when all went well: JSON, ready to be sent.

use bytes::Bytes;
use serde::Serialize;

use super::error::Failure;
use super::routes::Outcome;

/// The JSON of a successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply(Bytes);

#[derive(Serialize)]
struct Message<'a> {
    message: &'a str,
}

impl Reply {
    /// A value as JSON.
    pub(super) fn json(value: &impl Serialize) -> Outcome {
        match serde_json::to_vec(value) {
            Ok(text) => Ok(Self(text.into())),
            Err(error) => Err(Failure::Fault(format!("an answer cannot be written: {error}"))),
        }
    }

    /// `{"message": "Scheduler: …"}`: how the classic routes say that something was done.
    pub(super) fn message(done: &str) -> Outcome {
        Self::json(&Message {
            message: &format!("Scheduler: {done}"),
        })
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0
    }
}
