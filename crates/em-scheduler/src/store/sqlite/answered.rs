//! Which tasks were answered in time when they were last asked, on SQLite.

use rusqlite::Connection;

use crate::model::TaskId;
use crate::store::Result;

pub(super) fn tasks(connection: &Connection, (newest, within): (i64, i64)) -> Result<Vec<TaskId>> {
    // Beside max() the other columns are those of its row.
    let mut last = connection.prepare(
        "SELECT task_id FROM (
           SELECT task_id, max(key), state, finished_at - sent_at AS took FROM (
             SELECT key, task_id, state, sent_at, finished_at FROM scheduler_run ORDER BY key DESC LIMIT ?1)
           WHERE state IN ('delivered', 'unknown') GROUP BY task_id)
         WHERE state = 'delivered' AND took BETWEEN 0 AND ?2",
    )?;
    let tasks = last.query_map((newest, within), |row| row.get(0))?;
    // One beyond what an id may be is no task that could be asked.
    Ok(tasks
        .filter_map(|task| task.map(|task: i64| TaskId::try_from(task).ok()).transpose())
        .collect::<Result<_, _>>()?)
}
