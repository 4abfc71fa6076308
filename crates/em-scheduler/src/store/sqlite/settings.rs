//! The shared settings on SQLite.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::store::Result;

pub(super) fn all(connection: &Connection) -> Result<BTreeMap<String, String>> {
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
    all(connection)
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
