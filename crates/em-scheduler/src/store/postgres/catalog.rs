//! The database as a whole on PostgreSQL: what it is, and the settings that all processes share.

use super::tx::Tx;
use super::{PAUSED, PostgresStore, RESTORED, own, set_state};
use crate::store::{Catalog, Result};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use tokio_postgres::Row;
use triggers::UtcMicros;

#[async_trait]
impl Catalog for PostgresStore {
    fn engine(&self) -> String {
        format!("PostgreSQL {}", self.version)
    }

    fn place(&self) -> String {
        self.link.target.to_string()
    }

    fn now(&self) -> UtcMicros {
        self.link.clock.now()
    }

    async fn ping(&self) -> Result<()> {
        self.link.sample().await
    }

    async fn restore_tables(&self, paused: bool) -> Result<bool> {
        let known = self.agreed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.write_much(self.now(), move |tx| {
            Box::pin(async move {
                if !own::restore(tx).await? {
                    return Ok(false);
                }
                change(tx, known);
                set_state(tx, PAUSED, i64::from(paused));
                set_state(tx, RESTORED, 1);
                Ok(true)
            })
        })
        .await
    }

    async fn settings(&self) -> Result<BTreeMap<String, String>> {
        read(&self.link.rows(ALL, &[]).await?)
    }

    async fn agree_settings(&self, ours: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let agreed = self
            .write(self.now(), move |tx| Box::pin(agree(tx, ours)))
            .await?;
        self.agreed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&agreed);
        Ok(agreed)
    }

    async fn change_settings(&self, new: BTreeMap<String, String>) -> Result<()> {
        self.write(self.now(), move |tx| {
            Box::pin(async move {
                change(tx, new);
                Ok(())
            })
        })
        .await
    }
}

/// What [`read`] reads.
pub(super) const ALL: &str = "SELECT name, value FROM em_scheduler.scheduler_setting";

pub(super) fn read(rows: &[Row]) -> Result<BTreeMap<String, String>> {
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

pub(super) async fn agree(tx: &Tx<'_>, ours: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    put(tx, ours, "DO NOTHING");
    read(&tx.rows(ALL, &[]).await?)
}

pub(super) fn change(tx: &Tx<'_>, new: BTreeMap<String, String>) {
    put(tx, new, "(name) DO UPDATE SET value = excluded.value");
}

fn put(tx: &Tx<'_>, settings: BTreeMap<String, String>, conflict: &str) {
    let (names, values): (Vec<String>, Vec<String>) = settings.into_iter().unzip();
    tx.later(
        format!(
            "INSERT INTO em_scheduler.scheduler_setting (name, value) SELECT * FROM unnest($1::text[], $2::text[])
             ON CONFLICT {conflict}"
        ),
        vec![Box::new(names), Box::new(values)],
    );
}
