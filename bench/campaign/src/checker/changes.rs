//! I6: what the API acknowledged survives. A call without an answer may have taken effect or not. (That nothing leaves
//! after an acknowledged pause or deletion is held by `silence`.)

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::history::History;
use super::{Found, Invariant};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Verb {
    Add,
    Delete,
    /// The jobs of all tasks. A part that asks for it adds them again.
    DeleteAll,
    /// One run, as soon as possible, through the queue.
    Delay,
    /// One run, now.
    Run,
    Pause,
    Resume,
}

/// One call of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub verb: Verb,
    /// 0 where the call names none.
    pub task: i32,
    /// When the call began.
    pub asked: i64,
    /// When its success had come; none: no answer, or an error.
    pub acknowledged: Option<i64>,
    /// When it was over, either way.
    pub over: i64,
    /// The status it was answered with.
    pub status: Option<u16>,
    /// The port of the process that was asked.
    pub port: u16,
}

pub fn check(history: &History, found: &mut Found) {
    let mut by_task: BTreeMap<i32, Vec<&Change>> = BTreeMap::new();
    let mut switches = Vec::new();
    for change in &history.changes {
        match change.verb {
            Verb::Pause | Verb::Resume => switches.push(change),
            Verb::DeleteAll => {}
            _ => by_task.entry(change.task).or_default().push(change),
        }
    }
    if !possible(&switches, Verb::Pause, false).contains(&history.paused) {
        let what = format!("paused is {} after {:?}", history.paused, switches.last());
        found.add(Invariant::I6, what);
    }
    for (task, changes) in by_task {
        jobs(history, task, &changes, found);
        runs(history, (task, "delayed", Verb::Delay), &changes, found);
        runs(history, (task, "manual", Verb::Run), &changes, found);
    }
}

/// The states in which a switch may be after these calls, in their order: true where `on` was the last.
fn possible(changes: &[&Change], on: Verb, at_first: bool) -> BTreeSet<bool> {
    let mut states = BTreeSet::from([at_first]);
    for change in changes {
        if change.acknowledged.is_some() {
            states.clear();
        }
        states.insert(change.verb == on);
    }
    states
}

/// A task that was added has its trigger job, one that was deleted has none.
fn jobs(history: &History, task: i32, changes: &[&Change], found: &mut Found) {
    let changes: Vec<&Change> = changes
        .iter()
        .filter(|change| matches!(change.verb, Verb::Add | Verb::Delete))
        .copied()
        .collect();
    let Some(last) = changes.last() else { return };
    let there = history
        .jobs
        .values()
        .any(|job| job.task == task && job.kind != "delayed");
    // Each of these tasks is enabled and stored at the beginning.
    if !possible(&changes, Verb::Add, true).contains(&there) {
        let what = format!(
            "task {task} has {} job after {last:?}",
            if there { "a" } else { "no" }
        );
        found.add(Invariant::I6, what);
    }
}

/// Each run that was asked for and acknowledged is there; none is there that nobody asked for.
fn runs(history: &History, (task, kind, verb): (i32, &str, Verb), changes: &[&Change], found: &mut Found) {
    if changes
        .iter()
        .any(|change| matches!(change.verb, Verb::Add | Verb::Delete))
    {
        // Those calls take the task's delayed runs away.
        return;
    }
    let asked = changes.iter().filter(|change| change.verb == verb).count();
    let acknowledged = changes
        .iter()
        .filter(|change| change.verb == verb && change.acknowledged.is_some())
        .count();
    let of_kind = |run: &&super::Run| run.task_id == task && run.kind == kind;
    let waiting = history
        .jobs
        .values()
        .filter(|job| job.task == task && job.kind == kind);
    let there = history.runs.iter().filter(of_kind).count() + waiting.count();
    let delivered = history
        .runs
        .iter()
        .filter(of_kind)
        .filter(|run| run.state == "delivered")
        .count();
    let enough = if verb == Verb::Run { delivered } else { there };
    if enough < acknowledged || there > asked {
        let what = format!(
            "task {task}: {there} {kind} runs ({delivered} delivered) after {asked} calls, {acknowledged} acknowledged"
        );
        found.add(Invariant::I6, what);
    }
}
