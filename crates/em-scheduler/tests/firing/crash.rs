//! The real program, killed with SIGKILL at the steps of a fire and started again: nothing decided is lost, nothing
//! is sent twice, every due time has its own decision.
//!
//! A debug build kills itself where `EM_SCHEDULER_CRASH_AT` says (see `crash`); a step that is never reached is a
//! kill from outside instead. Each test runs on both databases.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use em_scheduler::clock::{Clock, SystemClock};
use test_world::process::{Program, Running};
use triggers::Zone;

use crate::world::{Backend, SECOND, World};
use test_world::runner::Receipt;

/// Tasks 1 to this one have a one-off in the same second; the next one has an interval of a second.
const ONE_OFFS: i32 = 6;
const SIGKILL: i32 = 9;

struct Campaign {
    world: World,
}

impl Campaign {
    async fn new(backend: Backend) -> Self {
        let world = World::new(backend).await;
        world.tasks(ONE_OFFS + 1);
        let due = Zone::utc().to_wall(SystemClock.now().saturating_add(3 * SECOND / 2));
        world.sql(&format!(
            "UPDATE project SET ooff = 1, ooff_date = '{due}' WHERE id <= {ONE_OFFS};
             UPDATE project SET intv = 1, intv_type = 's', intv_value = 1 WHERE id = {};",
            ONE_OFFS + 1
        ));
        Self { world }
    }

    fn start(&self, crash_at: &str) -> Running {
        Program::new(env!("CARGO_BIN_EXE_em-scheduler"))
            .args(&["serve", "--bind", "127.0.0.1:0", "--timezone", "UTC"])
            .args(&["--concurrency", "4"])
            .env("DATABASE_URL", &self.world.url)
            .env("RUNNER_HOST", &self.world.runner.url())
            .env("EM_SCHEDULER_CRASH_AT", crash_at)
            .start()
    }

    /// Lets the program run into its crash point, or kills it once everything has been decided.
    async fn kill_at(&self, step: &str) {
        let mut program = self.start(step);
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let mut decided = 0;
        let status = loop {
            looks.tick().await;
            if let Some(status) = program.has_ended() {
                break status;
            }
            decided += i32::from(self.count("state = 'delivered'") > i64::from(ONE_OFFS));
            if decided > 20 {
                break program.kill();
            }
        };
        assert_eq!(
            status.signal(),
            Some(SIGKILL),
            "at {step} the program ended by itself: {status}"
        );
    }

    /// Starts it again and lets it settle what was left, then ends it as an operator would.
    async fn recover(&self) {
        let mut program = self.start("");
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        for look in 0.. {
            looks.tick().await;
            let one_offs = "kind = 'one_off' AND state IN ('delivered', 'unknown', 'missed')";
            if self.count(one_offs) == i64::from(ONE_OFFS) && self.count("kind = 'interval'") > 1 {
                break;
            }
            assert!(look < 1_500, "not recovered: {:?}", self.runs());
            let ended = program.has_ended();
            assert_eq!(ended, None, "the program ended while it recovered");
        }
        program.stop();
    }

    fn count(&self, condition: &str) -> i64 {
        self.world
            .rows(&format!("SELECT count(*) FROM scheduler_run WHERE {condition}"))[0]
            .parse()
            .unwrap()
    }

    fn runs(&self) -> Vec<String> {
        self.world.rows("SELECT job_id, scheduled_for, state, coalesced FROM scheduler_run ORDER BY job_id, scheduled_for")
    }

    /// The invariants, by rows and receipts.
    fn check(&self, step: &str) {
        let mut receipts: HashMap<String, Vec<Receipt>> = HashMap::new();
        for receipt in self.world.runner.receipts() {
            assert!(receipt.at >= receipt.scheduled_for, "{step}: early: {receipt:?}");
            receipts.entry(receipt.key.clone()).or_default().push(receipt);
        }
        let mut interval_times = Vec::new();
        let mut interval_decided = 0;
        for row in self.runs() {
            let cells: Vec<&str> = row.split('|').collect();
            let [job, time, state, coalesced] = cells[..] else {
                panic!("{row}")
            };
            let time = triggers::UtcMicros::new(time.parse().unwrap());
            let sent = receipts
                .remove(&format!("{job}@{time}"))
                .map_or(0, |receipts| receipts.len());
            match state {
                "delivered" => assert_eq!(sent, 1, "{step}: {row}"),
                "unknown" => assert!(sent <= 1, "{step}: sent twice: {row}"),
                // One that was decided as the stop came stays queued: nothing of it has left.
                "missed" | "skipped" | "queued" => assert_eq!(sent, 0, "{step}: {row}"),
                _ => panic!("{step}: a graceful stop leaves no run open but those queued: {row}"),
            }
            if job.ends_with("-intv") {
                interval_times.push(time.get());
                interval_decided += 1 + coalesced.parse::<i64>().unwrap();
            }
        }
        assert!(
            receipts.is_empty(),
            "{step}: sent without a decision: {receipts:?}"
        );
        // Each due time of the interval was decided by itself or counted on the run that survived.
        let span = interval_times.last().unwrap() - interval_times[0];
        assert_eq!(span % SECOND, 0, "{step}: the rhythm is kept: {interval_times:?}");
        assert_eq!(
            span / SECOND + 1,
            interval_decided,
            "{step}: each due time has its decision"
        );
        for task in 1..=ONE_OFFS {
            let events = format!(
                "SELECT count(*) FROM task_log WHERE task_id = {task} AND message = 'Job submitted.'"
            );
            assert_eq!(
                self.world.rows(&events),
                ["1"],
                "{step}: one event per transition"
            );
        }
    }
}

async fn survive(backend: Backend, step: &str) {
    let campaign = Campaign::new(backend).await;
    campaign.kill_at(step).await;
    campaign.recover().await;
    campaign.check(step);
}

macro_rules! killed_at {
    ($($name:ident: $($step:literal),+;)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $(super::survive(super::Backend::Sqlite, $step).await;)+
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $(super::survive(super::Backend::Postgres, $step).await;)+
            })+
        }
    };
}

killed_at! {
    before_the_decision_is_committed: "decide.uncommitted", "decide.uncommitted:2";
    after_the_decision_is_committed: "engine.decided:2", "engine.decided:3";
    before_a_queued_run_leaves: "dispatch.sending";
    before_the_first_byte: "dispatch.gate", "dispatch.gate:5";
    after_the_answer: "dispatch.answered", "dispatch.answered:4";
    after_the_outcome_is_written: "dispatch.settled", "dispatch.settled:2";
    before_a_commit: "commit.before:4", "commit.before:6", "commit.before:8";
    after_a_commit: "commit.after:5", "commit.after:7", "commit.after:9";
}
