//! The settler: writes down how runs ended, many in one transaction, and only then frees their permits.

use std::sync::Weak;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::parts::{DispatcherParts, EndedRun};
use crate::clock::Stopwatch;
use crate::model::{JobKind, Outcome, SendableRun, Settlement};
use crate::repeated::Repeated;

/// Outcomes in one transaction, at most.
const BATCH: usize = 1_000;
/// After so many outcomes in one transaction, and with nobody waiting for a permit, the next transaction begins so long
/// after this one: a commit costs the same for one outcome as for thirty, and no run waits for it.
const BUSY: usize = 8;
const PACE: Duration = Duration::from_millis(4);
/// The pauses after the database failed: the first, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Runs until nobody is left who could send an outcome: no handle of the dispatcher, no request in flight.
///
/// An outcome that cannot be written is kept, with its permit, and tried again: to forget it would be to forget
/// that its request has left.
pub(super) async fn run(parts: Weak<DispatcherParts>, mut outcomes: UnboundedReceiver<EndedRun>) {
    let mut batch = Vec::new();
    let mut kept: Vec<EndedRun> = Vec::new();
    let mut failing = Repeated::default();
    loop {
        if kept.is_empty() {
            if outcomes.recv_many(&mut batch, BATCH).await == 0 {
                return;
            }
        } else {
            // Whether or not there is something new, the old ones have their turn again.
            let _ = tokio::time::timeout(BACK_OFF.1, outcomes.recv_many(&mut batch, BATCH)).await;
        }
        let Some(parts) = parts.upgrade() else { return };
        batch.append(&mut kept);
        let (began, busy) = (Stopwatch::start(), batch.len() >= BUSY);
        kept = write(&parts, &mut batch, &mut failing).await;
        crate::crash::point("dispatch.settled");
        conclude(&parts, batch.drain(..));
        if busy && !parts.runs().line.any() {
            drop(parts);
            tokio::time::sleep(PACE.saturating_sub(Duration::from_micros(began.micros().unsigned_abs())))
                .await;
        }
    }
}

/// Writes the batch down; takes out and returns those that cannot be written.
async fn write(parts: &DispatcherParts, batch: &mut Vec<EndedRun>, failing: &mut Repeated) -> Vec<EndedRun> {
    let settlements: Vec<Settlement> = batch.iter().map(EndedRun::settlement).collect();
    let Err(error) = settle(parts, settlements).await else {
        if let Some(tally) = failing.over() {
            let (failures, seconds) = (tally.count, tally.seconds);
            tracing::info!(failures, seconds, "all outcomes are being written again");
        }
        return Vec::new();
    };
    // One of them may be the cause: the others must not suffer for it.
    let mut failed: Vec<EndedRun> = Vec::new();
    for entry in std::mem::take(batch) {
        match settle(parts, vec![entry.settlement()]).await {
            Ok(()) => batch.push(entry),
            Err(_) => failed.push(entry),
        }
    }
    if let Some(tally) = failing.failed() {
        let (kept, first, failures) = (failed.len(), failed.first(), tally.count);
        let run = first.map(|entry| entry.run.key);
        let seconds = tally.seconds;
        tracing::error!(%error, kept, run, failures, seconds, "outcomes cannot be written together; those that cannot even alone are kept");
    }
    failed
}

/// Settles, however long the database is away.
async fn settle(parts: &DispatcherParts, settlements: Vec<Settlement>) -> crate::store::Result<()> {
    let mut pause = BACK_OFF.0;
    let mut away = None;
    loop {
        match parts.store.settle(parts.now(), settlements.clone()).await {
            Err(error) if error.is_unavailable() => {
                if away.is_none() {
                    tracing::warn!(%error, "outcomes cannot be written; trying again until they can");
                    away = Some(Stopwatch::start());
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BACK_OFF.1);
            }
            outcome => {
                if let Some(since) = away {
                    tracing::info!("outcomes are being written again");
                    parts.back_after(since.micros());
                }
                return outcome;
            }
        }
    }
}

fn conclude(parts: &DispatcherParts, batch: impl Iterator<Item = EndedRun>) {
    let mut runs = parts.runs();
    let mut taken = false;
    for EndedRun {
        run,
        outcome,
        permit,
        written,
    } in batch
    {
        if permit {
            runs.permits.end(run.key);
        } else if run.kind == JobKind::Manual {
            runs.outside = runs.outside.saturating_sub(1);
        }
        let (not_before, attempt) = match outcome {
            Outcome::Requeued {
                not_before,
                attempted: true,
            }
            | Outcome::Repeat { not_before } => (Some(not_before), run.attempt),
            Outcome::Requeued { attempted: false, .. } => (None, run.attempt.saturating_sub(1)),
            _ => {
                runs.handles.forget(&run);
                if let Some(written) = written {
                    // Whoever asked for the run may have left.
                    let _ = written.send(());
                }
                continue;
            }
        };
        let counts = runs.push_again(SendableRun {
            not_before,
            attempt,
            sending: false,
            ..run
        });
        taken |= !counts;
    }
    drop(runs);
    if taken {
        // Somebody took the run; the table says whose it is now.
        parts.report_uncertain();
    }
    parts.changed.notify_one();
    parts.ended.notify_waiters();
}
