//! Tasks that run one after the other (rule F11): adding any of them settles which one has the jobs.

use crate::world::World;
use test_world::Backend;

const ADDED: &str = "Scheduler: task job added!";

/// Project 3 is a sequence of the tasks 1, 2 and 4, in this order, with an hourly interval.
async fn sequence(backend: Backend) -> World {
    let world = World::migrated(
        backend,
        "ALTER TABLE project ADD COLUMN sequence_tasks INTEGER; ALTER TABLE task ADD COLUMN \"order\" INTEGER",
    )
    .await;
    world.sql(
        "INSERT INTO project (id, name, sequence_tasks, intv, intv_type, intv_value) VALUES (3, 'P', 1, 1, 'h', 1);
         INSERT INTO task (id, project_id, \"order\", name, enabled) VALUES (1, 3, 1, 'a', 0), (2, 3, 2, 'b', 0),
           (4, 3, 3, 'c', 0)",
    );
    world
}

fn jobs(world: &World) -> Vec<String> {
    world.rows("SELECT id FROM scheduler_job ORDER BY task_id, id")
}

fn enabled(world: &World) -> Vec<String> {
    world.rows("SELECT id FROM task WHERE enabled = 1 ORDER BY id")
}

async fn only_the_first_enabled_task_has_the_jobs(backend: Backend) {
    let world = sequence(backend).await;
    // Alone it is the first.
    world.expect("/api/add/4", ADDED).await;
    assert_eq!(jobs(&world), ["3-4-intv"]);
    // One that comes before it takes over.
    world.expect("/api/add/1", ADDED).await;
    assert_eq!(jobs(&world), ["3-1-intv"]);
    // One that follows is enabled and stores nothing.
    let log = "SELECT count(*) FROM task_log WHERE task_id = 2";
    world.expect("/api/add/2", ADDED).await;
    assert_eq!(jobs(&world), ["3-1-intv"]);
    assert_eq!(enabled(&world), ["1", "2", "4"]);
    assert_eq!(world.row(log), "0");
    assert_eq!(world.get("/api/jobs").await.body, "[1]");
}

async fn the_next_first_one_gets_the_jobs_when_any_is_added(backend: Backend) {
    let world = sequence(backend).await;
    for task in [1, 2, 4] {
        world.expect(&format!("/api/add/{task}"), ADDED).await;
    }
    // As em_web disables a task: its jobs first, then the flag.
    world
        .expect("/api/delete/1", "Scheduler: task job deleted!")
        .await;
    world.sql("UPDATE task SET enabled = 0 WHERE id = 1");
    world.expect("/api/add/4", ADDED).await;
    assert_eq!(jobs(&world), ["3-2-intv"]);
    // Another order.
    world.sql("UPDATE task SET \"order\" = 0 WHERE id = 4");
    world.expect("/api/add/2", ADDED).await;
    assert_eq!(jobs(&world), ["3-4-intv"]);
    // No sequence any more: each is added by itself.
    world.sql("UPDATE project SET sequence_tasks = 0");
    world.expect("/api/add/2", ADDED).await;
    assert_eq!(jobs(&world), ["3-2-intv", "3-4-intv"]);
}

/// The one before it may have had that run.
async fn a_one_off_that_is_past_is_over_for_the_next_first_one(backend: Backend) {
    let world = sequence(backend).await;
    world.sql("UPDATE project SET intv = 0, ooff = 1, ooff_date = '2020-01-01 00:00:00'");
    for task in [1, 2, 4] {
        world.expect(&format!("/api/add/{task}"), ADDED).await;
    }
    let jobs = "SELECT task_id, listed FROM scheduler_job ORDER BY task_id";
    assert_eq!(world.rows(jobs), ["1|1"]);
    world
        .expect("/api/delete/1", "Scheduler: task job deleted!")
        .await;
    world.sql("UPDATE task SET enabled = 0 WHERE id = 1");
    world.expect("/api/add/4", ADDED).await;
    assert_eq!(world.rows(jobs), ["2|0"]);
}

async fn what_was_just_deleted_is_not_given_the_jobs_by_another(backend: Backend) {
    let world = sequence(backend).await;
    world.expect("/api/add/1", ADDED).await;
    world.expect("/api/add/2", ADDED).await;
    world
        .expect("/api/delete/1", "Scheduler: task job deleted!")
        .await;
    // Not disabled yet.
    world.expect("/api/add/2", ADDED).await;
    assert_eq!(jobs(&world), [""; 0]);
}

async fn delayed_and_manual_runs_are_untouched(backend: Backend) {
    let world = sequence(backend).await;
    world.expect("/api/add/1", ADDED).await;
    world.expect("/api/add/2", ADDED).await;
    // So the runner starts the next task.
    world
        .expect("/api/run/2/delay/7", "Scheduler: task scheduled!")
        .await;
    world.expect("/api/run/2", "Scheduler: task job started!").await;
    world.expect("/api/add/1", ADDED).await;
    let kinds = "SELECT task_id, kind FROM scheduler_job ORDER BY task_id";
    assert_eq!(world.rows(kinds), ["1|interval", "2|delayed"]);
}

async fn an_invalid_schedule_is_told_for_the_first(backend: Backend) {
    let world = sequence(backend).await;
    world.expect("/api/add/1", ADDED).await;
    world.sql("UPDATE project SET intv_type = 'x'");
    world.expect("/api/add/2", ADDED).await;
    world.refused("/api/add/1", "Scheduler (add job):\n").await;
    assert_eq!(jobs(&world), ["3-1-intv"], "the old schedule goes on");
}

macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::world::Backend::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::world::Backend::Postgres).await;
            })+
        }
    };
}

on_both!(
    only_the_first_enabled_task_has_the_jobs,
    the_next_first_one_gets_the_jobs_when_any_is_added,
    a_one_off_that_is_past_is_over_for_the_next_first_one,
    what_was_just_deleted_is_not_given_the_jobs_by_another,
    delayed_and_manual_runs_are_untouched,
    an_invalid_schedule_is_told_for_the_first,
);
