//! What `check` finds in the database: whether it can be used as it is, what a start would make of its tables, and the
//! schedule of every enabled task.
//!
//! Nothing is changed. An SQLite file is copied and the copy opened, so that a file in use can be checked; on PostgreSQL only what
//! a start would find ready is opened as one would.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};
use triggers::{Hazard, UtcMicros};

use super::finding::{Finding, Level};
use crate::chance;
use crate::cli::database;
use crate::config::{Config, DatabaseUrl, Sources};
use crate::em_web::{InvalidSchedule, TaskRow, first_runs};
use crate::model::ScheduleRules;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::{Copying, SqliteStore, open_to_others};
use crate::store::{SchemaStanding, Store, StoreError};

const SUBJECT: &str = "database";
/// A larger file is not copied.
const LARGEST_COPY: u64 = 4 << 30;
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

    /// What a start would make of the tables; nothing where they are ready.
    fn standing(&mut self, shown: &str, standing: SchemaStanding) {
        let what = match standing {
            SchemaStanding::Ready => return,
            SchemaStanding::Empty => {
                "is empty: em_web's tables and the scheduler's would be created".to_owned()
            }
            SchemaStanding::WithoutOurs => "has no tables of the scheduler: they would be created".to_owned(),
            SchemaStanding::Older { from, to } => {
                format!("has tables of the scheduler that would be migrated from version {from} to {to}")
            }
        };
        self.add(
            Level::Ok,
            format!("{shown} {what} at the next start, or by `migrate`"),
        );
    }

    fn model(&mut self, shown: &str, store: &dyn Store) {
        let model = store.sequences();
        self.add(Level::Ok, format!("{shown} has em_web's model {model}"));
    }

    fn schedules(&mut self, seen: Seen) {
        let mut add = |level, text| self.findings.push(Finding::new("schedules", level, text));
        if seen.invalid.is_empty() {
            let enabled = seen.enabled;
            add(
                Level::Ok,
                format!("{enabled} tasks are enabled, and all their schedules are valid"),
            );
        }
        if seen.following > 0 {
            let following = seen.following;
            add(
                Level::Ok,
                format!(
                    "{following} of them have no jobs on purpose: they follow another task of their sequence, and the runner \
                     starts them"
                ),
            );
        }
        let lists = [
            (Level::Error, seen.invalid, "more tasks have an invalid schedule"),
            (Level::Warning, seen.hazards, "more dates meet a clock change"),
        ];
        for (level, texts, others) in lists {
            let more = texts.len().saturating_sub(MOST_LISTED);
            for text in texts.into_iter().take(MOST_LISTED) {
                add(level, text);
            }
            if more > 0 {
                add(level, format!("{more} {others}"));
            }
        }
    }
}

/// What the schedules of a database are like.
#[derive(Default)]
struct Seen {
    /// Tasks that are enabled.
    enabled: usize,
    /// Those of them that follow another task of their sequence.
    following: usize,
    /// Why some of them cannot be scheduled.
    invalid: Vec<String>,
    /// Which of their dates the clock skips or shows twice.
    hazards: Vec<String>,
}

impl Seen {
    /// Takes in an enabled task.
    fn take(&mut self, task: &TaskRow, (rules, now): (&ScheduleRules, UtcMicros)) {
        self.enabled += 1;
        self.following += usize::from(task.follows);
        let id = task.id;
        match valid(task, rules, now) {
            Ok(hazards) => self
                .hazards
                .extend(hazards.iter().map(|hazard| format!("task {id}: {hazard}"))),
            Err(reason) => self.invalid.push(format!("task {id}: {reason}")),
        }
    }
}

pub(super) async fn look(config: &Config, sources: &Sources) -> Looked {
    let mut looked = Looked::default();
    match &config.database {
        DatabaseUrl::Sqlite(path) => match sqlite((config, sources), path, &mut looked).await {
            Ok(()) => {}
            Err(error) => looked.add(Level::Error, format!("{error:#}")),
        },
        DatabaseUrl::Postgres(url) => {
            if let Err(error) = postgres((config, sources), url.secret(), &mut looked).await {
                looked.add(Level::Error, format!("{}: {error:#}", config.database));
            }
        }
    }
    looked
}

async fn postgres(
    (config, sources): (&Config, &Sources),
    url: &str,
    looked: &mut Looked,
) -> anyhow::Result<()> {
    let options = database::postgres_options(config, url, &chance::instance_id());
    let (store, standing, grants) = PostgresStore::inspect(options).await?;
    let shown = config.database.to_string();
    looked.standing(&shown, standing);
    let rules = rules(config);
    match standing {
        SchemaStanding::Ready => return content(&store, (&shown, config, sources), looked).await,
        _ if !grants.is_empty() => looked.add(
            Level::Error,
            format!(
                "{shown}: its tables must be created or changed, and the role may not. As the owner of the database run: {};",
                grants.join("; ")
            ),
        ),
        _ => {}
    }
    if standing != SchemaStanding::Empty {
        // Without tables of ours there are no jobs to compare with; em_web's tasks can be read all the same.
        looked.model(&shown, &store);
        looked.schedules(schedules(&store, &rules).await?);
    }
    Ok(())
}

async fn sqlite(
    (config, sources): (&Config, &Sources),
    path: &Path,
    looked: &mut Looked,
) -> anyhow::Result<()> {
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
    if let Some(warning) = open_to_others(path) {
        looked.add(Level::Warning, warning);
    }
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
    Copying::of(path)
        .and_then(|copying| copying.write(&copy))
        .map_err(|error| anyhow::anyhow!("the database file {shown}: {error}"))?;
    looked.standing(&shown.to_string(), SqliteStore::inspect(&copy)?);
    let options = database::sqlite_options(config, copy, &chance::instance_id());
    let of = path.to_owned();
    let store = tokio::task::spawn_blocking(move || SqliteStore::open_copy(options, of)).await??;
    content(&store, (&shown.to_string(), config, sources), looked).await
}

fn rules(config: &Config) -> ScheduleRules {
    ScheduleRules {
        zone: config.zone.clone(),
        dst: config.dst,
    }
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

/// Goes through a database that is ready.
async fn content(
    store: &dyn Store,
    (shown, config, sources): (&str, &Config, &Sources),
    looked: &mut Looked,
) -> anyhow::Result<()> {
    let engine = store.engine();
    looked.add(Level::Ok, format!("{shown} can be used ({engine})"));
    looked.model(shown, store);
    if store.paused().await? {
        looked.add(
            Level::Warning,
            "the scheduler is paused: nothing fires until it is resumed",
        );
    }
    let config = match config.clone().agree(sources, &store.settings().await?) {
        Ok(agreed) => agreed,
        Err(error) => {
            looked.add(Level::Error, error.to_string());
            config.clone()
        }
    };
    looked.schedules(schedules(store, &rules(&config)).await?);
    Ok(())
}

/// Goes through the tasks that are enabled.
async fn schedules(store: &dyn Store, rules: &ScheduleRules) -> Result<Seen, StoreError> {
    let (mut seen, now) = (Seen::default(), store.now());
    let mut tasks = store.enabled_tasks();
    while let Some(page) = tasks.next().await? {
        for (id, task) in page {
            match task {
                Ok(task) => seen.take(&task, (rules, now)),
                Err(corrupt) => seen.invalid.push(format!("task {id}: {corrupt}")),
            }
        }
    }
    Ok(seen)
}

/// The hazards of the dates of a task's triggers, unless one of these is none.
fn valid(task: &TaskRow, rules: &ScheduleRules, now: UtcMicros) -> Result<Vec<Hazard>, InvalidSchedule> {
    let jobs = first_runs(task, now, rules)?.into_iter();
    Ok(jobs.flat_map(|job| job.hazards).collect())
}
