//! I3 and I5: runs end, what was sent fits how they ended, one key for each run, nothing early.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::history::{Answered, Delivery, History, Receipt, Run, instant};
use super::{Found, Invariant};

pub fn check(history: &History, found: &mut Found) {
    let mut receipts: BTreeMap<(&str, i64), Vec<&Receipt>> = BTreeMap::new();
    let mut runs_of_key: HashMap<&str, BTreeSet<(&str, i64)>> = HashMap::new();
    for receipt in &history.receipts {
        let run = (receipt.job_id.as_str(), receipt.scheduled_for);
        receipts.entry(run).or_default().push(receipt);
        runs_of_key.entry(&receipt.key).or_default().insert(run);
        if history.one_clock && receipt.left < receipt.scheduled_for {
            let what = format!(
                "{} came {} µs before {}",
                receipt.key,
                receipt.scheduled_for - receipt.left,
                instant(receipt.scheduled_for)
            );
            found.add(Invariant::I5, what);
        }
    }
    for (key, runs) in runs_of_key.iter().filter(|(_, runs)| runs.len() > 1) {
        found.add(
            Invariant::I3,
            format!("the key {key} came for {} runs: {runs:?}", runs.len()),
        );
    }
    for ((job, time), receipts) in &receipts {
        let keys: BTreeSet<&str> = receipts.iter().map(|receipt| receipt.key.as_str()).collect();
        if keys.len() > 1 {
            let what = format!(
                "{job} of {} came with {} keys: {keys:?}",
                instant(*time),
                keys.len()
            );
            found.add(Invariant::I3, what);
        }
    }
    for run in &history.runs {
        let sent = receipts
            .remove(&(run.job_id.as_str(), run.scheduled_for))
            .unwrap_or_default();
        judge(history, run, &sent, found);
    }
    if !history.restored {
        for ((job, time), receipts) in receipts {
            let what = format!(
                "{job} of {} came {} times without a decision ({})",
                instant(time),
                receipts.len(),
                receipts[0].path
            );
            found.add(Invariant::I3, what);
        }
    }
}

fn judge(history: &History, run: &Run, sent: &[&Receipt], found: &mut Found) {
    if run.decided_at < run.scheduled_for {
        found.add(
            Invariant::I5,
            format!("{} was decided before its time", run.name()),
        );
    }
    if !run.is_final() && run.scheduled_for <= history.horizon {
        found.add(
            Invariant::I3,
            format!("{} has not ended: {}", run.name(), run.state),
        );
    }
    if history.restored {
        return;
    }
    let mut wrong = |what: String| {
        found.add(Invariant::I3, format!("{} ({}): {what}", run.name(), run.state));
    };
    let once = history.delivery == Delivery::AtMostOnce || run.kind == "manual";
    if once && sent.len() > 1 {
        wrong(format!("came {} times", sent.len()));
    }
    let attempts: BTreeSet<u32> = sent.iter().map(|receipt| receipt.attempt).collect();
    if attempts.len() < sent.len() {
        wrong(format!("came {} times with attempts {attempts:?}", sent.len()));
    }
    let any = |answered| sent.iter().any(|receipt| receipt.answered == answered);
    match run.state.as_str() {
        "delivered" if !any(Answered::Taken) && !any(Answered::Unclear) => {
            wrong("never reached a runner that took it".into());
        }
        // A run that is repeated may have been sent before it was too late, or deleted.
        "missed" | "skipped" if once && !sent.is_empty() => wrong("was sent".into()),
        "failed" if once && any(Answered::Taken) => wrong("the runner took it".into()),
        _ => {}
    }
}
