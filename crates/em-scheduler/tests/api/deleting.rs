//! `/api/delete`, `/api/delete/<id>`, `/api/delete-orphans`: what goes, what stays, and that nothing leaves after.

use std::sync::Arc;
use std::time::Duration;

use em_scheduler::clock::{Clock as _, SystemClock};
use em_scheduler::dispatch::Dispatcher;
use em_scheduler::model::{Action, Decision, DueJob, Next, Plan, SendableRun, TaskId, UnreadableTrigger};
use em_scheduler::store::Decider;

use crate::on_both_databases;
use crate::tasks;
use crate::world::World;

/// Decides that everything due is sent at once.
struct Admit(Dispatcher);

impl Decider for Admit {
    fn plan(&self, job: &DueJob) -> Result<Plan, UnreadableTrigger> {
        let decision = Decision {
            scheduled_for: job.next_run_at,
            action: Action::Send,
            coalesced: 0,
            coalesced_since: None,
        };
        Ok(Plan {
            decisions: vec![decision],
            next: Next::Finished,
        })
    }

    fn admit(&self, task: TaskId) -> bool {
        self.0.admit(task, SystemClock.now())
    }
}

/// A run of each due job, written as `sending`, not yet handed over.
async fn about_to_leave(world: &World) -> Vec<SendableRun> {
    let decider = Arc::new(Admit(world.server.dispatcher.clone()));
    let decided = world
        .store
        .decide(world.store.now(), 100, decider)
        .await
        .expect("decide");
    assert!(decided.runs.iter().all(|run| run.sending), "{:?}", decided.runs);
    decided.runs
}

async fn a_task_loses_its_jobs_and_its_next_run(world: World) {
    tasks::create(&world);
    for id in [1, 3] {
        world
            .expect(&format!("/api/add/{id}"), "Scheduler: task job added!")
            .await;
    }
    world
        .expect("/api/run/3/delay/5", "Scheduler: task scheduled!")
        .await;
    world.sql("DELETE FROM task_log");
    world
        .expect("/api/delete/3", "Scheduler: task job deleted!")
        .await;
    assert_eq!(world.get("/api/jobs").await.body, "[1]");
    let log = world.rows("SELECT task_id, error, message FROM task_log");
    assert_eq!(log, ["3||Job removed."; 4]);
    assert_eq!(world.row("SELECT enabled, next_run FROM task WHERE id = 3"), "1|");
    // Again, without jobs; and a task that is not there.
    for id in [3, 999_999] {
        world
            .expect(&format!("/api/delete/{id}"), "Scheduler: task job deleted!")
            .await;
    }
    assert_eq!(world.row("SELECT count(*) FROM task_log"), "4");
    assert_eq!(world.get("/api/jobs").await.body, "[1]");
}

async fn all_jobs_go_and_the_tasks_stay(world: World) {
    tasks::create(&world);
    for id in [1, 3, 6, 7] {
        world
            .expect(&format!("/api/add/{id}"), "Scheduler: task job added!")
            .await;
    }
    world
        .expect("/api/run/2/delay/5", "Scheduler: task scheduled!")
        .await;
    let before = world.rows("SELECT id, enabled, next_run FROM task ORDER BY id");
    world.expect("/api/delete", "Scheduler: all jobs deleted!").await;
    assert_eq!(world.get("/api/jobs").await.body, "[]");
    assert_eq!(
        world.rows("SELECT id, enabled, next_run FROM task ORDER BY id"),
        before
    );
    world.expect("/api/delete", "Scheduler: all jobs deleted!").await;
}

async fn orphans_are_jobs_of_tasks_that_are_gone(world: World) {
    tasks::create(&world);
    tasks::one_more(&world, 22);
    for id in [1, 22] {
        world
            .expect(&format!("/api/add/{id}"), "Scheduler: task job added!")
            .await;
    }
    world
        .expect("/api/run/22/delay/5", "Scheduler: task scheduled!")
        .await;
    world
        .expect("/api/delete-orphans", "Scheduler: orphans deleted!")
        .await;
    assert_eq!(world.row("SELECT count(*) FROM scheduler_job"), "3");
    tasks::delete(&world, 22);
    world
        .expect("/api/delete-orphans", "Scheduler: orphans deleted!")
        .await;
    assert_eq!(world.get("/api/jobs").await.body, "[1]");
    world
        .expect("/api/delete-orphans", "Scheduler: orphans deleted!")
        .await;
}

/// Whatever the deletion, what was about to leave does not, and its row says why.
async fn nothing_leaves_after_the_answer(world: World) {
    tasks::create(&world);
    tasks::one_more(&world, 22);
    for (path, task) in [
        ("/api/delete/1", 1),
        ("/api/delete", 1),
        ("/api/delete-orphans", 22),
    ] {
        world
            .expect(&format!("/api/run/{task}/delay/0"), "Scheduler: task scheduled!")
            .await;
        let runs = about_to_leave(&world).await;
        assert_eq!(runs.len(), 1, "{path}");
        if task == 22 {
            tasks::delete(&world, task);
            // Its job has fired and left nothing; an orphan needs one.
            world.sql(
                "INSERT INTO scheduler_job (id, task_id, project_id, kind, name, definition, created_at)
                 VALUES ('21-22-intv', 22, 21, 'interval', '', '{}', 0)",
            );
        }
        assert_eq!(world.get(path).await.status, 200);
        let log = world.row("SELECT count(*) FROM task_log");
        world.server.dispatcher.accept(runs.clone());
        assert_eq!(world.server.dispatcher.drained(Duration::from_secs(60)).await, 0);
        assert_eq!(world.runner.receipts(), [], "{path}");
        let state = world.row(&format!(
            "SELECT state FROM scheduler_run WHERE key = {}",
            runs[0].key
        ));
        assert_eq!(state, "skipped", "{path}");
        if path == "/api/delete/1" {
            assert_eq!(
                world.row("SELECT count(*) FROM task_log"),
                log,
                "em_web deletes the rows next"
            );
        }
    }
}

async fn runs_that_wait_are_skipped(world: World) {
    tasks::create(&world);
    world
        .expect("/api/run/1/delay/0", "Scheduler: task scheduled!")
        .await;
    world.decide().await;
    assert_eq!(world.row("SELECT state FROM scheduler_run"), "queued");
    world
        .expect("/api/delete/1", "Scheduler: task job deleted!")
        .await;
    assert_eq!(
        world.row("SELECT state, reason FROM scheduler_run"),
        "skipped|deleted"
    );
}

on_both_databases!(
    a_task_loses_its_jobs_and_its_next_run,
    all_jobs_go_and_the_tasks_stay,
    orphans_are_jobs_of_tasks_that_are_gone,
    nothing_leaves_after_the_answer,
    runs_that_wait_are_skipped,
);
