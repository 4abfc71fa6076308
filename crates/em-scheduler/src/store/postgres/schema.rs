//! Makes a PostgreSQL database ready: em_web's model on an empty one, a check of it on an existing one, our own tables
//! up to date (`own`). All in one transaction, and one process at a time, so nobody ever finds half of it.

use std::collections::{BTreeMap, BTreeSet};

use super::error;
use super::own;
use super::tx::{AdvisoryLock, Tx};
use crate::em_web::Sequences;
use crate::em_web::schema as em_schema;
use crate::em_web::{Dialect, Family};
use crate::store::{Result, SchemaStanding, StoreError};

/// Finds a table as a statement naming it would, along the search path.
const FIND: &str = "to_regclass(quote_ident(n.name))";

/// A row where em_web's tables know sequences of tasks.
pub(super) const SEQUENCES: &str = "SELECT 1 FROM pg_attribute
     WHERE attrelid = to_regclass('project') AND attname = 'sequence_tasks' AND NOT attisdropped";

/// What the role must be allowed to do with em_web's tables.
const PRIVILEGES: [(&str, &[&str]); 4] = [
    ("project", &["SELECT"]),
    ("task", &["SELECT", "UPDATE"]),
    ("task_log", &["INSERT"]),
    ("task_status", &["SELECT"]),
];

/// What em_web's model knows of sequences is returned.
pub(super) async fn prepare(tx: &Tx<'_>) -> Result<Sequences> {
    // Somebody else may be creating the tables just now.
    tx.batch("SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '120s'")
        .await?;
    tx.hold(AdvisoryLock::Schema).await?;
    if known_tables(tx).await?.is_empty() {
        for statement in em_schema::create_statements(Dialect::Postgres) {
            create(tx, &statement).await?;
        }
    } else {
        verify(tx).await?;
    }
    let sequences = sequences(tx).await?;
    own::prepare(tx).await?;
    Ok(sequences)
}

/// What [`prepare`] would do, what the role would have to be granted before that, and what em_web's model knows of
/// sequences. Changes nothing.
pub(super) async fn standing(tx: &Tx<'_>) -> Result<(SchemaStanding, Vec<String>, Sequences)> {
    tx.batch("SET TRANSACTION READ ONLY").await?;
    let mut grants: Vec<String> = own::missing_grant(tx).await?.into_iter().collect();
    if known_tables(tx).await?.is_empty() {
        // Without any schema in the search path, that of em_web's usual one.
        let missing = "SELECT format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', coalesce(current_schema(), 'public'), current_user)
                       WHERE NOT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";
        for row in tx.rows(missing, &[]).await? {
            grants.push(row.try_get(0)?);
        }
        return Ok((SchemaStanding::Empty, grants, Sequences::Unknown));
    }
    verify(tx).await?;
    Ok((
        SchemaStanding::of(Dialect::Postgres, own::version(tx).await?)?,
        grants,
        sequences(tx).await?,
    ))
}

/// The columns of em_web's later models by which sequences are known.
async fn sequences(tx: &Tx<'_>) -> Result<Sequences> {
    let query = format!(
        "SELECT a.attname::text, format_type(a.atttypid, NULL)
         FROM (VALUES ('project', 'sequence_tasks'), ('task', 'order')) AS n (name, of_sequences)
         JOIN pg_attribute a ON a.attrelid = {FIND} AND a.attname = n.of_sequences
         WHERE a.attnum > 0 AND NOT a.attisdropped"
    );
    let mut found = BTreeSet::new();
    for row in tx.rows(&query, &[]).await? {
        let (column, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if !Family::Integer.accepts(&kind) {
            let table = if column == "order" { "task" } else { "project" };
            return Err(StoreError::Unusable(format!(
                "column {table}.{column} is {kind}: em_web's sequences of tasks need an integer there"
            )));
        }
        found.insert(column);
    }
    Ok(Sequences::found(
        found.contains("sequence_tasks"),
        found.contains("order"),
    ))
}

/// Which of em_web's tables there are.
async fn known_tables(tx: &Tx<'_>) -> Result<BTreeSet<String>> {
    let query = format!("SELECT n.name FROM unnest($1::text[]) AS n (name) WHERE {FIND} IS NOT NULL");
    let rows = tx.rows(&query, &[&em_schema::tables()]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Runs a statement that creates something of em_web's; the commonest reason to fail gets words of its own.
async fn create(tx: &Tx<'_>, statement: &str) -> Result<()> {
    let created = tx.batch(statement).await;
    created.map_err(|error| match error::denied(&error) {
        Some(reason) => StoreError::Unusable(format!(
            "em_web's tables are not there, or this role may not use their schema, and it may not create them: {reason}. \
             Where they are there, grant it USAGE on their schema; else USAGE and CREATE for the first start"
        )),
        None => error,
    })
}

async fn verify(tx: &Tx<'_>) -> Result<()> {
    let mut missing = missing_columns(tx).await?;
    if missing.is_empty() {
        missing = missing_privileges(tx).await?;
    }
    if missing.is_empty() {
        let rows = missing_statuses(tx).await?;
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
pub(super) async fn missing_statuses(tx: &Tx<'_>) -> Result<Vec<i32>> {
    let found = tx
        .rows(
            "SELECT id::int4 FROM task_status WHERE id = ANY($1::int4[])",
            &[&em_schema::STATUSES.as_slice()],
        )
        .await?;
    let found: BTreeSet<i32> = found
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Result<_>>()?;
    let missing = em_schema::STATUSES.into_iter();
    Ok(missing.filter(|id| !found.contains(id)).collect())
}

async fn missing_columns(tx: &Tx<'_>) -> Result<Vec<String>> {
    let tables = known_tables(tx).await?;
    let used = em_schema::used_columns();
    let names: BTreeSet<&str> = used.iter().map(|(table, ..)| *table).collect();
    let query = format!(
        "SELECT n.name, a.attname::text, format_type(a.atttypid, NULL)
         FROM unnest($1::text[]) AS n (name) JOIN pg_attribute a ON a.attrelid = {FIND}
         WHERE a.attnum > 0 AND NOT a.attisdropped"
    );
    let mut types: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in tx.rows(&query, &[&names.into_iter().collect::<Vec<_>>()]).await? {
        types.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
    }
    let mut missing: Vec<String> = Vec::new();
    for (table, column, family) in used {
        if !tables.contains(table) {
            let table = format!("table {table}");
            if !missing.contains(&table) {
                missing.push(table);
            }
            continue;
        }
        match types.get(&(table.to_owned(), column.to_owned())) {
            None => missing.push(format!("column {table}.{column} ({})", family.name())),
            Some(found) if !family.accepts(found) => {
                missing.push(format!(
                    "column {table}.{column} as {} (it is {found})",
                    family.name()
                ));
            }
            Some(_) => {}
        }
    }
    Ok(missing)
}

async fn missing_privileges(tx: &Tx<'_>) -> Result<Vec<String>> {
    let (mut tables, mut privileges) = (Vec::new(), Vec::new());
    for (table, wanted) in PRIVILEGES {
        for privilege in wanted {
            tables.push(table);
            privileges.push(*privilege);
        }
    }
    let query = format!(
        "SELECT n.name, n.privilege FROM unnest($1::text[], $2::text[]) AS n (name, privilege)
         WHERE NOT has_any_column_privilege({FIND}, n.privilege)"
    );
    let rows = tx.rows(&query, &[&tables, &privileges]).await?;
    let mut missing = Vec::new();
    for row in &rows {
        let (table, privilege): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        missing.push(format!("the right to {privilege} on table {table}"));
    }
    // The sequence of an identity column needs no right of its own, that of a SERIAL one does.
    let sequence =
        "SELECT s.name FROM pg_attribute a, LATERAL pg_get_serial_sequence('task_log', 'id') AS s (name)
         WHERE a.attrelid = to_regclass('task_log') AND a.attname = 'id' AND a.attidentity = ''
           AND s.name IS NOT NULL AND NOT has_sequence_privilege(s.name, 'USAGE')";
    for row in tx.rows(sequence, &[]).await? {
        missing.push(format!(
            "the right to USAGE on sequence {}",
            row.try_get::<_, String>(0)?
        ));
    }
    Ok(missing)
}
