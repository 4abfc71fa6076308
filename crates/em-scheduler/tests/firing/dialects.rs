//! What a 2xx answer of the runner means where its body reports an error, in both dialects (rule D11).

use std::sync::LazyLock;
use std::time::Duration;

use em_scheduler::model::{Delivery, WireDialect};

use crate::on_both;
use crate::world::{Settings, World};
use test_world::runner::Reply;

on_both!(
    an_error_in_a_good_answer_counts_in_a_hub,
    what_is_no_such_report_is_delivered,
    a_body_that_does_not_come_is_not_waited_for_long,
    at_least_once_asks_again,
    a_connection_is_kept_whatever_the_dialect,
);

const REFUSED: &str = r#"{"error":"no such\nextract"}"#;
/// Longer than what is read of an answer.
static ENDLESS: LazyLock<&'static str> =
    LazyLock::new(|| format!(r#"{{"error":"{}"}}"#, "x".repeat(70_000)).leak());

fn speaking(dialect: WireDialect) -> Settings {
    Settings::with(|it| it.dialect = dialect)
}

/// One run of task 1, sent and settled: its state and reason.
async fn one_run(world: &World, settings: Settings) -> String {
    world.sql("DELETE FROM scheduler_run; UPDATE task SET status_id = NULL;");
    let before = world.runner.receipts().len();
    let scheduler = world.start_with(settings).await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    // The task's status follows later where its row is held just then, by the publishing of its next run.
    let settled = "SELECT count(*) FROM scheduler_run WHERE state NOT IN ('queued', 'sending')
                     AND (state <> 'failed' OR EXISTS (SELECT 1 FROM task WHERE status_id = 2))";
    world.until(settled, &["1"]).await;
    scheduler.stop().await;
    assert_eq!(world.runner.receipts().len(), before + 1, "it was asked once");
    world
        .rows("SELECT state, coalesce(reason, '') FROM scheduler_run")
        .join("\n")
}

async fn an_error_in_a_good_answer_counts_in_a_hub(world: World) {
    world.tasks(1);
    let status = "SELECT coalesce(status_id, -1) FROM task";
    for code in [200, 202] {
        world.runner.answer(Reply::say(code, REFUSED));
        let ended = one_run(&world, speaking(WireDialect::Hub)).await;
        assert_eq!(ended, "failed|the runner reported an error: no such extract");
        assert_eq!(world.rows(status), ["2"]);
        let ended = one_run(&world, speaking(WireDialect::Em2)).await;
        assert_eq!(ended, "delivered|");
        assert_eq!(world.rows(status), ["-1"]);
    }
    let told = world.rows("SELECT message FROM task_log WHERE error = 1");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("no such extract"), "{told:?}");
}

async fn what_is_no_such_report_is_delivered(world: World) {
    world.tasks(1);
    for body in [
        r#"{"message":"started"}"#,
        r#"{"error":null}"#,
        r#"["error"]"#,
        "<p>error</p>",
        "",
        *ENDLESS,
    ] {
        world.runner.answer(Reply::say(200, body));
        let ended = one_run(&world, speaking(WireDialect::Hub)).await;
        assert_eq!(ended, "delivered|", "{body:.60}");
    }
    // Another status is what it is in both.
    world.runner.answer(Reply::say(500, REFUSED));
    for dialect in [WireDialect::Em2, WireDialect::Hub] {
        let ended = one_run(&world, speaking(dialect)).await;
        assert_eq!(ended, "failed|the runner answered 500", "{dialect}");
    }
}

async fn a_body_that_does_not_come_is_not_waited_for_long(world: World) {
    world.tasks(1);
    world.runner.answer(Reply::Endless);
    // Less than the body is waited for: the head has come, so the outcome is not unknown.
    let mut settings = speaking(WireDialect::Hub);
    settings.timeouts.total = Duration::from_secs(1);
    assert_eq!(one_run(&world, settings).await, "delivered|");
}

async fn at_least_once_asks_again(world: World) {
    world.tasks(1);
    world.runner.answer(Reply::say(200, REFUSED));
    let mut settings = speaking(WireDialect::Hub);
    settings.delivery = Delivery::AtLeastOnce;
    let scheduler = world.start_with(settings).await;
    scheduler.once(1, scheduler.in_micros(0)).await;
    world.runner.received(1).await;
    world.runner.answer(Reply::status(200));
    let receipts = world.runner.received(2).await;
    assert_eq!(receipts[0].key, receipts[1].key);
    world
        .until("SELECT state, attempt FROM scheduler_run", &["delivered|2"])
        .await;
    scheduler.stop().await;
}

async fn a_connection_is_kept_whatever_the_dialect(world: World) {
    world.tasks(1);
    for (dialect, body) in [
        (WireDialect::Em2, REFUSED),
        (WireDialect::Hub, REFUSED),
        (WireDialect::Hub, r#"{"message":"started"}"#),
    ] {
        world.runner.answer(Reply::say(200, body));
        let scheduler = world.start_with(speaking(dialect)).await;
        let before = world.runner.connections();
        for sent in 1..=2 {
            scheduler.once(1, scheduler.in_micros(0)).await;
            let ended = "SELECT count(*) FROM scheduler_run WHERE state IN ('failed', 'delivered')";
            world.until(ended, &[&sent.to_string()]).await;
        }
        scheduler.stop().await;
        assert_eq!(world.runner.connections(), before + 1, "{dialect} {body}");
        world.sql("DELETE FROM scheduler_run");
    }
}
