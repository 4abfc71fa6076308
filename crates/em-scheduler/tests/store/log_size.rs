//! The write-ahead log of an SQLite file: bounded while lists are read all the time, and gone when the store is closed, so
//! that the file alone holds everything.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use em_scheduler::clock::SystemClock;
use em_scheduler::store::sqlite::{LogLimits, SqliteOptions, SqliteStore};
use em_scheduler::store::{Catalog, ListLimits, Replaced, Schedules};
use triggers::Zone;

use super::fixture::job;
use super::harness::{NOW, ZONE, after, at};

/// Reads have time to end.
const LENIENT: LogLimits = LogLimits {
    full: 300,
    step: 60,
    most: i64::MAX,
    patience: Duration::from_secs(20),
};
/// A list that is not read on has no time.
const STRICT: LogLimits = LogLimits {
    most: 1_000,
    patience: Duration::from_millis(50),
    ..LENIENT
};
/// Pages written at most. With a log that does not restart all of them are in it.
const MOST_WRITTEN: i64 = 60_000;
/// Jobs enough for a list that does not fit into what is read ahead.
const JOBS: i32 = 3_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn test(test: impl AsyncFnOnce(PathBuf)) {
    let folder = test_world::database::folder_in_memory();
    let file = folder.path().join("em.db");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, test(file)).await.unwrap();
    });
}

fn open(file: &Path, limits: LogLimits) -> Arc<SqliteStore> {
    let options = SqliteOptions {
        path: file.to_owned(),
        zone: Zone::named(ZONE).unwrap(),
        clock: Arc::new(SystemClock),
        instance: "me".into(),
        place: "here".into(),
    };
    // A list that is not read on breaks off because of the log here, and not because of these.
    let lists = ListLimits {
        page: PATIENCE,
        whole: PATIENCE,
    };
    Arc::new(
        SqliteStore::open_with(options, limits)
            .unwrap()
            .with_list_limits(lists),
    )
}

/// A store with many jobs.
async fn filled(file: &Path, limits: LogLimits) -> Arc<SqliteStore> {
    let store = open(file, limits);
    rusqlite::Connection::open(file)
        .unwrap()
        .execute_batch(
            "INSERT INTO project (id, name) VALUES (3, 'P');
             INSERT INTO task (id, name, project_id, enabled) VALUES (7, 'T', 3, 1)",
        )
        .unwrap();
    let jobs = (0..JOBS)
        .map(|id| job(&format!("3-7-{id}"), 7, Some(after(3_600))))
        .collect::<Vec<_>>();
    let plan = Arc::new(move |_: &_| Ok(jobs.clone()));
    assert_eq!(
        store.replace_jobs(at(NOW), 7, plan).await.unwrap(),
        Replaced::Done
    );
    store
}

/// Commits until the log has restarted so often; returns the pages written by then.
async fn write_until(store: &SqliteStore, file: &Path, restarts: usize) -> i64 {
    let beside = rusqlite::Connection::open(file).unwrap();
    beside
        .execute_batch("INSERT OR IGNORE INTO task (id, name, project_id, enabled) VALUES (8, 'U', 3, 1)")
        .unwrap();
    let pages = || -> i64 {
        beside
            .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))
            .unwrap()
    };
    let (mut written, mut before, mut seen) = (0, pages(), 0);
    for round in 0.. {
        // Some ten pages: a definition of 40 kB.
        let mut job = job("3-8-cron", 8, Some(after(3_600)));
        job.definition = format!("{round}{}", "x".repeat(40_000));
        let plan = Arc::new(move |_: &_| Ok(vec![job.clone()]));
        store.replace_jobs(at(NOW), 8, plan).await.unwrap();
        let now = pages();
        if now < before {
            seen += 1;
            written += now;
        } else {
            written += now - before;
        }
        before = now;
        if seen == restarts {
            break;
        }
        assert!(
            written < MOST_WRITTEN,
            "{seen} restarts, and {now} of {written} pages are in the log"
        );
    }
    written
}

#[test]
fn the_log_stays_bounded_while_lists_are_read_all_the_time() {
    test(async |file| {
        let store = filled(&file, LENIENT).await;
        let over = Arc::new(AtomicBool::new(false));
        // Each overlaps the others, so that there is always one that sees an older state.
        let reading: Vec<_> = (0..6)
            .map(|_| {
                let (store, over) = (Arc::clone(&store), Arc::clone(&over));
                tokio::spawn(async move {
                    let mut read = 0;
                    while !over.load(Ordering::Relaxed) {
                        let jobs = store.list_jobs(true).await.unwrap();
                        assert!(jobs.len() >= JOBS as usize);
                        read += 1;
                    }
                    read
                })
            })
            .collect();
        write_until(&store, &file, 3).await;
        over.store(true, Ordering::Relaxed);
        let mut lists = 0;
        for reading in reading {
            lists += reading.await.unwrap();
        }
        assert!(lists > 5, "{lists}");
    });
}

#[test]
fn a_list_that_is_not_read_on_breaks_off_before_the_log_grows_without_bound() {
    test(async |file| {
        let store = filled(&file, STRICT).await;
        let mut list = store.job_pages(true);
        let first = list.next().await.unwrap().unwrap();
        let written = write_until(&store, &file, 1).await;
        assert!(written >= STRICT.most, "it had its time");
        // What had been read ahead comes, and then why there is no more.
        let mut jobs = first.len();
        let error = loop {
            match list.next().await {
                Ok(Some(page)) => jobs += page.len(),
                Ok(None) => panic!("half a list looks like a whole one"),
                Err(error) => break error,
            }
        };
        assert!(jobs < JOBS as usize, "{jobs}");
        assert!(
            error.is_unavailable() && error.to_string().contains("read so slowly"),
            "{error}"
        );
        let jobs = store.list_jobs(true).await.unwrap();
        assert_eq!(jobs.len(), JOBS as usize + 1, "the next one is read whole");
    });
}

/// All that stands in the file, without anything beside it.
fn jobs_in_a_copy(file: &Path) -> i64 {
    let copy = file.with_file_name("copy.db");
    std::fs::copy(file, &copy).unwrap();
    rusqlite::Connection::open(copy)
        .unwrap()
        .query_row("SELECT count(*) FROM scheduler_job", [], |row| row.get(0))
        .unwrap()
}

fn is_alone(file: &Path) {
    let names: Vec<_> = std::fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("em.db") && name != "em.db.lock")
        .collect();
    assert_eq!(names, ["em.db"]);
}

#[test]
fn a_store_that_is_dropped_leaves_one_file_with_everything_in_it() {
    test(async |file| {
        let store = filled(&file, LENIENT).await;
        // Readers have been at work.
        store.list_jobs(true).await.unwrap();
        tokio::task::spawn_blocking(move || drop(store)).await.unwrap();
        is_alone(&file);
        assert_eq!(jobs_in_a_copy(&file), i64::from(JOBS));
    });
}

#[test]
fn a_store_that_is_closed_while_a_list_is_read_leaves_one_file_and_does_no_more() {
    test(async |file| {
        let store = filled(&file, LENIENT).await;
        let mut list = store.job_pages(true);
        list.next().await.unwrap().unwrap();
        store.close().await;
        is_alone(&file);
        assert_eq!(jobs_in_a_copy(&file), i64::from(JOBS));
        // What still holds the store is told.
        let error = loop {
            match list.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("half a list looks like a whole one"),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("closed"), "{error}");
        for error in [
            store.ping().await.unwrap_err(),
            store.remove_jobs(at(NOW), 7).await.unwrap_err(),
            store.list_jobs(false).await.unwrap_err(),
        ] {
            assert!(
                error.is_unavailable() && error.to_string().contains("closed"),
                "{error}"
            );
        }
        // And the file is free for another.
        assert_eq!(
            open(&file, LENIENT).list_jobs(false).await.unwrap().len(),
            JOBS as usize
        );
    });
}
