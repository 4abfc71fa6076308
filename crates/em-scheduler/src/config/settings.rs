//! The configuration as a value. It is made in `read`.

use triggers::{DstPolicy, TzdbSource, Zone};

use super::database::DatabaseUrl;
use super::exposure::Exposure;
use crate::dispatch::RunnerAddress;
use crate::logging::LogSettings;
use crate::model::{Delivery, WireDialect};

/// Everything that can be set, with defaults filled in.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database.
    pub database: DatabaseUrl,
    /// Whether no database was named: it is a file in the user's data directory, whose folder may have to be made.
    pub database_is_default: bool,
    /// Where runs are sent.
    pub runner: RunnerAddress,
    /// Where the API listens, who may call it, and by which names.
    pub exposure: Exposure,
    /// The zone of em_web's naive times.
    pub zone: Zone,
    /// What happens to runs at clock changes.
    pub dst: DstPolicy,
    /// How late a run may be decided, in seconds.
    pub misfire_grace: u32,
    /// Runs of one job that may be open at a time.
    pub max_instances: u32,
    /// Requests in flight at most.
    pub concurrency: usize,
    /// What happens where a request may have arrived.
    pub delivery: Delivery,
    /// Requests per run at most, with delivery at least once.
    pub attempts: u32,
    /// Statuses of the runner that are tried again like a refused connection.
    pub retry_statuses: Vec<u16>,
    /// Whose scheduler it stands in for; none: that is told by the model in the database.
    pub dialect: Option<WireDialect>,
    /// How long final runs are kept, in days.
    pub retention: u32,
    /// Whether several missed run times become one run.
    pub coalesce: bool,
    /// Whose time zone data are used.
    pub tz_data: TzdbSource,
    /// How to log.
    pub log: LogSettings,
    /// What the reader should be told once logging works, such as variables that are ignored.
    pub hints: Vec<String>,
}
