//! Publishing next runs into em_web's `task`, beside the loop and not in it.
//!
//! An update of `task` is dear (em_web has 38 indexes on it, and each gets a new entry: some 100 µs), and a task that
//! fires each second is one update a second. In the loop a page of them made every run late that came due meanwhile.
//! Here they are written in a task of their own, which rests four times as long as it works while runs come and go:
//! firing comes first. So each is published within a second while there are some 2,000 a second to write. Beyond that,
//! and after a burst until its last run has ended, they come later; then there is no rest.
//!
//! A round takes no longer than a second, and what it has not come to goes into the next. There tasks that fire seldom
//! have half of each page: what is written for them stays true for long, and they wait for nobody.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;

use super::chore::{Chore, NEVER, SECOND};
use crate::clock::Stopwatch;
use crate::dispatch::Dispatcher;
use crate::engine::parts::EngineParts;
use crate::model::TaskId;
use crate::repeated::{Repeated, Tally};
use crate::store::{Result, Store, StoreError};

/// Microseconds from one beginning to the next.
const EVERY: i64 = SECOND;
/// A round begins no page after so many microseconds.
const ROUND: i64 = 900_000;
/// One that has not ended by its time is looked at again so soon.
const AGAIN: i64 = 20_000;
/// Tasks published in one transaction.
const PAGE: usize = 200;
/// After a page the publisher rests for so many times what the page took, while runs come and go.
const REST: u32 = 4;
/// Runs come and go if one was decided so many microseconds ago, or if dispatch has got or ended one during a page.
const QUIET: i64 = 250_000;
/// What was published fires seldom if it was not published before in one or two times so many microseconds.
const SELDOM: i64 = 30_000_000;

/// The tasks whose next run may have changed, and those being written just now.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    waiting: BTreeSet<TaskId>,
    /// What the last round did not come to, or could not write.
    left: VecDeque<TaskId>,
    /// By the time that has passed, as the chores count it.
    at: i64,
    at_work: Option<JoinHandle<VecDeque<TaskId>>>,
    lately: Lately,
    decided: Arc<LastDecision>,
    failing: Arc<Mutex<Repeated>>,
}

/// When something was decided last, in microseconds of our own time.
#[derive(Debug)]
struct LastDecision {
    running: Stopwatch,
    last: AtomicI64,
}

impl Default for LastDecision {
    fn default() -> Self {
        Self {
            running: Stopwatch::start(),
            last: AtomicI64::new(-QUIET),
        }
    }
}

impl LastDecision {
    fn now(&self) {
        self.last.store(self.running.micros(), Ordering::Relaxed);
    }

    fn lately(&self) -> bool {
        self.running.micros() - self.last.load(Ordering::Relaxed) < QUIET
    }
}

/// The tasks published lately: since the last turn, and between the last two.
#[derive(Debug, Default)]
struct Lately {
    since: BTreeSet<TaskId>,
    before: BTreeSet<TaskId>,
    turn_at: i64,
}

impl Lately {
    fn has(&self, task: TaskId) -> bool {
        self.since.contains(&task) || self.before.contains(&task)
    }

    fn turn(&mut self, passed: i64) {
        if self.turn_at <= passed {
            self.turn_at = passed + SELDOM;
            self.before = std::mem::take(&mut self.since);
        }
    }
}

impl Publisher {
    /// Notes tasks whose next run is to be published.
    pub(super) fn note(&mut self, tasks: Vec<TaskId>) {
        if !tasks.is_empty() {
            self.decided.now();
        }
        self.waiting.extend(tasks);
    }

    /// What is to be published, in this order.
    fn round(&mut self, passed: i64) -> VecDeque<TaskId> {
        self.lately.turn(passed);
        let waiting = std::mem::take(&mut self.waiting);
        let left = std::mem::take(&mut self.left);
        let known: BTreeSet<TaskId> = left.iter().copied().collect();
        let (often, seldom): (Vec<TaskId>, Vec<TaskId>) = waiting
            .into_iter()
            .filter(|task| !known.contains(task))
            .partition(|task| self.lately.has(*task));
        self.lately.since.extend(&seldom);
        self.lately.since.extend(&often);
        let mut seldom = VecDeque::from(seldom);
        let mut others: VecDeque<TaskId> = left.into_iter().chain(often).collect();
        let mut round = VecDeque::with_capacity(seldom.len() + others.len());
        while !seldom.is_empty() && !others.is_empty() {
            for half in [&mut seldom, &mut others] {
                round.extend(half.drain(..half.len().min(PAGE / 2)));
            }
        }
        round.extend(seldom.into_iter().chain(others));
        round
    }
}

#[async_trait]
impl Chore for Publisher {
    fn due_at(&mut self, _: &EngineParts) -> i64 {
        let something = self.at_work.is_some() || !self.waiting.is_empty() || !self.left.is_empty();
        if something { self.at } else { NEVER }
    }

    /// Takes back what the last round did not write, and begins the next.
    async fn step(&mut self, parts: &EngineParts) -> Result<()> {
        let passed = parts.passed();
        if let Some(work) = self.at_work.take() {
            if !work.is_finished() {
                self.at_work = Some(work);
                self.at = passed + AGAIN;
                return Ok(());
            }
            // A panic in it has been reported by its hook; job_sync will find what it left.
            self.left = work.await.unwrap_or_default();
        }
        self.at = passed + EVERY;
        let round = self.round(passed);
        if !round.is_empty() {
            self.at_work = Some(tokio::spawn(publish(
                Arc::clone(&parts.store),
                (parts.dispatcher.clone(), Arc::clone(&self.decided)),
                round,
                Arc::clone(&self.failing),
            )));
        }
        Ok(())
    }

    fn is_prompt(&self) -> bool {
        true
    }

    /// Ends what is being written; what has not been is found by the next job_sync.
    async fn end(&mut self) {
        if let Some(work) = self.at_work.take() {
            work.abort();
            // Awaited, so that nothing of it holds the store when the loop has ended.
            let _ = work.await;
        }
    }
}

/// Publishes these tasks; returns those it could not write, or had no time for.
async fn publish(
    store: Arc<dyn Store>,
    (dispatcher, decided): (Dispatcher, Arc<LastDecision>),
    mut tasks: VecDeque<TaskId>,
    failing: Arc<Mutex<Repeated>>,
) -> VecDeque<TaskId> {
    let began = Stopwatch::start();
    let mut all_held = Vec::new();
    while !tasks.is_empty() && began.micros() < ROUND {
        let runs = dispatcher.known_count();
        let took = Stopwatch::start();
        let page = tasks.iter().take(PAGE).copied().collect();
        let published = store.publish_next_runs(store.now(), page).await;
        tell(&failing, published.as_ref().err());
        let Ok(held) = published else { break };
        all_held.extend(held);
        tasks.drain(..tasks.len().min(PAGE));
        if decided.lately() || dispatcher.known_count() != runs {
            tokio::time::sleep(REST * Duration::from_micros(took.micros().unsigned_abs())).await;
        }
    }
    tasks.extend(all_held);
    tasks
}

/// Says that pages cannot be written, and that they are again.
fn tell(failing: &Mutex<Repeated>, error: Option<&StoreError>) {
    let mut failing = failing.lock().unwrap_or_else(PoisonError::into_inner);
    match error {
        Some(error) => {
            if let Some(Tally { count, seconds }) = failing.failed() {
                tracing::warn!(%error, failures = count, seconds, "next runs could not be published; it is tried again");
            }
        }
        None => {
            if let Some(Tally { count, seconds }) = failing.over() {
                tracing::info!(failures = count, seconds, "next runs are published again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fires_seldom_waits_for_nobody() {
        let mut publisher = Publisher::default();
        publisher.note((1..=1_000).collect());
        assert_eq!(publisher.round(0).len(), 1_000);
        // Of the burst half is left when one more comes, beside some that have been published just now.
        publisher.left = (501..=1_000).collect();
        publisher.note(vec![2_000, 3, 600, 4]);
        let round: Vec<TaskId> = publisher.round(EVERY).into();
        assert_eq!(round[..2], [2_000, 501]);
        assert_eq!(round[500..], [1_000, 3, 4]);
        // Two turns later those of the burst fire seldom again.
        publisher.round(SELDOM);
        publisher.left = VecDeque::from([7]);
        publisher.note(vec![600]);
        assert_eq!(publisher.round(2 * SELDOM + EVERY), [600, 7]);
    }

    #[test]
    fn runs_come_and_go_from_the_first_decision_on() {
        let mut publisher = Publisher::default();
        publisher.note(Vec::new());
        assert!(!publisher.decided.lately());
        publisher.note(vec![7]);
        assert!(publisher.decided.lately());
    }

    #[test]
    fn a_round_has_each_task_once_and_forgets_none() {
        let mut publisher = Publisher {
            left: (1..=700).collect(),
            ..Publisher::default()
        };
        publisher.note((500..=1_300).collect());
        let mut round: Vec<TaskId> = publisher.round(0).into();
        round.sort_unstable();
        assert_eq!(round, (1..=1_300).collect::<Vec<_>>());
    }
}
