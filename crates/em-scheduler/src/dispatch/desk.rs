//! The desk: which runs wait, who holds permits, and whether a first byte may leave. Plain data under one lock;
//! it does no I/O and reads no clock.
//!
//! Fairness (spec §5.5): tasks take turns, and no task holds more than a tenth of the permits while others wait.
//! When only tasks at their share wait they may take more, but never the last tenth: it is kept for whoever comes.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use triggers::UtcMicros;

use crate::model::{RunKey, SendableRun, TaskId};

/// Microseconds; twice what the longest retry waits.
const LONGEST_WAIT: i64 = 150_000_000;

/// What the gate says right before a first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send.
    Go,
    /// Not now: paused or stopped.
    Hold,
    /// Never: its job was deleted.
    Withdrawn,
}

#[derive(Debug, Default)]
pub(super) struct Desk {
    permits: usize,
    held: HashMap<TaskId, usize>,
    in_use: usize,
    /// Runs asked for now, which need no permit.
    outside: usize,
    /// The runs of each task that wait, and the tasks in order of their turn.
    waiting: HashMap<TaskId, VecDeque<SendableRun>>,
    turns: VecDeque<TaskId>,
    /// Retries that wait for their time.
    later: BTreeMap<(UtcMicros, RunKey), SendableRun>,
    known: HashSet<RunKey>,
    withdrawn: HashSet<RunKey>,
    paused: bool,
    pauses: u64,
    stopped: bool,
    judge_again: bool,
}

impl Desk {
    pub(super) fn new(permits: usize) -> Self {
        Self {
            permits: permits.max(1),
            ..Self::default()
        }
    }

    // ---- permits ------------------------------------------------------------------------------------------

    /// Takes a permit for a run that is only being decided, if nobody waits before it.
    pub(super) fn admit(&mut self, task: TaskId) -> bool {
        let admitted = self.turns.is_empty() && !self.closed() && self.may_take(task, true);
        if admitted {
            self.take_permit(task);
        }
        admitted
    }

    pub(super) fn release(&mut self, task: TaskId) {
        self.in_use = self.in_use.saturating_sub(1);
        if let Some(held) = self.held.get_mut(&task) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(&task);
            }
        }
    }

    /// Runs in flight, or with an outcome that is not durable yet.
    pub(super) fn in_flight(&self) -> usize {
        self.in_use + self.outside
    }

    /// A run begins that needs no permit.
    pub(super) fn begin_outside(&mut self, key: RunKey) {
        self.know(key);
        self.outside += 1;
    }

    /// Its outcome is durable.
    pub(super) fn end_outside(&mut self) {
        self.outside = self.outside.saturating_sub(1);
    }

    fn take_permit(&mut self, task: TaskId) {
        self.in_use += 1;
        *self.held.entry(task).or_default() += 1;
    }

    fn may_take(&self, task: TaskId, alone: bool) -> bool {
        let free = self.permits.saturating_sub(self.in_use);
        let tenth = self.permits / 10;
        let within_share = self.held.get(&task).copied().unwrap_or(0) < tenth.max(1);
        free > 0 && (within_share || (alone && free > tenth))
    }

    // ---- waiting ------------------------------------------------------------------------------------------

    /// Notes a run that does not wait.
    pub(super) fn know(&mut self, key: RunKey) {
        self.known.insert(key);
    }

    pub(super) fn known(&self) -> &HashSet<RunKey> {
        &self.known
    }

    /// Forgets a run whose outcome is durable.
    pub(super) fn forget(&mut self, key: RunKey) {
        self.known.remove(&key);
        self.withdrawn.remove(&key);
    }

    pub(super) fn push(&mut self, run: SendableRun) {
        self.known.insert(run.key);
        match run.not_before {
            Some(at) => {
                self.later.insert((at, run.key), run);
            }
            None => self.queue(run),
        }
    }

    fn queue(&mut self, run: SendableRun) {
        let task = run.task_id;
        let runs = self.waiting.entry(task).or_default();
        runs.push_back(run);
        if runs.len() == 1 {
            self.turns.push_back(task);
        }
    }

    /// The runs whose turn it is, each with a permit taken, at most `limit`.
    pub(super) fn take_ready(&mut self, now: UtcMicros, limit: usize) -> Vec<SendableRun> {
        self.wake_later(now);
        let mut ready = Vec::new();
        while ready.len() < limit && self.in_use < self.permits && !self.closed() {
            let Some(run) = self.next_in_turn() else { break };
            ready.push(run);
        }
        ready
    }

    fn next_in_turn(&mut self) -> Option<SendableRun> {
        // First whoever is within its share; only if nobody is, whoever is first in turn. A task passed over keeps
        // its place. At most ten tasks can be at their share, so this looks at few.
        let place = (0..self.turns.len())
            .find(|place| self.may_take(self.turns[*place], false))
            .or_else(|| (!self.turns.is_empty() && self.may_take(self.turns[0], true)).then_some(0))?;
        let task = self.turns.remove(place)?;
        let runs = self.waiting.get_mut(&task)?;
        let run = runs.pop_front();
        if runs.is_empty() {
            self.waiting.remove(&task);
        } else {
            self.turns.push_back(task);
        }
        self.take_permit(task);
        run
    }

    /// Whether a run waits for its turn.
    pub(super) fn anybody_waits(&self) -> bool {
        !self.turns.is_empty()
    }

    fn wake_later(&mut self, now: UtcMicros) {
        while let Some(entry) = self.later.first_entry() {
            // No retry waits for longer than this: one that seems to was put off before the clock was set back.
            let wait = entry.key().0.since(now);
            if wait > 0 && wait <= LONGEST_WAIT {
                break;
            }
            let run = entry.remove();
            self.queue(run);
        }
    }

    /// When the next retry's time comes.
    pub(super) fn next_retry(&self) -> Option<UtcMicros> {
        self.later.first_key_value().map(|((at, _), _)| *at)
    }

    /// If it was asked for: takes out the runs that came too late while the scheduler was away.
    /// A run that may have been sent before (`keeps` says which) is never one of them.
    pub(super) fn overdue(
        &mut self,
        now: UtcMicros,
        grace: i64,
        keeps: impl Fn(&SendableRun) -> bool,
    ) -> Vec<SendableRun> {
        if !std::mem::take(&mut self.judge_again) {
            return Vec::new();
        }
        let waiting: Vec<SendableRun> = std::mem::take(&mut self.waiting)
            .into_values()
            .flatten()
            .collect();
        let later = std::mem::take(&mut self.later).into_values();
        self.turns.clear();
        let (mut overdue, mut keep): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .chain(later)
            .partition(|run| now.since(run.scheduled_for) > grace && !keeps(run));
        let by_time = |run: &SendableRun| (run.scheduled_for, run.key);
        overdue.sort_by_key(by_time);
        keep.sort_by_key(by_time);
        for run in keep {
            self.push(run);
        }
        overdue
    }

    pub(super) fn judge_again(&mut self) {
        self.judge_again = true;
    }

    // ---- the gate -----------------------------------------------------------------------------------------

    /// Asked with the connection in hand, right before the first byte.
    pub(super) fn begin(&self, key: RunKey) -> Verdict {
        if self.withdrawn.contains(&key) {
            Verdict::Withdrawn
        } else if self.closed() {
            Verdict::Hold
        } else {
            Verdict::Go
        }
    }

    pub(super) fn withdraw(&mut self, runs: &[RunKey]) {
        self.withdrawn.extend(runs);
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
        self.pauses += 1;
    }

    pub(super) fn pauses(&self) -> u64 {
        self.pauses
    }

    /// Answers whether it was paused.
    pub(super) fn resume(&mut self) -> bool {
        std::mem::take(&mut self.paused)
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    fn closed(&self) -> bool {
        self.paused || self.stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::JobKind;

    fn run(key: RunKey, task_id: TaskId) -> SendableRun {
        SendableRun {
            key,
            job_id: format!("1-{task_id}-cron"),
            task_id,
            kind: JobKind::Cron,
            scheduled_for: UtcMicros::new(key),
            fence: 1,
            attempt: 0,
            not_before: None,
            sending: false,
        }
    }

    fn keys(runs: &[SendableRun]) -> Vec<RunKey> {
        runs.iter().map(|run| run.key).collect()
    }

    const NOW: UtcMicros = UtcMicros::new(1_000_000);

    #[test]
    fn tasks_take_turns() {
        let mut desk = Desk::new(100);
        for (key, task) in [(1, 7), (2, 7), (3, 7), (4, 8), (5, 9)] {
            desk.push(run(key, task));
        }
        assert_eq!(keys(&desk.take_ready(NOW, 100)), [1, 4, 5, 2, 3]);
    }

    #[test]
    fn a_task_holds_a_tenth_while_others_wait_and_never_the_last_tenth() {
        let mut desk = Desk::new(20);
        (1..=30).for_each(|key| desk.push(run(key, 7)));
        desk.push(run(99, 8));
        let first = desk.take_ready(NOW, 4);
        assert_eq!(
            keys(&first),
            [1, 99, 2, 3],
            "two are its tenth; the third only once nobody else waits"
        );
        assert_eq!(
            desk.take_ready(NOW, 100).len(),
            14,
            "two of twenty stay free for whoever comes"
        );
        desk.push(run(100, 9));
        assert_eq!(keys(&desk.take_ready(NOW, 100)), [100]);
    }

    #[test]
    fn a_run_being_decided_is_admitted_only_past_an_empty_queue() {
        let mut desk = Desk::new(10);
        assert!(desk.admit(7));
        desk.push(run(1, 8));
        assert!(!desk.admit(9));
        assert_eq!(desk.take_ready(NOW, 100).len(), 1);
        assert!(desk.admit(9));
        assert_eq!(desk.in_flight(), 3);
        desk.release(9);
        assert_eq!(desk.in_flight(), 2);
    }

    #[test]
    fn a_retry_waits_for_its_time() {
        let mut desk = Desk::new(10);
        desk.push(SendableRun {
            not_before: Some(UtcMicros::new(2_000_000)),
            ..run(1, 7)
        });
        assert!(desk.take_ready(NOW, 100).is_empty());
        assert_eq!(desk.next_retry(), Some(UtcMicros::new(2_000_000)));
        assert_eq!(keys(&desk.take_ready(UtcMicros::new(2_000_000), 100)), [1]);
    }

    #[test]
    fn nothing_leaves_while_paused_and_what_came_too_late_is_taken_out() {
        let mut desk = Desk::new(10);
        desk.push(run(1, 7));
        desk.push(run(900_000, 8));
        desk.pause();
        assert!(desk.take_ready(NOW, 100).is_empty());
        assert_eq!(desk.begin(1), Verdict::Hold);
        assert!(desk.resume());
        desk.judge_again();
        assert_eq!(keys(&desk.overdue(NOW, 500_000, |_| false)), [1]);
        assert_eq!(keys(&desk.take_ready(NOW, 100)), [900_000]);
        assert!(
            desk.overdue(NOW, 0, |_| false).is_empty(),
            "judged only when asked"
        );
    }

    #[test]
    fn a_withdrawn_run_never_begins_even_if_it_is_handed_over_later() {
        let mut desk = Desk::new(10);
        desk.withdraw(&[5]);
        desk.know(5);
        assert_eq!(desk.begin(5), Verdict::Withdrawn);
        assert_eq!(desk.begin(6), Verdict::Go);
    }
}
