//! The thread of dispatch: one runtime of one thread for all that goes to the runner. Requests are many and small; handing
//! each from thread to thread would cost more than sending it. It is made and ended by `serve`.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A running thread. What still runs on it is dropped when it ends.
#[derive(Debug)]
pub struct DispatchThread {
    handle: Handle,
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl DispatchThread {
    /// Starts it.
    ///
    /// # Errors
    /// The thread or its runtime cannot be created.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("dispatch".into())
            .spawn(move || {
                // A sender that is gone ends it as well.
                let _ = runtime.block_on(ended);
            })?;
        Ok(Self { handle, end, thread })
    }

    /// What a dispatcher is started on.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends it and waits until it has ended.
    pub async fn stop(self) {
        drop(self.end);
        // A panic in it has been reported by its hook.
        let _ = tokio::task::spawn_blocking(move || self.thread.join()).await;
    }
}
