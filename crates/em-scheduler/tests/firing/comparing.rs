//! `job_sync` on PostgreSQL where the comparison fails or does not end: something is decided all the same, and a start can
//! be stopped.

use std::time::Duration;

use em_scheduler::chance;
use em_scheduler::model::ScheduleRules;
use triggers::{DstPolicy, Zone};

use test_world::session::Session;

use crate::world::{Backend, Scheduler, Settings, World};

/// Far below what the comparison is given, far above what a stop takes.
const SOON: Duration = Duration::from_secs(20);

/// The backends that are in the midst of a comparison.
const COMPARING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND datname = current_database() AND state = 'active' AND query LIKE '%FROM project p WHERE%'";

/// A database in which reading the projects for a comparison, and nothing else, does this.
async fn where_comparing(does: &str) -> World {
    let world = World::new(Backend::Postgres).await;
    world.tasks(1);
    let_comparing(&world, does);
    world.sql(
        "UPDATE project SET intv = 1, intv_type = 's', intv_value = 3600;
         ALTER TABLE project RENAME TO projects;
         CREATE VIEW project AS SELECT * FROM projects WHERE compared();",
    );
    world
}

/// Makes the comparison do something else from now on.
fn let_comparing(world: &World, does: &str) {
    world.sql(&format!(
        "CREATE OR REPLACE FUNCTION compared() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
           IF current_query() LIKE '%FROM project p WHERE%' THEN {does}; END IF; RETURN true; END $$"
    ));
}

/// A scheduler that waits for its comparison.
async fn waiting() -> (World, Scheduler) {
    let world = where_comparing("PERFORM pg_sleep(250)").await;
    let scheduler = world.begin_to_start(Settings::default()).await;
    world.until(COMPARING, &["1"]).await;
    (world, scheduler)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_fails_all_tasks_are_gone_through() {
    let world = where_comparing("RAISE EXCEPTION 'no shared memory'").await;
    let store = world.open(&chance::instance_id()).await;
    let rules = ScheduleRules {
        zone: Zone::utc(),
        dst: DstPolicy::Once,
    };
    let failed = store.find_differing(store.now(), rules).await;
    assert!(failed.unwrap_err().to_string().contains("no shared memory"));
    let scheduler = tokio::time::timeout(SOON, world.start()).await.unwrap();
    world
        .until("SELECT task_id, kind FROM scheduler_job", &["1|interval"])
        .await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    world.runner.received(1).await;
    scheduler.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_fails_before_the_first_decision_is_done_again_and_not_the_whole_pass() {
    let world = where_comparing("RAISE EXCEPTION 'no shared memory'").await;
    let other = Session::open(&world.url).await.unwrap();
    // The guard of the set of jobs, which a page takes alone and does not wait for long.
    let guard = "(x'454d5331'::int, 3)";
    let hold = format!("SELECT pg_advisory_lock{guard}");
    other.batch_execute(&hold).await.unwrap();
    let mut scheduler = world.begin_to_start(Settings::default()).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    world.until(waiting, &["1"]).await;
    // A second comparison would not end.
    let_comparing(&world, "PERFORM pg_sleep(250)");
    world.until(waiting, &["0"]).await;
    world.until(waiting, &["1"]).await;
    let release = format!("SELECT pg_advisory_unlock{guard}");
    other.batch_execute(&release).await.unwrap();
    tokio::time::timeout(SOON, scheduler.ready()).await.unwrap();
    assert_eq!(
        world.rows("SELECT task_id, kind FROM scheduler_job"),
        ["1|interval"]
    );
    scheduler.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_compares_before_its_first_decision_ends_at_once() {
    let (world, scheduler) = waiting().await;
    tokio::time::timeout(SOON, scheduler.stop()).await.unwrap();
    // Nor does the server go on with it.
    world.until(COMPARING, &["0"]).await;
    assert_eq!(world.rows("SELECT count(*) FROM scheduler_job"), ["0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduler_that_is_stopped_before_its_first_decision_compares_no_more() {
    let (world, mut scheduler) = waiting().await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    assert!(scheduler.control.stop().await);
    tokio::time::timeout(SOON, scheduler.ready()).await.unwrap();
    world.until(COMPARING, &["0"]).await;
    scheduler.stop().await;
    assert_eq!(world.rows("SELECT count(*) FROM scheduler_run"), ["0"]);
}
