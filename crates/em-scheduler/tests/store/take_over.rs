//! Taking over the runs of processes that are gone, and knowing who is there.

use std::sync::Arc;

use em_scheduler::model::life::TakeOver;
use em_scheduler::model::{OpenRun, Outcome, SkipReason};

use super::harness::{Harness, ME, NOW, after, at};

on_both!(
    runs_are_adopted_settled_or_left,
    unregistereds_are_those_who_never_registered,
    an_adopted_run_is_lost_to_its_former_owner,
    a_withdrawn_run_is_not_adopted,
    leases_are_renewed_and_others_seen,
    final_runs_are_nobodys_business,
);

const DEAD: &str = "dead";

fn everything(decision: TakeOver) -> Arc<dyn Fn(&OpenRun) -> TakeOver + Send + Sync> {
    Arc::new(move |_| decision.clone())
}

/// Runs of tasks 7, 8 and 9, the last one sending, all of them the dead process's.
async fn left_behind(h: &Harness) {
    h.queued_run(7, "3-7-cron").await;
    h.queued_run(8, "3-8-cron").await;
    h.sending_run(9, "3-9-cron").await;
    h.place
        .run(
            "UPDATE scheduler_run SET owner = 'dead';
             INSERT INTO scheduler_instance (id, place, lease_until) VALUES ('dead', 'there', 5)",
        )
        .await;
}

const RUNS: &str = "SELECT task_id, state, owner, fence, reason FROM scheduler_run ORDER BY key";

async fn runs_are_adopted_settled_or_left(h: Harness) {
    left_behind(&h).await;
    let judge = Arc::new(|open: &OpenRun| {
        assert_eq!(
            (open.owner.as_str(), open.run.sending),
            (DEAD, open.run.task_id == 9)
        );
        match open.run.task_id {
            7 => TakeOver::Adopt,
            8 => TakeOver::Settle(Outcome::Missed { late: 2_000_000 }),
            _ => TakeOver::Leave,
        }
    });
    let adopted = h
        .store
        .take_over(after(2), vec![DEAD.into()], false, judge)
        .await
        .unwrap();
    let [run] = &adopted[..] else {
        panic!("{adopted:?}")
    };
    assert_eq!(
        (run.task_id, run.fence, run.sending, run.attempt),
        (7, 2, false, 0)
    );
    assert_eq!((run.scheduled_for, run.job_id.as_str()), (at(NOW), "3-7-cron"));
    assert_eq!(
        h.place.lines(RUNS).await,
        [
            format!("7|queued|{ME}|2|~"),
            "8|missed|dead|1|late by 2.000000 s".into(),
            "9|sending|dead|2|~".into()
        ]
    );
    let told = "8|1|Job missed. Scheduled for: Mon, Nov 23, 2026 16:12:04. Missed by: 0:00:02.000000";
    assert_eq!(
        h.place
            .lines("SELECT task_id, error, message FROM task_log")
            .await,
        [told]
    );
    // Whoever held them may live: it is told of changes until it is forgotten.
    assert_eq!(h.place.lines("SELECT id FROM scheduler_instance").await, [DEAD]);
    let forget = vec![DEAD.to_owned(), ME.to_owned()];
    h.store.renew_lease(at(NOW), after(9)).await.unwrap();
    h.store.forget_instances(forget).await.unwrap();
    assert_eq!(
        h.place.lines("SELECT id FROM scheduler_instance").await,
        [ME],
        "a process does not forget itself"
    );
    // The one adopted can be sent, under its new fence.
    assert_eq!(h.begin(after(3), run).await.len(), 1);
}

async fn unregistereds_are_those_who_never_registered(h: Harness) {
    left_behind(&h).await;
    h.place
        .run("UPDATE scheduler_run SET owner = 'unregistered' WHERE task_id = 7")
        .await;
    h.place
        .run(&format!(
            "UPDATE scheduler_run SET owner = '{ME}' WHERE task_id = 8"
        ))
        .await;
    let nobody = everything(TakeOver::Adopt);
    assert!(
        h.store
            .take_over(at(NOW), vec![], false, Arc::clone(&nobody))
            .await
            .unwrap()
            .is_empty()
    );
    let adopted = h.store.take_over(at(NOW), vec![], true, nobody).await.unwrap();
    let tasks: Vec<i32> = adopted.iter().map(|run| run.task_id).collect();
    assert_eq!(tasks, [7], "neither ours nor those of a registered process");
    assert_eq!(h.place.lines("SELECT id FROM scheduler_instance").await, [DEAD]);
    // Asked for by name, our own are gone through too, and we are not forgotten.
    h.store.renew_lease(at(NOW), after(9)).await.unwrap();
    let ours = h
        .store
        .take_over(at(NOW), vec![ME.into()], false, everything(TakeOver::Adopt))
        .await
        .unwrap();
    assert_eq!(ours.iter().map(|run| run.task_id).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(
        h.place
            .lines("SELECT id FROM scheduler_instance ORDER BY id")
            .await,
        [ME, DEAD]
    );
}

async fn an_adopted_run_is_lost_to_its_former_owner(h: Harness) {
    let run = h.queued_run(7, "3-7-cron").await;
    h.place.run("UPDATE scheduler_run SET owner = 'dead'").await;
    let adopted = h
        .store
        .take_over(at(NOW), vec![DEAD.into()], false, everything(TakeOver::Adopt))
        .await
        .unwrap();
    assert_eq!(adopted.len(), 1);
    // It was only asleep, and acts on what it remembers.
    assert!(h.begin(after(1), &run).await.is_empty());
    assert_eq!(h.place.lines(RUNS).await, [format!("7|queued|{ME}|2|~")]);
}

async fn a_withdrawn_run_is_not_adopted(h: Harness) {
    h.sending_run(7, "3-7-cron").await;
    h.sending_run(8, "3-8-cron").await;
    h.place
        .run("UPDATE scheduler_run SET withdrawn = 1, owner = 'dead'")
        .await;
    h.place
        .run("UPDATE scheduler_run SET muted = 1 WHERE task_id = 8")
        .await;
    let adopted = h
        .store
        .take_over(at(NOW), vec![DEAD.into()], false, everything(TakeOver::Adopt))
        .await
        .unwrap();
    assert!(adopted.is_empty());
    assert_eq!(
        h.place.lines(RUNS).await,
        ["7|skipped|dead|2|deleted", "8|skipped|dead|2|deleted"]
    );
    assert_eq!(
        h.place.lines("SELECT task_id FROM task_log").await,
        ["7"],
        "8 is muted"
    );
}

async fn leases_are_renewed_and_others_seen(h: Harness) {
    h.store.renew_lease(at(NOW), after(10)).await.unwrap();
    h.store.renew_lease(after(5), after(15)).await.unwrap();
    let row = "SELECT id, place, lease_until FROM scheduler_instance";
    assert_eq!(
        h.place.lines(row).await,
        [format!("{ME}|here|{}", after(15).get())]
    );
    assert!(h.store.other_instances().await.unwrap().is_empty());
    h.place
        .run("INSERT INTO scheduler_instance (id, place, lease_until) VALUES ('other', 'there', 7)")
        .await;
    let others = h.store.other_instances().await.unwrap();
    let [other] = &others[..] else {
        panic!("{others:?}")
    };
    assert_eq!(
        (other.id.as_str(), other.place.as_str(), other.lease_until.get()),
        ("other", "there", 7)
    );
}

async fn final_runs_are_nobodys_business(h: Harness) {
    left_behind(&h).await;
    for state in ["delivered", "failed", "missed", "skipped", "unknown"] {
        h.place
            .run(&format!("UPDATE scheduler_run SET state = '{state}'"))
            .await;
        let outcome = TakeOver::Settle(Outcome::Skipped(SkipReason::Deleted));
        h.store
            .take_over(at(NOW), vec![DEAD.into()], true, everything(outcome))
            .await
            .unwrap();
        assert_eq!(
            h.place.lines("SELECT DISTINCT state FROM scheduler_run").await,
            [state]
        );
    }
}
