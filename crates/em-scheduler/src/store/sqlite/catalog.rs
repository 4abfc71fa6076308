//! The file as a whole on SQLite: what it is, and the settings that all processes share.

use super::connect::{self, Role};
use super::error::naming;
use super::{SqliteStore, close, schema};
use crate::store::{Catalog, Result, SchemaStanding};
use async_trait::async_trait;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use triggers::UtcMicros;

#[async_trait]
impl Catalog for SqliteStore {
    fn engine(&self) -> String {
        format!("SQLite {}", rusqlite::version())
    }

    fn place(&self) -> String {
        self.shown.display().to_string()
    }

    fn now(&self) -> UtcMicros {
        self.options.clock.now()
    }

    async fn ping(&self) -> Result<()> {
        self.readers
            .read(|connection| Ok(connection.query_row("SELECT 1", [], |_| Ok(()))?))
            .await
    }

    /// The file is ours alone: nothing vanishes from it.
    async fn restore_tables(&self, _paused: bool) -> Result<bool> {
        Ok(false)
    }

    async fn settings(&self) -> Result<BTreeMap<String, String>> {
        self.readers.read(stored_settings).await
    }

    async fn agree_settings(&self, ours: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        self.write(self.now(), move |transaction, _| agree(transaction, &ours))
            .await
    }

    async fn change_settings(&self, new: BTreeMap<String, String>) -> Result<()> {
        self.write(self.now(), move |transaction, _| change(transaction, &new))
            .await
    }

    async fn close(&self) {
        let (readers, writer) = (self.readers.clone(), Arc::clone(&self.writer));
        let closing = tokio::task::spawn_blocking(move || close(&readers, &writer));
        // A panic in it has been reported by its hook.
        let _ = closing.await;
    }
}

impl SqliteStore {
    /// The shared settings that a file holds; none where it has no tables of ours, or older ones. Changes nothing, and needs
    /// no lock.
    ///
    /// # Errors
    /// The file cannot be read, or is no database of em_web's.
    pub fn stored_settings(path: &Path) -> Result<BTreeMap<String, String>> {
        let connection = connect::open(path, Role::Copier)?;
        match schema::standing(&connection).map_err(|error| naming(path, error))? {
            SchemaStanding::Ready => stored_settings(&connection),
            _ => Ok(BTreeMap::new()),
        }
    }
}

pub(super) fn stored_settings(connection: &Connection) -> Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare_cached("SELECT name, value FROM scheduler_setting")?;
    let settings = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(settings)
}

pub(super) fn agree(
    connection: &Connection,
    ours: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO scheduler_setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
    )?;
    for setting in ours {
        insert.execute(setting)?;
    }
    stored_settings(connection)
}

pub(super) fn change(connection: &Connection, new: &BTreeMap<String, String>) -> Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT INTO scheduler_setting (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?;
    for setting in new {
        put.execute(setting)?;
    }
    Ok(())
}
