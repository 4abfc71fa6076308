//! PostgreSQL as others leave it: rows that em_web holds, a clock that is not ours, a server that refuses.

use std::time::Duration;

use em_scheduler::store::postgres::PostgresStore;
use em_scheduler::store::{ListLimits, Schedules, StoreError};

use super::fixture::refused;
use super::harness::{Harness, ME, after, client, on_postgres, postgres_options};

/// Somebody else at work on the same database.
async fn em_web(h: &Harness) -> test_world::session::Session {
    client(&h.place.url).await
}

/// Not by that of a statement of the engine, which would cut a list that is read for longer.
#[test]
fn a_list_is_limited_by_a_time_of_its_own() {
    on_postgres(async |h| {
        let options = postgres_options(&h.place.url, ME);
        let limits = ListLimits {
            page: Duration::from_secs(3_600),
            whole: Duration::from_millis(200),
        };
        let store = PostgresStore::connect(options).await.unwrap();
        let store = store.with_list_limits(limits);
        let em_web = em_web(&h).await;
        em_web
            .batch_execute("BEGIN; LOCK TABLE scheduler_job IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        // Sooner than the session's own limits, for locks and for statements, would end it.
        let error = store.list_jobs(false).await.unwrap_err().to_string();
        assert!(error.contains("57014"), "{error}");
    });
}

#[test]
fn a_task_being_deleted_holds_nobody_up() {
    on_postgres(async |h| {
        let runs = [
            h.sending_run(7, "3-7-cron").await,
            h.sending_run(8, "3-8-cron").await,
        ];
        let em_web = em_web(&h).await;
        em_web
            .batch_execute("BEGIN; DELETE FROM task WHERE id = 7")
            .await
            .unwrap();
        let settlements = runs.iter().map(|run| run.settlement(refused()));
        h.store.settle(after(1), settlements.collect()).await.unwrap();
        em_web.batch_execute("COMMIT").await.unwrap();
        assert_eq!(
            h.place.lines("SELECT DISTINCT state FROM scheduler_run").await,
            ["failed"]
        );
        assert_eq!(h.place.lines("SELECT task_id FROM task_log").await, ["8"]);
    });
}

#[test]
fn a_status_that_could_not_be_written_is_written_later() {
    on_postgres(async |h| {
        let run = h.sending_run(7, "3-7-cron").await;
        let em_web = em_web(&h).await;
        em_web
            .batch_execute("BEGIN; UPDATE task SET name = 'New' WHERE id = 7")
            .await
            .unwrap();
        let settlement = run.settlement(refused());
        h.store.settle(after(1), vec![settlement]).await.unwrap();
        // The event does not collide with a change of other columns.
        assert_eq!(h.place.messages().await.len(), 1);
        em_web.batch_execute("COMMIT").await.unwrap();
        assert_eq!(h.place.lines("SELECT status_id FROM task").await, ["4"]);
        h.store.publish_next_runs(after(2), vec![]).await.unwrap();
        assert_eq!(h.place.lines("SELECT name, status_id FROM task").await, ["New|2"]);
    });
}

#[test]
fn the_databases_clock_counts_and_is_never_passed() {
    on_postgres(async |h| {
        let asking = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        for _ in 0..20 {
            h.store.ping().await.unwrap();
            let ours = h.store.now().get();
            let theirs: i64 = h.place.lines(asking).await[0].parse().unwrap();
            assert!(ours <= theirs, "{ours} is ahead of {theirs}");
            assert!(theirs - ours < 5_000_000, "{ours} is far behind {theirs}");
        }
    });
}

#[test]
fn a_database_that_cannot_be_used_says_why() {
    on_postgres(async |h| {
        let url = &h.place.url;
        let (server, name) = url.rsplit_once('/').unwrap();
        let open = async |url: String| {
            PostgresStore::connect(postgres_options(&url, "x"))
                .await
                .err()
                .unwrap()
        };
        let server = server.replace("postgres@", "postgres:s3cret@");
        let unknown = open(format!("{server}/nowhere")).await;
        assert!(
            matches!(&unknown, StoreError::Unusable(text) if text.contains("database nowhere")),
            "{unknown}"
        );
        let refused_user =
            open(format!("{server}/{name}").replace("postgres:s3cret@", "nobody:s3cret@")).await;
        assert!(
            matches!(&refused_user, StoreError::Unusable(text) if text.contains("user nobody")),
            "{refused_user}"
        );
        let silent = open("postgres://me:s3cret@127.0.0.1:1/em".into()).await;
        assert!(
            silent.is_unavailable() && silent.to_string().contains("host 127.0.0.1, port 1"),
            "{silent}"
        );
        let no_tls = open(format!("{server}/{name}?sslmode=require")).await;
        assert!(
            matches!(&no_tls, StoreError::Unusable(text) if text.contains("TLS")),
            "{no_tls}"
        );
        for error in [unknown, refused_user, silent, no_tls] {
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    });
}
