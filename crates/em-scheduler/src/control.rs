//! Whether this process may decide: the one switch between the API (shutdown, kill) and the engine, which never
//! meet. Being paused is not here: that is written in the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// The switch. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stopped: AtomicBool,
    deciding: Mutex<()>,
}

/// Held by the engine while it decides and hands over what it decided.
#[derive(Debug)]
pub struct Deciding<'a> {
    _guard: MutexGuard<'a, ()>,
}

impl Control {
    /// Begins a round of deciding; none once stopped.
    pub async fn deciding(&self) -> Option<Deciding<'_>> {
        let guard = self.0.deciding.lock().await;
        (!self.is_stopped()).then_some(Deciding { _guard: guard })
    }

    /// Whether the scheduler was stopped (it is not started again in this process).
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Stops it. When this returns no round of deciding is under way and none will begin. False if it was stopped
    /// before.
    pub async fn stop(&self) -> bool {
        let first = !self.0.stopped.swap(true, Ordering::SeqCst);
        drop(self.0.deciding.lock().await);
        first
    }
}
