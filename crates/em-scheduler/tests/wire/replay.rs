//! The recorded requests of the original, replayed in order on both databases: what it answered we answer, and what it
//! left behind we leave behind, but for the exceptions of a table.
//!
//! The recording waited for jobs to fire; here what is due is decided before each list, and time is made to pass by
//! moving what is ahead.

mod compare;
mod effects;
mod exceptions;

use std::collections::BTreeSet;

use serde_json::Value;

use self::effects::Effects;
use self::exceptions::EXCEPTIONS;
use crate::tasks;
use crate::world::World;
use test_world::Backend;
use test_world::client::Answer;
use test_world::runner::Reply;

const RECORDING: &str = include_str!("wire.jsonl");

/// A line of the recording.
#[derive(Debug, serde::Deserialize)]
pub struct Record {
    env: String,
    request: String,
    status: u16,
    content_type: String,
    body: String,
    note: String,
}

impl Record {
    fn path(&self) -> &str {
        self.request.split(' ').nth(1).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// Brings about what the note tells of the moment of the request.
async fn prepare(world: &mut World, record: &Record) {
    let task = record
        .path()
        .rsplit('/')
        .next()
        .and_then(|id| id.parse().ok())
        .unwrap_or(0);
    match (record.path(), record.note.as_str()) {
        ("/api/add/21", _) => tasks::one_off_soon(world, 2),
        ("/api/resume", "after 76 s pause: misfire") => world.pass(76),
        (path, _) if path.starts_with("/api/add/") && (22..=25).contains(&task) => {
            // A second add finds the task that the first one had made.
            let known = world.row(&format!("SELECT count(*) FROM task WHERE id = {task}"));
            match known.as_str() {
                "0" => tasks::one_more(world, task),
                _ => assert_eq!(known, "1"),
            }
        }
        ("/api/jobs", "with orphan") | ("/api/delete-orphans", "orphan 2") => {
            let newest = world.row("SELECT max(id) FROM task").parse().expect("a task");
            tasks::delete(world, newest);
        }
        ("/api/run/1", "runner down") => world.runner.down(),
        ("/api/run/1", "runner takes 3 s") => {
            world.runner.refuse(false);
            world.runner.answer(Reply::Wait);
            world.runner.release(1);
        }
        ("/api/add/1", "before shutdown") => world.runner.answer(Reply::status(200)),
        ("/api/add/1", "before kill") => world.restart().await,
        _ => {}
    }
    let lists = ["/api/jobs", "/api/details", "/api/scheduled", "/api/schedule"];
    if lists.contains(&record.path()) && !world.server.control.is_stopped() {
        world.decide().await;
    }
}

/// Lists come by next run time, then by job id; those without a time last.
async fn ordered(world: &World, record: &Record, answer: &Answer) -> Result<(), String> {
    if !record.request.starts_with("GET") || answer.status != 200 {
        return Ok(());
    }
    let jobs = world.store.list_jobs(false).await.expect("jobs");
    let key =
        |job: &em_scheduler::model::ListedJob| (job.next_run_at.is_none(), job.next_run_at, job.id.clone());
    assert!(jobs.is_sorted_by_key(key));
    let expected: Vec<String> = match record.path() {
        "/api/jobs" => jobs.iter().map(|job| job.task_id.to_string()).collect(),
        "/api/scheduled" => jobs
            .iter()
            .filter(|job| job.next_run_at.is_some())
            .map(|job| job.task_id.to_string())
            .collect(),
        "/api/details" => jobs.iter().map(|job| job.id.clone()).collect(),
        _ => return Ok(()),
    };
    let json = answer.json();
    let found: Vec<String> = json
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| {
            row["job_id"]
                .as_str()
                .map_or_else(|| row.to_string(), str::to_owned)
        })
        .collect();
    if found == expected {
        Ok(())
    } else {
        Err(format!("order\n     is {found:?}\n not {expected:?}"))
    }
}

async fn replay(env: &str, backend: Backend) {
    let mut world = World::new(backend).await;
    tasks::create(&world);
    let records: Vec<Record> = RECORDING
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .filter(|record: &Record| record.env == env)
        .collect();
    assert!(records.len() > 150, "{}", records.len());
    let (mut used, mut failures) = (BTreeSet::new(), Vec::new());
    let (effects, mut events) = (Effects::of(env), 0);
    for (place, record) in records.iter().enumerate() {
        prepare(&mut world, record).await;
        let last_event = world.row("SELECT coalesce(max(id), 0) FROM task_log");
        let (method, target) = record.request.split_once(' ').expect("a method");
        let answer = world.send(method, target).await;
        let exception = exceptions::find(&record.request, &record.note);
        used.extend(exception);
        let instead = exception.map(|place| EXCEPTIONS[place].instead);
        let mut check = compare::compare(record, &answer, instead);
        if check.is_ok() {
            check = ordered(&world, record, &answer).await;
        }
        if exception.is_some() && compare::compare(record, &answer, None).is_ok() {
            check = Err("an exception that excuses nothing".into());
        }
        // After a stop the original forgot its jobs, and ours stay: what is then removed and added differs.
        if check.is_ok() && exception.is_none() && !world.server.control.is_stopped() {
            world.decide().await;
            check = effects
                .compare(&world, record, &last_event)
                .map(|found| events += found);
        }
        if let Err(difference) = check {
            let because = exception.map_or("", |place| EXCEPTIONS[place].because);
            failures.push(format!(
                "{place}. {} ({}): {difference}\n answer {answer:?}\n {because}",
                record.request, record.note
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} differences\n{}",
        failures.len(),
        failures.join("\n\n")
    );
    assert!(events > 25, "only {events} events were compared");
    let unused = (0..EXCEPTIONS.len()).filter(|place| !used.contains(place));
    let unused: Vec<_> = unused
        .map(|place| (EXCEPTIONS[place].requests, EXCEPTIONS[place].note))
        .collect();
    assert!(unused.is_empty(), "exceptions that are never met: {unused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wire_sqlite() {
    replay("test", Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wire_postgres() {
    replay("production", Backend::Postgres).await;
}
