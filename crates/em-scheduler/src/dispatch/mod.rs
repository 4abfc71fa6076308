//! Dispatch: decided runs go to their target, many in flight, and their outcomes go back to the store.
//!
//! ```text
//!  accept ─▶ desk (waiting, fair) ─▶ begin_sends (durable) ─▶ gate ─▶ target ─▶ settle (batched) ─▶ permit free
//!             ▲                                                 │ closed or withdrawn: back, nothing has left
//!             └──────────────── retry, later ◀──────────────────┘
//! ```
//! A permit is held from before a run becomes `sending` until its outcome is durable, so at most *concurrency* runs
//! can ever be ambiguous after a crash. What it is not: it decides nothing about schedules and never reads them.

mod desk;
#[cfg(test)]
mod fairness;
mod gate;
mod lease;
mod lines;
mod outcome;
mod permits;
mod pump;
mod recall;
mod settler;
mod standing;
mod target;
mod thread;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use triggers::UtcMicros;

pub use self::gate::{Gate, GateAnswer};
pub use self::lease::{Era, LeaseStart};
pub use self::outcome::Policy;
pub use self::target::classic::{Connection, Dial, RunnerAddress, RunnerClient, RunnerTimeouts};
pub use self::target::{Deliver, Delivered, Refusal};
pub use self::thread::DispatchThread;

use self::desk::Desk;
use self::gate::AlwaysOpen;
use self::lease::Lease;
use self::settler::Settled;
use crate::model::{RunKey, SendableRun, TaskId};
use crate::store::{Store, StoreError};

/// Whoever asked for a run waits no longer for its outcome to be written down.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);

/// Hands runs to their target. Cheap to clone: all clones are one dispatcher.
#[derive(Clone)]
pub struct Dispatcher(Arc<Shared>);

struct Shared {
    desk: Mutex<Desk>,
    /// Something changed at the desk that may let a run leave.
    changed: Notify,
    /// Held while a first byte is let through and written: see [`Shared::passing`].
    passage: Mutex<()>,
    lease: Lease,
    /// Something ended.
    ended: Notify,
    /// One of the loops has panicked.
    broken: Arc<Notify>,
    /// The engine should look for runs that memory and table disagree about.
    astray: Mutex<bool>,
    target: Arc<dyn Deliver>,
    policy: Policy,
    store: Arc<dyn Store>,
    settled: mpsc::UnboundedSender<Settled>,
    runtime: Handle,
}

impl Dispatcher {
    /// Starts its two loops on `runtime`: one lets runs leave, one writes down how they ended. Beside them it looks once which tasks
    /// were answered before.
    pub fn start(
        store: Arc<dyn Store>,
        target: impl Deliver + 'static,
        policy: Policy,
        runtime: &Handle,
    ) -> Self {
        let (settled, to_settle) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            desk: Mutex::new(Desk::new(policy.concurrency)),
            changed: Notify::new(),
            passage: Mutex::default(),
            lease: Lease::default(),
            ended: Notify::new(),
            broken: Arc::default(),
            astray: Mutex::new(false),
            target: Arc::new(target),
            policy,
            store,
            settled,
            runtime: runtime.clone(),
        });
        let alarm = || Alarm(Arc::clone(&shared.broken));
        runtime.spawn(recall::run(Arc::clone(&shared)));
        runtime.spawn(alarm().watch(pump::run(Arc::clone(&shared))));
        runtime.spawn(alarm().watch(settler::run(Arc::downgrade(&shared), to_settle)));
        Self(shared)
    }

    /// Waits until one of the loops has failed: nothing is sent, or nothing written down, any more.
    pub async fn broken(&self) {
        self.0.broken.notified().await;
    }

    /// Whether a run of the task may become `sending` in the transaction that decides it. If so, the caller holds a
    /// permit: it must hand the run over with [`accept`](Self::accept) or give the permit back.
    pub fn admit(&self, task: TaskId, now: UtcMicros) -> bool {
        self.0.check_lease();
        self.0.desk().admit(task, now)
    }

    /// Gives back permits that were not used.
    pub fn give_back(&self, task: TaskId, permits: usize) {
        let mut desk = self.0.desk();
        for _ in 0..permits {
            desk.release(task);
        }
        drop(desk);
        self.0.changed.notify_one();
    }

    /// The era of the lease, to be asked for before the rows of runs are (see [`accept_of`](Self::accept_of)).
    pub fn era(&self) -> Era {
        self.0.lease.era()
    }

    /// Takes runs whose rows are committed: those `sending` leave at once, the others wait for their turn.
    pub fn accept(&self, runs: Vec<SendableRun>) {
        self.accept_of(self.era(), runs);
    }

    /// The same for runs whose rows were asked for in this era. What is `sending` leaves only while that lasts: a process that
    /// stood still after the commit may have lost them to another one.
    pub fn accept_of(&self, era: Era, runs: Vec<SendableRun>) {
        let mut leaving = Vec::new();
        let now = self.0.now();
        {
            let mut desk = self.0.desk();
            for run in runs {
                if run.sending {
                    desk.begin_admitted(&run, now);
                    leaving.push(run);
                } else {
                    desk.push(run);
                }
            }
        }
        for run in leaving {
            pump::launch(&self.0, run, era);
        }
        self.0.changed.notify_one();
    }

    /// Sends a run now, outside the permits and whatever the gate says, and waits until it is written down how it
    /// ended. It counts as in flight meanwhile.
    ///
    /// # Errors
    /// The outcome could not be written down within the time a caller waits. It will be, as long as the process
    /// lives.
    pub async fn send_now(&self, run: &SendableRun) -> Result<Delivered, StoreError> {
        self.0.desk().begin_outside(run);
        let delivered = self.0.target.deliver(run, Arc::new(AlwaysOpen)).await;
        let (written, told) = oneshot::channel();
        let settlement = run.settlement(outcome::manual(&delivered));
        let settled = Settled {
            settlement,
            run: run.clone(),
            permit: false,
            written: Some(written),
        };
        let late = || StoreError::Unavailable("the outcome of the run is not written down yet".into());
        self.0.settled.send(settled).map_err(|_| late())?;
        match tokio::time::timeout(WRITTEN_WITHIN, told).await {
            Ok(Ok(())) => Ok(delivered),
            _ => Err(late()),
        }
    }

    /// No first byte leaves once this has returned: the scheduler is paused. Runs that have not begun go back to the
    /// queue.
    pub fn pause(&self) {
        self.0.desk().pause();
        self.0.wait_for_passing();
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.0.desk().is_paused()
    }

    /// A number that changes with each [`pause`](Self::pause), for [`resume_if`](Self::resume_if).
    pub fn pauses(&self) -> u64 {
        self.0.desk().pauses()
    }

    /// Runs may leave again. Those that waited meanwhile are judged by their grace first.
    pub fn resume(&self) {
        let was_paused = self.0.desk().resume();
        if was_paused {
            self.judge_again();
        }
    }

    /// Resumes unless somebody has paused since `pauses` was read.
    pub fn resume_if(&self, pauses: u64) {
        let was_paused = self.0.desk().resume_if(pauses);
        if was_paused {
            self.judge_again();
        }
    }

    /// No first byte leaves this process any more once this has returned. What is in flight ends and is written down.
    pub fn stop(&self) {
        self.0.desk().stop();
        self.0.wait_for_passing();
        self.0.changed.notify_one();
    }

    /// These runs were deleted: those that have not begun when this returns never will.
    pub fn withdraw(&self, runs: &[RunKey]) {
        self.0.desk().withdraw(runs);
        self.0.wait_for_passing();
    }

    /// The others on the database know that this process lives for so many microseconds from `since` on. Runs that
    /// were held back because an earlier lease had lapsed may leave again.
    pub fn renew_lease(&self, since: LeaseStart, length: i64) {
        let away = self.0.lease.renew(since, length);
        if self.0.desk().renew() {
            tracing::info!(
                away_seconds = away / 1_000_000,
                "the lease is renewed: runs may leave again"
            );
            self.0.changed.notify_one();
        }
        self.0.back_after(away);
    }

    /// Whether the others on the database know that this process lives, as far as it matters here.
    pub fn holds_lease(&self) -> bool {
        self.0.lease.holds()
    }

    /// Forgets withdrawals that mean nothing here. For the engine alone, between two rounds, when every run it has decided has
    /// been handed over. (One found in the table later tells by itself that it was withdrawn.)
    pub fn forget_strangers(&self) {
        self.0.desk().forget_strangers();
    }

    /// The scheduler was cut off from its database for so many microseconds and is back.
    pub fn back_after(&self, micros: i64) {
        self.0.back_after(micros);
    }

    fn judge_again(&self) {
        self.0.desk().judge_again();
        self.0.changed.notify_one();
    }

    /// The runs this process knows of, from hand-over until their outcome is durable, and the fence of each when it was handed over.
    pub fn known(&self) -> HashMap<RunKey, i64> {
        self.0.desk().known().clone()
    }

    /// How much is remembered of runs that have not ended; nothing once all have, or memory would grow with what there once was.
    pub fn remembered(&self) -> usize {
        self.0.desk().remembered()
    }

    /// How many there are of them. While it changes, runs come and go.
    pub fn at_hand(&self) -> usize {
        self.0.desk().known().len()
    }

    /// Notes that a write failed in a way that may have left rows nobody here knows of.
    pub fn report_astray(&self) {
        self.0.report_astray();
    }

    /// Whether a write failed in a way that may have left rows nobody here knows of. Asking resets it.
    pub fn take_astray(&self) -> bool {
        std::mem::take(&mut *self.0.astray.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until nothing is in flight and every outcome is durable, at most so long. Answers how many runs were
    /// still in flight then.
    pub async fn drained(&self, limit: Duration) -> usize {
        let drained = async {
            loop {
                let ended = self.0.ended.notified();
                if self.0.desk().in_flight() == 0 {
                    return;
                }
                ended.await;
            }
        };
        // Running out of time is an answer, not a failure.
        let _ = tokio::time::timeout(limit, drained).await;
        self.0.desk().in_flight()
    }
}

/// Rings when the loop it watches panics.
struct Alarm(Arc<Notify>);

impl Alarm {
    async fn watch(self, work: impl Future<Output = ()>) {
        work.await;
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.notify_one();
        }
    }
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        // The desk is consistent after each of its methods; a panic elsewhere does not make it less so.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the check of the gate to the end of the write that follows it.
    fn passing(&self) -> MutexGuard<'_, ()> {
        self.passage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called after the gate was closed for some run or for all: what was let through before has been written
    /// when this returns.
    fn wait_for_passing(&self) {
        drop(self.passing());
    }

    /// Closes the gate if the lease of this process has lapsed.
    fn check_lease(&self) {
        if !self.lease.holds() {
            self.desk().lapse();
        }
    }

    /// What waits is judged by its grace before it leaves, if the scheduler was away for longer than that. After
    /// less, only waiting for a permit can have made a run late, and that never counts (F7, F8).
    fn back_after(&self, micros: i64) {
        if micros > self.policy.grace {
            self.desk().judge_again();
            self.changed.notify_one();
        }
    }

    fn report_astray(&self) {
        *self.astray.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn now(&self) -> UtcMicros {
        self.store.now()
    }
}
