//! The bell: rung after each write that may change what is due. A hint only; polling is the truth, so a bell that
//! is not heard costs at most a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

/// Rung by writers, heard by the engine. Cheap to clone: all clones are one bell.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Wakes the listener, now or when it next listens.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits for the bell, at most so long.
    pub async fn heard_within(&self, limit: Duration) {
        // A time-out is the other way to wake, not a failure.
        let _ = tokio::time::timeout(limit, self.0.notified()).await;
    }
}
