//! `job_sync`: a page of tasks is shown to the planner, and what it wants is written, and nothing else.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use em_scheduler::em_web::{SyncPlan, SyncTask};
use em_scheduler::model::JobKind;
use em_scheduler::store::{SyncRange, SyncedPage};

use super::fixture::job;
use super::harness::{Harness, NOW, after, at};

on_both!(
    pages_go_through_all_tasks,
    the_planner_sees_what_is_stored,
    a_plan_is_carried_out,
    a_second_pass_writes_no_row,
    an_invalid_task_is_reported_and_forgotten,
    an_unreadable_task_concerns_itself_alone,
);

async fn pages_go_through_all_tasks(h: Harness) {
    for task in [2, 3, 5, 8, 13] {
        h.place.task(task, true).await;
    }
    // A task that is to be changed may be looked at twice.
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let mut after = None;
    let mut pages = 0;
    loop {
        let seen = Arc::clone(&seen);
        let plan = Arc::new(move |task: &SyncTask| {
            seen.lock().unwrap().insert(task.task_id);
            SyncPlan {
                forget_report: task.task_id == 5,
                ..SyncPlan::default()
            }
        });
        let page = h
            .store
            .sync_page(at(NOW), SyncRange::After(after, 2), plan)
            .await
            .unwrap();
        pages += 1;
        let Some(last) = page.last else { break };
        assert_eq!(page.changed, usize::from(last == 8));
        after = Some(last);
    }
    let expected = BTreeSet::from([2, 3, 5, 8, 13]);
    assert_eq!((pages, &*seen.lock().unwrap()), (4, &expected));
}

async fn the_planner_sees_what_is_stored(h: Harness) {
    h.place.task(7, true).await;
    h.place
        .run("UPDATE task SET next_run = '2026-11-23 16:12:04.150220', est_duration = 4")
        .await;
    let mut tombstone = job("3-7-0123456789", 7, None);
    (tombstone.listed, tombstone.kind) = (false, JobKind::OneOff);
    h.store
        .add_jobs(
            at(NOW),
            7,
            Arc::new(move |_| Ok(vec![job("3-7-cron", 7, Some(after(60))), tombstone.clone()])),
        )
        .await
        .unwrap();
    h.place
        .run("INSERT INTO scheduler_reported (task_id, definition) VALUES (7, 'bad one')")
        .await;
    h.place.task(8, false).await;
    let plan = Arc::new(|task: &SyncTask| {
        let row = task.task.as_ref().unwrap();
        if task.task_id == 8 {
            assert!(!row.enabled && !row.has_estimate && row.next_run.is_none());
            assert!(task.jobs.is_empty() && task.reported.is_none());
            return SyncPlan::default();
        }
        assert!(row.enabled && row.has_estimate);
        assert_eq!(row.next_run.unwrap().to_string(), "2026-11-23 16:13:04.150220");
        assert_eq!(task.reported.as_deref(), Some("bad one"));
        let mut jobs = task.jobs.clone();
        jobs.sort_by(|one, other| other.id.cmp(&one.id));
        let [cron, one_off] = &jobs[..] else {
            panic!("{jobs:?}")
        };
        assert_eq!(
            (cron.id.as_str(), cron.kind, cron.listed),
            ("3-7-cron", JobKind::Cron, true)
        );
        assert_eq!(
            (cron.next_run_at, cron.name.as_str()),
            (Some(after(60)), "Project: Task 7")
        );
        assert_eq!(cron.definition, "{\"of\":\"3-7-cron\"}");
        assert_eq!(
            (one_off.kind, one_off.listed, one_off.next_run_at),
            (JobKind::OneOff, false, None)
        );
        SyncPlan::default()
    });
    let page = h
        .store
        .sync_page(at(NOW), SyncRange::After(None, 100), plan)
        .await
        .unwrap();
    assert_eq!(
        page,
        SyncedPage {
            last: Some(8),
            changed: 0
        }
    );
}

async fn page(h: &Harness, plan: impl Fn(&SyncTask) -> SyncPlan + Send + Sync + 'static) -> usize {
    h.store
        .sync_page(after(1), SyncRange::After(None, 100), Arc::new(plan))
        .await
        .unwrap()
        .changed
}

/// Task 7: its cron replaced, its interval renamed. Task 8: everything cleared. Task 9: left alone.
fn wanted(task: &SyncTask) -> SyncPlan {
    match task.task_id {
        7 => SyncPlan {
            remove: vec!["3-7-cron".into(), "3-7-ffff".into()],
            add: vec![job("3-7-cron", 7, Some(after(30))), job("3-7-aaaa", 7, None)],
            rename: vec![("3-7-intv".into(), "Project: New".into())],
            publish: true,
            ..SyncPlan::default()
        },
        8 => SyncPlan {
            remove: vec!["3-8-cron".into()],
            clear_next_run: true,
            clear_estimate: true,
            ..SyncPlan::default()
        },
        _ => SyncPlan::default(),
    }
}

async fn a_plan_is_carried_out(h: Harness) {
    for task in [7, 8, 9] {
        h.place.task(task, task != 8).await;
        let mut jobs = vec![job(&format!("3-{task}-cron"), task, Some(after(60)))];
        if task == 7 {
            let mut tombstone = job("3-7-ffff", 7, None);
            tombstone.listed = false;
            jobs.extend([job("3-7-intv", 7, Some(after(90))), tombstone]);
        }
        h.store_jobs(task, jobs).await;
    }
    h.place
        .run("UPDATE task SET est_duration = 4; DELETE FROM task_log")
        .await;
    assert_eq!(page(&h, wanted).await, 2);
    assert_eq!(
        h.place
            .lines(
                "SELECT j.id, j.name, j.created_at, d.next_run_at FROM scheduler_job j
                 LEFT JOIN scheduler_due d ON d.job_key = j.key ORDER BY j.task_id, j.id"
            )
            .await,
        [
            format!("3-7-aaaa|Project: Task 7|{}|~", after(1).get()),
            format!("3-7-cron|Project: Task 7|{}|{}", after(1).get(), after(30).get()),
            format!("3-7-intv|Project: New|{}|{}", at(NOW).get(), after(90).get()),
            format!("3-9-cron|Project: Task 9|{}|{}", at(NOW).get(), after(60).get()),
        ]
    );
    let wall = h.place.wall("next_run");
    let columns = format!("SELECT id, {wall}, est_duration, enabled FROM task ORDER BY id");
    assert_eq!(
        h.place.lines(&columns).await,
        [
            "7|2026-11-23 16:12:34.150220|4|1",
            "8|~|~|1",
            "9|2026-11-23 16:13:04.150220|4|1"
        ]
    );
    let log = h
        .place
        .lines("SELECT task_id, error, message FROM task_log ORDER BY id")
        .await;
    assert_eq!(
        log[..2],
        [
            "7|~|Job removed.",
            "7|0|Job added. Scheduled for: Mon, Nov 23, 2026 16:12:34"
        ]
    );
    assert!(
        log[2].starts_with("7|1|Job added, but") && log[3] == "8|~|Job removed." && log.len() == 4,
        "{log:?}"
    );
}

async fn a_second_pass_writes_no_row(h: Harness) {
    h.place.task(7, true).await;
    h.store_jobs(7, vec![job("3-7-cron", 7, Some(after(60)))]).await;
    let publish = |_: &SyncTask| SyncPlan {
        publish: true,
        clear_estimate: true,
        forget_report: true,
        rename: vec![("3-7-cron".into(), "Project: Task 7".into())],
        ..SyncPlan::default()
    };
    let state = async || {
        (
            h.place.rows("SELECT * FROM task").await,
            h.place.rows("SELECT * FROM scheduler_job").await,
            h.place.rows("SELECT * FROM task_log").await,
        )
    };
    let before = state().await;
    assert_eq!(page(&h, publish).await, 1);
    assert_eq!(state().await, before);
    assert_eq!(page(&h, |_| SyncPlan::default()).await, 0);
}

async fn an_invalid_task_is_reported_and_forgotten(h: Harness) {
    h.due_job(7, "3-7-cron").await;
    for definition in ["bad one", "worse one"] {
        let report = move |_: &SyncTask| SyncPlan {
            report: Some((definition.into(), format!("cannot read the {definition}"))),
            ..SyncPlan::default()
        };
        assert_eq!(page(&h, report).await, 1);
        let reported = h
            .place
            .lines("SELECT task_id, definition FROM scheduler_reported")
            .await;
        assert_eq!(reported, [format!("7|{definition}")]);
    }
    assert_eq!(
        h.place
            .lines("SELECT error, message FROM task_log ORDER BY id")
            .await,
        [
            "1|Job could not be scheduled: cannot read the bad one",
            "1|Job could not be scheduled: cannot read the worse one"
        ]
    );
    assert_eq!(
        h.place.lines("SELECT id FROM scheduler_job").await,
        ["3-7-cron"],
        "the old job goes on"
    );
    page(&h, |_| SyncPlan {
        forget_report: true,
        ..SyncPlan::default()
    })
    .await;
    assert_eq!(
        h.place
            .lines("SELECT task_id FROM scheduler_reported")
            .await
            .len(),
        0
    );
}

async fn an_unreadable_task_concerns_itself_alone(h: Harness) {
    h.place.task(7, true).await;
    h.place
        .run("INSERT INTO project (id, name) VALUES (4, 'Odd')")
        .await;
    let odd = if h.place.is_postgres() {
        "infinity"
    } else {
        "tomorrow"
    };
    h.place
        .run(&format!(
            "UPDATE project SET cron_end_date = '{odd}' WHERE id = 4"
        ))
        .await;
    h.place
        .run("INSERT INTO task (id, name, project_id, enabled) VALUES (6, 'Odd', 4, 1)")
        .await;
    let plan = move |task: &SyncTask| {
        match (task.task_id, &task.task) {
            (6, Err(corrupt)) => {
                let reason = corrupt.to_string();
                assert!(
                    reason.contains("cron_end_date") && reason.contains(odd) && reason.contains("task 6"),
                    "{reason}"
                );
            }
            (7, Ok(row)) => assert_eq!(row.id, 7),
            other => panic!("{other:?}"),
        }
        SyncPlan::default()
    };
    assert_eq!(page(&h, plan).await, 0);
    let error = h.store.task(6).await.unwrap_err().to_string();
    assert!(
        error.contains("table project, row of task 6, column cron_end_date"),
        "{error}"
    );
    assert!(h.store.task(7).await.is_ok());
}
