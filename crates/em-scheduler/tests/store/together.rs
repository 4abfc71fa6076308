//! Several processes on one PostgreSQL: they decide, add, remove and pause at the same time.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use em_scheduler::model::{DueJob, SendableRun};
use em_scheduler::store::postgres::{PostgresOptions, PostgresStore};
use em_scheduler::store::{Firing, Store};
use test_world::session::Session;

use super::decide::send_then;
use super::fixture::{job, rule};
use super::harness::{Harness, NOW, after, at, client, on_postgres, postgres_options};

/// Two processes beside the harness's own, and a connection for whatever em_web does.
async fn beside(h: &Harness) -> (Arc<dyn Store>, Arc<dyn Store>, Session) {
    let em_web = client(&h.place.url).await;
    (
        h.place.open("one").await.unwrap(),
        h.place.open("two").await.unwrap(),
        em_web,
    )
}

async fn many_due_jobs(h: &Harness, count: usize) {
    h.place.task(7, true).await;
    h.store_jobs(
        7,
        (0..count)
            .map(|number| job(&format!("job-{number:03}"), 7, Some(at(NOW))))
            .collect(),
    )
    .await;
}

fn ids(runs: &[SendableRun]) -> BTreeSet<String> {
    runs.iter().map(|run| run.job_id.clone()).collect()
}

#[test]
fn no_two_processes_decide_the_same_run() {
    on_postgres(async |h| {
        many_due_jobs(&h, 200).await;
        let (one, two, _) = beside(&h).await;
        let decide = async |store: &Arc<dyn Store>| {
            let mut runs = Vec::new();
            while runs.len() < 200 {
                let decider = rule(false, |job: &DueJob| Ok(send_then(job, after(60))));
                let decided = store.decide(at(NOW), 7, decider).await.unwrap();
                // Nothing left for us; what the other holds is not ours to wait for.
                if decided.next_due.is_none_or(|next| next > at(NOW)) && decided.jobs == 0 {
                    break;
                }
                runs.extend(decided.runs);
            }
            runs
        };
        let (first, second) = tokio::join!(decide(&one), decide(&two));
        assert!(!first.is_empty() && !second.is_empty(), "both had a part in it");
        assert_eq!(first.len() + second.len(), 200);
        assert!(ids(&first).is_disjoint(&ids(&second)));
        assert_eq!(
            h.place
                .lines("SELECT count(*), count(DISTINCT job_id) FROM scheduler_run")
                .await,
            ["200|200"]
        );
        assert_eq!(
            h.place
                .lines("SELECT count(*) FROM task_log WHERE message = 'Job submitted.'")
                .await,
            ["200"]
        );
    });
}

#[test]
fn a_cut_decision_is_no_decision() {
    on_postgres(async |h| {
        many_due_jobs(&h, 3).await;
        let (one, two, em_web) = beside(&h).await;
        // The transaction hangs at its last step, behind a lock on the log, and is cut there.
        em_web
            .batch_execute("BEGIN; LOCK TABLE task_log IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        let decider = || rule(false, |job: &DueJob| Ok(send_then(job, after(60))));
        let cut = async {
            let waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
                           AND wait_event_type = 'Lock'";
            let mut pid = Vec::new();
            while pid.is_empty() {
                pid = h.place.lines(waiting).await;
            }
            // Meanwhile the others get nothing, and do not wait for it either.
            let decided = two.decide(at(NOW), 10, decider()).await.unwrap();
            assert_eq!((decided.jobs, decided.next_due), (0, None));
            h.place
                .run(&format!("SELECT pg_terminate_backend({})", pid[0]))
                .await;
            pid.remove(0)
        };
        let (decided, pid) = tokio::join!(one.decide(at(NOW), 10, decider()), cut);
        assert!(decided.unwrap_err().is_unavailable());
        em_web.batch_execute("ROLLBACK").await.unwrap();
        // The client hears of it before the server process has let go of its rows.
        let still_there = format!("SELECT 1 FROM pg_stat_activity WHERE pid = {pid}");
        while !h.place.lines(&still_there).await.is_empty() {}
        assert_eq!(h.place.lines("SELECT count(*) FROM scheduler_run").await, ["0"]);
        let again = two.decide(at(NOW), 10, decider()).await.unwrap();
        assert_eq!(again.runs.len(), 3);
        // And the one that was cut works on with a new connection, once the old one is known to have ended.
        let decided = loop {
            match one.decide(at(NOW), 10, decider()).await {
                Ok(decided) => break decided,
                Err(error) => assert!(error.is_unavailable(), "{error}"),
            }
        };
        assert_eq!(decided.jobs, 0);
        assert_eq!(h.place.lines("SELECT count(*) FROM scheduler_run").await, ["3"]);
    });
}

#[test]
fn one_added_task_stays_one_when_added_by_two() {
    on_postgres(async |h| {
        h.place.task(7, false).await;
        let (one, two, _) = beside(&h).await;
        let add = async |store: &Arc<dyn Store>| {
            for _ in 0..10 {
                let plan = Arc::new(|_: &_| Ok(vec![job("3-7-cron", 7, Some(after(60)))]));
                store.replace_jobs(at(NOW), 7, plan).await.unwrap();
            }
        };
        tokio::join!(add(&one), add(&two));
        assert_eq!(h.place.lines("SELECT id FROM scheduler_job").await, ["3-7-cron"]);
        assert_eq!(h.place.lines("SELECT count(*) FROM scheduler_due").await, ["1"]);
        let log = "SELECT count(*), count(error) FROM task_log";
        assert_eq!(
            h.place.lines(log).await,
            ["39|20"],
            "added twenty times, removed nineteen times"
        );
    });
}

#[test]
fn a_removal_waits_for_the_decision_and_withdraws_its_run() {
    on_postgres(async |h| {
        many_due_jobs(&h, 2).await;
        let (one, two, em_web) = beside(&h).await;
        em_web
            .batch_execute("BEGIN; LOCK TABLE task_log IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        let decider = rule(false, |job: &DueJob| Ok(send_then(job, after(60))));
        let waiting = async |count: usize| {
            let query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while h.place.lines(query).await.len() < count {}
        };
        let remove = async {
            waiting(1).await;
            two.remove_jobs(after(1), 7).await
        };
        let release = async {
            waiting(2).await;
            em_web.batch_execute("ROLLBACK").await
        };
        let (decided, removed, released) = tokio::join!(one.decide(at(NOW), 10, decider), remove, release);
        released.unwrap();
        let runs = decided.unwrap().runs;
        assert_eq!((runs.len(), removed.unwrap()), (2, vec![]));
        assert_eq!(
            h.place.lines("SELECT DISTINCT state FROM scheduler_run").await,
            ["skipped"]
        );
        let begun = one
            .begin_sends(after(2), runs.iter().map(|run| (run.key, run.fence)).collect())
            .await
            .unwrap();
        assert!(begun.is_empty(), "deleted before it began");
    });
}

#[test]
fn pausing_waits_for_whoever_decides() {
    on_postgres(async |h| {
        many_due_jobs(&h, 1).await;
        let (one, two, em_web) = beside(&h).await;
        em_web
            .batch_execute("BEGIN; LOCK TABLE task_log IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        let decider = || rule(false, |job: &DueJob| Ok(send_then(job, after(60))));
        let locks = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let pause = async {
            while h.place.lines(locks).await.is_empty() {}
            let release = async {
                while h.place.lines(locks).await.len() < 2 {}
                assert_eq!(
                    h.place.lines("SELECT count(*) FROM scheduler_state").await,
                    ["0"],
                    "not paused yet"
                );
                em_web.batch_execute("ROLLBACK").await.unwrap();
            };
            let (paused, ()) = tokio::join!(two.set_paused(at(NOW), true), release);
            paused.unwrap();
            assert_eq!(
                h.place.lines("SELECT count(*) FROM scheduler_run").await,
                ["1"],
                "decided before"
            );
        };
        let (decided, ()) = tokio::join!(one.decide(at(NOW), 10, decider()), pause);
        assert_eq!(decided.unwrap().runs.len(), 1);
        assert!(one.decide(after(60), 10, decider()).await.unwrap().paused);
    });
}

/// A process that is frozen may have several transactions that wait for one another, and each ends only by its own limit.
#[test]
fn pausing_outlasts_a_wait_for_a_lock() {
    on_postgres(async |h| {
        let frozen = client(&h.place.url).await;
        let two = PostgresStore::connect(PostgresOptions {
            grace: 1_000_000,
            ..postgres_options(&h.place.url, "two")
        });
        let two = two.await.unwrap();
        let hold = format!("BEGIN; SELECT pg_advisory_xact_lock({}, 2)", 0x454d_5331);
        frozen.batch_execute(&hold).await.unwrap();
        let waits = "SELECT query_start FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let release = async {
            let mut seen = HashSet::new();
            // The first wait has ended by its limit, and another one has begun.
            while seen.len() < 2 {
                seen.extend(h.place.lines(waits).await);
            }
            frozen.batch_execute("ROLLBACK").await.unwrap();
        };
        let (paused, ()) = tokio::join!(two.set_paused(at(NOW), true), release);
        paused.unwrap();
        assert!(two.paused().await.unwrap());
    });
}
