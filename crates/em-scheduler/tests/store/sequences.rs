//! Sequences of tasks (rule F11): which task is the first, and that no other one holds the jobs of its project.

use std::sync::Arc;

use em_scheduler::em_web::{Pass, Sequences, SyncTask};
use em_scheduler::model::{ScheduleRules, TaskId};
use em_scheduler::store::SyncRange;
use triggers::{DstPolicy, Zone};

use super::harness::{Harness, ME, ZONE, after, on_postgres};

on_both!(
    the_model_is_recognised,
    a_model_without_order_goes_by_name,
    the_first_is_told_by_order_and_name,
    only_a_sequence_has_a_first,
    job_sync_gives_the_jobs_to_the_first_alone,
    a_project_is_brought_in_line_by_itself,
);

/// Tasks of project 3, which is a sequence with an hourly interval: id, order, name, enabled.
async fn sequence(h: &Harness, tasks: &[(TaskId, &str, &str, i32)]) {
    let mut sql = String::from(
        "INSERT INTO project (id, name, sequence_tasks, intv, intv_type, intv_value) VALUES (3, 'P', 1, 1, 'h', 1);",
    );
    for (id, order, name, enabled) in tasks {
        sql += &format!(
            "INSERT INTO task (id, project_id, \"order\", name, enabled) VALUES ({id}, 3, {order}, {name}, {enabled});"
        );
    }
    h.place.run(&sql).await;
}

/// The tasks that follow another one.
async fn following(h: &Harness) -> Vec<TaskId> {
    let mut following = Vec::new();
    for id in h.place.lines("SELECT id FROM task ORDER BY id").await {
        let task = h.store.task(id.parse().unwrap()).await.unwrap().unwrap();
        following.extend(task.follows.then_some(task.id));
    }
    following
}

async fn the_model_is_recognised(h: Harness) {
    assert_eq!(h.store.sequences(), Sequences::Unknown);
    assert_eq!(h.migrated().await.store.sequences(), Sequences::ByOrder);
}

async fn a_model_without_order_goes_by_name(h: Harness) {
    let Harness { store, place } = h;
    drop(store);
    place
        .run("ALTER TABLE project ADD COLUMN sequence_tasks INTEGER")
        .await;
    place
        .run(
            "INSERT INTO project (id, sequence_tasks) VALUES (3, 1);
             INSERT INTO task (id, project_id, name, enabled) VALUES (1, 3, 'b', 1), (2, 3, 'a', 1), (4, 3, NULL, 1)",
        )
        .await;
    let store = place.open(ME).await.unwrap();
    assert_eq!(store.sequences(), Sequences::ByName);
    assert_eq!(following(&Harness { store, place }).await, [1, 4]);
}

async fn the_first_is_told_by_order_and_name(h: Harness) {
    let h = h.migrated().await;
    sequence(&h, &[]).await;
    type Tasks<'a> = &'a [(TaskId, &'a str, &'a str, i32)];
    let cases: [(&str, Tasks<'_>, &[TaskId]); 7] = [
        ("order", &[(1, "2", "'a'", 1), (2, "1", "'b'", 1)], &[1]),
        ("then name", &[(1, "1", "'b'", 1), (2, "1", "'a'", 1)], &[1]),
        (
            "no order is last",
            &[(1, "NULL", "'a'", 1), (2, "9", "'b'", 1)],
            &[1],
        ),
        (
            "no name is last",
            &[(1, "1", "NULL", 1), (2, "1", "'z'", 1)],
            &[1],
        ),
        ("neither", &[(1, "NULL", "NULL", 1), (2, "NULL", "NULL", 1)], &[2]),
        ("negative", &[(1, "0", "'a'", 1), (2, "-1", "'b'", 1)], &[1]),
        // A task that is off keeps none waiting; were it added, it would be enabled.
        (
            "enabled",
            &[
                (1, "1", "'a'", 0),
                (2, "2", "'b'", 1),
                (4, "3", "'c'", 0),
                (5, "4", "'d'", 1),
            ],
            &[4, 5],
        ),
    ];
    for (name, tasks, expected) in cases {
        h.place.run("DELETE FROM task; DELETE FROM project").await;
        sequence(&h, tasks).await;
        assert_eq!(following(&h).await, expected, "{name}");
    }
}

async fn only_a_sequence_has_a_first(h: Harness) {
    let h = h.migrated().await;
    sequence(&h, &[(1, "1", "'a'", 1), (2, "2", "'b'", 1)]).await;
    for flag in ["0", "NULL", "2"] {
        h.place
            .run(&format!("UPDATE project SET sequence_tasks = {flag}"))
            .await;
        assert_eq!(following(&h).await, [0; 0], "{flag}");
    }
    // Tasks of no project are no sequence.
    h.place
        .run("UPDATE project SET sequence_tasks = 1; UPDATE task SET project_id = NULL")
        .await;
    assert_eq!(following(&h).await, [0; 0]);
}

fn pass() -> Pass {
    Pass {
        now: after(0),
        rules: ScheduleRules {
            zone: Zone::named(ZONE).unwrap(),
            dst: DstPolicy::Once,
        },
        grace: 30_000_000,
        served_before: None,
    }
}

/// A pass over all that differs; returns how many tasks it changed.
async fn sync(h: &Harness) -> usize {
    let found = h.store.find_differing(after(0), pass().rules).await.unwrap();
    let range = found.map_or(SyncRange::After(None, 1_000), SyncRange::Of);
    let plan = Arc::new(|task: &SyncTask| pass().plan(task));
    h.store.sync_page(after(0), range, plan).await.unwrap().changed
}

async fn jobs(h: &Harness) -> Vec<String> {
    h.place
        .lines("SELECT id FROM scheduler_job ORDER BY task_id, id")
        .await
}

async fn job_sync_gives_the_jobs_to_the_first_alone(h: Harness) {
    let h = h.migrated().await;
    sequence(&h, &[(1, "1", "'a'", 1), (2, "2", "'b'", 1), (4, "3", "'c'", 1)]).await;
    for (change, expected) in [
        ("SELECT 1", "3-1-intv"),
        ("UPDATE task SET \"order\" = 5 WHERE id = 1", "3-2-intv"),
        ("UPDATE task SET enabled = 0 WHERE id = 2", "3-4-intv"),
        ("DELETE FROM task_log; DELETE FROM task WHERE id = 4", "3-1-intv"),
    ] {
        if change != "SELECT 1" {
            h.place.run(change).await;
        }
        assert!(sync(&h).await > 0, "{change}");
        // The job of a task that has gone is for delete-orphans.
        h.store.remove_orphans(after(0)).await.unwrap();
        assert_eq!(jobs(&h).await, [expected], "{change}");
        assert_eq!(sync(&h).await, 0, "{change}: a second pass");
    }
    h.place
        .run("UPDATE project SET sequence_tasks = 0; UPDATE task SET enabled = 1")
        .await;
    sync(&h).await;
    assert_eq!(jobs(&h).await, ["3-1-intv", "3-2-intv"]);
    assert_eq!(sync(&h).await, 0);
}

async fn a_project_is_brought_in_line_by_itself(h: Harness) {
    let h = h.migrated().await;
    sequence(&h, &[(2, "2", "'b'", 1), (1, "1", "'a'", 1)]).await;
    h.place
        .run("INSERT INTO project (id) VALUES (4); INSERT INTO task (id, project_id, enabled) VALUES (9, 4, 1)")
        .await;
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = Arc::clone(&seen);
    let plan = Arc::new(move |task: &SyncTask| {
        tell.lock().unwrap().push(task.task_id);
        pass().plan(task)
    });
    let page = h.store.sync_page(after(0), SyncRange::InProject(3), plan).await;
    assert_eq!(page.unwrap().changed, 1);
    assert_eq!(*seen.lock().unwrap(), [1, 2]);
    assert_eq!(jobs(&h).await, ["3-1-intv"]);
}

#[test]
fn a_flag_of_another_type_is_named_postgres() {
    on_postgres(async |h| {
        let Harness { store, place } = h;
        drop(store);
        place
            .run("ALTER TABLE project ADD COLUMN sequence_tasks boolean")
            .await;
        let error = place.open(ME).await.err().unwrap().to_string();
        assert!(
            error.contains("column project.sequence_tasks is boolean"),
            "{error}"
        );
    });
}
