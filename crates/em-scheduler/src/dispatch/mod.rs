//! Dispatch: decided runs go to their target, many in flight, and their outcomes go back to the store.
//!
//! ```text
//!  accept ─▶ line (waiting, fair) ─▶ begin_sends (durable) ─▶ gate ─▶ target ─▶ settle (batched) ─▶ permit free
//!             ▲                                                 │ closed or withdrawn: back, nothing has left
//!             └──────────────── retry, later ◀──────────────────┘
//! ```
//! A permit is held from before a run becomes `sending` until its outcome is durable, so at most *concurrency* runs
//! can ever be ambiguous after a crash. What it is not: it decides nothing about schedules and never reads them.
//!
//! `local_runs` is what changes together under one lock: `handles` (which runs are here), `line` and `retries` (which wait),
//! `permits` (how many may be in flight, and whose) with `limits`, `flights` and `standing`, and `switch` (paused, stopped,
//! lapsed). `pump` lets runs leave, `send` sends one to its `target` under the `gate`, `model::life` says what came of it, `settler`
//! writes that down. `lease` is how long this process is believed to live; `recall` reads at a start what is known of tasks.

#[cfg(test)]
mod fairness;
mod flights;
mod gate;
mod handles;
mod key;
mod lease;
mod limits;
mod line;
mod local_runs;
mod parts;
mod permits;
mod pump;
mod recall;
mod retries;
mod send;
mod settler;
mod standing;
mod switch;
mod target;
mod thread;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use triggers::UtcMicros;

pub use self::gate::{Gate, GateAnswer};
pub use self::lease::{Era, LeaseStart};
pub use self::parts::Policy;
pub use self::target::Deliver;
pub use self::target::classic::{Connection, Dial, RunnerAddress, RunnerClient, RunnerTimeouts};
pub use self::thread::DispatchThread;

use self::key::FairnessKey;
use self::lease::Lease;
use self::local_runs::LocalRuns;
use self::parts::DispatcherParts;
use crate::model::{Delivered, RunKey, SendableRun, TaskId};
use crate::store::{Store, StoreError};

/// Hands runs to their target. Cheap to clone: all clones are one dispatcher.
#[derive(Clone)]
pub struct Dispatcher(Arc<DispatcherParts>);

/// See [`Dispatcher::asking`].
#[derive(Debug)]
pub struct Asking {
    _held: Arc<()>,
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
        let (to_settle, ended_runs) = mpsc::unbounded_channel();
        let parts = Arc::new(DispatcherParts {
            runs: Mutex::new(LocalRuns::new(policy.concurrency)),
            changed: Notify::new(),
            passage: Mutex::default(),
            lease: Lease::default(),
            ended: Notify::new(),
            broken: Arc::default(),
            uncertain: AtomicBool::new(false),
            asking: Arc::default(),
            target: Arc::new(target),
            policy,
            store,
            to_settle,
            runtime: runtime.clone(),
        });
        runtime.spawn(recall::run(Arc::clone(&parts)));
        let pump = runtime.spawn(pump::run(Arc::clone(&parts)));
        let settler = runtime.spawn(settler::run(Arc::downgrade(&parts), ended_runs));
        for work in [pump, settler] {
            let broken = Arc::clone(&parts.broken);
            runtime.spawn(async move {
                if work.await.is_err_and(|error| error.is_panic()) {
                    broken.notify_one();
                }
            });
        }
        Self(parts)
    }

    /// Waits until one of the loops has failed: nothing is sent, or nothing written down, any more.
    pub async fn broken(&self) {
        self.0.broken.notified().await;
    }

    /// Whether a run of the task may become `sending` in the transaction that decides it. If so, the caller holds a
    /// permit: it must hand the run over with [`accept`](Self::accept) or give the permit back.
    pub fn admit(&self, task: TaskId, now: UtcMicros) -> bool {
        self.0.check_lease();
        self.0.runs().admit(FairnessKey::of_task(task), now)
    }

    /// Gives back permits that were not used.
    pub fn give_back(&self, task: TaskId, permits: usize) {
        let mut runs = self.0.runs();
        for _ in 0..permits {
            runs.permits.release(FairnessKey::of_task(task));
        }
        drop(runs);
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
            let mut here = self.0.runs();
            for run in runs {
                if run.sending {
                    here.begin_admitted(&run, now);
                    leaving.push(run);
                } else {
                    here.push(run);
                }
            }
        }
        for run in leaving {
            send::launch(&self.0, run, era);
        }
        self.0.changed.notify_one();
    }

    /// To be held from before a run asked for now is written down until it has been sent: between the two nothing else tells that it
    /// is not abandoned, and no clock does, for it may be stepped.
    pub fn asking(&self) -> Asking {
        Asking {
            _held: Arc::clone(&self.0.asking),
        }
    }

    /// Whether a run asked for now may be about to begin.
    pub fn is_asked(&self) -> bool {
        Arc::strong_count(&self.0.asking) > 1
    }

    /// Sends a run now, outside the permits and whatever the gate says, and waits until it is written down how it
    /// ended. It counts as in flight meanwhile.
    ///
    /// # Errors
    /// The outcome could not be written down within the time a caller waits. It will be, as long as the process
    /// lives.
    pub async fn send_now(&self, run: &SendableRun) -> Result<Delivered, StoreError> {
        send::send_now(&self.0, run).await
    }

    /// No first byte leaves once this has returned: the scheduler is paused. Runs that have not begun go back to the
    /// queue.
    pub fn pause(&self) {
        self.0.runs().switch.pause();
        self.0.wait_for_passing();
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.0.runs().switch.paused
    }

    /// A number that changes with each [`pause`](Self::pause), for [`resume_if`](Self::resume_if).
    pub fn pauses(&self) -> u64 {
        self.0.runs().switch.pauses
    }

    /// Runs may leave again. Those that waited meanwhile are judged by their grace first.
    pub fn resume(&self) {
        let was_paused = self.0.runs().switch.resume();
        if was_paused {
            self.0.judge_again();
        }
    }

    /// Resumes unless somebody has paused since `pauses` was read.
    pub fn resume_if(&self, pauses: u64) {
        let mut runs = self.0.runs();
        let was_paused = runs.switch.pauses == pauses && runs.switch.resume();
        drop(runs);
        if was_paused {
            self.0.judge_again();
        }
    }

    /// No first byte leaves this process any more once this has returned. What is in flight ends and is written down.
    pub fn stop(&self) {
        self.0.runs().switch.stopped = true;
        self.0.wait_for_passing();
        self.0.changed.notify_one();
    }

    /// These runs were deleted: those that have not begun when this returns never will.
    pub fn withdraw(&self, runs: &[RunKey]) {
        self.0.runs().handles.withdrawn.extend(runs);
        self.0.wait_for_passing();
    }

    /// The others on the database know that this process lives for so many microseconds from `since` on. Runs that
    /// were held back because an earlier lease had lapsed may leave again.
    pub fn renew_lease(&self, since: LeaseStart, length: i64) {
        let away = self.0.lease.renew(since, length);
        let had_lapsed = std::mem::take(&mut self.0.runs().switch.lapsed);
        if had_lapsed {
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
    pub fn prune_withdrawn(&self) {
        self.0.runs().handles.prune_withdrawn();
    }

    /// The scheduler was cut off from its database for so many microseconds and is back.
    pub fn back_after(&self, micros: i64) {
        self.0.back_after(micros);
    }

    /// The runs this process knows of, from hand-over until their outcome is durable, and the fence of each when it was handed over.
    pub fn known(&self) -> HashMap<RunKey, i64> {
        self.0.runs().handles.newest.clone()
    }

    /// How much is remembered of runs that have not ended; nothing once all have, or memory would grow with what there once was.
    pub fn remembered(&self) -> usize {
        self.0.runs().remembered()
    }

    /// How many there are of them. While it changes, runs come and go.
    pub fn known_count(&self) -> usize {
        self.0.runs().handles.newest.len()
    }

    /// Notes that a write failed in a way that may have left rows nobody here knows of.
    pub fn report_uncertain(&self) {
        self.0.report_uncertain();
    }

    /// Whether one has.
    pub fn is_uncertain(&self) -> bool {
        self.0.uncertain.load(Ordering::Acquire)
    }

    /// The same. Asking resets it, so the caller must compare the table with what is known here.
    pub fn take_uncertain(&self) -> bool {
        self.0.uncertain.swap(false, Ordering::AcqRel)
    }

    /// Waits until nothing is in flight and every outcome is durable, at most so long. Returns how many runs were
    /// still in flight then.
    pub async fn drained(&self, limit: Duration) -> usize {
        let drained = async {
            loop {
                let ended = self.0.ended.notified();
                if self.0.runs().in_flight() == 0 {
                    return;
                }
                ended.await;
            }
        };
        // Running out of time is an answer, not a failure.
        let _ = tokio::time::timeout(limit, drained).await;
        self.0.runs().in_flight()
    }
}
