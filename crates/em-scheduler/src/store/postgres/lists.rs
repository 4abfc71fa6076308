//! Long lists on PostgreSQL: one statement whose rows are taken from the connection as they are asked for.

use std::pin::pin;
use std::sync::Arc;

use deadpool_postgres::Object;
use futures_util::TryStreamExt;
use tokio::sync::Semaphore;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connect;
use super::link::{Link, Patience};
use super::tx::WIDE;
use crate::store::pages::PageWriter;
use crate::store::{Result, StoreError};

/// What a row says, or nothing where it is passed over.
pub(super) type RowReader<T> = fn(&Row) -> Result<Option<T>>;

/// Reads a list into its writer. It takes a place among the lists and a connection until it has been read or is dropped.
pub(super) fn read<T: Send + 'static>(
    (link, places): (&Arc<Link>, &Arc<Semaphore>),
    (sql, reading): (String, RowReader<T>),
    mut writer: PageWriter<T>,
) {
    let (link, places) = (Arc::clone(link), Arc::clone(places));
    tokio::spawn(async move {
        let outcome = match tokio::time::timeout(connect::PATIENCE, places.acquire()).await {
            Ok(Ok(_place)) => {
                let rows = async |client: &Object| rows(client, &sql, reading, &mut writer).await;
                link.lend_whole(Patience::Long, rows).await
            }
            _ => Err(StoreError::Unavailable("too many lists are being read".into())),
        };
        writer.end(outcome).await;
    });
}

async fn rows<T>(
    client: &Object,
    sql: &str,
    reading: RowReader<T>,
    writer: &mut PageWriter<T>,
) -> Result<()> {
    // The session's limit is for a statement of the engine; this one goes on for as long as it is read.
    let millis = i32::try_from(writer.whole().as_millis())
        .unwrap_or(i32::MAX)
        .max(1);
    client
        .batch_execute(&format!(
            "BEGIN READ ONLY; {WIDE}; SET LOCAL statement_timeout = {millis}"
        ))
        .await?;
    within(client, sql, reading, writer).await?;
    Ok(client.batch_execute("ROLLBACK").await?)
}

async fn within<T>(
    client: &Object,
    sql: &str,
    reading: RowReader<T>,
    writer: &mut PageWriter<T>,
) -> Result<()> {
    let statement = client.prepare_cached(sql).await?;
    let none: [&(dyn ToSql + Sync); 0] = [];
    let mut rows = pin!(client.query_raw(&statement, none).await?);
    while let Some(row) = rows.try_next().await? {
        if let Some(item) = reading(&row)? {
            writer.put(item).await?;
        }
    }
    Ok(())
}
