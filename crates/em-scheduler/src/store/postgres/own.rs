//! Our own tables on PostgreSQL: in a schema of their own, `em_scheduler`, for what em_web's migrations find in its schema
//! and do not know they drop. Every statement names the schema, so that nothing depends on a search path.

use super::error;
use super::tx::{AdvisoryLock, Tx};
use crate::em_web::Dialect;
use crate::store::{Result, StoreError, migrations};

/// Creates the schema and the tables, or brings them up to date. Those of an earlier version, which stood beside
/// em_web's, are moved.
pub(super) async fn prepare(tx: &Tx<'_>) -> Result<()> {
    // Asked before: after a failure the transaction tells nothing more.
    let grant = grant(tx).await?;
    let allowed = |outcome| allowed(outcome, &grant);
    if !exists(tx).await? {
        allowed(tx.batch("CREATE SCHEMA em_scheduler").await)?;
    }
    allowed(move_here(tx).await)?;
    // The scripts name no schema: what they create is created here.
    tx.batch("SET LOCAL search_path = em_scheduler").await?;
    if !has_versions(tx).await? {
        allowed(tx.batch(migrations::VERSION_TABLE).await)?;
    }
    for (version, statements) in migrations::pending(Dialect::Postgres, version(tx).await?)? {
        allowed(tx.batch(statements).await)?;
        tx.run(
            "INSERT INTO em_scheduler.scheduler_schema VALUES ($1, $2)",
            &[&version, &tx.now.get()],
        )
        .await?;
    }
    tx.batch("SET LOCAL search_path = DEFAULT").await
}

/// Makes our tables again if all of them have vanished. Returns whether they had.
///
/// # Errors
/// `Unusable` where only some have: those that are left may be wanted.
pub(super) async fn restore(tx: &Tx<'_>) -> Result<bool> {
    tx.hold(AdvisoryLock::Schema).await?;
    let there = "SELECT n.name FROM unnest($1::text[]) WITH ORDINALITY AS n (name, place)
                 WHERE to_regclass('em_scheduler.' || n.name) IS NULL ORDER BY n.place";
    let missing = tx.rows(there, &[&TABLES.as_slice()]).await?;
    if missing.is_empty() {
        return Ok(false);
    }
    if missing.len() < TABLES.len() {
        let missing: Vec<String> = missing
            .iter()
            .map(|row| Ok(row.try_get(0)?))
            .collect::<Result<_>>()?;
        return Err(StoreError::Unusable(format!(
            "of the tables in schema em_scheduler these are missing: {}. Restore them from a backup, or let all be made \
             again, without what they held: DROP SCHEMA em_scheduler CASCADE;",
            missing.join(", ")
        )));
    }
    prepare(tx).await?;
    Ok(true)
}

/// The version of our tables; 0 where there are none.
pub(super) async fn version(tx: &Tx<'_>) -> Result<i32> {
    let Some(versions) = place(tx).await? else {
        return Ok(0);
    };
    // Asked for before: after a failure the transaction tells nothing more.
    let user: String = tx
        .row("SELECT quote_ident(current_user)", &[])
        .await?
        .try_get(0)?;
    let newest = format!("SELECT coalesce(max(version), 0) FROM {versions}.scheduler_schema");
    match tx.row(&newest, &[]).await {
        Ok(row) => Ok(row.try_get(0)?),
        Err(error) => Err(match error::denied(&error) {
            Some(reason) => StoreError::Unusable(format!(
                "another role made the scheduler's tables, and this one may not use them: {reason}. As their owner run: \
                 GRANT USAGE ON SCHEMA {versions} TO {user}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \
                 {versions} TO {user}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA {versions} TO {user};"
            )),
            None => error,
        }),
    }
}

/// What the role must be granted before our tables can be created or changed, as a statement; none where it may.
pub(super) async fn missing_grant(tx: &Tx<'_>) -> Result<Option<String>> {
    let may = if exists(tx).await? {
        "SELECT has_schema_privilege('em_scheduler', 'USAGE') AND has_schema_privilege('em_scheduler', 'CREATE')"
    } else {
        "SELECT has_database_privilege(current_database(), 'CREATE')"
    };
    let may: bool = tx.row(may, &[]).await?.try_get(0)?;
    if may { Ok(None) } else { grant(tx).await.map(Some) }
}

async fn exists(tx: &Tx<'_>) -> Result<bool> {
    let found = "SELECT to_regnamespace('em_scheduler') IS NOT NULL";
    Ok(tx.row(found, &[]).await?.try_get(0)?)
}

async fn has_versions(tx: &Tx<'_>) -> Result<bool> {
    // Not by to_regclass, which fails where the role may not use the schema.
    let found = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'scheduler_schema' AND relnamespace = (
                   SELECT oid FROM pg_namespace WHERE nspname = 'em_scheduler'))";
    Ok(tx.row(found, &[]).await?.try_get(0)?)
}

/// The schema in which our tables stand, quoted: ours, or that in which an earlier version made them.
async fn place(tx: &Tx<'_>) -> Result<Option<String>> {
    if has_versions(tx).await? {
        return Ok(Some("em_scheduler".into()));
    }
    let earlier =
        "SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.oid = to_regclass('scheduler_schema')";
    let found = tx.rows(earlier, &[]).await?;
    found.first().map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Moves tables that stand beside em_web's, with their indexes and sequences.
async fn move_here(tx: &Tx<'_>) -> Result<()> {
    let Some(from) = place(tx).await?.filter(|place| place != "em_scheduler") else {
        return Ok(());
    };
    let ours = "SELECT quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE quote_ident(n.nspname) = $1 AND c.relkind = 'r' AND c.relname = ANY($2) ORDER BY 1";
    let tables = tx.rows(ours, &[&from, &TABLES.as_slice()]).await?;
    tracing::info!(
        tables = tables.len(),
        "the scheduler's tables are moved into a schema of their own, em_scheduler"
    );
    for row in tables {
        let table: String = row.try_get(0)?;
        let moving = format!("ALTER TABLE {from}.{table} SET SCHEMA em_scheduler");
        tx.batch(&moving).await?;
    }
    Ok(())
}

/// Our tables; those of them that earlier versions made stood beside em_web's.
const TABLES: [&str; 11] = [
    "scheduler_job",
    "scheduler_due",
    "scheduler_run",
    "scheduler_state",
    "scheduler_instance",
    "scheduler_reported",
    "scheduler_deferred",
    "scheduler_deleted",
    "scheduler_setting",
    "scheduler_event",
    "scheduler_schema",
];

/// What the owner of the database has to run where the role may not create our tables.
async fn grant(tx: &Tx<'_>) -> Result<String> {
    let grant = if exists(tx).await? {
        "SELECT format('GRANT USAGE, CREATE ON SCHEMA em_scheduler TO %I', current_user)"
    } else {
        "SELECT format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)"
    };
    Ok(tx.row(grant, &[]).await?.try_get(0)?)
}

/// The commonest reason to fail gets words of its own.
fn allowed(outcome: Result<()>, grant: &str) -> Result<()> {
    outcome.map_err(|error| match error::denied(&error) {
        Some(reason) if reason.contains("must be owner") => StoreError::Unusable(format!(
            "the scheduler's tables must be changed, and this role may not: {reason}. Run `em-scheduler migrate` once as \
             the role that owns them"
        )),
        Some(reason) => StoreError::Unusable(format!(
            "the scheduler must create its tables in a schema of their own (em_scheduler), and may not: {reason}. As the \
             owner of the database run: {grant};"
        )),
        None => error,
    })
}
