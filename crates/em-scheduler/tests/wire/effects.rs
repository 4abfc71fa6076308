//! What a request left behind in the recording: the events of its own task about jobs, and the task's row.
//!
//! Compared are the events' order and error flags and whether the task is enabled and has a next run. Runs are not:
//! they hang on seconds, and the original wrote none for those asked for by hand.

use std::collections::HashMap;

use serde::Deserialize;

use super::Record;
use crate::world::World;

const RECORDING: &str = include_str!("effects.jsonl");

#[derive(Deserialize)]
struct Effect {
    env: String,
    /// The request, a blank, its note.
    after: String,
    task_log: Vec<EventRow>,
    task: Vec<TaskRow>,
}

#[derive(Deserialize)]
struct EventRow {
    task_id: i64,
    message: String,
    error: Option<i64>,
}

#[derive(Deserialize)]
struct TaskRow {
    id: i64,
    enabled: Option<i64>,
    next_run: Option<String>,
}

/// The effects recorded in one environment, by request and note.
pub struct Effects(HashMap<String, Effect>);

/// Why some are not compared: the request, its note, the sentence of the contract.
const EXCEPTIONS: [(&str, &str, &str); 5] = [
    (
        "GET /api/add/1",
        "existing: intv hourly",
        "Paths also work with one trailing slash (so it was added before)",
    ),
    (
        "GET /api/delete/9",
        "intv type null",
        "an unknown or null type is an error (so there is no job to remove)",
    ),
    (
        "GET /api/add/01",
        "leading zero",
        "leading zeros allowed, `01` is task 1 (so it replaces the job of 1)",
    ),
    (
        "GET /api/delete/1",
        "existing",
        "leading zeros allowed, `01` is task 1 (so its job is found)",
    ),
    (
        "GET /api/add/1",
        "before kill",
        "job_sync: once at start (section 6; it is the engine's, which is not here)",
    ),
];

impl Effects {
    pub fn of(env: &str) -> Self {
        let effects = RECORDING
            .lines()
            .map(|line| serde_json::from_str::<Effect>(line).expect(line));
        let effects = effects.filter(|effect| effect.env == env);
        // Notes that come twice belong to requests that were alike; the last of them will do.
        Self(effects.map(|effect| (effect.after.clone(), effect)).collect())
    }

    /// Compares the rows written after `last_event`; answers how many events there were, or what differs.
    pub fn compare(&self, world: &World, record: &Record, last_event: &str) -> Result<usize, String> {
        let (request, note) = (record.request.as_str(), record.note.as_str());
        let changes = ["/api/add/", "/api/delete/", "/api/run/"];
        let task = changes
            .iter()
            .find_map(|prefix| record.path().strip_prefix(prefix));
        let task = task
            .and_then(|rest| rest.split('/').next())
            .and_then(|id| id.parse::<i64>().ok());
        let excepted = EXCEPTIONS
            .iter()
            .any(|exception| (exception.0, exception.1) == (request, note));
        let (Some(task), false) = (task, excepted) else {
            return Ok(0);
        };
        // Where nothing was recorded, nothing happened.
        let effect = self.0.get(&format!("{request} {note}"));
        let recorded: Vec<String> = effect
            .iter()
            .flat_map(|effect| &effect.task_log)
            .filter(|row| row.task_id == task)
            .filter_map(|row| event(&row.message, row.error))
            .collect();
        let found: Vec<String> = world
            .rows(&format!(
                "SELECT coalesce(error, -1), message FROM task_log
                 WHERE id > {last_event} AND task_id = {task} ORDER BY id"
            ))
            .iter()
            .filter_map(|row| {
                let (error, message) = row.split_once('|')?;
                event(message, error.parse().ok().filter(|error| *error >= 0))
            })
            .collect();
        if found != recorded {
            return Err(format!("events\n     is {found:?}\n not {recorded:?}"));
        }
        // A run leaves the row alone, and delete clears the next run, which the original left: "sets `task.next_run`
        // null". Those have tests of their own.
        let writes = record.path().starts_with("/api/add/") || record.path().contains("/delay/");
        let row = effect.and_then(|effect| effect.task.iter().find(|row| row.id == task && writes));
        if let Some(row) = row {
            let next_run = row.next_run.is_some();
            // em_web's own default enabled the recorded tasks; ours begin disabled and only add enables them.
            let enabled = row.enabled == Some(1) && record.path().starts_with("/api/add/");
            let query = format!("SELECT next_run IS NOT NULL, enabled FROM task WHERE id = {task}");
            let found = world.row(&query).replace("t|", "1|").replace("f|", "0|");
            let expected = format!("{}|", i32::from(next_run));
            if !found.starts_with(&expected) || (enabled && !found.ends_with("|1")) {
                return Err(format!(
                    "task\n     is {found}\n not {expected}{}",
                    i32::from(enabled)
                ));
            }
        }
        Ok(found.len())
    }
}

/// What an event says of a job; none for those about runs. `never` is a job added that never fires.
fn event(message: &str, error: Option<i64>) -> Option<String> {
    let kind = if message.starts_with("Job removed") {
        "removed"
    } else if message.contains("never fires") || message.starts_with("Job could not be scheduled. Verify") {
        "never"
    } else if message.starts_with("Job added") {
        "added"
    } else {
        return None;
    };
    Some(format!("{kind} {error:?}"))
}
