//! The engine: decides what is due, and nothing else. One loop on a thread of its own.
//!
//! [`plan`] is the firing rule, pure; `tick` is one round (decide, commit, hand over), with triggers that were `compiled`
//! before; `run` is the loop; `chores` is what is done in its pauses, a file each; `notices` works beside the loop. `parts` is
//! what all of them work with. The engine never sends a request itself (dispatch does) and never meets the API: both work on the
//! store, and the bell tells the loop to look.

mod chores;
mod compiled;
mod notices;
mod parts;
pub mod plan;
mod run;
mod tick;

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{Notify, oneshot, watch};

pub use self::parts::EngineSettings;
pub use self::plan::FiringRules;

use self::parts::EngineParts;
use crate::clock::Stopwatch;
use crate::control::Control;
use crate::dispatch::Dispatcher;
use crate::store::Store;
use crate::wakeup::{Bell, Timer};

/// The engine, to be spawned.
pub struct Engine(EngineParts);

/// A running engine.
pub struct EngineHandle {
    thread: Option<JoinHandle<()>>,
    end: Arc<Notify>,
    ready: Option<oneshot::Receiver<()>>,
    /// Its other end lives as long as the thread.
    alive: watch::Receiver<()>,
}

impl Engine {
    /// An engine on a store, which hands its runs to a dispatcher and listens to a bell.
    pub fn new(store: Arc<dyn Store>, dispatcher: Dispatcher, settings: EngineSettings) -> Self {
        Self(EngineParts {
            store,
            dispatcher,
            bell: Bell::default(),
            control: Control::default(),
            settings,
            compiled: Arc::default(),
            running: Stopwatch::start(),
        })
    }

    /// The bell to ring after a write that may change what is due.
    pub fn bell(&self) -> Bell {
        self.0.bell.clone()
    }

    /// The switch that stops it.
    pub fn control(&self) -> Control {
        self.0.control.clone()
    }

    /// The loop itself, on the runtime that polls it, until `end` is notified. Tells `ready` when what an earlier
    /// process left is taken over and the first `job_sync` is done, or when the scheduler was stopped before.
    /// [`spawn`](Self::spawn) gives it a thread of its own.
    pub async fn run(self, end: &Notify, timer: Timer, ready: oneshot::Sender<()>) {
        run::run(&self.0, end, timer, ready).await;
    }

    /// Starts the loop on a thread of its own.
    ///
    /// # Errors
    /// The thread or its runtime cannot be created.
    pub fn spawn(self) -> std::io::Result<EngineHandle> {
        let end = Arc::new(Notify::new());
        let (tell_ready, ready) = oneshot::channel();
        let (living, alive) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let ending = Arc::clone(&end);
        let thread = std::thread::Builder::new().name("engine".into()).spawn(move || {
            let _living = living;
            runtime.block_on(async { self.run(&ending, Timer::finest(), tell_ready).await });
        })?;
        Ok(EngineHandle {
            thread: Some(thread),
            end,
            ready: Some(ready),
            alive,
        })
    }
}

impl EngineHandle {
    /// Waits until what an earlier process left is taken over and the first `job_sync` is done, or until the scheduler was
    /// stopped before.
    pub async fn ready(&mut self) {
        if let Some(ready) = self.ready.take() {
            // An engine that ended before it was ready will not become so; there is nothing to wait for.
            let _ = ready.await;
        }
    }

    /// Waits until the loop has ended. Unless it was told to, that is a fault: nothing is decided any more.
    pub fn watch(&self) -> impl Future<Output = ()> + use<> {
        let mut alive = self.alive.clone();
        async move { while alive.changed().await.is_ok() {} }
    }

    /// Ends the loop after the round it is in and waits for its thread.
    pub async fn stop(mut self) {
        self.end.notify_one();
        if let Some(thread) = self.thread.take() {
            // The panic of the engine thread, if any, has been reported by its hook.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}
