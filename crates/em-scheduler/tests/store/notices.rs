//! What processes on one database tell each other (rule S1): notices, acknowledgements, and runs given up.

use em_scheduler::store::Notice;

use super::harness::{Harness, ME, NOW, after, at};

on_both!(
    a_notice_tells_what_is_to_be_heeded_until_it_is_acknowledged,
    runs_given_up_belong_to_no_process,
);

async fn register(h: &Harness) {
    h.store.renew_lease(at(NOW), after(10)).await.unwrap();
    h.place
        .run("INSERT INTO scheduler_instance (id, place, lease_until) VALUES ('other', 'there', 5)")
        .await;
}

/// The other process has posted a notice.
const POSTED: &str = "UPDATE scheduler_instance SET notice = notice + 1 WHERE id <> 'other'";

async fn a_notice_tells_what_is_to_be_heeded_until_it_is_acknowledged(h: Harness) {
    let ours = h.sending_run(7, "3-7-cron").await;
    let others = h.sending_run(8, "3-8-cron").await;
    h.sending_run(9, "3-9-cron").await;
    register(&h).await;
    assert_eq!(h.store.notice(false).await.unwrap(), None);
    assert_eq!(h.store.notice(true).await.unwrap(), Some(Notice::default()));

    let asked = h.store.post_notice().await.unwrap();
    let numbers: Vec<(&str, i64, i64)> = asked
        .iter()
        .map(|peer| (peer.id.as_str(), peer.notice, peer.acknowledged))
        .collect();
    assert_eq!(numbers, [("other", 1, 0)], "nobody posts to himself");
    assert_eq!(h.store.notice(false).await.unwrap(), None);

    h.place
        .run(&format!(
            "UPDATE scheduler_run SET owner = 'other' WHERE key = {}",
            others.key
        ))
        .await;
    h.store.remove_jobs(after(1), 7).await.unwrap();
    h.store.remove_jobs(after(1), 8).await.unwrap();
    h.store.set_paused(after(1), true).await.unwrap();
    h.place.run(POSTED).await;
    let notice = Notice {
        number: Some(1),
        paused: true,
        withdrawn: vec![ours.key],
    };
    assert_eq!(h.store.notice(false).await.unwrap(), Some(notice.clone()));
    h.store.acknowledge(1).await.unwrap();
    assert_eq!(h.store.notice(false).await.unwrap(), None);
    let again = Notice {
        number: None,
        ..notice
    };
    assert_eq!(h.store.notice(true).await.unwrap(), Some(again));
    // A late acknowledgement of less takes nothing back.
    h.place.run(POSTED).await;
    h.store.acknowledge(2).await.unwrap();
    h.store.acknowledge(1).await.unwrap();
    let row = format!("SELECT notice, acknowledged FROM scheduler_instance WHERE id = '{ME}'");
    assert_eq!(h.place.lines(&row).await, ["2|2"]);
    // Nor does one of what was posted to an earlier row of this process.
    h.store.acknowledge(500).await.unwrap();
    assert_eq!(h.place.lines(&row).await, ["2|2"]);
    // A renewal of the lease leaves both as they are.
    h.store.renew_lease(at(NOW), after(20)).await.unwrap();
    assert_eq!(h.place.lines(&row).await, ["2|2"]);
}

async fn runs_given_up_belong_to_no_process(h: Harness) {
    let queued = h.queued_run(7, "3-7-cron").await;
    h.sending_run(8, "3-8-cron").await;
    assert_eq!(h.store.release_queued(after(1)).await.unwrap(), 1);
    let rows = "SELECT task_id, state, owner FROM scheduler_run ORDER BY task_id";
    assert_eq!(
        h.place.lines(rows).await,
        ["7|queued|".to_owned(), format!("8|sending|{ME}")]
    );
    let begun = h
        .store
        .begin_sends(after(2), vec![(queued.key, queued.fence)])
        .await;
    assert!(begun.unwrap().is_empty(), "a handle from before begins nothing");
}
