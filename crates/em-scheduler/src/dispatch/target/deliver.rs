//! What dispatch asks of a target, and what is known of a run afterwards, without a protocol. Called by `send` alone.

use std::sync::Arc;

use async_trait::async_trait;

use crate::dispatch::gate::Gate;
use crate::model::{Delivered, SendableRun};

/// Hands runs to a target.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// One attempt, within a time limit of the target's own. `gate` is asked at the moment at which the first byte is about to
    /// leave, and what it says is final; nothing is tried a second time once something may have left.
    async fn deliver(&self, run: &SendableRun, gate: Arc<dyn Gate>) -> Delivered;
}
