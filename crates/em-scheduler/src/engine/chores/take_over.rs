//! Takes over what dead processes left behind (F8, D6, S5). A scheduler that was stopped takes nothing over: it leaves what waits
//! in it to the others (S8). What becomes of a run without an owner is said in
//! `model::life`.

use std::sync::Arc;

use super::chore::{Chore, NEVER};
use super::dead::{Dead, OtherLeases};
use crate::engine::parts::EngineParts;
use crate::model::OpenRun;
use crate::model::life;
use crate::store::Result;
use async_trait::async_trait;

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
        let rules = parts.settings.delivery;
        let judge = move |open: &OpenRun| life::left_behind(open, now, rules);
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
