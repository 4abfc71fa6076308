//! I6: after an acknowledged pause or deletion no request leaves that it forbids, from any process on the database.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{Change, Verb};
use super::history::{History, Receipt, instant};
use super::{Found, Invariant};

/// The task of calls that name none: they concern all.
const EVERY_TASK: i32 = 0;

/// A request that left after the call that forbids it was answered.
#[derive(Debug, Clone, Copy)]
pub struct Broken<'h> {
    pub change: &'h Change,
    pub receipt: &'h Receipt,
    /// So many microseconds after the answer.
    pub after: i64,
}

pub fn check(history: &History, found: &mut Found) {
    for Broken {
        change,
        receipt,
        after,
    } in broken(history)
    {
        let what = format!(
            "{} left at {}, {after} µs after {:?} was acknowledged",
            receipt.key,
            instant(receipt.left),
            change.verb
        );
        found.add(Invariant::I6, what);
    }
}

/// All such requests.
pub fn broken(history: &History) -> Vec<Broken<'_>> {
    let forbidding: BTreeSet<i32> = history
        .changes
        .iter()
        .filter(|change| ended_by(change.verb).is_some())
        .map(|change| change.task)
        .collect();
    let mut receipts: BTreeMap<i32, Vec<&Receipt>> = BTreeMap::new();
    // A run that is asked for now is sent whatever is switched off.
    let asked_for = |receipt: &&Receipt| receipt.job_id.contains("-run-");
    for receipt in history.receipts.iter().filter(|receipt| !asked_for(receipt)) {
        for task in [receipt.task, EVERY_TASK] {
            if forbidding.contains(&task) {
                receipts.entry(task).or_default().push(receipt);
            }
        }
    }
    let mut broken = Vec::new();
    for task in forbidding {
        let concerns = |change: &&Change| task == EVERY_TASK || change.task == task;
        let changes: Vec<&Change> = history.changes.iter().filter(concerns).collect();
        for (place, change) in changes.iter().enumerate() {
            let (Some(acknowledged), Some(ends)) = (change.acknowledged, ended_by(change.verb)) else {
                continue;
            };
            if change.task != task {
                continue;
            }
            let until = changes[place + 1..]
                .iter()
                .find(|change| ends.contains(&change.verb))
                .map_or(i64::MAX, |change| change.asked);
            let from = acknowledged.saturating_add(history.strictness.carried);
            let of_task = receipts.get(&task).into_iter().flatten();
            let late = of_task.filter(|receipt| receipt.left > from && receipt.left < until);
            broken.extend(late.map(|receipt| Broken {
                change,
                receipt,
                after: receipt.left - acknowledged,
            }));
        }
    }
    broken
}

/// The calls by which requests may leave again after this one; none where it forbids nothing.
fn ended_by(verb: Verb) -> Option<&'static [Verb]> {
    match verb {
        Verb::Pause => Some(&[Verb::Resume]),
        Verb::Delete | Verb::DeleteAll => Some(&[Verb::Add, Verb::Delay, Verb::Run]),
        _ => None,
    }
}

/// How many of the acknowledged pauses and deletions met a run that they forbid and that another process than the one
/// asked held at that time. `owners` are the ids of the processes, by the ports of their APIs.
pub fn raced(history: &History, owners: &BTreeMap<u16, String>) -> usize {
    let met = |change: &&Change| {
        let Some(acknowledged) = change.acknowledged.filter(|_| ended_by(change.verb).is_some()) else {
            return false;
        };
        history.runs.iter().any(|run| {
            [run.task_id, EVERY_TASK].contains(&change.task)
                && run.kind != "manual"
                && owners.get(&change.port) != Some(&run.owner)
                && run.decided_at < acknowledged
                && run.finished_at.is_none_or(|at| at > change.asked)
        })
    };
    history.changes.iter().filter(met).count()
}
