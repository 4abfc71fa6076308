//! The shared settings on PostgreSQL.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::tx::Tx;
use crate::store::Result;

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
