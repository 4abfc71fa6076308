//! The desk: which runs wait, whose turn it is, and whether a first byte may leave. Plain data under one lock; it does
//! no I/O and reads no clock. How many may be in flight, and whose, is for the permits to say; in which order tasks wait,
//! for the lines.

use std::collections::{BTreeMap, HashMap, HashSet};

use triggers::UtcMicros;

use super::gate::GateAnswer;
use super::lines::Lines;
use super::permits::Permits;
use super::standing::Standing;
use crate::model::{RunKey, SendableRun, TaskId};

/// Microseconds; twice what the longest retry waits.
const LONGEST_WAIT: i64 = 150_000_000;

#[derive(Debug)]
pub(super) struct Desk {
    permits: Permits,
    /// Runs asked for now, which need no permit.
    outside: usize,
    lines: Lines,
    /// Retries that wait for their time.
    later: BTreeMap<(UtcMicros, RunKey), SendableRun>,
    /// Each run that is here, and the fence of its newest handle: a run that was taken from us may have come back while an older
    /// handle waits or is in flight. Only the newest one counts.
    known: HashMap<RunKey, i64>,
    withdrawn: HashSet<RunKey>,
    paused: bool,
    pauses: u64,
    stopped: bool,
    /// The lease of this process has lapsed: others may have taken its runs.
    lapsed: bool,
    judge_again: bool,
}

impl Desk {
    pub(super) fn new(permits: usize) -> Self {
        Self {
            permits: Permits::new(permits),
            outside: 0,
            lines: Lines::default(),
            later: BTreeMap::new(),
            known: HashMap::new(),
            withdrawn: HashSet::new(),
            paused: false,
            pauses: 0,
            stopped: false,
            lapsed: false,
            judge_again: false,
        }
    }

    // ---- permits ------------------------------------------------------------------------------------------

    /// Takes a permit for a run that is only being decided, if nobody waits before it who could go.
    pub(super) fn admit(&mut self, task: TaskId, now: UtcMicros) -> bool {
        self.look(now);
        let task = (task, self.permits.standing(task));
        let first = !self.lines.any_may_go(&self.permits);
        let admitted = first && !self.closed() && self.permits.may_take(task, true);
        if admitted {
            self.permits.take(task);
        }
        admitted
    }

    /// Gives back a permit with which nothing has begun.
    pub(super) fn release(&mut self, task: TaskId) {
        self.permits.release(task);
    }

    /// A run that was admitted begins.
    pub(super) fn begin_admitted(&mut self, run: &SendableRun, now: UtcMicros) {
        self.know(run);
        self.permits.begin(run.key, run.task_id, now);
    }

    /// The outcome of a run that held a permit is durable, or the run never left.
    pub(super) fn end(&mut self, run: &SendableRun) {
        self.permits.end(run.key);
    }

    /// A run that holds a permit waits for the runner no more. `answered`: by the runner itself.
    pub(super) fn answer(&mut self, run: &SendableRun, answered: bool) {
        if self.permits.answer(run.key, answered) {
            self.lines.move_to(Standing::Recent, run.task_id);
        }
    }

    /// These tasks were answered in time by what is written down of them.
    pub(super) fn trust(&mut self, tasks: Vec<TaskId>) {
        for task in tasks {
            if self.permits.trust(task) {
                self.lines.move_to(Standing::Proven, task);
            }
        }
    }

    /// Notices which tasks have become slow.
    fn look(&mut self, now: UtcMicros) {
        for task in self.permits.look(now) {
            self.lines.move_to(Standing::Slow, task);
        }
    }

    /// Runs in flight, or with an outcome that is not durable yet.
    pub(super) fn in_flight(&self) -> usize {
        self.permits.in_use() + self.outside
    }

    /// A run begins that needs no permit.
    pub(super) fn begin_outside(&mut self, run: &SendableRun) {
        self.know(run);
        self.outside += 1;
    }

    /// Its outcome is durable.
    pub(super) fn end_outside(&mut self) {
        self.outside = self.outside.saturating_sub(1);
    }

    // ---- waiting ------------------------------------------------------------------------------------------

    /// Notes a run.
    pub(super) fn know(&mut self, run: &SendableRun) {
        let newest = self.known.entry(run.key).or_insert(run.fence);
        *newest = run.fence.max(*newest);
    }

    /// Whether a run is here of which this handle, or its request, is the newest.
    fn counts(&self, run: &SendableRun) -> bool {
        let newest = self.known.get(&run.key);
        newest.is_some_and(|newest| *newest <= run.fence)
    }

    pub(super) fn known(&self) -> &HashMap<RunKey, i64> {
        &self.known
    }

    /// Forgets a run whose outcome is durable, or that is not ours any more; unless it has come back since.
    pub(super) fn forget(&mut self, run: &SendableRun) {
        if self.counts(run) {
            self.known.remove(&run.key);
            self.withdrawn.remove(&run.key);
        }
    }

    pub(super) fn push(&mut self, run: SendableRun) {
        self.know(&run);
        if !self.counts(&run) {
            return;
        }
        match run.not_before {
            Some(at) => {
                self.later.insert((at, run.key), run);
            }
            None => self.lines.push(run, &self.permits),
        }
    }

    /// A run whose request has ended is to be sent again. Answers whether its handle still counts: nobody else may have handed the
    /// run over, or given it up, meanwhile.
    pub(super) fn push_again(&mut self, run: SendableRun) -> bool {
        let counts = self.counts(&run);
        if counts {
            self.push(run);
        }
        counts
    }

    /// The runs whose turn it is, each with a permit taken, at most `limit`.
    pub(super) fn take_ready(&mut self, now: UtcMicros, limit: usize) -> Vec<SendableRun> {
        self.wake_later(now);
        self.look(now);
        let mut ready = Vec::new();
        while ready.len() < limit && !self.closed() {
            let Some((run, standing)) = self.lines.next(&self.permits) else {
                break;
            };
            if !self.counts(&run) {
                continue;
            }
            self.permits.take((run.task_id, standing));
            self.permits.begin(run.key, run.task_id, now);
            ready.push(run);
        }
        ready
    }

    /// Whether a run waits for its turn.
    pub(super) fn anybody_waits(&self) -> bool {
        self.lines.any()
    }

    fn wake_later(&mut self, now: UtcMicros) {
        while let Some(entry) = self
            .later
            .first_entry()
            .filter(|entry| entry.key().0.since(now) <= 0)
        {
            let run = entry.remove();
            self.lines.push(run, &self.permits);
        }
        // No retry waits for longer than this: one that seems to was put off before the clock was set back.
        while let Some(entry) = self
            .later
            .last_entry()
            .filter(|entry| entry.key().0.since(now) > LONGEST_WAIT)
        {
            let run = entry.remove();
            self.lines.push(run, &self.permits);
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
        let later = std::mem::take(&mut self.later).into_values();
        let (mut overdue, mut keep): (Vec<_>, Vec<_>) = self
            .lines
            .drain()
            .into_iter()
            .chain(later)
            .filter(|run| self.counts(run))
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

    /// Asked right before the first byte of a run is written.
    pub(super) fn begin(&self, key: RunKey) -> GateAnswer {
        if self.withdrawn.contains(&key) {
            GateAnswer::Withdrawn
        } else if self.closed() {
            GateAnswer::Hold
        } else {
            GateAnswer::Go
        }
    }

    pub(super) fn withdraw(&mut self, runs: &[RunKey]) {
        self.withdrawn.extend(runs);
    }

    /// Forgets the withdrawn runs that are not here: they had ended before they were withdrawn, or another process has them.
    pub(super) fn forget_strangers(&mut self) {
        self.withdrawn.retain(|key| self.known.contains_key(key));
    }

    /// How many entries there are about runs that have not ended.
    pub(super) fn remembered(&self) -> usize {
        self.known.len()
            + self.withdrawn.len()
            + self.lines.runs()
            + self.later.len()
            + self.permits.in_use()
            + self.outside
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
        self.pauses += 1;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn pauses(&self) -> u64 {
        self.pauses
    }

    /// Resumes unless there was a pause since `pauses` was read. Answers whether it was paused.
    pub(super) fn resume_if(&mut self, pauses: u64) -> bool {
        self.pauses == pauses && self.resume()
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

    /// Nothing leaves until the lease is renewed.
    pub(super) fn lapse(&mut self) {
        self.lapsed = true;
    }

    /// Returns whether the lease had lapsed.
    pub(super) fn renew(&mut self) -> bool {
        std::mem::take(&mut self.lapsed)
    }

    fn closed(&self) -> bool {
        self.paused || self.stopped || self.lapsed
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::JobKind;

    pub(in crate::dispatch) fn run(key: RunKey, task_id: TaskId) -> SendableRun {
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

    pub(in crate::dispatch) fn keys(runs: &[SendableRun]) -> Vec<RunKey> {
        runs.iter().map(|run| run.key).collect()
    }

    pub(in crate::dispatch) const NOW: UtcMicros = UtcMicros::new(1_000_000);

    #[test]
    fn a_run_being_decided_is_admitted_only_past_an_empty_queue() {
        let mut desk = Desk::new(10);
        assert!(desk.admit(7, NOW));
        desk.push(run(1, 8));
        assert!(!desk.admit(9, NOW));
        assert_eq!(desk.take_ready(NOW, 100).len(), 1);
        assert!(desk.admit(9, NOW));
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
    fn a_retry_put_off_before_the_clock_was_set_back_waits_for_no_other() {
        let mut desk = Desk::new(10);
        for (key, wait) in [(1, LONGEST_WAIT), (2, LONGEST_WAIT + 1)] {
            desk.push(SendableRun {
                not_before: Some(NOW.saturating_add(wait)),
                ..run(key, 7)
            });
        }
        assert_eq!(keys(&desk.take_ready(NOW, 100)), [2]);
    }

    #[test]
    fn nothing_leaves_while_paused_and_what_came_too_late_is_taken_out() {
        let mut desk = Desk::new(10);
        desk.push(run(1, 7));
        desk.push(run(900_000, 8));
        desk.pause();
        assert!(desk.take_ready(NOW, 100).is_empty());
        assert_eq!(desk.begin(1), GateAnswer::Hold);
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
        desk.know(&run(5, 7));
        assert_eq!(desk.begin(5), GateAnswer::Withdrawn);
        assert_eq!(desk.begin(6), GateAnswer::Go);
    }

    #[test]
    fn of_the_withdrawn_only_those_that_are_here_are_remembered() {
        let mut desk = Desk::new(10);
        desk.know(&run(5, 7));
        desk.withdraw(&[5, 6]);
        desk.forget_strangers();
        assert_eq!(desk.begin(5), GateAnswer::Withdrawn);
        assert_eq!(desk.remembered(), 2);
        desk.forget(&run(5, 7));
        assert_eq!(desk.remembered(), 0);
    }

    #[test]
    fn of_a_run_that_was_taken_and_came_back_only_the_newest_handle_counts() {
        let mut desk = Desk::new(10);
        let of_fence = |fence| SendableRun { fence, ..run(5, 7) };
        let retried = |fence| SendableRun {
            not_before: Some(UtcMicros::new(2_000_000)),
            ..of_fence(fence)
        };
        // Sent before the process stood still, and asked for again at the end of that.
        desk.push(of_fence(1));
        let stuck = desk.take_ready(NOW, 100);
        desk.push(of_fence(4));
        assert_eq!(desk.take_ready(NOW, 100), [of_fence(4)]);
        assert_eq!(desk.in_flight(), 2);
        // The old request ends: nothing of it is to be done again, and the run is not forgotten.
        desk.end(&stuck[0]);
        assert!(!desk.push_again(retried(2)));
        desk.forget(&of_fence(2));
        assert_eq!((desk.known().get(&5), desk.next_retry()), (Some(&4), None));
        // A retry that waits is overtaken.
        desk.end(&of_fence(5));
        assert!(desk.push_again(retried(5)));
        desk.push(of_fence(8));
        assert_eq!(desk.take_ready(UtcMicros::new(2_000_000), 100), [of_fence(8)]);
        desk.end(&of_fence(9));
        desk.forget(&of_fence(9));
        assert!(
            !desk.push_again(retried(7)),
            "nor does an older one once it is forgotten"
        );
        assert_eq!(desk.remembered(), 0);
    }
}
