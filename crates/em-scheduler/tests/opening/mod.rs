//! Opens the real store on a database, as a process of the service does. For the tests that have parts of the service in their
//! own process.

use std::sync::Arc;

use em_scheduler::clock::{Clock, SystemClock};
use em_scheduler::store::postgres::{PostgresOptions, PostgresStore};
use em_scheduler::store::sqlite::{SqliteOptions, SqliteStore};
use em_scheduler::store::{ListLimits, Result, Store};
use triggers::Zone;

/// What a process tells its store.
#[derive(Clone)]
pub struct Opening {
    pub zone: Zone,
    pub clock: Arc<dyn Clock>,
    pub instance: String,
    pub place: String,
    pub lists: ListLimits,
}

impl Opening {
    /// The process of that id, in UTC.
    pub fn of(instance: impl Into<String>) -> Self {
        Self {
            zone: Zone::utc(),
            clock: Arc::new(SystemClock),
            instance: instance.into(),
            place: "here".to_owned(),
            lists: ListLimits::default(),
        }
    }

    /// How the store on PostgreSQL is told of it.
    pub fn on_postgres(self, url: &str) -> PostgresOptions {
        PostgresOptions {
            url: url.to_owned(),
            zone: self.zone,
            clock: self.clock,
            instance: self.instance,
            place: self.place,
            grace: 30_000_000,
        }
    }

    /// The store on the database of this URL.
    pub async fn open(self, url: &str) -> Result<Arc<dyn Store>> {
        let lists = self.lists;
        let Some(path) = url.strip_prefix("sqlite://") else {
            let store = PostgresStore::connect(self.on_postgres(url)).await?;
            return Ok(Arc::new(store.with_list_limits(lists)));
        };
        let options = SqliteOptions {
            path: path.into(),
            zone: self.zone,
            clock: self.clock,
            instance: self.instance,
            place: self.place,
        };
        Ok(Arc::new(SqliteStore::open(options)?.with_list_limits(lists)))
    }
}
