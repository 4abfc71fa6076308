//! Our own tables (`scheduler_*`), by version. Each migration runs once, in the transaction that notes its version;
//! the engines see to it that two processes started together do not both run it.

use super::{Result, StoreError};
use crate::em_web::Dialect;

/// The statements of each version, the first being version 1.
const SQLITE: [&str; 4] = [
    include_str!("../../migrations/sqlite/0001_jobs_and_runs.sql"),
    include_str!("../../migrations/sqlite/0002_runs_in_order_of_time.sql"),
    include_str!("../../migrations/sqlite/0003_several_processes.sql"),
    include_str!("../../migrations/sqlite/0004_events.sql"),
];
const POSTGRES: [&str; 4] = [
    include_str!("../../migrations/postgres/0001_jobs_and_runs.sql"),
    include_str!("../../migrations/postgres/0002_due_in_order.sql"),
    include_str!("../../migrations/postgres/0003_several_processes.sql"),
    include_str!("../../migrations/postgres/0004_events.sql"),
];

/// The table that notes the versions applied; the same text on both engines.
pub(super) const VERSION_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS scheduler_schema (version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// What a start would do to a database before it can work with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaStanding {
    /// Nothing.
    Ready,
    /// It is empty: create em_web's tables and ours.
    Empty,
    /// It is em_web's: create ours.
    WithoutOurs,
    /// Bring ours from one version to another.
    Older {
        /// What there is.
        from: i32,
        /// What this program works with.
        to: i32,
    },
}

impl SchemaStanding {
    /// By the version of our tables, 0 where there are none.
    ///
    /// # Errors
    /// As for [`pending`].
    pub(super) fn of(dialect: Dialect, current: i32) -> Result<Self> {
        Ok(match pending(dialect, current)?.last() {
            None => Self::Ready,
            Some(_) if current == 0 => Self::WithoutOurs,
            Some((to, _)) => Self::Older {
                from: current,
                to: *to,
            },
        })
    }
}

/// The migrations still to run on a database at version `current` (0: none yet), with their versions.
///
/// # Errors
/// A database newer than this program: it must not be touched.
pub(super) fn pending(dialect: Dialect, current: i32) -> Result<Vec<(i32, &'static str)>> {
    let all: &[&str] = match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
    };
    let numbered: Vec<(i32, &'static str)> = (1..).zip(all.iter().copied()).collect();
    let newest = numbered.last().map_or(0, |(version, _)| *version);
    if current > newest {
        return Err(StoreError::Unusable(format!(
            "the scheduler's tables are at version {current}, this program knows versions up to {newest}: start the \
             newer program, or restore a backup"
        )));
    }
    Ok(numbered
        .into_iter()
        .filter(|(version, _)| *version > current)
        .collect())
}
