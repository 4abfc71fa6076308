//! The loop: look, decide, sleep until something is due, the bell rings, or a second has passed.

use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::chores::Chores;
use super::notices::Notices;
use super::parts::EngineParts;
use super::tick::{self, Ticked};
use crate::clock::Stopwatch;
use crate::repeated::Repeated;
use crate::store::{Result, StoreError};
use crate::wakeup::Timer;

/// Never longer, so that a stepped clock or a suspended machine is noticed.
const LONGEST_SLEEP: i64 = 1_000_000;
/// A round that decided so many jobs is one of many to come; the next then waits until so many microseconds have passed
/// since. What falls due meanwhile shares a commit, and a commit costs the same for one job as for thirty.
const BUSY: usize = 8;
const PACE: i64 = 4_000;
/// The pauses after the database failed, in milliseconds: the first, and the longest.
const BACK_OFF: (u64, u64) = (100, 1_000);

/// Runs until `end` is notified. Tells `ready` when what an earlier process left is taken over and the first `job_sync` is
/// done, or when the scheduler was stopped before.
pub(super) async fn run(parts: &EngineParts, end: &Notify, mut timer: Timer, ready: oneshot::Sender<()>) {
    let mut chores = Chores::new(parts);
    let notices = Notices::start(parts);
    let mut trouble = Trouble::default();
    let mut ready = Some(ready);
    loop {
        let began = Stopwatch::start();
        let sleep = match round(parts, &mut chores, &mut ready).await {
            Ok(Some(ticked)) => {
                trouble.over(parts);
                sleep_until(parts, &mut chores, (&ticked, began))
            }
            // The bell tells when there is more to begin with, and the lease must not grow old meanwhile.
            Ok(None) => {
                trouble.over(parts);
                chores.begin_in(parts)
            }
            Err(error @ StoreError::Vanished(_)) => {
                let pause = trouble.because(parts, &error);
                match restore(parts, &mut chores).await {
                    Ok(true) => Duration::ZERO,
                    Ok(false) => pause,
                    Err(error) => {
                        trouble.restoring(&error);
                        pause
                    }
                }
            }
            Err(error) => trouble.because(parts, &error),
        };
        tokio::select! {
            biased;
            () = end.notified() => break,
            () = std::future::ready(()), if sleep.is_zero() => {}
            () = parts.bell.heard() => {}
            () = timer.sleep(sleep) => {}
        }
    }
    notices.end().await;
    chores.end(parts).await;
}

/// One round; nothing is looked for until all is done that comes before the first decision.
async fn round(
    parts: &EngineParts,
    chores: &mut Chores,
    ready: &mut Option<oneshot::Sender<()>>,
) -> Result<Option<Ticked>> {
    if ready.is_some() {
        if !chores.begin(parts).await? {
            return Ok(None);
        }
        if let Some(tell) = ready.take() {
            // Whoever started the engine may not care.
            let _ = tell.send(());
        }
    }
    chores.keep_lease(parts).await?;
    let ticked = tick::tick(parts).await?;
    parts.dispatcher.prune_withdrawn();
    chores.publish(ticked.tasks.clone());
    // Firing comes first, but a long backlog must not starve the chores.
    if !ticked.more || chores.are_urgent(parts) {
        chores.step(parts).await?;
    }
    Ok(Some(ticked))
}

/// Makes tables again that have vanished, and begins as at a start: what the tasks ask for is there again then.
/// The process that made them may be stopped, so each process that misses them begins. Returns whether it was this one.
async fn restore(parts: &EngineParts, chores: &mut Chores) -> Result<bool> {
    let made = parts.store.restore_tables(parts.dispatcher.is_paused()).await?;
    if made {
        tracing::error!(
            "the scheduler's tables had vanished from the database; they are made again and filled from the tasks. \
             What they held of runs is gone, and so are delayed runs"
        );
    }
    chores.begin_again(parts).await?;
    Ok(made)
}

fn sleep_until(parts: &EngineParts, chores: &mut Chores, (ticked, began): (&Ticked, Stopwatch)) -> Duration {
    if ticked.more {
        return Duration::ZERO;
    }
    let now = parts.store.now();
    let due = ticked.next_due.map_or(LONGEST_SLEEP, |due| due.since(now));
    let pace = if ticked.jobs < BUSY {
        0
    } else {
        PACE - began.micros()
    };
    let sleep = due.min(chores.next_in(parts)).max(pace);
    Duration::from_micros(sleep.clamp(0, LONGEST_SLEEP).unsigned_abs())
}

/// The database fails: said once, tried again with growing pauses, and said again when it is over.
#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    since: Option<Stopwatch>,
    not_restored: Repeated,
}

impl Trouble {
    fn because(&mut self, parts: &EngineParts, error: &StoreError) -> Duration {
        if self.failures == 0 {
            self.since = Some(Stopwatch::start());
            tracing::error!(%error, "the store fails; nothing is decided until it answers again");
        }
        self.failures += 1;
        // A commit may have taken effect all the same: the table will tell.
        parts.dispatcher.report_uncertain();
        let pause = BACK_OFF
            .0
            .saturating_mul(1 << self.failures.min(10))
            .min(BACK_OFF.1);
        Duration::from_millis(pause)
    }

    /// Vanished tables cannot be made again. What a person has to do is in the error.
    fn restoring(&mut self, error: &StoreError) {
        if self.not_restored.failed().is_some() {
            tracing::error!(%error, "the tables that have vanished cannot be made again");
        }
    }

    fn over(&mut self, parts: &EngineParts) {
        self.not_restored.over();
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!(at = %parts.store.now(), "the store answers again");
            parts
                .dispatcher
                .back_after(self.since.take().map_or(0, |since| since.micros()));
        }
    }
}
