//! The settler: writes down how runs ended, many in one transaction, and only then frees their permits.

use std::sync::Weak;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::Shared;
use crate::model::{self, SendableRun, Settlement};

/// Outcomes in one transaction, at most.
const BATCH: usize = 1_000;
/// The pauses after the database failed: the first, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// An outcome on its way to the table.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) settlement: Settlement,
    pub(super) run: SendableRun,
    /// Whether the run holds a permit.
    pub(super) permit: bool,
}

/// Runs until nobody is left who could send an outcome: no handle of the dispatcher, no request in flight.
pub(super) async fn run(shared: Weak<Shared>, mut outcomes: UnboundedReceiver<Settled>) {
    let mut batch = Vec::new();
    while outcomes.recv_many(&mut batch, BATCH).await > 0 {
        let Some(shared) = shared.upgrade() else { return };
        let mut settlements: Vec<Settlement> = batch.iter().map(|entry| entry.settlement.clone()).collect();
        if let Err(error) = settle(&shared, settlements.clone()).await {
            // One of them cannot be written: the others must not suffer for it.
            tracing::error!(%error, runs = settlements.len(), "a batch of outcomes cannot be written; one by one");
            for settlement in settlements.drain(..) {
                let key = settlement.key;
                if let Err(error) = settle(&shared, vec![settlement]).await {
                    tracing::error!(%error, run = key, "an outcome cannot be written; the run stays open");
                }
            }
        }
        crate::crash::point("dispatch.settled");
        conclude(&shared, batch.drain(..));
    }
}

/// Settles, however long the database is away.
async fn settle(shared: &Shared, settlements: Vec<Settlement>) -> crate::store::Result<()> {
    let mut pause = BACK_OFF.0;
    let mut away = false;
    loop {
        match shared.store.settle(shared.now(), settlements.clone()).await {
            Err(error) if error.is_unavailable() => {
                if !away {
                    tracing::warn!(%error, "outcomes cannot be written; trying again until they can");
                }
                away = true;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BACK_OFF.1);
            }
            outcome => {
                if away {
                    tracing::info!("outcomes are being written again");
                    shared.desk().judge_again();
                }
                return outcome;
            }
        }
    }
}

fn conclude(shared: &Shared, batch: impl Iterator<Item = Settled>) {
    let mut desk = shared.desk();
    for Settled {
        settlement,
        run,
        permit,
    } in batch
    {
        if permit {
            desk.release(run.task_id);
        }
        let (not_before, attempt) = match settlement.outcome {
            model::Settled::Requeued {
                not_before,
                attempted: true,
            }
            | model::Settled::Repeat { not_before } => (Some(not_before), run.attempt),
            model::Settled::Requeued { attempted: false, .. } => (None, run.attempt.saturating_sub(1)),
            _ => {
                desk.forget(run.key);
                continue;
            }
        };
        desk.push(SendableRun {
            not_before,
            attempt,
            sending: false,
            ..run
        });
    }
    drop(desk);
    shared.changed.notify_one();
    shared.ended.notify_waiters();
}
