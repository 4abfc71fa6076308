//! The first pass over a database that another scheduler served (rule S4): its intervals go on as they were, whatever the
//! database's own time zone is.

use std::collections::BTreeMap;
use std::sync::Arc;

use em_scheduler::em_web::{Announced, Earlier, Pass, SyncTask};
use em_scheduler::model::ScheduleRules;
use em_scheduler::store::SyncRange;
use triggers::{DstPolicy, Zone};

use super::harness::{Harness, ME, NOW, ZONE, after, at, on_postgres};

on_both!(the_newest_announcement_of_an_interval_is_found);

const HOUR: i64 = 3_600;

/// Task `id` of a project of its own, with an interval of so many hours.
async fn interval(h: &Harness, id: i32, hours: i64) {
    h.place
        .run(&format!(
            "INSERT INTO project (id, intv, intv_type, intv_value) VALUES ({id}, 1, 'h', {hours});
             INSERT INTO task (id, project_id, enabled, next_run) VALUES ({id}, {id}, 1, '2026-11-23 16:12:04')"
        ))
        .await;
}

async fn log(h: &Harness, task: i32, written: &str, message: &str) {
    h.place
        .run(&format!(
            "INSERT INTO task_log (task_id, status_id, status_date, message, error)
             VALUES ({task}, 6, '{written}', '{message}', 0)"
        ))
        .await;
}

async fn the_newest_announcement_of_an_interval_is_found(h: Harness) {
    for task in [1, 2, 3, 4] {
        interval(&h, task, 1).await;
    }
    h.place
        .run("UPDATE project SET intv_start_date = '2026-01-01 00:00:00' WHERE id = 3; UPDATE task SET enabled = 0 WHERE id = 4")
        .await;
    let added = "Job added. Scheduled for: Mon, Nov 23, 2026 16:07:04";
    for task in [1, 3, 4] {
        log(
            &h,
            task,
            "2026-11-23 15:00:00",
            "Job added. Scheduled for: Mon, Nov 23, 2026 16:00:00",
        )
        .await;
        log(&h, task, "2026-11-23 16:02:04.170872", added).await;
        log(&h, task, "2026-11-23 16:02:05", "Job removed.").await;
    }
    log(&h, 2, "2026-11-23 16:02:04", "Job added. Scheduled for: tomorrow").await;
    let expected = BTreeMap::from([(
        1,
        Announced {
            written_at: "2026-11-23 16:02:04.170872".parse().unwrap(),
            run_at: "2026-11-23 16:07:04".parse().unwrap(),
        },
    )]);
    for range in [
        SyncRange::After(None, 100),
        SyncRange::Of(vec![1, 2, 3, 4, 5]),
        SyncRange::InProject(1),
    ] {
        assert_eq!(h.store.announced(&range).await.unwrap(), expected, "{range:?}");
    }
    let beyond = SyncRange::After(Some(4), 100);
    assert_eq!(h.store.announced(&beyond).await.unwrap(), BTreeMap::new());
}

/// What is told of the scheduler before, for the tasks of one page.
async fn earlier(h: &Harness) -> Earlier {
    let zone = h.store.earlier_zone().await.unwrap().unwrap();
    Earlier {
        zone: Zone::named(&zone).unwrap(),
        announced: h.store.announced(&SyncRange::After(None, 100)).await.unwrap(),
    }
}

/// One pass; the next run of each task's job, in seconds from now.
async fn first_pass(h: &Harness) -> Vec<String> {
    let pass = Pass {
        now: at(NOW),
        rules: ScheduleRules {
            zone: Zone::named(ZONE).unwrap(),
            dst: DstPolicy::Once,
        },
        grace: 30_000_000,
        served_before: Some(earlier(h).await),
    };
    let plan = Arc::new(move |task: &SyncTask| pass.plan(task));
    let range = SyncRange::After(None, 100);
    h.store.sync_page(at(NOW), range, plan).await.unwrap();
    h.place
        .lines(&format!(
            "SELECT j.id, (d.next_run_at - {}) / 1000000 FROM scheduler_job j JOIN scheduler_due d ON d.job_key = j.key
             ORDER BY j.task_id",
            after(0).get()
        ))
        .await
}

/// The next run as the original writes it: an instant with a zone, which the server puts on the wall of the session.
async fn next_run(h: &Harness, task: i32, seconds: i64) {
    let sql = format!(
        "UPDATE task SET next_run = timestamptz '{NOW}' + interval '{seconds} seconds' WHERE id = {task}"
    );
    // In a session of its own, which begins in the zone of the database.
    h.place.sql(&sql);
}

/// In each zone a server may be in, on both models.
pub(super) fn in_each_zone(test: impl AsyncFn(&Harness) + Copy) {
    for zone in ["UTC", "America/Chicago", "Asia/Kolkata"] {
        for migrated in [false, true] {
            on_postgres(async |h| {
                let h = if migrated { h.migrated().await } else { h };
                let Harness { store, place } = h;
                drop(store);
                let name = place.url.rsplit('/').next().unwrap().to_owned();
                place
                    .run(&format!("ALTER DATABASE \"{name}\" SET timezone TO '{zone}'"))
                    .await;
                let store = place.open(ME).await.unwrap();
                let h = Harness { store, place };
                assert_eq!(h.store.earlier_zone().await.unwrap().as_deref(), Some(zone));
                test(&h).await;
            });
        }
    }
}

#[test]
fn an_interval_goes_on_in_every_zone_of_the_server() {
    in_each_zone(async |h| {
        interval(h, 1, 1).await;
        next_run(h, 1, 20 * 60).await;
        interval(h, 2, 14 * 24).await;
        next_run(h, 2, 5 * 24 * HOUR).await;
        // Due while the one was stopped and the other not started yet.
        interval(h, 3, 1).await;
        next_run(h, 3, -10 * 60).await;
        assert_eq!(
            first_pass(h).await,
            ["1-1-intv|1200", "2-2-intv|432000", "3-3-intv|3000"]
        );
        // From now on the columns are on the walls of the scheduler.
        let shown = h.place.lines("SELECT next_run FROM task WHERE id = 1").await;
        assert_eq!(shown, ["2026-11-23 16:32:04.15022"]);
    });
}

#[test]
fn the_time_of_a_delayed_run_is_no_rhythm_in_any_zone_of_the_server() {
    in_each_zone(async |h| {
        interval(h, 1, 1).await;
        next_run(h, 1, 5 * 60).await;
        // Local times of the scheduler, whatever the server's zone is.
        log(
            h,
            1,
            "2026-11-23 16:12:04.170872",
            "Job added. Scheduled for: Mon, Nov 23, 2026 16:17:04",
        )
        .await;
        assert_eq!(first_pass(h).await, ["1-1-intv|3600"]);
    });
}

#[test]
fn a_log_that_may_not_be_read_stops_nothing_postgres() {
    on_postgres(async |h| {
        interval(&h, 1, 1).await;
        let Harness { store, place } = h;
        drop(store);
        let role = format!("blind_{}", place.url.rsplit('_').next().unwrap());
        place
            .run(&format!(
                "CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA em_scheduler TO {role};
                 GRANT ALL ON ALL TABLES IN SCHEMA em_scheduler TO {role};
                 GRANT SELECT ON project, task_status TO {role}; GRANT SELECT, UPDATE ON task TO {role};
                 GRANT INSERT ON task_log TO {role}; GRANT USAGE ON SEQUENCE task_log_id_seq TO {role}"
            ))
            .await;
        let mut options = super::harness::postgres_options(&place.url, ME);
        options.url = options.url.replace("postgres@", &format!("{role}@"));
        let store = em_scheduler::store::postgres::PostgresStore::connect(options)
            .await
            .unwrap();
        let range = SyncRange::After(None, 100);
        let announced = em_scheduler::store::EmWeb::announced(&store, &range)
            .await
            .unwrap();
        assert_eq!(announced, BTreeMap::new());
        drop(store);
        place
            .run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
    });
}
