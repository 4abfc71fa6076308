//! I3 and I4: how a run may go on, and who may move it.

use super::{Carried, Checker, Doing, Run, Verdict, Violation, events};
use crate::operation::Op;
use test_world::rows::Run as RunRow;

const OPEN: [&str; 3] = ["queued", "claimed", "sending"];
const FINAL: [&str; 5] = ["delivered", "failed", "missed", "skipped", "unknown"];

/// A run in words.
pub(super) fn name(row: &RunRow) -> String {
    format!("run {} ({}@{})", row.key, row.job_id, row.scheduled_for)
}

pub(super) fn is_open(row: &RunRow) -> bool {
    OPEN.contains(&row.state.as_str())
}

/// Skipped because its job has no task to run for.
pub(super) fn without_task(row: &RunRow) -> bool {
    let reason = row.reason.as_deref().unwrap_or("");
    row.state == "skipped" && (reason == "the task is disabled" || reason == "the task no longer exists")
}

impl Checker {
    pub(super) fn remember(&mut self, row: RunRow) {
        self.times
            .insert((row.job_id.clone(), row.scheduled_for), row.key);
        if is_open(&row) {
            self.open.insert(row.key);
        }
        let mut run = Run {
            begun: Default::default(),
            receipts: Vec::new(),
            row,
        };
        if run.row.state == "sending" {
            run.begun.insert(run.row.attempt);
        }
        self.runs.insert(run.row.key, run);
    }

    pub(super) fn run_changed(&mut self, carried: Carried<'_>, row: RunRow, doing: &mut Doing) -> Verdict {
        let Some(run) = self.runs.get(&row.key) else {
            return Err(Violation::new(
                "I3",
                format!("{} appears from nowhere", name(&row)),
            ));
        };
        let old = &run.row;
        let told = |rule, what: String| {
            Err(Violation::new(
                rule,
                format!("{}: {} {what}", name(&row), carried.op),
            ))
        };
        if (&old.job_id, old.scheduled_for, old.decided_at, old.coalesced)
            != (&row.job_id, row.scheduled_for, row.decided_at, row.coalesced)
        {
            return told("I2", "changes what was decided".into());
        }
        if old.state != row.state && !is_open(old) {
            return told(
                "I3",
                format!("makes {} of what ended as {}", row.state, old.state),
            );
        }
        if !is_open(&row) && !FINAL.contains(&row.state.as_str()) {
            return told("I3", format!("makes it {}", row.state));
        }
        if let Op::Begin(runs) | Op::Settle(runs) = carried.op
            && !runs.contains(&(old.key, old.fence))
        {
            return told("I4", format!("touches it at fence {}", old.fence));
        }
        let moved = (&old.state, old.fence, old.attempt, &old.owner)
            != (&row.state, row.fence, row.attempt, &row.owner);
        if moved && !self.may_move(carried, old, &row) {
            return told(
                "I4",
                format!(
                    "({}) moves {} at fence {} of {} to {} at fence {} of {}",
                    carried.process, old.state, old.fence, old.owner, row.state, row.fence, row.owner
                ),
            );
        }
        if (old.withdrawn, old.muted) != (row.withdrawn, row.muted) && !carried.op.withdraws_runs() {
            return told("I4", "withdraws it".into());
        }
        if old.state != row.state && !is_open(&row) {
            self.judge_end(run, &row)?;
            if !row.muted
                && let Some(event) = events::of_end(&row.state)
            {
                doing.expected.push((row.task_id, event));
            }
        }
        if is_open(&row) {
            self.open.insert(row.key);
        } else {
            self.open.remove(&row.key);
        }
        if let Some(run) = self.runs.get_mut(&row.key) {
            if row.state == "sending" {
                run.begun.insert(row.attempt);
            }
            run.row = row;
        }
        Ok(())
    }

    /// Whether the operation, asked for by this process, may make the one of the other.
    fn may_move(&self, carried: Carried<'_>, old: &RunRow, new: &RunRow) -> bool {
        match carried.op {
            Op::Begin(_) => old.state == "queued" && new.state == "sending" && new.attempt == old.attempt + 1,
            Op::Settle(_) => {
                let again = old.state == "sending" && new.state == "queued" && new.attempt <= old.attempt;
                (again || !is_open(new)) && new.owner == old.owner
            }
            Op::TakeOver { owners, unregistered } => {
                let ours = owners.contains(&old.owner)
                    || (*unregistered
                        && old.owner != carried.process
                        && !self.instances.contains(&old.owner));
                let adopted = new.state == "queued" && new.owner == carried.process && new.fence > old.fence;
                ours && (adopted || !is_open(new))
            }
            Op::Release => {
                let queued = old.state == "queued" && new.state == "queued";
                queued && old.owner == carried.process && new.owner.is_empty() && new.fence > old.fence
            }
            op => op.withdraws_runs() && old.state == "queued" && new.state == "skipped",
        }
    }

    pub(super) fn run_gone(&mut self, carried: Carried<'_>, row: &RunRow) -> Verdict {
        if !matches!(carried.op, Op::DeleteOld) || is_open(row) {
            return Err(Violation::new(
                "I3",
                format!("{} removes {}", carried.op, name(row)),
            ));
        }
        self.times.remove(&(row.job_id.clone(), row.scheduled_for));
        self.runs.remove(&row.key);
        Ok(())
    }
}
