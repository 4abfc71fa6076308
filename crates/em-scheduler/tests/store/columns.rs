//! What the scheduler writes into em_web's tables: the columns it may, and not one more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use em_scheduler::em_web::{SyncPlan, SyncTask};
use em_scheduler::model::Next;
use em_scheduler::store::SyncRange;
use test_world::rows::TextRow;

use super::decide::{send_and, send_then};
use super::fixture::{job, refused};
use super::harness::{Harness, NOW, after, at};

on_both!(only_the_columns_of_the_contract_are_written);

type Database = BTreeMap<String, Vec<TextRow>>;

async fn em_webs_rows(h: &Harness) -> Database {
    let model = include_str!("../../src/em_web/em_model.csv");
    let tables: BTreeSet<&str> = model
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    let mut rows = Database::new();
    for table in tables {
        rows.insert(
            table.to_owned(),
            h.place
                .rows(&format!("SELECT * FROM \"{table}\" ORDER BY id"))
                .await,
        );
    }
    rows
}

/// The columns in which two states of a table with the same rows differ.
fn changed(before: &[TextRow], after: &[TextRow]) -> BTreeSet<String> {
    assert_eq!(before.len(), after.len());
    let cells = before.iter().flatten().zip(after.iter().flatten());
    cells
        .filter(|(was, is)| was != is)
        .map(|(_, (column, _))| column.clone())
        .collect()
}

/// Does everything that the store can do to a task.
async fn everything(h: &Harness) {
    h.store_jobs(7, vec![job("3-7-cron", 7, Some(at(NOW)))]).await;
    let runs = h.decide(at(NOW), |job| Ok(send_then(job, after(60)))).await.runs;
    let begun = h.begin(at(NOW), &runs[0]).await;
    let settlement = begun[0].settlement(refused());
    h.store.settle(at(NOW), vec![settlement]).await.unwrap();
    h.store.publish_next_runs(at(NOW), vec![7]).await.unwrap();
    let name = Arc::new(|_: &_| "3-7-run-00ff00ff00".to_owned());
    h.store.begin_manual_run(after(2), 7, name).await.unwrap();
    let plan = |_: &SyncTask| SyncPlan {
        clear_estimate: true,
        publish: true,
        ..SyncPlan::default()
    };
    h.store
        .sync_page(after(3), SyncRange::After(None, 9), Arc::new(plan))
        .await
        .unwrap();
    h.decide(after(60), |job| Ok(send_and(job, Next::Finished))).await;
    h.store
        .add_jobs(after(61), 7, Arc::new(|_| Ok(vec![job("x", 7, Some(after(99)))])))
        .await
        .unwrap();
}

async fn only_the_columns_of_the_contract_are_written(h: Harness) {
    h.place.task(7, false).await;
    h.place.task(8, false).await;
    h.place
        .run("UPDATE task SET est_duration = 4, last_run_job_id = 'a1', max_retries = 3")
        .await;
    let before = em_webs_rows(&h).await;
    everything(&h).await;
    let during = em_webs_rows(&h).await;
    h.store.remove_jobs(after(70), 7).await.unwrap();
    let last = em_webs_rows(&h).await;

    for (table, rows) in &before {
        match table.as_str() {
            "task" => {
                let expected = ["enabled", "est_duration", "next_run", "status_id"].map(str::to_owned);
                assert_eq!(changed(rows, &during[table]), BTreeSet::from(expected));
                assert_eq!(
                    changed(&during[table], &last[table]),
                    BTreeSet::from(["next_run".to_owned()])
                );
                // Not those of another task, but for what job_sync was told to clear.
                assert_eq!(
                    changed(&rows[1..], &last[table][1..]),
                    BTreeSet::from(["est_duration".to_owned()])
                );
            }
            "task_log" => {
                let filled = [
                    "id",
                    "task_id",
                    "status_id",
                    "job_id",
                    "message",
                    "status_date",
                    "error",
                ];
                for (column, value) in last[table].iter().flatten() {
                    assert!(
                        value.is_none() || filled.contains(&column.as_str()),
                        "{column} is {value:?}"
                    );
                    assert!(
                        value.is_some() || ["job_id", "error"].contains(&column.as_str()),
                        "{column} is null"
                    );
                }
                assert!(last[table].len() > 8);
            }
            _ => assert_eq!(rows, &last[table], "{table}"),
        }
    }
}
