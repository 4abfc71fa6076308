//! The processes registered on an SQLite file: leases and notices.
//!
//! An SQLite file serves one process at a time, so only tests see more than one row here; what they see must hold.

use super::cells::lossy;
use super::{OPEN, SqliteStore, WriteContext};
use crate::store::{Catalog, Cluster, Instance, Notice, Result};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};
use triggers::UtcMicros;

#[async_trait]
impl Cluster for SqliteStore {
    async fn renew_lease(&self, now: UtcMicros, lease_until: UtcMicros) -> Result<bool> {
        let place = self.options.place.clone();
        self.write(now, move |transaction, context| {
            renew_lease(transaction, context, (&place, lease_until))
        })
        .await
    }

    async fn other_instances(&self) -> Result<Vec<Instance>> {
        self.write(self.now(), |transaction, context| others(transaction, context))
            .await
    }

    async fn post_notice(&self) -> Result<Vec<Instance>> {
        self.write(self.now(), |transaction, context| {
            post_notice(transaction, context)
        })
        .await
    }

    /// No other process is at work on the file, so none wakes this one.
    async fn noticed(&self) {
        std::future::pending::<()>().await;
    }

    async fn notice(&self, always: bool) -> Result<Option<Notice>> {
        let owner = self.options.instance.clone();
        self.readers
            .read(move |connection| notice(connection, &owner, always))
            .await
    }

    async fn acknowledge(&self, number: i64) -> Result<()> {
        self.write(self.now(), move |transaction, context| {
            acknowledge(transaction, context, number)
        })
        .await
    }

    async fn forget_instances(&self, ids: Vec<String>) -> Result<()> {
        self.write(self.now(), move |transaction, context| {
            forget(transaction, context, &ids)
        })
        .await
    }
}

/// Registers this process at this place, or renews its lease.
pub(super) fn renew_lease(
    connection: &Connection,
    context: &WriteContext,
    (place, lease_until): (&str, UtcMicros),
) -> Result<bool> {
    let registered = connection
        .prepare_cached("UPDATE scheduler_instance SET lease_until = ?2 WHERE id = ?1")?
        .execute((&context.owner, lease_until.get()))?;
    if registered == 0 {
        connection
            .prepare_cached("INSERT INTO scheduler_instance (id, place, lease_until) VALUES (?1, ?2, ?3)")?
            .execute((&context.owner, place, lease_until.get()))?;
    }
    Ok(registered == 1)
}

pub(super) fn others(connection: &Connection, context: &WriteContext) -> Result<Vec<Instance>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, place, lease_until, notice, acknowledged FROM scheduler_instance WHERE id <> ?1",
    )?;
    let instances = statement
        .query_map([&context.owner], |row| {
            Ok(Instance {
                id: lossy(row.get_ref(0)?),
                // What is no place is none of which anything could be proved.
                place: lossy(row.get_ref(1)?),
                lease_until: UtcMicros::new(row.get(2)?),
                notice: row.get(3)?,
                acknowledged: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(instances)
}

pub(super) fn post_notice(connection: &Connection, context: &WriteContext) -> Result<Vec<Instance>> {
    connection
        .prepare_cached("UPDATE scheduler_instance SET notice = notice + 1 WHERE id <> ?1")?
        .execute([&context.owner])?;
    others(connection, context)
}

pub(super) fn notice(connection: &Connection, owner: &str, always: bool) -> Result<Option<Notice>> {
    // One snapshot: what the notice is about was committed before its number.
    let transaction = connection.unchecked_transaction()?;
    let posted: Option<(i64, i64)> = transaction
        .prepare_cached("SELECT notice, acknowledged FROM scheduler_instance WHERE id = ?1")?
        .query_row([owner], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (number, acknowledged) = posted.unwrap_or((0, 0));
    let number = Some(number).filter(|number| *number > acknowledged);
    if number.is_none() && !always {
        return Ok(None);
    }
    let withdrawn = transaction
        .prepare_cached(&format!(
            "SELECT key FROM scheduler_run WHERE withdrawn = 1 AND owner = ?1 AND {OPEN}"
        ))?
        .query_map([owner], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(Some(Notice {
        number,
        paused: super::state(&transaction, super::PAUSED)? != 0,
        withdrawn,
    }))
}

pub(super) fn acknowledge(connection: &Connection, context: &WriteContext, number: i64) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE scheduler_instance SET acknowledged = ?2 WHERE id = ?1 AND acknowledged < ?2 AND notice >= ?2",
        )?
        .execute((&context.owner, number))?;
    Ok(())
}

pub(super) fn forget(connection: &Connection, context: &WriteContext, ids: &[String]) -> Result<()> {
    let mut forget =
        connection.prepare_cached("DELETE FROM scheduler_instance WHERE id = ?1 AND id <> ?2")?;
    for id in ids {
        forget.execute((id, &context.owner))?;
    }
    Ok(())
}
