//! Which tasks were answered in time when they were last asked, on PostgreSQL.

use super::link::Link;
use crate::model::TaskId;
use crate::store::Result;

pub(super) async fn tasks(link: &Link, (newest, within): (usize, i64)) -> Result<Vec<TaskId>> {
    // The limit is no parameter: the planner must see that it is few rows from the end of an index, and not sort them all.
    // As floats, for the difference of what cannot be the times of a run must not fail the others.
    let last = format!(
        "SELECT task_id FROM (
           SELECT DISTINCT ON (task_id) task_id, state, finished_at::float8 - sent_at::float8 AS took FROM (
             SELECT key, task_id, state, sent_at, finished_at FROM em_scheduler.scheduler_run ORDER BY key DESC LIMIT {newest}) newest
           WHERE state IN ('delivered', 'unknown') ORDER BY task_id, key DESC) last
         WHERE state = 'delivered' AND took BETWEEN 0 AND $1::int8"
    );
    let rows = link.rows(&last, &[&within]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
