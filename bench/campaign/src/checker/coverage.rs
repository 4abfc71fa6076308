//! I1 and I2: each due time is answered for by exactly one row, and the next run follows from the last.

use std::collections::HashSet;

use triggers::UtcMicros;

use super::history::{History, Run, Schedule, instant};
use super::{Found, Invariant};

/// Due times of one row or gap that are walked; beyond that they are counted.
const WALKED: usize = 100_000;
/// Lost due times of one gap that are told one by one.
const TOLD: usize = 5;

pub fn check(history: &History, found: &mut Found) {
    let mut seen = HashSet::new();
    for run in &history.runs {
        if !seen.insert((&run.job_id, run.scheduled_for)) {
            found.add(Invariant::I2, format!("{} has two rows", run.name()));
        }
    }
    for run in history.runs.iter().filter(|run| run.kind != "manual") {
        misfire(history, run, found);
    }
    let by_job = history.by_job();
    for schedule in &history.schedules {
        let runs = by_job.get(schedule.job.as_str()).map_or(&[][..], Vec::as_slice);
        let judge = Judge { history, schedule };
        judge.rows(runs, found);
        judge.next(runs, found);
    }
}

/// A run is missed when it is too late, and only then.
fn misfire(history: &History, run: &Run, found: &mut Found) {
    let late = run.decided_at - run.scheduled_for;
    if run.was_submitted() && late > history.grace {
        let what = format!("{} was decided to be sent {late} µs after its time", run.name());
        found.add(Invariant::I1, what);
    }
    let ended = run.finished_at.unwrap_or(i64::MAX) - run.scheduled_for;
    if run.state == "missed" && ended <= history.grace {
        found.add(
            Invariant::I1,
            format!("{} was missed, though only {ended} µs late", run.name()),
        );
    }
}

struct Judge<'a> {
    history: &'a History,
    schedule: &'a Schedule,
}

impl Judge<'_> {
    fn rows(&self, runs: &[&Run], found: &mut Found) {
        let mut answered = None;
        for run in runs {
            let (since, until) = (run.since(), run.scheduled_for);
            for time in [since, until] {
                if !self.is_due(time) {
                    let what = format!("{}: {} is no due time of it", run.name(), instant(time));
                    found.add(Invariant::I1, what);
                }
            }
            let due = self.count(since, until);
            if run.coalesced + 1 != due {
                let what = format!(
                    "{} says that it answers for {} due times since {}, but there are {due}",
                    run.name(),
                    run.coalesced + 1,
                    instant(since)
                );
                found.add(Invariant::I1, what);
            }
            if let Some(answered) = answered.filter(|answered| since <= *answered) {
                let what = format!(
                    "{} answers since {} for what was decided up to {}",
                    run.name(),
                    instant(since),
                    instant(answered)
                );
                found.add(Invariant::I1, what);
            }
            self.gap(answered, since - 1, found);
            answered = Some(answered.unwrap_or(i64::MIN).max(until));
        }
        self.gap(answered, self.history.horizon, found);
    }

    /// Due times after `answered` up to `until` that no row answers for.
    fn gap(&self, answered: Option<i64>, until: i64, found: &mut Found) {
        let lost: Vec<UtcMicros> = self
            .after(answered)
            .take_while(|time| time.get() <= until)
            .take(WALKED)
            .filter(|time| self.is_wanted(time.get()))
            .collect();
        for time in lost.iter().take(TOLD) {
            let what = format!("{} of {time}: no decision", self.schedule.job);
            found.add(Invariant::I1, what);
        }
        if lost.len() > TOLD {
            let what = format!(
                "{}: {} more without decision",
                self.schedule.job,
                lost.len() - TOLD
            );
            found.add(Invariant::I1, what);
        }
    }

    /// The stored next run is the due time after the last decision: it advances in the same transaction.
    fn next(&self, runs: &[&Run], found: &mut Found) {
        if self.schedule.windows.is_some() {
            return;
        }
        let last = runs.iter().map(|run| run.scheduled_for).max();
        let expected = self.after(last).next().map(UtcMicros::get);
        let stored = self.history.jobs.get(&self.schedule.job).and_then(|job| job.next);
        if expected != stored {
            let text = |time: Option<i64>| time.map_or("none".to_owned(), |time| instant(time).to_string());
            let what = format!(
                "{}: its next run is {}, after what was decided it should be {}",
                self.schedule.job,
                text(stored),
                text(expected)
            );
            found.add(Invariant::I1, what);
        }
    }

    fn after(&self, answered: Option<i64>) -> impl Iterator<Item = UtcMicros> {
        let from = answered.unwrap_or(self.schedule.created);
        self.schedule
            .trigger
            .fires(answered.map(UtcMicros::new), UtcMicros::new(from))
    }

    fn is_due(&self, time: i64) -> bool {
        let time = UtcMicros::new(time);
        self.schedule.trigger.last_fire(time) == Some(time)
    }

    /// Due times from `since`, itself one, to `until`.
    fn count(&self, since: i64, until: i64) -> i64 {
        let more = self
            .after(Some(since))
            .take_while(|time| time.get() <= until)
            .take(WALKED)
            .count();
        if more < WALKED {
            return 1 + more as i64;
        }
        let range = UtcMicros::new(since)..UtcMicros::new(until + 1);
        i64::try_from(self.schedule.trigger.count(range.start, range)).unwrap_or(i64::MAX)
    }

    fn is_wanted(&self, time: i64) -> bool {
        match &self.schedule.windows {
            None => true,
            Some(windows) => windows.iter().any(|(from, to)| (*from..=*to).contains(&time)),
        }
    }
}
