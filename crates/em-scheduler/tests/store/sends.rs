//! Beginning to send: durable before a byte leaves, fenced, and never for what was deleted or taken meanwhile.

use super::harness::{Harness, ME, NOW, after, at};

on_both!(
    a_queued_run_begins_once,
    a_stale_fence_begins_nothing,
    the_answer_keeps_the_order_asked_for,
    what_is_not_queued_does_not_begin,
);

async fn a_queued_run_begins_once(h: Harness) {
    let run = h.queued_run(7, "3-7-cron").await;
    h.place.run("UPDATE scheduler_run SET not_before = 5").await;
    let begun = h.begin(after(2), &run).await;
    let [sent] = &begun[..] else { panic!("{begun:?}") };
    assert_eq!(
        (sent.key, sent.fence, sent.attempt, sent.sending),
        (run.key, run.fence + 1, 1, true)
    );
    assert_eq!(
        (sent.job_id.as_str(), sent.task_id, sent.kind),
        ("3-7-cron", 7, run.kind)
    );
    assert_eq!((sent.scheduled_for, sent.not_before), (at(NOW), None));
    let row = "SELECT state, attempt, fence, not_before, sent_at, owner FROM scheduler_run";
    assert_eq!(
        h.place.lines(row).await,
        [format!("sending|1|2|~|{}|{ME}", after(2).get())]
    );
    let again = h
        .store
        .begin_sends(after(3), vec![(run.key, run.fence), (sent.key, sent.fence)])
        .await
        .unwrap();
    assert_eq!(again, []);
    assert_eq!(h.place.log().await.len(), 0, "a send that begins is no event");
}

async fn a_stale_fence_begins_nothing(h: Harness) {
    let run = h.queued_run(7, "3-7-cron").await;
    let before = h.place.rows("SELECT * FROM scheduler_run").await;
    let wanted = vec![
        (run.key, run.fence - 1),
        (run.key, run.fence + 1),
        (run.key + 1, run.fence),
    ];
    assert_eq!(h.store.begin_sends(at(NOW), wanted).await.unwrap(), []);
    assert_eq!(h.store.begin_sends(at(NOW), vec![]).await.unwrap(), []);
    assert_eq!(h.place.rows("SELECT * FROM scheduler_run").await, before);
}

async fn the_answer_keeps_the_order_asked_for(h: Harness) {
    let mut wanted = Vec::new();
    for task in [7, 8, 9] {
        let run = h.queued_run(task, &format!("3-{task}-cron")).await;
        wanted.push((run.key, run.fence));
    }
    wanted.swap(0, 2);
    let begun = h.store.begin_sends(at(NOW), wanted).await.unwrap();
    assert_eq!(begun.iter().map(|run| run.task_id).collect::<Vec<_>>(), [9, 8, 7]);
}

async fn what_is_not_queued_does_not_begin(h: Harness) {
    let run = h.queued_run(7, "3-7-cron").await;
    for state in [
        "claimed",
        "sending",
        "delivered",
        "failed",
        "missed",
        "skipped",
        "unknown",
    ] {
        h.place
            .run(&format!("UPDATE scheduler_run SET state = '{state}'"))
            .await;
        assert_eq!(h.begin(at(NOW), &run).await, [], "{state}");
    }
}
