//! Which tasks were answered in time when they were asked last (D10).

use super::harness::Harness;

/// Times in microseconds; of whatever was not sent, none.
async fn run_of(h: &Harness, task: i64, state: &str, (sent, finished): (&str, &str)) {
    h.place
        .run(&format!(
            "INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, owner, sent_at, finished_at)
             SELECT 'j', {task}, 'cron', coalesce(max(key), 0), '{state}', 0, 'x', {sent}, {finished} FROM scheduler_run"
        ))
        .await;
}

const LAST: &str = "9223372036854775807";
const FIRST: &str = "(-9223372036854775807 - 1)";

/// By what their runs say, oldest first.
async fn the_last_run_of_a_task_tells(h: Harness) {
    let quick = ("1000000", "1400000");
    for (task, state, times) in [
        (1, "delivered", quick),
        (2, "delivered", ("1000000", "1500001")),
        (3, "unknown", ("1000000", "1000001")),
        // Answered, and the next time not.
        (4, "delivered", quick),
        (4, "unknown", quick),
        // The other way round.
        (5, "unknown", quick),
        (5, "delivered", quick),
        // What was not sent tells nothing, nor does a refusal, nor what is still open.
        (6, "delivered", quick),
        (6, "missed", ("NULL", "1")),
        (6, "skipped", ("NULL", "1")),
        (6, "failed", quick),
        (6, "queued", ("NULL", "NULL")),
        (6, "sending", ("1000000", "NULL")),
        // The clock was set back meanwhile.
        (7, "delivered", ("1000000", "999999")),
        (8, "delivered", ("NULL", "1")),
        // What can be no times of a run concerns its own task alone.
        (9, "delivered", (FIRST, LAST)),
        (10, "delivered", (LAST, FIRST)),
        (11, "delivered", (FIRST, FIRST)),
        (12, "delivered", ("1000000", "1500000")),
    ] {
        run_of(&h, task, state, times).await;
    }
    if !h.place.is_postgres() {
        run_of(&h, 3_000_000_000, "delivered", quick).await;
        run_of(&h, -3_000_000_000, "delivered", quick).await;
    }
    let answered = async |newest| {
        let mut tasks = h.store.answered_tasks(newest, 500_000).await.unwrap();
        tasks.sort_unstable();
        tasks
    };
    assert_eq!(answered(1_000).await, [1, 5, 6, 11, 12]);
    let newest = if h.place.is_postgres() { 2 } else { 4 };
    assert_eq!(answered(newest).await, [11, 12], "the newest alone");
    assert!(answered(0).await.is_empty());
}

async fn nothing_is_known_of_an_empty_table(h: Harness) {
    let answered = h.store.answered_tasks(1_000, 500_000).await;
    assert!(answered.unwrap().is_empty());
}

on_both!(the_last_run_of_a_task_tells, nothing_is_known_of_an_empty_table);
