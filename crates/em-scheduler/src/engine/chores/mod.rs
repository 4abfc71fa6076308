//! The chores: what the engine does beside firing, each in a file of its own that says when its next step is due. Called by the
//! loop.
//!
//! A new chore is a file and a line in [`Chores::new`]. Those that something else is asked for, too, have a name there.

mod chore;
mod dead;
mod lease;
mod publish;
mod retention;
mod sync;
mod sync_pass;
mod take_over;
mod uncertain;

use std::time::Duration;

use self::chore::{Chore, SECOND};
use self::lease::OwnLease;
use self::publish::Publisher;
use self::retention::Retention;
use self::sync::JobSync;
use self::take_over::DeadProcesses;
use self::uncertain::UncertainRuns;
use super::parts::EngineParts;
use crate::model::TaskId;
use crate::repeated::Repeated;
use crate::store::{Result, StoreError};

pub(super) struct Chores {
    /// Comes before all others, and before deciding.
    lease: OwnLease,
    dead: DeadProcesses,
    publisher: Publisher,
    sync: JobSync,
    others: Vec<Box<dyn Chore>>,
    failing: Repeated,
}

impl Chores {
    pub(super) fn new(parts: &EngineParts) -> Self {
        Self {
            lease: OwnLease::default(),
            dead: DeadProcesses::new(parts),
            publisher: Publisher::default(),
            sync: JobSync::new(parts),
            others: vec![Box::new(UncertainRuns::new()), Box::new(Retention::new())],
            failing: Repeated::default(),
        }
    }

    /// All but the lease, in the order in which they have their turn: where one fails those after it wait, so what a run waits for
    /// comes before `job_sync`.
    fn all(&mut self) -> impl Iterator<Item = &mut dyn Chore> {
        let others = self.others.iter_mut().map(|chore| &mut **chore as &mut dyn Chore);
        let named: [&mut dyn Chore; 3] = [&mut self.dead, &mut self.publisher, &mut self.sync];
        others.chain(named)
    }

    /// Notes tasks whose next run is to be published.
    pub(super) fn publish(&mut self, tasks: Vec<TaskId>) {
        self.publisher.note(tasks);
    }

    /// Before the first decision, a step at a time: the lease, the runs of dead processes, one whole `job_sync`. A scheduler
    /// that was stopped does without, for nothing will be decided. Returns whether all of it is done; a page that failed is
    /// done again by the next step.
    pub(super) async fn begin(&mut self, parts: &EngineParts) -> Result<bool> {
        if parts.control.is_stopped() {
            self.sync.end().await;
            return Ok(true);
        }
        if self.sync.is_under_way() {
            self.keep_lease(parts).await?;
        } else {
            self.lease.step(parts).await?;
            if parts.store.paused().await? {
                parts.dispatcher.pause();
            }
            self.dead.step(parts).await?;
        }
        self.sync.step(parts).await?;
        Ok(!self.sync.is_under_way())
    }

    /// How long until there is more to begin with.
    pub(super) fn begin_in(&mut self, parts: &EngineParts) -> Duration {
        let due_at = self.lease.due_at(parts).min(self.sync.due_at(parts));
        Duration::from_micros(until(due_at, parts).unsigned_abs())
    }

    /// After the tables were made again: this process is registered anew, and every task gets its jobs.
    pub(super) async fn begin_again(&mut self, parts: &EngineParts) -> Result<()> {
        self.lease.step(parts).await?;
        self.lease.forgotten = true;
        self.start_anew(parts).await
    }

    /// Renews the lease if it must be, before anything else. A process that had been forgotten compares all jobs anew (S5).
    pub(super) async fn keep_lease(&mut self, parts: &EngineParts) -> Result<()> {
        if self.lease.due_at(parts) <= parts.passed() {
            self.lease.step(parts).await?;
        }
        self.start_anew(parts).await
    }

    /// Where this process had been forgotten: begins a pass of `job_sync`, whatever is under way. What fails is done again by the
    /// next look.
    async fn start_anew(&mut self, parts: &EngineParts) -> Result<()> {
        if self.lease.forgotten && !parts.control.is_stopped() {
            self.sync.end().await;
            self.sync.start(parts).await?;
        }
        self.lease.forgotten = false;
        Ok(())
    }

    /// Whether the chores have waited long enough to come even before due jobs.
    pub(super) fn are_urgent(&mut self, parts: &EngineParts) -> bool {
        let passed = parts.passed();
        self.all()
            .any(|chore| chore.is_urgent() && chore.due_at(parts) <= passed)
    }

    /// One step of each that is due. One that fails is tried again, and no run waits for it.
    ///
    /// # Errors
    /// Tables have vanished, which is more than a chore.
    pub(super) async fn step(&mut self, parts: &EngineParts) -> Result<()> {
        if parts.control.is_stopped() {
            // Nobody goes on with it.
            self.sync.end().await;
        }
        match self.step_due(parts).await {
            Err(error) if !matches!(error, StoreError::Vanished(_)) => {
                if let Some(tally) = self.failing.failed() {
                    let (failures, seconds) = (tally.count, tally.seconds);
                    tracing::warn!(%error, failures, seconds, "a chore could not be done; it is tried again");
                }
                Ok(())
            }
            stepped => stepped,
        }
    }

    /// Where one fails the others wait for the next round: the database may be away.
    async fn step_due(&mut self, parts: &EngineParts) -> Result<()> {
        for chore in self.all() {
            if chore.due_at(parts) <= parts.passed() {
                chore.step(parts).await?;
            }
        }
        Ok(())
    }

    /// In how many microseconds the loop must come back for one of them, a second at the most.
    pub(super) fn next_in(&mut self, parts: &EngineParts) -> i64 {
        let lease = self.lease.due_at(parts);
        let prompt = self.all().filter(|chore| chore.is_prompt());
        let next = prompt.map(|chore| chore.due_at(parts)).min();
        until(next.map_or(lease, |next| next.min(lease)), parts)
    }

    /// Ends what goes on beside the loop, and then the lease.
    pub(super) async fn end(&mut self, parts: &EngineParts) {
        for chore in self.all() {
            chore.end().await;
        }
        lease::give_up(parts).await;
    }
}

/// Microseconds until then, a second at the most: a stepped clock or a suspended machine is noticed within it.
fn until(due_at: i64, parts: &EngineParts) -> i64 {
    (due_at - parts.passed()).clamp(0, SECOND)
}
