//! What the store tells of em_web's model and of one task.

use super::fixture::job;
use super::harness::{Harness, NOW, after, at};

async fn sequences_are_known_by_their_column(h: Harness) {
    assert!(!h.store.has_sequences().await.unwrap());
    h.place
        .run("ALTER TABLE project ADD COLUMN sequence_tasks INTEGER")
        .await;
    assert!(h.store.has_sequences().await.unwrap());
}

async fn jobs_in_the_lists_are_counted_by_task(h: Harness) {
    h.place.task(7, true).await;
    h.place.task(8, true).await;
    assert_eq!(h.store.listed_jobs(1234).await.unwrap(), None);
    assert_eq!(h.store.listed_jobs(7).await.unwrap(), Some(0));
    let plan = std::sync::Arc::new(|_: &_| {
        Ok(vec![
            job("3-7-cron", 7, Some(at(NOW))),
            // It never fires, and is in the lists.
            job("3-7-intv", 7, None),
        ])
    });
    h.store.replace_jobs(at(NOW), 7, plan).await.unwrap();
    assert_eq!(h.store.listed_jobs(7).await.unwrap(), Some(2));
    assert_eq!(h.store.listed_jobs(8).await.unwrap(), Some(0));
    // As a trigger that has ended leaves it.
    h.place
        .run("UPDATE scheduler_job SET listed = 0 WHERE id = '3-7-intv'")
        .await;
    assert_eq!(h.store.listed_jobs(7).await.unwrap(), Some(1));
    h.store.remove_jobs(after(1), 7).await.unwrap();
    assert_eq!(h.store.listed_jobs(7).await.unwrap(), Some(0));
}

on_both!(
    sequences_are_known_by_their_column,
    jobs_in_the_lists_are_counted_by_task,
);
