//! What is known of a run after an attempt to hand it to its target, whatever the protocol.

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// The target took the run.
    Accepted {
        /// Microseconds from the start of the attempt to the target's word.
        took: i64,
    },
    /// The target said that it does not take the run.
    Refused(TargetRefusal),
    /// Nothing can have left, for this reason.
    NotSent(String),
    /// Something may have left and the target said nothing, for this reason.
    Ambiguous(String),
    /// The gate was closed: nothing has left.
    Held,
    /// The job was deleted: nothing has left.
    Withdrawn,
}

/// How a target refused a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRefusal {
    /// For the task's log: "the runner answered 500".
    pub reason: String,
    /// The same for whoever asked for the run: "The runner answered with status 500."
    pub message: String,
    /// Whether it may take the run later: it is tried again as if nothing had been sent.
    pub temporary: bool,
}

impl Delivered {
    /// Whether this is the target's own word.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Refused(_))
    }
}
