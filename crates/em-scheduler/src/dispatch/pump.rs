//! The pump: lets waiting runs leave, as permits allow. Before a run leaves, its row is durably `sending`.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::gate::{Gate, GateAnswer};
use super::lease::Era;
use super::outcome;
use super::settler::Settled;
use crate::model::{self, RunKey, SendableRun};
use crate::repeated::Repeated;

/// Runs that become `sending` in one transaction, at most.
const BATCH: usize = 500;
/// The longest sleep: a clock step or a suspend is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The pause after the database failed.
const BACK_OFF: Duration = Duration::from_millis(250);

/// Runs until the dispatcher is stopped.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut failing = Repeated::default();
    while !shared.desk().is_stopped() {
        let now = shared.now();
        drop_overdue(&shared, now);
        shared.check_lease();
        let ready = shared.desk().take_ready(now, BATCH);
        if ready.is_empty() {
            let until_retry = shared
                .desk()
                .next_retry()
                .map(|at| at.since(now).max(1_000).unsigned_abs());
            let sleep = until_retry.map_or(LONGEST_SLEEP, |micros| {
                Duration::from_micros(micros).min(LONGEST_SLEEP)
            });
            // Either way the loop looks again.
            let _ = tokio::time::timeout(sleep, shared.changed.notified()).await;
            continue;
        }
        let era = shared.lease.era();
        let wanted = ready.iter().map(|run| (run.key, run.fence)).collect();
        match shared.store.begin_sends(shared.now(), wanted).await {
            Ok(begun) => {
                if let Some(tally) = failing.over() {
                    tracing::info!(
                        failures = tally.count,
                        seconds = tally.seconds,
                        "runs are marked as sending again"
                    );
                }
                leave(&shared, ready, (begun, era));
            }
            Err(error) => {
                if let Some(tally) = failing.failed() {
                    let (runs, failures, seconds) = (ready.len(), tally.count, tally.seconds);
                    tracing::warn!(%error, runs, failures, seconds, "runs cannot be marked as sending; they wait");
                }
                give_up(&shared, &ready);
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

fn leave(shared: &Arc<Shared>, ready: Vec<SendableRun>, (mut begun, era): (Vec<SendableRun>, Era)) {
    crate::crash::point("dispatch.sending");
    begun.sort_by_key(|run| run.key);
    for waiting in ready {
        match begun.binary_search_by_key(&waiting.key, |run| run.key) {
            Ok(place) => launch(shared, begun[place].clone(), era),
            Err(_) => {
                // Deleted or taken by another instance meanwhile: not ours to send.
                let mut desk = shared.desk();
                desk.end(&waiting);
                desk.forget(&waiting);
                shared.ended.notify_waiters();
            }
        }
    }
}

/// Whether the transaction took effect is not known: the engine asks the table and hands the runs over again.
fn give_up(shared: &Shared, ready: &[SendableRun]) {
    let mut desk = shared.desk();
    for run in ready {
        desk.end(run);
        desk.forget(run);
    }
    drop(desk);
    shared.ended.notify_waiters();
    shared.report_astray();
}

/// What waited while the scheduler was away and is too late now ends as missed.
fn drop_overdue(shared: &Shared, now: triggers::UtcMicros) {
    let overdue = shared.desk().overdue(now, shared.policy.grace, |run| {
        shared.policy.may_repeat(run.attempt)
    });
    for run in overdue {
        let late = now.since(run.scheduled_for);
        submit(shared, &run, model::Settled::Missed { late }, false);
    }
}

/// Sends a run whose row is `sending` and whose permit is held. The row was asked for in this era of the lease.
pub(super) fn launch(shared: &Arc<Shared>, run: SendableRun, era: Era) {
    let for_task = Arc::clone(shared);
    shared.runtime.spawn(async move {
        let shared = for_task;
        let gate = RunGate {
            shared: Arc::clone(&shared),
            run: run.key,
            era,
        };
        let delivered = shared.target.deliver(&run, Arc::new(gate)).await;
        crate::crash::point("dispatch.answered");
        shared.desk().answer(&run, delivered.is_answer());
        let outcome = outcome::settle(&run, &delivered, &shared.policy, shared.now());
        submit(&shared, &run, outcome, true);
    });
}

/// The gate of a decided run.
struct RunGate {
    shared: Arc<Shared>,
    run: RunKey,
    era: Era,
}

impl Gate for RunGate {
    fn pass(&self, write: &mut dyn FnMut()) -> GateAnswer {
        crate::crash::point("dispatch.gate");
        let _passing = self.shared.passing();
        self.shared.check_lease();
        if self.shared.lease.era() != self.era {
            // Given up and taken over meanwhile: by whom, and whether it was deleted since, only its row knows.
            return GateAnswer::Hold;
        }
        let said = self.shared.desk().begin(self.run);
        if said == GateAnswer::Go {
            write();
        }
        said
    }
}

fn submit(shared: &Shared, run: &SendableRun, outcome: model::Settled, permit: bool) {
    let settlement = run.settlement(outcome);
    // The settler lives as long as the runtime; at its very end there is nobody left to tell.
    let _ = shared.settled.send(Settled {
        settlement,
        run: run.clone(),
        permit,
        written: None,
    });
}
