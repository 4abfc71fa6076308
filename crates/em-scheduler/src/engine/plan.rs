//! The firing rule: what becomes of one due job. Pure: a job, the rules and an instant in, a plan out
//! (rules F1 to F9 of docs/semantics.md).

use triggers::{Trigger, UtcMicros};

use crate::model::life::is_late;
use crate::model::{Action, Decision, DueJob, JobKind, Next, Plan, SkipReason};

/// The rules that hold for every job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FiringRules {
    /// A run decided more than so many microseconds after its time is missed. `i64::MAX`: never.
    pub grace: i64,
    /// Of several due times only the last is decided.
    pub coalesce: bool,
    /// With so many runs of the job not final, further ones are skipped.
    pub max_instances: u32,
}

/// Without coalescing, at most so many due times of a job are decided at once; the others follow in the next round.
const TIMES_AT_ONCE: usize = 1_000;

/// Decides a due job at `now` (not before its run time).
pub fn plan(job: &DueJob, trigger: &Trigger, rules: &FiringRules, now: UtcMicros) -> Plan {
    if let Some(reason) = no_task_for(job) {
        let decision = Decision {
            scheduled_for: job.next_run_at,
            action: Action::Skipped(reason),
            coalesced: 0,
            coalesced_since: None,
        };
        return Plan {
            decisions: vec![decision],
            next: Next::Removed,
        };
    }
    let action = |scheduled_for: UtcMicros| {
        if job.instances >= rules.max_instances {
            Action::Skipped(SkipReason::MaxInstances(rules.max_instances))
        } else if is_late(scheduled_for, now, rules.grace) {
            Action::Missed {
                late: now.since(scheduled_for),
            }
        } else {
            Action::Send
        }
    };
    if rules.coalesce {
        let due = trigger.advance(job.next_run_at, now);
        let coalesced = due.count.saturating_sub(1);
        let decision = Decision {
            scheduled_for: due.last,
            action: action(due.last),
            coalesced,
            coalesced_since: (coalesced > 0).then_some(job.next_run_at),
        };
        return Plan {
            decisions: vec![decision],
            next: after(due.next),
        };
    }
    let mut decisions = Vec::new();
    let mut next = Some(job.next_run_at);
    while let Some(time) = next.filter(|time| *time <= now && decisions.len() < TIMES_AT_ONCE) {
        decisions.push(Decision {
            scheduled_for: time,
            action: action(time),
            coalesced: 0,
            coalesced_since: None,
        });
        next = trigger.next_fire(Some(time), now);
    }
    Plan {
        decisions,
        next: after(next),
    }
}

/// A trigger job needs a task that is enabled, a delayed one a task that exists.
fn no_task_for(job: &DueJob) -> Option<SkipReason> {
    match job.task_enabled {
        None => Some(SkipReason::TaskGone),
        Some(false) if job.kind != JobKind::Delayed => Some(SkipReason::TaskDisabled),
        Some(_) => None,
    }
}

fn after(next: Option<UtcMicros>) -> Next {
    next.map_or(Next::Finished, Next::At)
}
