//! The processes registered on a PostgreSQL database: leases and notices.

use super::link::{Link, Patience};
use super::tx::Tx;
use super::{PAUSED, PostgresStore, STATE, listener};
use crate::model::RunKey;
use crate::store::codec::OPEN_STATES;
use crate::store::{Catalog, Cluster, Instance, Notice, Result};
use async_trait::async_trait;
use tokio_postgres::Row;
use triggers::UtcMicros;

#[async_trait]
impl Cluster for PostgresStore {
    async fn renew_lease(&self, now: UtcMicros, lease_until: UtcMicros) -> Result<bool> {
        let place = self.options.place.clone();
        self.write(now, move |tx| {
            Box::pin(async move { renew_lease(tx, &place, lease_until).await })
        })
        .await
    }

    async fn other_instances(&self) -> Result<Vec<Instance>> {
        let rows = self.link.rows(OTHERS, &[&self.options.instance]).await?;
        rows.iter().map(instance).collect()
    }

    async fn post_notice(&self) -> Result<Vec<Instance>> {
        self.write_when_free((&self.switches, Patience::Usual), self.now(), || {
            move |tx: &_| Box::pin(post_notice(tx))
        })
        .await
    }

    async fn noticed(&self) {
        match &self.beside {
            Some(beside) => beside.listener.heard().await,
            None => std::future::pending().await,
        }
    }

    async fn notice(&self, always: bool) -> Result<Option<Notice>> {
        notice(&self.link, &self.options.instance, always).await
    }

    async fn acknowledge(&self, number: i64) -> Result<()> {
        self.write(self.now(), move |tx| {
            Box::pin(async move {
                acknowledge(tx, number);
                Ok(())
            })
        })
        .await
    }

    async fn forget_instances(&self, ids: Vec<String>) -> Result<()> {
        self.write(self.now(), move |tx| {
            Box::pin(async move {
                forget(tx, ids);
                Ok(())
            })
        })
        .await
    }
}

/// What [`instance`] reads.
macro_rules! columns {
    () => {
        "id, place, lease_until, notice, acknowledged"
    };
}

/// The other processes.
pub(super) const OTHERS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM em_scheduler.scheduler_instance WHERE id <> $1 ORDER BY id"
);

pub(super) fn instance(row: &Row) -> Result<Instance> {
    Ok(Instance {
        id: row.try_get(0)?,
        place: row.try_get(1)?,
        lease_until: UtcMicros::new(row.try_get(2)?),
        notice: row.try_get(3)?,
        acknowledged: row.try_get(4)?,
    })
}

/// Registers this process at this place, or renews its lease.
async fn renew_lease(tx: &Tx<'_>, place: &str, lease_until: UtcMicros) -> Result<bool> {
    // Both parts see the table as it was before.
    let renew = "WITH put AS (
           INSERT INTO em_scheduler.scheduler_instance (id, place, lease_until) VALUES ($1, $2, $3)
           ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until)
         SELECT EXISTS (SELECT 1 FROM em_scheduler.scheduler_instance WHERE id = $1)";
    let rows = tx.rows(renew, &[&tx.owner, &place, &lease_until.get()]).await?;
    rows.first().map_or(Ok(false), |row| Ok(row.try_get(0)?))
}

/// In the order of their ids, so that two that post at the same time do not wait for each other in a circle.
const POST: &str = concat!(
    "UPDATE em_scheduler.scheduler_instance SET notice = notice + 1
     WHERE id IN (SELECT id FROM em_scheduler.scheduler_instance WHERE id <> $1 ORDER BY id FOR NO KEY UPDATE) RETURNING ",
    columns!()
);

pub(super) async fn post_notice(tx: &Tx<'_>) -> Result<Vec<Instance>> {
    let posted = tx.rows(POST, &[&tx.owner]).await?;
    if !posted.is_empty() {
        tx.later(listener::RING, Vec::new());
    }
    posted.iter().map(instance).collect()
}

pub(super) async fn notice(link: &Link, owner: &str, always: bool) -> Result<Option<Notice>> {
    let posted = link
        .rows(
            "SELECT notice, acknowledged FROM em_scheduler.scheduler_instance WHERE id = $1",
            &[&owner],
        )
        .await?;
    let (number, acknowledged): (i64, i64) = match posted.first() {
        Some(row) => (row.try_get(0)?, row.try_get(1)?),
        None => (0, 0),
    };
    let number = Some(number).filter(|number| *number > acknowledged);
    if number.is_none() && !always {
        return Ok(None);
    }
    // Each statement sees what was committed before it began, so all that the number stands for.
    let paused = super::value(&link.rows(STATE, &[&PAUSED]).await?)? != 0;
    let withdrawn = format!(
        "SELECT key FROM em_scheduler.scheduler_run WHERE owner = $1 AND withdrawn = 1 AND state IN {OPEN_STATES}"
    );
    let withdrawn = link.rows(&withdrawn, &[&owner]).await?;
    let withdrawn: Vec<RunKey> = withdrawn
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Result<_>>()?;
    Ok(Some(Notice {
        number,
        paused,
        withdrawn,
    }))
}

pub(super) fn acknowledge(tx: &Tx<'_>, number: i64) {
    tx.later(
        "UPDATE em_scheduler.scheduler_instance SET acknowledged = $2 WHERE id = $1 AND acknowledged < $2
           AND notice >= $2",
        vec![Box::new(tx.owner.clone()), Box::new(number)],
    );
}

pub(super) fn forget(tx: &Tx<'_>, ids: Vec<String>) {
    tx.later(
        "DELETE FROM em_scheduler.scheduler_instance WHERE id = ANY($1::text[]) AND id <> $2",
        vec![Box::new(ids), Box::new(tx.owner.clone())],
    );
}
