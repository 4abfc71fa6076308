//! The runs that are here: which wait, which are in flight, and whether a first byte of one may leave. Plain data under one lock; it
//! does no I/O and reads no clock. Here is what concerns several of its parts at once; each part is in a file of its own.

use triggers::UtcMicros;

use super::gate::GateAnswer;
use super::handles::Handles;
use super::key::FairnessKey;
use super::line::Line;
use super::permits::Permits;
use super::retries::Retries;
use super::standing::Standing;
use super::switch::Switch;
use crate::model::life::{self, DeliveryRules};
use crate::model::{Outcome, RunKey, SendableRun};

#[derive(Debug)]
pub(super) struct LocalRuns {
    pub(super) handles: Handles,
    pub(super) permits: Permits,
    /// Runs asked for now, which need no permit, in flight.
    pub(super) outside: usize,
    pub(super) line: Line,
    pub(super) retries: Retries,
    pub(super) switch: Switch,
    /// What waits is to be judged by its grace before it leaves.
    pub(super) judge_again: bool,
}

impl LocalRuns {
    pub(super) fn new(permits: usize) -> Self {
        Self {
            handles: Handles::default(),
            permits: Permits::new(permits),
            outside: 0,
            line: Line::default(),
            retries: Retries::default(),
            switch: Switch::default(),
            judge_again: false,
        }
    }

    /// Takes a permit for a run that is only being decided, if no run that could go waits before it.
    pub(super) fn admit(&mut self, key: FairnessKey, now: UtcMicros) -> bool {
        self.look(now);
        let key = (key, self.permits.standing(key));
        let first = !self.line.any_may_go(&self.permits);
        let admitted = first && !self.switch.is_closed() && self.permits.may_take(key, true);
        if admitted {
            self.permits.take(key);
        }
        admitted
    }

    /// A run that was admitted begins.
    pub(super) fn begin_admitted(&mut self, run: &SendableRun, now: UtcMicros) {
        self.handles.note(run);
        self.permits
            .begin(run.key, FairnessKey::of_task(run.task_id), now);
    }

    /// A run begins that needs no permit.
    pub(super) fn begin_outside(&mut self, run: &SendableRun) {
        self.handles.note(run);
        self.outside += 1;
    }

    /// A run that holds a permit waits for its target no more. `answered`: by the target itself.
    pub(super) fn answer(&mut self, run: RunKey, answered: bool) {
        if let Some(key) = self.permits.answer(run, answered) {
            self.line.move_to(Standing::Recent, key);
        }
    }

    /// These keys were answered in time by what is written down of them.
    pub(super) fn trust(&mut self, keys: impl IntoIterator<Item = FairnessKey>) {
        for key in keys {
            if self.permits.trust(key) {
                self.line.move_to(Standing::Proven, key);
            }
        }
    }

    /// Notices which keys have become slow.
    fn look(&mut self, now: UtcMicros) {
        for key in self.permits.look(now) {
            self.line.move_to(Standing::Slow, key);
        }
    }

    /// Runs in flight, or with an outcome that is not durable yet.
    pub(super) fn in_flight(&self) -> usize {
        self.permits.in_use() + self.outside
    }

    /// Takes a run that is to wait for its turn, or for its time.
    pub(super) fn push(&mut self, run: SendableRun) {
        self.handles.note(&run);
        if !self.handles.counts(&run) {
            return;
        }
        match run.not_before {
            Some(at) => self.retries.push(at, run),
            None => self.line.push(run, &self.permits),
        }
    }

    /// A run whose request has ended is to be sent again. Returns whether its handle still counts: it does
    /// not where the run was handed over again, or given up, meanwhile.
    pub(super) fn push_again(&mut self, run: SendableRun) -> bool {
        let counts = self.handles.counts(&run);
        if counts {
            self.push(run);
        }
        counts
    }

    /// The runs whose turn it is, each with a permit taken, at most `limit`.
    pub(super) fn take_ready(&mut self, now: UtcMicros, limit: usize) -> Vec<SendableRun> {
        while let Some(run) = self.retries.pop(now) {
            self.line.push(run, &self.permits);
        }
        self.look(now);
        let mut ready = Vec::new();
        while ready.len() < limit && !self.switch.is_closed() {
            let Some((run, key, standing)) = self.line.next(&self.permits) else {
                break;
            };
            if !self.handles.counts(&run) {
                continue;
            }
            self.permits.take((key, standing));
            self.permits.begin(run.key, key, now);
            ready.push(run);
        }
        ready
    }

    /// If it was asked for: takes out the runs that came too late while the scheduler was away.
    /// Each with how it ends.
    pub(super) fn overdue(&mut self, now: UtcMicros, rules: DeliveryRules) -> Vec<(SendableRun, Outcome)> {
        if !std::mem::take(&mut self.judge_again) {
            return Vec::new();
        }
        let line = self.line.drain().into_iter();
        let mut waiting: Vec<SendableRun> = line
            .chain(self.retries.drain())
            .filter(|run| self.handles.counts(run))
            .collect();
        waiting.sort_by_key(|run| (run.scheduled_for, run.key));
        let mut overdue = Vec::new();
        for run in waiting {
            match life::missed_meanwhile(&run, now, rules) {
                Some(missed) => overdue.push((run, missed)),
                None => self.push(run),
            }
        }
        overdue
    }

    /// Asked right before the first byte of a run is written.
    pub(super) fn may_leave(&self, run: RunKey) -> GateAnswer {
        if self.handles.withdrawn.contains(&run) {
            GateAnswer::Withdrawn
        } else if self.switch.is_closed() {
            GateAnswer::Hold
        } else {
            GateAnswer::Go
        }
    }

    /// How many entries there are about runs that have not ended.
    pub(super) fn remembered(&self) -> usize {
        self.handles.remembered() + self.line.runs() + self.retries.len() + self.in_flight()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dispatch::retries::LONGEST_WAIT;
    use crate::model::{Delivery, JobKind, RunKey, TaskId};

    pub(in crate::dispatch) fn key(task: TaskId) -> FairnessKey {
        FairnessKey::of_task(task)
    }

    pub(in crate::dispatch) fn run(number: RunKey, task_id: TaskId) -> SendableRun {
        SendableRun {
            key: number,
            job_id: format!("1-{task_id}-cron"),
            task_id,
            kind: JobKind::Cron,
            scheduled_for: UtcMicros::new(number),
            fence: 1,
            attempt: 0,
            not_before: None,
            sending: false,
        }
    }

    pub(in crate::dispatch) fn keys(runs: &[SendableRun]) -> Vec<RunKey> {
        runs.iter().map(|run| run.key).collect()
    }

    pub(in crate::dispatch) const NOW: UtcMicros = UtcMicros::new(1_000_000);

    #[test]
    fn a_run_being_decided_is_admitted_only_past_an_empty_queue() {
        let mut runs = LocalRuns::new(10);
        assert!(runs.admit(key(7), NOW));
        runs.push(run(1, 8));
        assert!(!runs.admit(key(9), NOW));
        assert_eq!(runs.take_ready(NOW, 100).len(), 1);
        assert!(runs.admit(key(9), NOW));
        assert_eq!(runs.in_flight(), 3);
        runs.permits.release(key(9));
        assert_eq!(runs.in_flight(), 2);
    }

    #[test]
    fn a_retry_waits_for_its_time() {
        let mut runs = LocalRuns::new(10);
        runs.push(SendableRun {
            not_before: Some(UtcMicros::new(2_000_000)),
            ..run(1, 7)
        });
        assert!(runs.take_ready(NOW, 100).is_empty());
        assert_eq!(runs.retries.next(), Some(UtcMicros::new(2_000_000)));
        assert_eq!(keys(&runs.take_ready(UtcMicros::new(2_000_000), 100)), [1]);
    }

    #[test]
    fn a_retry_put_off_before_the_clock_was_set_back_waits_for_no_other() {
        let mut runs = LocalRuns::new(10);
        for (number, wait) in [(1, LONGEST_WAIT), (2, LONGEST_WAIT + 1)] {
            runs.push(SendableRun {
                not_before: Some(NOW.saturating_add(wait)),
                ..run(number, 7)
            });
        }
        assert_eq!(keys(&runs.take_ready(NOW, 100)), [2]);
    }

    #[test]
    fn nothing_leaves_while_paused_and_what_came_too_late_is_taken_out() {
        let mut runs = LocalRuns::new(10);
        runs.push(run(1, 7));
        runs.push(run(900_000, 8));
        runs.switch.pause();
        assert!(runs.take_ready(NOW, 100).is_empty());
        assert_eq!(runs.may_leave(1), GateAnswer::Hold);
        assert!(runs.switch.resume());
        runs.judge_again = true;
        let rules = |grace| DeliveryRules {
            delivery: Delivery::AtMostOnce,
            grace,
            attempts: 1,
        };
        let overdue = runs.overdue(NOW, rules(500_000));
        let ends: Vec<_> = overdue.into_iter().map(|(run, end)| (run.key, end)).collect();
        assert_eq!(ends, [(1, Outcome::Missed { late: 999_999 })]);
        assert_eq!(keys(&runs.take_ready(NOW, 100)), [900_000]);
        assert!(runs.overdue(NOW, rules(0)).is_empty(), "judged only when asked");
    }

    #[test]
    fn a_withdrawn_run_never_begins_even_if_it_is_handed_over_later() {
        let mut runs = LocalRuns::new(10);
        runs.handles.withdrawn.extend([5]);
        runs.handles.note(&run(5, 7));
        assert_eq!(runs.may_leave(5), GateAnswer::Withdrawn);
        assert_eq!(runs.may_leave(6), GateAnswer::Go);
    }

    #[test]
    fn of_the_withdrawn_only_those_that_are_here_are_remembered() {
        let mut runs = LocalRuns::new(10);
        runs.handles.note(&run(5, 7));
        runs.handles.withdrawn.extend([5, 6]);
        runs.handles.prune_withdrawn();
        assert_eq!(runs.may_leave(5), GateAnswer::Withdrawn);
        assert_eq!(runs.remembered(), 2);
        runs.handles.forget(&run(5, 7));
        assert_eq!(runs.remembered(), 0);
    }

    #[test]
    fn of_a_run_that_was_taken_and_came_back_only_the_newest_handle_counts() {
        let mut runs = LocalRuns::new(10);
        let of_fence = |fence| SendableRun { fence, ..run(5, 7) };
        let retried = |fence| SendableRun {
            not_before: Some(UtcMicros::new(2_000_000)),
            ..of_fence(fence)
        };
        // Sent before the process stood still, and asked for again at the end of that.
        runs.push(of_fence(1));
        assert_eq!(runs.take_ready(NOW, 100), [of_fence(1)]);
        runs.push(of_fence(4));
        assert_eq!(runs.take_ready(NOW, 100), [of_fence(4)]);
        assert_eq!(runs.in_flight(), 2);
        // The old request ends: nothing of it is to be done again, and the run is not forgotten.
        runs.permits.end(5);
        assert!(!runs.push_again(retried(2)));
        runs.handles.forget(&of_fence(2));
        assert_eq!(
            (runs.handles.newest.get(&5), runs.retries.next()),
            (Some(&4), None)
        );
        // A retry that waits is overtaken.
        runs.permits.end(5);
        assert!(runs.push_again(retried(5)));
        runs.push(of_fence(8));
        assert_eq!(runs.take_ready(UtcMicros::new(2_000_000), 100), [of_fence(8)]);
        runs.permits.end(5);
        runs.handles.forget(&of_fence(9));
        assert!(
            !runs.push_again(retried(7)),
            "nor does an older one once it is forgotten"
        );
        assert_eq!(runs.remembered(), 0);
    }
}
