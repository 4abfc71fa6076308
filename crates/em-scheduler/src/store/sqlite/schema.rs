//! Makes an SQLite file ready: em_web's model on an empty one, a check of it on an existing one, our own tables up
//! to date. All in one immediate transaction, so a second process finds either nothing or everything.

use rusqlite::{Connection, MAIN_DB, TransactionBehavior};

use crate::em_web::Dialect;
use crate::em_web::Sequences;
use crate::em_web::schema as em_schema;
use crate::store::{Result, SchemaStanding, StoreError, migrations};

/// What em_web's model knows of sequences is returned.
pub(super) fn prepare(connection: &mut Connection, now: i64) -> Result<Sequences> {
    if connection.is_readonly(MAIN_DB)? {
        // SQLite opens such a file all the same, and fails only at the first write.
        return Err(StoreError::Unusable("it cannot be written".into()));
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let existing = names(
        &transaction,
        "SELECT name FROM sqlite_master WHERE type = 'table'",
    )?;
    let known: Vec<&str> = em_schema::tables()
        .into_iter()
        .filter(|table| existing.iter().any(|name| name == table))
        .collect();
    if known.is_empty() {
        for statement in em_schema::create_statements(Dialect::Sqlite) {
            transaction.execute_batch(&statement)?;
        }
    } else {
        verify(&transaction)?;
    }
    transaction.execute_batch(migrations::VERSION_TABLE)?;
    let current = version(&transaction)?;
    for (version, statements) in migrations::pending(Dialect::Sqlite, current.unwrap_or(0))? {
        if current.is_some() {
            tracing::info!(
                version,
                "the scheduler's tables are brought up to date; large ones take a while"
            );
        }
        transaction.execute_batch(statements)?;
        transaction.execute("INSERT INTO scheduler_schema VALUES (?1, ?2)", (version, now))?;
    }
    let sequences = sequences(&transaction)?;
    transaction.commit()?;
    Ok(sequences)
}

/// The columns of em_web's later models by which sequences are known.
fn sequences(connection: &Connection) -> Result<Sequences> {
    let has = |table: &str, column: &str| -> Result<bool> {
        let columns = names(
            connection,
            &format!("SELECT name FROM pragma_table_info('{table}')"),
        )?;
        Ok(columns.iter().any(|name| name == column))
    };
    Ok(Sequences::found(
        has("project", "sequence_tasks")?,
        has("task", "order")?,
    ))
}

/// What [`prepare`] would do. Changes nothing.
pub(super) fn standing(connection: &Connection) -> Result<SchemaStanding> {
    let existing = names(connection, "SELECT name FROM sqlite_master WHERE type = 'table'")?;
    if !em_schema::tables()
        .into_iter()
        .any(|table| existing.iter().any(|name| name == table))
    {
        return Ok(SchemaStanding::Empty);
    }
    let current = if existing.iter().any(|name| name == "scheduler_schema") {
        version(connection)?
    } else {
        None
    };
    SchemaStanding::of(Dialect::Sqlite, current.unwrap_or(0))
}

/// Whether em_web's tables know sequences of tasks.
pub(super) fn has_sequences(connection: &Connection) -> Result<bool> {
    let columns = "SELECT name FROM pragma_table_info('project')";
    Ok(names(connection, columns)?
        .iter()
        .any(|name| name == "sequence_tasks"))
}

/// The version of our tables; one beyond all numbers is a newer one.
fn version(connection: &Connection) -> Result<Option<i32>> {
    let version: Option<i64> =
        connection.query_row("SELECT max(version) FROM scheduler_schema", [], |row| row.get(0))?;
    Ok(version.map(|version| i32::try_from(version).unwrap_or(i32::MAX)))
}

fn verify(connection: &Connection) -> Result<()> {
    let mut missing = Vec::new();
    let mut last = None;
    for (table, column, family) in em_schema::used_columns() {
        if last
            .as_ref()
            .is_none_or(|(name, _): &(&str, Vec<String>)| *name != table)
        {
            last = Some((
                table,
                names(
                    connection,
                    &format!("SELECT name FROM pragma_table_info('{table}')"),
                )?,
            ));
        }
        let columns = last.as_ref().map_or(&[][..], |(_, columns)| columns);
        if columns.is_empty() {
            let table = format!("table {table}");
            if !missing.contains(&table) {
                missing.push(table);
            }
        } else if !columns.iter().any(|name| name == column) {
            missing.push(format!("column {table}.{column} ({})", family.name()));
        }
    }
    if missing.is_empty() {
        let rows = missing_statuses(connection)?;
        missing.extend(rows.iter().map(|id| format!("row {id} of task_status")));
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "this is not a complete em_web database: it lacks {}",
        missing.join(", ")
    )))
}

/// Those of the rows of `task_status` that are written into other tables, and are not there.
pub(super) fn missing_statuses(connection: &Connection) -> Result<Vec<i32>> {
    let mut find = connection.prepare_cached("SELECT 1 FROM task_status WHERE id = ?1")?;
    let mut missing = Vec::new();
    for id in em_schema::STATUSES {
        if !find.exists([id])? {
            missing.push(id);
        }
    }
    Ok(missing)
}

fn names(connection: &Connection, query: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare(query)?;
    let names = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use rusqlite::OpenFlags;

    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_refused_though_its_tables_are_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("em.db");
        prepare(&mut Connection::open(&path).unwrap(), 1).unwrap();
        // What SQLite falls back to where the system refuses writing; root is refused nothing.
        let mut opened = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let refused = prepare(&mut opened, 2).unwrap_err();
        assert!(matches!(refused, StoreError::Unusable(_)), "{refused}");
        assert_eq!(refused.to_string(), "it cannot be written");
    }
}
