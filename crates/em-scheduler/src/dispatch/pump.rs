//! The pump: lets waiting runs leave, as permits allow. Before a run leaves, its row is durably `sending`.

use std::sync::Arc;
use std::time::Duration;

use triggers::UtcMicros;

use super::lease::Era;
use super::parts::DispatcherParts;
use super::send;
use crate::model::SendableRun;
use crate::repeated::Repeated;

/// Runs that become `sending` in one transaction, at most.
const BATCH: usize = 500;
/// The longest sleep: a clock step or a suspend is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The pause after the database failed.
const BACK_OFF: Duration = Duration::from_millis(250);

/// Runs until the dispatcher is stopped.
pub(super) async fn run(parts: Arc<DispatcherParts>) {
    let mut failing = Repeated::default();
    while !parts.runs().switch.stopped {
        let now = parts.now();
        drop_overdue(&parts, now);
        let era = parts.check_lease();
        let ready = parts.runs().take_ready(now, BATCH);
        if ready.is_empty() {
            let until_retry = parts
                .runs()
                .retries
                .next()
                .map(|at| at.since(now).max(1_000).unsigned_abs());
            let sleep = until_retry.map_or(LONGEST_SLEEP, |micros| {
                Duration::from_micros(micros).min(LONGEST_SLEEP)
            });
            // Either way the loop looks again.
            let _ = tokio::time::timeout(sleep, parts.changed.notified()).await;
            continue;
        }
        let wanted = ready.iter().map(|run| (run.key, run.fence)).collect();
        match parts.store.begin_sends(parts.now(), wanted).await {
            Ok(begun) => {
                if let Some(tally) = failing.over() {
                    tracing::info!(
                        failures = tally.count,
                        seconds = tally.seconds,
                        "runs are marked as sending again"
                    );
                }
                leave(&parts, ready, (begun, era));
            }
            Err(error) => {
                if let Some(tally) = failing.failed() {
                    let (runs, failures, seconds) = (ready.len(), tally.count, tally.seconds);
                    tracing::warn!(%error, runs, failures, seconds, "runs cannot be marked as sending; they wait");
                }
                give_up(&parts, &ready);
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

fn leave(parts: &Arc<DispatcherParts>, ready: Vec<SendableRun>, (mut begun, era): (Vec<SendableRun>, Era)) {
    crate::crash::point("dispatch.sending");
    begun.sort_by_key(|run| run.key);
    for waiting in ready {
        match begun.binary_search_by_key(&waiting.key, |run| run.key) {
            Ok(place) => send::launch(parts, begun[place].clone(), era),
            Err(_) => {
                // Deleted or taken by another instance meanwhile: not ours to send.
                let mut runs = parts.runs();
                runs.permits.end(waiting.key);
                runs.handles.forget(&waiting);
                parts.ended.notify_waiters();
            }
        }
    }
}

/// Whether the transaction took effect is not known: the engine asks the table and hands the runs over again.
fn give_up(parts: &DispatcherParts, ready: &[SendableRun]) {
    let mut runs = parts.runs();
    for run in ready {
        runs.permits.end(run.key);
        runs.handles.forget(run);
    }
    drop(runs);
    parts.ended.notify_waiters();
    parts.report_uncertain();
}

/// What waited while the scheduler was away and is too late now ends as missed.
fn drop_overdue(parts: &DispatcherParts, now: UtcMicros) {
    let overdue = parts.runs().overdue(now, parts.policy.rules);
    for (run, missed) in overdue {
        parts.settle(run, missed, false);
    }
}
