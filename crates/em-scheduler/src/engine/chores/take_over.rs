//! Takes over what dead processes left behind (F8, D6, S5). A scheduler that was stopped takes nothing over: it leaves what waits
//! in it to the others (S8). The rules by which a run without an owner is judged stand at the end.

use std::sync::Arc;

use async_trait::async_trait;
use triggers::UtcMicros;

use super::chore::{Chore, NEVER, SECOND};
use super::dead::{Dead, OtherLeases};
use crate::engine::parts::EngineParts;
use crate::model::life::{TakeOver, is_late};
use crate::model::{Delivery, JobKind, OpenRun, SendableRun, Settled};
use crate::store::Result;

/// A run asked for now that nobody knows of for so long will not be sent any more.
const ABANDONED: i64 = 30 * SECOND;

#[derive(Debug)]
pub(super) struct DeadProcesses {
    at: i64,
    leases: OtherLeases,
}

impl DeadProcesses {
    pub(super) fn new(parts: &EngineParts) -> Self {
        Self {
            at: 0,
            leases: OtherLeases::new(parts.lease_times().length()),
        }
    }

    async fn take_over(&mut self, parts: &EngineParts) -> Result<()> {
        let now = parts.store.now();
        let others = parts.store.other_instances().await?;
        let mut dead = self.leases.look(&others, now, parts.passed());
        if parts.settings.alone {
            let all: Vec<String> = others.into_iter().map(|other| other.id).collect();
            dead = Dead {
                certain: all.clone(),
                all,
            };
        }
        let (grace, delivery) = (parts.settings.firing.grace, parts.settings.delivery);
        let judge = move |open: &OpenRun| judge_left_behind(open, now, grace, delivery);
        let adopted = parts.store.take_over(now, dead.all, true, Arc::new(judge)).await;
        // What took effect although it failed is ours, and nobody knows of it.
        let adopted = adopted.inspect_err(|_| parts.dispatcher.report_uncertain())?;
        if !adopted.is_empty() {
            tracing::info!(
                runs = adopted.len(),
                "took over runs that an ended process left waiting"
            );
        }
        parts.dispatcher.accept(adopted);
        if !dead.certain.is_empty() {
            parts.store.forget_instances(dead.certain).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Chore for DeadProcesses {
    fn due_at(&mut self, _: &EngineParts) -> i64 {
        self.at
    }

    async fn step(&mut self, parts: &EngineParts) -> Result<()> {
        // Alone on the database, every other owner is dead: one look at the start is enough.
        self.at = if parts.settings.alone {
            NEVER
        } else {
            parts.passed() + parts.lease_times().look_every()
        };
        if parts.control.is_stopped() {
            release_queued(parts).await
        } else {
            self.take_over(parts).await
        }
    }

    fn is_urgent(&self) -> bool {
        true
    }
}

/// A scheduler that was stopped sends nothing any more: what waits is for the others on the database (rule S8).
async fn release_queued(parts: &EngineParts) -> Result<()> {
    if parts.settings.alone {
        return Ok(());
    }
    let released = parts.store.release_queued(parts.store.now()).await?;
    if released > 0 {
        tracing::info!(
            runs = released,
            "stopped: runs that wait are left to other processes"
        );
    }
    Ok(())
}

/// A run asked for now that nobody here knows of: its caller was told that the database failed, and sends nothing. But
/// one that was begun just now may be about to be known.
pub(super) fn judge_abandoned(run: &SendableRun, now: UtcMicros) -> TakeOver {
    if now.since(run.scheduled_for).abs() <= ABANDONED {
        return TakeOver::Leave;
    }
    let reason = "the database failed as the run was begun".to_owned();
    TakeOver::Settle(Settled::Unknown { reason })
}

/// A run whose process is gone: what had not left is judged by its grace, what may have left by the delivery mode.
fn judge_left_behind(open: &OpenRun, now: UtcMicros, grace: i64, delivery: Delivery) -> TakeOver {
    if !open.run.sending {
        return adopt_or_miss(open, now, (grace, delivery));
    }
    if delivery == Delivery::AtLeastOnce && open.run.kind != JobKind::Manual {
        return TakeOver::Adopt;
    }
    let reason = "the scheduler ended while the request was on its way".to_owned();
    TakeOver::Settle(Settled::Unknown { reason })
}

/// Nothing was sent, so the grace decides; but a run that is repeated at least once may have been sent before.
pub(super) fn adopt_or_miss(open: &OpenRun, now: UtcMicros, (grace, delivery): (i64, Delivery)) -> TakeOver {
    let repeated = delivery == Delivery::AtLeastOnce && open.run.attempt > 0;
    if is_late(open.run.scheduled_for, now, grace) && !repeated {
        TakeOver::Settle(Settled::Missed {
            late: now.since(open.run.scheduled_for),
        })
    } else {
        TakeOver::Adopt
    }
}
