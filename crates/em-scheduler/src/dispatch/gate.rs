//! The gate: the question asked at the moment at which the first byte of a request is about to leave. A target asks it (see
//! `target`); dispatch says what it knows of the run (see `send`).
//!
//! Check and write happen under one lock ([`Gate::pass`]), so that after closing the gate and taking that lock it is certain: what
//! was let through has left, and nothing follows it (rule S1).

/// What the gate says right before a first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateAnswer {
    /// Send.
    Go,
    /// Not now: paused, stopped, or the lease of this process has lapsed.
    Hold,
    /// Never: its job was deleted.
    Withdrawn,
}

/// Decides whether the first byte of one request may be written.
pub trait Gate: Send + Sync {
    /// Calls `write` if the first byte may leave, and returns what it said. No change that closes the gate completes
    /// between the check and the end of `write`.
    fn pass(&self, write: &mut dyn FnMut()) -> GateAnswer;
}

/// The gate of a run that a person asked for: always open.
pub(super) struct AlwaysOpen;

impl Gate for AlwaysOpen {
    fn pass(&self, write: &mut dyn FnMut()) -> GateAnswer {
        write();
        GateAnswer::Go
    }
}
