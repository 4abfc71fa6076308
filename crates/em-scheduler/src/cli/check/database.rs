//! What `check` finds in the database: whether it can be used as it is, and the schedule of every enabled task.
//!
//! An SQLite file is copied and the copy opened, so that a file in use can be checked and none is changed.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, test_kill_process};

use super::{Finding, Level};
use crate::cli::database::{self, Opened};
use crate::config::{Config, DatabaseUrl};
use crate::model::{ScheduleRules, TaskRow, jobs_of};
use crate::store::{Store, StoreError, SyncPlan, SyncRange, SyncTask};

const SUBJECT: &str = "database";
/// A larger file is not copied.
const LARGEST_COPY: u64 = 4 << 30;
const PAGE: usize = 500;
/// More invalid schedules than this are only counted.
const MOST_LISTED: usize = 100;

/// What was found.
#[derive(Default)]
pub(super) struct Looked {
    /// A scheduler is at work on the database, as far as can be told.
    pub(super) served: bool,
    pub(super) findings: Vec<Finding>,
}

impl Looked {
    fn add(&mut self, level: Level, text: impl Into<String>) {
        self.findings.push(Finding::new(SUBJECT, level, text));
    }
}

pub(super) async fn look(config: &Config) -> Looked {
    let mut looked = Looked::default();
    match &config.database {
        DatabaseUrl::Sqlite(path) => match sqlite(config, path, &mut looked).await {
            Ok(()) => {}
            Err(error) => looked.add(Level::Error, format!("{error:#}")),
        },
        DatabaseUrl::Postgres(_) => {
            if let Err(error) = content(config, &config.database.to_string(), &mut looked).await {
                looked.add(Level::Error, format!("{}: {error:#}", config.database));
            }
        }
    }
    looked
}

async fn sqlite(config: &Config, path: &Path, looked: &mut Looked) -> anyhow::Result<()> {
    let shown = path.display();
    if path.is_dir() {
        anyhow::bail!("the database file {shown} is a folder");
    }
    if !path.exists() {
        return creatable(config, path, looked);
    }
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|_| tempfile::tempfile_in(path.parent().unwrap_or(Path::new("/"))))
        .map_err(|error| {
            anyhow::anyhow!("the database file {shown} or its folder cannot be written: {error}")
        })?;
    if let Some(pid) = holder(path) {
        looked.served = true;
        looked.add(
            Level::Ok,
            format!("{shown} is in use by process {pid}, so that a second scheduler cannot start"),
        );
    }
    if fs::metadata(path)?.len() > LARGEST_COPY {
        looked.add(
            Level::Warning,
            format!("{shown} is too large to check a copy of it"),
        );
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("copy.db");
    snapshot(path, &copy).map_err(|error| anyhow::anyhow!("the database file {shown}: {error}"))?;
    let config = Config {
        database: DatabaseUrl::Sqlite(copy.clone()),
        ..config.clone()
    };
    content(&config, &shown.to_string(), looked)
        .await
        .map_err(|error| {
            // What is wrong with the copy is wrong with the file.
            anyhow::anyhow!(
                "{}",
                format!("{error:#}").replace(&copy.display().to_string(), &shown.to_string())
            )
        })
}

/// A file that is not there yet: whether it could be made.
fn creatable(config: &Config, path: &Path, looked: &mut Looked) -> anyhow::Result<()> {
    let shown = path.display();
    let folder = path.parent().unwrap_or(Path::new("/"));
    let nearest = if config.database_is_default {
        folder
            .ancestors()
            .find(|folder| folder.is_dir())
            .unwrap_or(Path::new("/"))
    } else {
        folder
    };
    if !nearest.is_dir() {
        anyhow::bail!("the folder of the database file {shown} does not exist");
    }
    tempfile::tempfile_in(nearest)
        .map_err(|error| anyhow::anyhow!("the database file {shown} cannot be created: {error}"))?;
    looked.add(
        Level::Ok,
        format!("{shown} is not there yet; the first start creates it"),
    );
    Ok(())
}

/// The process that holds the file, as its lock file tells and the lock itself confirms.
fn holder(path: &Path) -> Option<u32> {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let pid: u32 = fs::read_to_string(&lock).ok()?.trim().parse().ok()?;
    // Trying the lock takes it for a moment, which a scheduler that starts just then would trip over: only where the
    // process named is alive is there anything to confirm.
    let alive = Pid::from_raw(i32::try_from(pid).ok()?)
        .is_some_and(|pid| !matches!(test_kill_process(pid), Err(error) if error == rustix::io::Errno::SRCH));
    (alive && fs::File::open(&lock).ok()?.try_lock_shared().is_err()).then_some(pid)
}

fn snapshot(from: &Path, to: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Ok(())
}

/// Opens the database as a start would, and goes through the schedules.
async fn content(config: &Config, shown: &str, looked: &mut Looked) -> anyhow::Result<()> {
    let Opened { store, .. } = database::open(config).await?;
    // The description names the file, which may be the copy's.
    let engine = store.describe();
    let engine = engine.split(" at ").next().unwrap_or("");
    looked.add(Level::Ok, format!("{shown} can be used ({engine})"));
    if store.paused().await? {
        looked.add(
            Level::Warning,
            "the scheduler is paused: nothing fires until it is resumed",
        );
    }
    let rules = ScheduleRules {
        zone: config.zone.clone(),
        dst: config.dst,
    };
    let (enabled, invalid) = schedules(store.as_ref(), &rules).await?;
    let more = invalid.len().saturating_sub(MOST_LISTED);
    if invalid.is_empty() {
        let text = format!("{enabled} tasks are enabled, and all their schedules are valid");
        looked.findings.push(Finding::new("schedules", Level::Ok, text));
    }
    let listed = invalid.into_iter().take(MOST_LISTED);
    looked
        .findings
        .extend(listed.map(|text| Finding::new("schedules", Level::Error, text)));
    if more > 0 {
        let text = format!("{more} more tasks have an invalid schedule");
        looked
            .findings
            .push(Finding::new("schedules", Level::Error, text));
    }
    Ok(())
}

/// How many tasks are enabled, and what is wrong with those that cannot be scheduled.
async fn schedules(store: &dyn Store, rules: &ScheduleRules) -> Result<(usize, Vec<String>), StoreError> {
    let seen: Arc<Mutex<(usize, Vec<String>)>> = Arc::default();
    let (tell, rules, now) = (Arc::clone(&seen), rules.clone(), store.now());
    // The pass of `job_sync`, with a plan that changes nothing.
    let plan = Arc::new(move |task: &SyncTask| {
        let mut seen = tell.lock().unwrap_or_else(PoisonError::into_inner);
        match &task.task {
            Ok(row) if row.enabled => {
                seen.0 += 1;
                if let Err(reason) = valid(row, &rules, now) {
                    seen.1.push(format!("task {}: {reason}", task.task_id));
                }
            }
            Ok(_) => {}
            Err(reason) => seen.1.push(format!("task {}: {reason}", task.task_id)),
        }
        SyncPlan::default()
    });
    let mut after = None;
    loop {
        after = store
            .sync_page(now, SyncRange::After(after, PAGE), Arc::clone(&plan) as _)
            .await?
            .last;
        if after.is_none() {
            let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
            return Ok(seen);
        }
    }
}

fn valid(task: &TaskRow, rules: &ScheduleRules, now: triggers::UtcMicros) -> Result<(), String> {
    for job in jobs_of(task, rules).map_err(|error| error.to_string())? {
        job.first(now, rules).map_err(|error| error.to_string())?;
    }
    Ok(())
}
