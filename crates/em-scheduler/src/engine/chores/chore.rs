//! What the loop asks of a chore.

use async_trait::async_trait;

use crate::engine::parts::EngineParts;
use crate::store::Result;

/// Microseconds per second.
pub(super) const SECOND: i64 = 1_000_000;
/// When a chore is due that nothing is to be done for.
pub(super) const NEVER: i64 = i64::MAX;

/// Work beside firing, done in the pauses of the loop. Each has a clock of its own.
#[async_trait]
pub(super) trait Chore: Send {
    /// When its next step is due, by [`EngineParts::passed`].
    fn due_at(&mut self, parts: &EngineParts) -> i64;

    /// One step, short, so that it makes no run late. Where it fails it is due again after a pause, or the loop would come back at
    /// once for as long as it fails.
    ///
    /// # Errors
    /// It is said in the log, and the step is done again when it is due.
    async fn step(&mut self, parts: &EngineParts) -> Result<()>;

    /// Whether it comes even before due jobs once it is due: a long backlog must not starve it.
    fn is_urgent(&self) -> bool {
        false
    }

    /// Whether the loop comes back as soon as it is due. Otherwise it is found due when the loop looks next, within a second.
    fn is_prompt(&self) -> bool {
        false
    }

    /// Ends what it does beside the loop.
    async fn end(&mut self) {}
}
