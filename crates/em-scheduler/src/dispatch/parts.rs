//! What the parts of a dispatcher share: the runs that are here under their lock, the lease, the store and the target.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use triggers::UtcMicros;

use super::lease::{Era, Lease};
use super::local_runs::LocalRuns;
use super::target::Deliver;
use crate::model::life::{self, DeliveryRules};
use crate::model::{Outcome, SendableRun, Settlement};
use crate::store::Store;

/// How runs are delivered and how many at a time.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Requests in flight at most.
    pub concurrency: usize,
    /// What decides about each.
    pub rules: DeliveryRules,
}

pub(super) struct DispatcherParts {
    pub(super) runs: Mutex<LocalRuns>,
    /// Something changed that may let a run leave.
    pub(super) changed: Notify,
    /// Held while a first byte is let through and written: see [`DispatcherParts::passing`].
    pub(super) passage: Mutex<()>,
    pub(super) lease: Lease,
    /// Something ended.
    pub(super) ended: Notify,
    /// One of the loops has panicked.
    pub(super) broken: Arc<Notify>,
    /// It is uncertain whether a write took effect: the engine should compare the table with what is known here.
    pub(super) uncertain: AtomicBool,
    /// Held by those who are about to begin a run that a person asks for now.
    pub(super) asking: Arc<()>,
    pub(super) target: Arc<dyn Deliver>,
    pub(super) policy: Policy,
    pub(super) store: Arc<dyn Store>,
    pub(super) to_settle: mpsc::UnboundedSender<EndedRun>,
    pub(super) runtime: Handle,
}

/// How a run ended, on its way to the table.
#[derive(Debug)]
pub(super) struct EndedRun {
    pub(super) run: SendableRun,
    pub(super) outcome: Outcome,
    /// Whether the run holds a permit.
    pub(super) permit: bool,
    /// Told once the outcome is durable.
    pub(super) written: Option<oneshot::Sender<()>>,
}

impl EndedRun {
    pub(super) fn settlement(&self) -> Settlement {
        self.run.settlement(self.outcome.clone())
    }
}

impl DispatcherParts {
    pub(super) fn runs(&self) -> MutexGuard<'_, LocalRuns> {
        // It is consistent after each of its methods; a panic elsewhere does not make it less so.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the check of the gate to the end of the write that follows it.
    pub(super) fn passing(&self) -> MutexGuard<'_, ()> {
        self.passage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called after the gate was closed for some run or for all: what was let through before has been written
    /// when this returns.
    pub(super) fn wait_for_passing(&self) {
        drop(self.passing());
    }

    /// Closes the gate if the lease of this process has lapsed. Returns the era of the lease.
    pub(super) fn check_lease(&self) -> Era {
        let (holds, era) = self.lease.look();
        if !holds {
            self.runs().switch.lapsed = true;
        }
        era
    }

    /// What waits is judged by its grace before it leaves.
    pub(super) fn judge_again(&self) {
        self.runs().judge_again = true;
        self.changed.notify_one();
    }

    /// The scheduler was away for so many microseconds. If that is longer than the grace, what waits is judged by it before it
    /// leaves. After less, only waiting for a permit can have made a run late, and that never counts (F7, F8).
    pub(super) fn back_after(&self, micros: i64) {
        if life::outlasts(micros, self.policy.rules.grace) {
            self.judge_again();
        }
    }

    /// It is uncertain whether a write took effect: there may be rows that are unknown here.
    pub(super) fn report_uncertain(&self) {
        self.uncertain.store(true, Ordering::Release);
    }

    /// The run ended so; that is to be written down.
    pub(super) fn settle(&self, run: SendableRun, outcome: Outcome, permit: bool) {
        let written = None;
        let ended = EndedRun {
            run,
            outcome,
            permit,
            written,
        };
        // The settler lives as long as the runtime; at its very end there is nobody left to tell.
        let _ = self.to_settle.send(ended);
    }

    pub(super) fn now(&self) -> UtcMicros {
        self.store.now()
    }
}
