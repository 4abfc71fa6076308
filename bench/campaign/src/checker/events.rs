//! I7: the task's log tells of each transition once, and in their order. A crash between a change and its event would
//! show here.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::Verb;
use super::history::{Event, History, Run, instant};
use super::{Found, Invariant};

/// Beginnings of messages that tell of a run, with the states they tell of.
const ENDINGS: [(&str, &str); 5] = [
    ("Job executed in ", "delivered"),
    ("Job error. Scheduled for: ", "failed"),
    ("Job outcome unknown. Scheduled for: ", "unknown"),
    ("Job missed. Scheduled for: ", "missed"),
    ("Job skipped. Scheduled for: ", "skipped"),
];

/// Two processes that write about one task at the same time may come to it in either order, in microseconds.
const AT_ONCE: i64 = 2_000_000;

type Counts = BTreeMap<(i32, String), i64>;

pub fn check(history: &History, found: &mut Found) {
    let (mut told, mut expected) = (Counts::new(), Counts::new());
    for event in &history.events {
        if let Some(what) = told_of(&event.message) {
            *told.entry((event.task, what)).or_default() += 1;
        }
    }
    for run in &history.runs {
        let mut expect = |what: String| *expected.entry((run.task_id, what)).or_default() += 1;
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
    order(history, found);
    if history.strictness.every_event {
        additions(history, &told, found);
    }
}

/// No run ends in the log before it was submitted there; and where every event is judged, none tells of an earlier time
/// than the one before it.
fn order(history: &History, found: &mut Found) {
    let mut by_task: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
    let there = |event: &&Event| !history.strictness.gone.contains(&event.task);
    for event in history.events.iter().filter(there) {
        let Some(submitted) = submits(event) else {
            continue;
        };
        let (open, last) = by_task.entry(event.task).or_insert((0, i64::MIN));
        *open += submitted;
        if *open < 0 {
            let text = format!(
                "task {}: {:?} comes before what it ends",
                event.task, event.message
            );
            found.add(Invariant::I7, text);
            *open = 0;
        }
        if history.strictness.every_event && event.at < last.saturating_sub(AT_ONCE) {
            let text = format!(
                "task {}: {:?} of {} comes after an event of {}",
                event.task,
                event.message,
                instant(event.at),
                instant(*last)
            );
            found.add(Invariant::I7, text);
        }
        *last = event.at.max(*last);
    }
}

/// 1 where a run is submitted, -1 where one ends that must have been.
fn submits(event: &Event) -> Option<i64> {
    match event.message.as_str() {
        "Job submitted." => Some(1),
        message if ENDINGS[..3].iter().any(|(start, _)| message.starts_with(start)) => Some(-1),
        _ => None,
    }
}

/// A task that is added by hand is told so each time that was acknowledged, beside the first time.
fn additions(history: &History, told: &Counts, found: &mut Found) {
    let adds = |verb| matches!(verb, Verb::Add | Verb::Delay);
    let tasks: BTreeSet<i32> = history
        .changes
        .iter()
        .filter(|change| adds(change.verb) && !history.strictness.gone.contains(&change.task))
        .map(|change| change.task)
        .collect();
    for task in tasks {
        let of_task = || {
            history
                .changes
                .iter()
                .filter(move |change| change.task == task && adds(change.verb))
        };
        let asked = of_task().count() as i64;
        let acknowledged = of_task().filter(|change| change.acknowledged.is_some()).count() as i64;
        let told = told.get(&(task, "added".to_owned())).copied().unwrap_or(0);
        if !(1 + acknowledged..=1 + asked).contains(&told) {
            let text = format!(
                "task {task}: {told} events of \"added\" after the first time and {asked} calls, {acknowledged} acknowledged"
            );
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

/// Additions and removals are judged only for tasks that no call of the API changes, and nothing for those that are gone.
fn is_judged(history: &History, (task, what): &(i32, String)) -> bool {
    if history.strictness.gone.contains(task) {
        return false;
    }
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
