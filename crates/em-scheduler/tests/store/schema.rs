//! An empty database becomes a whole one, once.

use super::harness::{self, Harness, ME, Place, runtime};

on_both!(
    the_whole_model_is_created,
    a_database_made_before_is_opened_again,
    a_newer_schema_is_refused
);

/// Column names by table, in the order of the model.
async fn tables(place: &Place) -> Vec<String> {
    let query = if place.is_postgres() {
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()
         AND table_name NOT LIKE 'scheduler_%' ORDER BY table_name COLLATE \"C\""
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'scheduler_%'
         AND name NOT LIKE 'sqlite_%' ORDER BY name"
    };
    place.lines(query).await
}

/// The versions of our tables count from 1 without a gap, however many there are.
const EACH_VERSION_ONCE: &str = "SELECT min(version), max(version) - count(*) FROM scheduler_schema";

async fn the_whole_model_is_created(h: Harness) {
    let model = include_str!("../../src/em_web/em_model.csv");
    let mut expected: Vec<&str> = model
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(expected.len(), 21);
    assert_eq!(tables(&h.place).await, expected);

    for line in include_str!("../../src/em_web/em_lookups.csv")
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
    {
        let cells: Vec<&str> = line.split(',').collect();
        let found = h
            .place
            .lines(&format!("SELECT name FROM {} WHERE id = {}", cells[0], cells[1]))
            .await;
        assert_eq!(found, [cells[2]], "{line}");
    }
    let indexes = if h.place.is_postgres() {
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname IN ('public', 'em_scheduler')"
    } else {
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    };
    let indexes = h.place.lines(indexes).await;
    for (name, columns) in [
        ("ix_task_log_status_date_error", "(status_date, error)"),
        ("ix_task_file_id_task_id_job_id", "(id, task_id, job_id)"),
        ("scheduler_due_at", "(next_run_at"),
    ] {
        let found = indexes.iter().find(|line| line.starts_with(name));
        assert!(
            found.is_some_and(|line| line.contains(columns)),
            "{name}: {found:?}"
        );
    }
    assert!(
        indexes.iter().any(|line| line.starts_with("ix_task_project_id")),
        "{indexes:?}"
    );

    // em_web's own inserts continue after the rows given.
    h.place
        .run("INSERT INTO task_status (name) VALUES ('next')")
        .await;
    assert_eq!(
        h.place
            .lines("SELECT id FROM task_status WHERE name = 'next'")
            .await,
        ["22"]
    );
    h.place.run("INSERT INTO login (username) VALUES ('me')").await;
    assert_eq!(
        h.place
            .lines("SELECT login_date IS NOT NULL AND type_id IS NULL FROM login")
            .await
            .len(),
        1
    );
    assert!(!h.store.paused().await.unwrap());
    assert!(h.store.list_jobs(true).await.unwrap().is_empty());
}

async fn a_database_made_before_is_opened_again(h: Harness) {
    let Harness { store, place } = h;
    place.task(7, true).await;
    store.set_paused(harness::at(harness::NOW), true).await.unwrap();
    store.set_synced(harness::at(harness::NOW)).await.unwrap();
    drop(store);
    let store = place.open(ME).await.unwrap();
    assert!(store.paused().await.unwrap() && store.synced_before().await.unwrap());
    assert_eq!(place.lines(EACH_VERSION_ONCE).await, ["1|0"]);
    assert_eq!(place.lines("SELECT count(*) FROM task_status").await, ["21"]);
    assert!(store.describe().contains(if place.is_postgres() {
        "PostgreSQL"
    } else {
        "SQLite 3."
    }));
    store.ping().await.unwrap();
}

async fn a_newer_schema_is_refused(h: Harness) {
    let Harness { store, place } = h;
    drop(store);
    place.run("INSERT INTO scheduler_schema VALUES (99, 0)").await;
    let error = place.open(ME).await.err().unwrap().to_string();
    assert!(
        error.contains("version 99") && error.contains("newer program"),
        "{error}"
    );
}

/// Started together, all find the same whole database.
#[test]
fn several_processes_open_an_empty_database_at_once_postgres() {
    runtime().block_on(async {
        let place = harness::postgres().await;
        let opened = tokio::join!(place.open("a"), place.open("b"), place.open("c"), place.open("d"));
        let stores = [
            opened.0.unwrap(),
            opened.1.unwrap(),
            opened.2.unwrap(),
            opened.3.unwrap(),
        ];
        assert_eq!(place.lines(EACH_VERSION_ONCE).await, ["1|0"]);
        assert_eq!(place.lines("SELECT count(*) FROM task_status").await, ["21"]);
        for store in stores {
            assert!(store.list_jobs(false).await.unwrap().is_empty());
        }
    });
}

#[test]
fn a_second_process_on_a_file_is_refused_sqlite() {
    runtime().block_on(async {
        let place = harness::sqlite();
        let _first = place.open("a").await.unwrap();
        let error = place.open("b").await.err().unwrap().to_string();
        assert!(error.contains("in use by process"), "{error}");
    });
}

/// Version 2 makes the table of runs anew, with a unique key in another order.
#[test]
fn runs_of_the_first_version_are_kept_sqlite() {
    runtime().block_on(async {
        let place = harness::sqlite();
        drop(place.open(ME).await.unwrap());
        let first = include_str!("../../migrations/sqlite/0001_jobs_and_runs.sql");
        for table in place
            .lines("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'scheduler_%' AND name <> 'scheduler_schema'")
            .await
        {
            place.run(&format!("DROP TABLE {table}")).await;
        }
        place
            .run(&format!(
                "DELETE FROM scheduler_schema WHERE version > 1; {first};
                 INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, owner, reason) VALUES
                   ('1-7-cron', 7, 'cron', 1, 'delivered', 2, 'x', NULL), ('1-7-cron', 7, 'cron', 2, 'failed', 3, 'x', 'no'),
                   ('1-8-1234567890', 8, 'one_off', 2, 'queued', 3, 'x', NULL)"
            ))
            .await;
        let runs = "SELECT * FROM scheduler_run ORDER BY key";
        let before = place.lines(runs).await;
        assert_eq!(before.len(), 3);
        drop(place.open(ME).await.unwrap());
        assert_eq!(place.lines(runs).await, before);
        assert_eq!(place.lines(EACH_VERSION_ONCE).await, ["1|0"]);
        assert_eq!(
            place.lines("SELECT name FROM sqlite_master WHERE name = 'scheduler_run_one_off'").await,
            ["scheduler_run_one_off"]
        );
    });
}
