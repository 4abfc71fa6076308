//! I7: the task's log tells of each transition once. A crash between a change and its event would show here.

use std::collections::{BTreeMap, BTreeSet};

use super::history::{History, Run};
use super::{Found, Invariant};

/// Beginnings of messages that tell of a run, with the states they tell of.
const ENDINGS: [(&str, &str); 5] = [
    ("Job executed in ", "delivered"),
    ("Job error. Scheduled for: ", "failed"),
    ("Job outcome unknown. Scheduled for: ", "unknown"),
    ("Job missed. Scheduled for: ", "missed"),
    ("Job skipped. Scheduled for: ", "skipped"),
];

type Counts = BTreeMap<(i32, String), i64>;

pub fn check(history: &History, found: &mut Found) {
    let (mut told, mut expected) = (Counts::new(), Counts::new());
    for event in &history.events {
        if let Some(what) = told_of(&event.message) {
            *told.entry((event.task, what)).or_default() += 1;
        }
    }
    for run in &history.runs {
        let mut expect = |what: String| *expected.entry((run.task, what)).or_default() += 1;
        if run.was_submitted() {
            expect("submitted".into());
        }
        if run.is_final() && !run.muted {
            expect(ending(run));
        }
    }
    schedules(history, &mut expected);
    let judged: BTreeSet<&(i32, String)> = told.keys().chain(expected.keys()).collect();
    for key in judged {
        let (told, expected) = (told.get(key).unwrap_or(&0), expected.get(key).unwrap_or(&0));
        let (task, what) = key;
        if is_judged(history, key) && told != expected {
            let text = format!("task {task}: {told} events of \"{what}\" for {expected} transitions");
            found.add(Invariant::I7, text);
        }
    }
}

/// Jobs that nobody adds or deletes by hand are added once, and removed once if they have ended.
fn schedules(history: &History, expected: &mut Counts) {
    for schedule in history
        .schedules
        .iter()
        .filter(|schedule| schedule.windows.is_none())
    {
        let Some(job) = history.jobs.get(&schedule.job) else {
            continue;
        };
        *expected.entry((schedule.task, "added".into())).or_default() += 1;
        if !job.listed {
            *expected.entry((schedule.task, "removed".into())).or_default() += 1;
        }
    }
}

/// Additions and removals are judged only for tasks that no call of the API changes.
fn is_judged(history: &History, (task, what): &(i32, String)) -> bool {
    !matches!(what.as_str(), "added" | "removed")
        || history
            .schedules
            .iter()
            .any(|schedule| schedule.task == *task && schedule.windows.is_none())
}

/// A run that ended is told with its time, but for a delivered one, which is told with how long it took.
fn ending(run: &Run) -> String {
    if run.state == "delivered" {
        return run.state.clone();
    }
    format!("{} {}", run.state, local(run.scheduled_for))
}

/// What a message tells of, in the words of [`ending`].
fn told_of(message: &str) -> Option<String> {
    if message == "Job submitted." {
        return Some("submitted".into());
    }
    if message.starts_with("Job added") {
        return Some("added".into());
    }
    if message == "Job removed." {
        return Some("removed".into());
    }
    let (rest, state) = ENDINGS
        .iter()
        .find_map(|(start, state)| Some((message.strip_prefix(start)?, *state)))?;
    if state == "delivered" {
        return Some(state.into());
    }
    // `Mon, Nov 23, 2026 16:12:59. Error: …`
    let at = rest.split_once(". ").map_or(rest, |(at, _)| at);
    Some(format!("{state} {at}"))
}

/// The form in which the log has it, in UTC.
fn local(micros: i64) -> String {
    jiff::Timestamp::from_second(micros.div_euclid(1_000_000))
        .map(|at| at.strftime("%a, %b %-d, %Y %H:%M:%S").to_string())
        .unwrap_or_default()
}
