//! A site: one database with its schedules, one runner, one service that is started again and again. What the service
//! leaves is read here and given to the checker.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use bench::clock::{self, Stopwatch};
use bench::database::{Database, Engine};
use bench::service::{Launch, Service};
use rustix::process::Signal;
use triggers::{Kind, UtcMicros, Zone};

use crate::api::Ledger;
use crate::checker::{self, Delivery, Event, Figures, History, Job, Run, Schedule, Violation};
use crate::children;
use crate::runner::Runner;
use crate::schedules::{ONE_OFF, Planned, SECOND};

/// The service on this machine, at its busiest, is ready within this.
const READY: Duration = Duration::from_secs(60);
/// How long the backlog may take after the last fault (I8), and how long is waited at all.
pub const DRAINED: Duration = Duration::from_secs(10);
/// No longer passes between the planning of a job and its row, in microseconds.
const PLANNING: i64 = 900_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Site {
    pub database: Database,
    pub runner: Runner,
    pub ledger: Ledger,
    pub planned: Vec<Planned>,
    /// Where log and history go.
    pub folder: PathBuf,
    pub binary: PathBuf,
    pub delivery: Delivery,
    /// The misfire grace, in microseconds.
    pub grace: i64,
    /// Arguments of every start, beside delivery and grace.
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// See [`History`].
    pub one_clock: bool,
    /// See [`History`].
    pub restored: bool,
}

/// What came of a site.
#[derive(Debug)]
pub struct Judged {
    pub figures: Figures,
    pub violations: Vec<Violation>,
}

impl Site {
    /// How it is started.
    pub fn launch(&self) -> Launch<'_> {
        let grace = (self.grace / SECOND).to_string();
        let mut arguments: Vec<String> = ["--delivery", self.delivery.name(), "--misfire-grace", &grace]
            .map(str::to_owned)
            .to_vec();
        arguments.extend_from_slice(&self.arguments);
        Launch {
            binary: self.binary.clone(),
            database: &self.database.url,
            runner: self.runner.url(),
            arguments,
            environment: self.environment.clone(),
            under: Vec::new(),
            log: Some(self.folder.join("service.log")),
        }
    }

    /// Starts it and does not wait.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn begin(&self, launch: &Launch<'_>) -> anyhow::Result<Service> {
        let service = Service::launch(launch)?;
        children::note(service.pid());
        Ok(service)
    }

    /// Starts it without any fault and waits until it is ready.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn start(&self) -> anyhow::Result<Service> {
        let mut service = self.begin(&self.launch())?;
        service
            .wait_ready(READY)
            .with_context(|| format!("see {}", self.folder.join("service.log").display()))?;
        Ok(service)
    }

    /// Waits until nothing that was due before `until` is undecided or open; seconds, or nothing where it took too long.
    ///
    /// # Errors
    /// The database does not answer.
    pub fn drained(&self, until: i64) -> anyhow::Result<Option<f64>> {
        let watch = Stopwatch::start();
        while watch.seconds() < PATIENCE.as_secs_f64() {
            if self.backlog(until)? == 0 {
                return Ok(Some(watch.seconds()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(None)
    }

    /// What was due before `until` and is undecided or open.
    ///
    /// # Errors
    /// The database does not answer.
    pub fn backlog(&self, until: i64) -> anyhow::Result<i64> {
        self.database.number(&format!(
            "SELECT (SELECT count(*) FROM scheduler_due WHERE next_run_at <= {until})
                  + (SELECT count(*) FROM scheduler_run
                     WHERE state IN ('queued', 'claimed', 'sending') AND scheduled_for <= {until})"
        ))
    }

    /// After the last fault: a start without any, the backlog drains, a graceful stop; then everything is judged.
    ///
    /// # Errors
    /// The service does not start or stop, or the database cannot be read.
    pub fn conclude(&self) -> anyhow::Result<Judged> {
        let service = self.start()?;
        self.conclude_with(service)
    }

    /// The same with a service that runs already.
    ///
    /// # Errors
    /// As [`Site::conclude`].
    pub fn conclude_with(&self, service: Service) -> anyhow::Result<Judged> {
        let paused = self
            .database
            .number("SELECT coalesce(max(value), 0) FROM scheduler_state WHERE name = 'paused'")?;
        if paused != 0 {
            let resumed = self.ledger.call(service.address(), (checker::Verb::Resume, 0));
            ensure!(resumed, "resume was not acknowledged");
        }
        let horizon = clock::now();
        let drained = self.drained(horizon)?;
        service.stop()?;
        let history = self.history(horizon)?;
        let mut violations = checker::check(&history);
        if drained.is_none_or(|seconds| seconds > DRAINED.as_secs_f64()) {
            violations.push(Violation {
                invariant: checker::Invariant::I8,
                what: format!("the backlog took {drained:?} s"),
            });
        }
        self.judge(&history, violations)
    }

    /// Counts, and writes down what there is if something is wrong.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn judge(&self, history: &History, mut violations: Vec<Violation>) -> anyhow::Result<Judged> {
        if let Some(path) = self.database.file() {
            let said = self.database.rows::<1>("PRAGMA integrity_check")?;
            if said != [["ok".to_owned()]] {
                violations.push(Violation {
                    invariant: checker::Invariant::I2,
                    what: format!("{}: integrity_check says {said:?}", path.display()),
                });
            }
        }
        let log = fs::read(self.folder.join("service.log")).unwrap_or_default();
        ensure!(
            !String::from_utf8_lossy(&log).contains("panicked at"),
            "the service panicked, see {}",
            self.folder.display()
        );
        if !violations.is_empty() {
            self.leave(history, &violations)?;
        }
        Ok(Judged {
            figures: Figures::of(history, violations.len()),
            violations,
        })
    }

    /// Everything that was judged, as JSON, beside the log and the database.
    fn leave(&self, history: &History, violations: &[Violation]) -> anyhow::Result<()> {
        let texts: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let told = serde_json::json!({
            "violations": texts,
            "delivery": history.delivery,
            "horizon": history.horizon,
            "runs": history.runs,
            "jobs": history.jobs,
            "events": history.events,
            "receipts": history.receipts,
            "changes": history.changes,
        });
        let path = self.folder.join("history.json");
        fs::write(&path, serde_json::to_string_pretty(&told)?)
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Reads everything there is to judge. The service is at rest.
    ///
    /// # Errors
    /// The database cannot be read, or holds something that no service writes.
    pub fn history(&self, horizon: i64) -> anyhow::Result<History> {
        let (jobs, runs) = (self.jobs()?, self.runs()?);
        let mut schedules = Vec::new();
        for planned in &self.planned {
            let mut planned = planned.clone();
            if planned.job.ends_with(ONE_OFF) {
                let of_task = |job: &&Job| job.task == planned.task && job.kind == "one_off";
                let id = jobs
                    .iter()
                    .find(|(_, job)| of_task(job))
                    .map(|(id, _)| id.clone());
                // Where there is none, the checker will miss its run by the name that says so.
                planned.job = id.unwrap_or(planned.job);
            }
            let job = jobs.get(&planned.job);
            let first = runs
                .iter()
                .filter(|run| run.job == planned.job)
                .map(Run::since)
                .chain(job.and_then(|job| job.next))
                .min();
            schedules.push(schedule(&planned, (job.map_or(0, |job| job.created), first))?);
        }
        Ok(History {
            delivery: self.delivery,
            schedules,
            runs,
            jobs,
            events: self.events()?,
            receipts: self.runner.receipts(),
            changes: self.ledger.changes(),
            paused: self
                .database
                .number("SELECT coalesce(max(value), 0) FROM scheduler_state WHERE name = 'paused'")?
                != 0,
            horizon,
            grace: self.grace,
            one_clock: self.one_clock,
            restored: self.restored,
        })
    }

    fn jobs(&self) -> anyhow::Result<BTreeMap<String, Job>> {
        let rows = self.database.rows::<6>(
            "SELECT j.id, j.task_id, j.kind, j.created_at, j.listed, d.next_run_at
             FROM scheduler_job j LEFT JOIN scheduler_due d ON d.job_key = j.key",
        )?;
        rows.into_iter()
            .map(|[id, task, kind, created, listed, next]| {
                let job = Job {
                    task: task.parse()?,
                    kind,
                    created: created.parse()?,
                    listed: listed == "1",
                    next: optional(&next)?,
                };
                Ok((id, job))
            })
            .collect()
    }

    /// The rows of `scheduler_run`.
    ///
    /// # Errors
    /// As [`Site::history`].
    pub fn runs(&self) -> anyhow::Result<Vec<Run>> {
        let rows = self.database.rows::<14>(
            "SELECT job_id, task_id, kind, scheduled_for, state, decided_at, coalesced, coalesced_since, attempt, owner,
                    fence, finished_at, muted, coalesce(reason, '') FROM scheduler_run ORDER BY key",
        )?;
        rows.into_iter()
            .map(|row| {
                let [
                    job,
                    task,
                    kind,
                    scheduled_for,
                    state,
                    decided_at,
                    coalesced,
                    since,
                    attempt,
                    owner,
                    fence,
                    finished_at,
                    muted,
                    reason,
                ] = row;
                Ok(Run {
                    job,
                    task: task.parse()?,
                    kind,
                    scheduled_for: scheduled_for.parse()?,
                    state,
                    decided_at: decided_at.parse()?,
                    coalesced: coalesced.parse()?,
                    coalesced_since: optional(&since)?,
                    attempt: attempt.parse()?,
                    owner,
                    fence: fence.parse()?,
                    finished_at: optional(&finished_at)?,
                    muted: muted == "1",
                    reason,
                })
            })
            .collect()
    }

    fn events(&self) -> anyhow::Result<Vec<Event>> {
        let rows = self
            .database
            .rows::<2>("SELECT task_id, message FROM task_log ORDER BY id")?;
        rows.into_iter()
            .map(|[task, message]| {
                Ok(Event {
                    task: task.parse()?,
                    message,
                })
            })
            .collect()
    }

    /// Disables a task as em_web does before it deletes its jobs: else the next `job_sync` would add them again.
    pub fn disable(&self, task: i32) -> bool {
        let disabled = self
            .database
            .run(&format!("UPDATE task SET enabled = 0 WHERE id = {task}"));
        disabled.is_ok()
    }

    /// Ends a service by SIGKILL.
    ///
    /// # Errors
    /// It ended by itself before, with another status.
    pub fn kill(&self, service: &mut Service) -> anyhow::Result<()> {
        use std::os::unix::process::ExitStatusExt;
        let status = service.kill()?;
        ensure!(
            status.signal() == Some(Signal::KILL.as_raw()),
            "the service ended by itself with {status}, see {}",
            self.folder.join("service.log").display()
        );
        Ok(())
    }
}

/// The schedule as it is due. An interval without start begins one period after the moment in which it was planned,
/// which is a little before the one in which it was stored: `first` tells, if it is no more than that.
fn schedule(planned: &Planned, (created, first): (i64, Option<i64>)) -> anyhow::Result<Schedule> {
    let compile = |created| {
        let context = triggers::Context::new(Zone::utc(), UtcMicros::new(created));
        planned.definition.compile(&context)
    };
    let mut trigger = compile(created)?;
    if planned.definition.kind == Kind::Interval
        && planned.definition.start.is_none()
        && let (Some(due), Some(first)) = (trigger.next_fire(None, UtcMicros::new(created)), first)
        && (-PLANNING..=0).contains(&(first - due.get()))
    {
        trigger = compile(created + first - due.get())?;
    }
    Ok(Schedule {
        job: planned.job.clone(),
        task: planned.task,
        trigger,
        created,
        windows: planned.windows.clone(),
    })
}

fn optional(text: &str) -> anyhow::Result<Option<i64>> {
    Ok((!text.is_empty()).then(|| text.parse()).transpose()?)
}

/// A copy of a database at rest: for each try its own.
///
/// # Errors
/// What the system or the server said.
pub fn copy(
    original: &Database,
    (server, folder): (&test_postgres::Server, &Path),
) -> anyhow::Result<Database> {
    match original.engine {
        Engine::Postgres => Database::on_server(server, original.name()),
        Engine::Sqlite => {
            let from = original.file().context("it is no file")?;
            let to = folder.join("em.db");
            for end in ["", "-wal"] {
                let [from, to] = [&from, &to].map(|path| PathBuf::from(format!("{}{end}", path.display())));
                if from.exists() {
                    fs::copy(&from, &to)?;
                } else if to.exists() {
                    fs::remove_file(&to)?;
                }
            }
            let index = PathBuf::from(format!("{}-shm", to.display()));
            if index.exists() {
                fs::remove_file(index)?;
            }
            Ok(Database::file_at(&to))
        }
    }
}
