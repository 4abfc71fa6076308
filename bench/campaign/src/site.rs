//! A site: one database with its schedules, one runner, one service that is started again and again. What the service
//! leaves is read by `records` and given to the checker.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::Signal;
use test_world::clock::{self, Stopwatch};
use test_world::process::{Launch, Service};
use test_world::{Backend, Database};

use crate::api::Ledger;
use crate::checker::{self, Delivery, Figures, History, Strictness, Violation};
use crate::children;
use crate::runner::SiteRunner;
use crate::schedules::{Planned, SECOND};

/// The service on this machine, at its busiest, is ready within this.
const READY: Duration = Duration::from_secs(60);
/// How long the backlog may take after the last fault (I8), and how long is waited at all.
pub const DRAINED: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Site {
    pub database: Database,
    pub runner: SiteRunner,
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
    pub strictness: Strictness,
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
    pub fn begin(&self, launch: &Launch<'_>) -> anyhow::Result<Service> {
        let service = Service::launch(launch)?;
        children::note(service.pid());
        Ok(service)
    }

    /// Starts it without any fault and waits until it is ready.
    pub fn start(&self) -> anyhow::Result<Service> {
        let mut service = self.begin(&self.launch())?;
        service
            .wait_ready(READY)
            .with_context(|| format!("see {}", self.folder.join("service.log").display()))?;
        Ok(service)
    }

    /// Waits until nothing that was due before `until` is undecided or open; seconds, or nothing where it took too long.
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
    pub fn backlog(&self, until: i64) -> anyhow::Result<i64> {
        self.database.number(&format!(
            "SELECT (SELECT count(*) FROM scheduler_due WHERE next_run_at <= {until})
                  + (SELECT count(*) FROM scheduler_run
                     WHERE state IN ('queued', 'claimed', 'sending') AND scheduled_for <= {until})"
        ))
    }

    /// After the last fault: a start without any, the backlog drains, a graceful stop; then everything is judged.
    pub fn conclude(&self) -> anyhow::Result<Judged> {
        let service = self.start()?;
        self.conclude_with(service)
    }

    /// The same with a service that runs already.
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
        // Looked at before anything opens the file again.
        let left = self.left_in_log();
        let history = self.history(horizon)?;
        let mut violations = checker::check(&history);
        if let Some(bytes) = left {
            violations.push(Violation::of(
                checker::Invariant::I6,
                format!("after a graceful stop {bytes} bytes stand beside the SQLite file, in -wal"),
            ));
        }
        if drained.is_none_or(|seconds| seconds > DRAINED.as_secs_f64()) {
            violations.push(Violation::of(
                checker::Invariant::I8,
                format!("the backlog took {drained:?} s"),
            ));
        }
        self.judge(&history, violations)
    }

    /// The bytes of the write-ahead log beside an SQLite file; none where there is no log.
    fn left_in_log(&self) -> Option<u64> {
        let log = format!("{}-wal", self.database.file()?.display());
        Some(fs::metadata(log).ok()?.len())
    }

    /// Counts, and writes down what there is if something is wrong.
    pub fn judge(&self, history: &History, mut violations: Vec<Violation>) -> anyhow::Result<Judged> {
        if let Some(path) = self.database.file() {
            let said = self.database.cells::<1>("PRAGMA integrity_check")?;
            if said != [["ok".to_owned()]] {
                violations.push(Violation::of(
                    checker::Invariant::I2,
                    format!("{}: integrity_check says {said:?}", path.display()),
                ));
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

    /// Disables a task as em_web does before it deletes its jobs: else the next `job_sync` would add them again.
    pub fn disable(&self, task: i32) -> bool {
        let disabled = self
            .database
            .run(&format!("UPDATE task SET enabled = 0 WHERE id = {task}"));
        disabled.is_ok()
    }

    /// Whether its log tells of an error.
    pub fn says_error(&self) -> bool {
        let log = fs::read(self.folder.join("service.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        log.contains("\"ERROR\"") || log.lines().any(|line| line.starts_with("em-scheduler: "))
    }

    /// Ends a service by SIGKILL.
    /// Fails where it ended by itself before, with another status.
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

/// A copy of a database at rest: for each try its own.
pub fn copy(
    original: &Database,
    (server, folder): (&test_postgres::Server, &Path),
) -> anyhow::Result<Database> {
    match original.backend {
        Backend::Postgres => Database::on_server(server, original.name()),
        Backend::Sqlite => {
            let from = original.file().context("it is no file")?;
            let to = folder.join("em.db");
            for end in ["", "-wal"] {
                let [from, to] = [from, &to].map(|path| PathBuf::from(format!("{}{end}", path.display())));
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
