//! The database as a whole: what it is, whether it answers, its time, and the settings that all processes share.

use super::Result;
use async_trait::async_trait;
use std::collections::BTreeMap;
use triggers::UtcMicros;

/// The database as a whole. See [`Store`](super::Store) for the rules that all operations keep.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// The engine and its version.
    fn engine(&self) -> String;

    /// Where the database is, without a secret.
    fn place(&self) -> String;

    /// Both, for the line at start.
    fn describe(&self) -> String {
        format!("{} at {}", self.engine(), self.place())
    }

    /// The authoritative time: the process clock on SQLite, the database's on PostgreSQL.
    fn now(&self) -> UtcMicros;

    /// Proves that the database answers.
    async fn ping(&self) -> Result<()>;

    /// Makes the scheduler's own tables again if all of them have vanished while the store was open, with the shared
    /// settings it knows and paused as said, all in one step. Returns whether they had.
    ///
    /// # Errors
    /// The database fails; `Unusable` where only some tables have vanished.
    async fn restore_tables(&self, paused: bool) -> Result<bool>;

    /// Those stored.
    async fn settings(&self) -> Result<BTreeMap<String, String>>;

    /// Stores those of these that are not stored yet. Returns all that are stored now.
    async fn agree_settings(&self, ours: BTreeMap<String, String>) -> Result<BTreeMap<String, String>>;

    /// Stores these, whatever was stored before.
    async fn change_settings(&self, new: BTreeMap<String, String>) -> Result<()>;

    /// Ends the work on the database, also where other handles on the store are left: later operations fail with
    /// `Unavailable`. An SQLite file alone is whole then (S16).
    async fn close(&self) {}
}
