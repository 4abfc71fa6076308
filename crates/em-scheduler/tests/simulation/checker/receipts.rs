//! What reaches the runner: never early (I5), never without its durable row, never twice unless that was asked for, and
//! all requests of a run with one key (I3).

use super::{Checker, Run, Verdict, Violation, runs};
use test_world::rows::Run as RunRow;

/// A request as the runner reads it.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The process that sent it.
    pub process: String,
    pub task: i32,
    pub key: String,
    pub job: String,
    /// As written.
    pub scheduled_for: String,
    pub attempt: i64,
    /// Time passed.
    pub passed: i64,
    /// The latest time that any process has read from the wall.
    pub highest: i64,
}

/// What the checker keeps of it.
#[derive(Debug)]
pub(super) struct Received {
    attempt: i64,
    /// The status that the runner gave, once it left.
    answered: Option<u16>,
}

impl Checker {
    /// A request has reached the runner. Returns the row it belongs to.
    pub fn received(&mut self, receipt: &Receipt) -> Result<i64, Violation> {
        let told = |rule, what: &str| Err(Violation::new(rule, format!("{receipt:?}: {what}")));
        let Ok(at) = receipt.scheduled_for.parse::<triggers::UtcMicros>() else {
            return told("I3", "its time cannot be read");
        };
        if receipt.key != format!("{}@{}", receipt.job, receipt.scheduled_for) {
            return told("I3", "its key names another run");
        }
        let Some(key) = self.times.get(&(receipt.job.clone(), at.get())).copied() else {
            return told("I3", "nobody has decided it");
        };
        let run = &self.runs[&key];
        if !run.begun.contains(&receipt.attempt) {
            return told("I3", "no durable row says that it is being sent");
        }
        if run.row.task_id != receipt.task {
            return told("I3", "it asks for another task");
        }
        if receipt.highest < at.get() {
            return told("I5", "no clock has shown its time yet");
        }
        let held = run.row.state == "sending"
            && run.row.attempt == receipt.attempt
            && run.row.owner == receipt.process;
        if self.terms.alone && !held {
            return told("I3", &format!("its row is {:?}", run.row));
        }
        if run
            .receipts
            .iter()
            .any(|earlier| earlier.attempt == receipt.attempt && self.terms.alone)
        {
            return told("I3", "it is sent twice in one attempt");
        }
        if !self.terms.at_least_once && !run.receipts.iter().all(|earlier| self.was_refused(earlier)) {
            return told("I3", "it was sent before");
        }
        let manual = run.row.kind == "manual";
        if !manual {
            self.promises.judge_send(receipt, &run.row)?;
            let in_flight = self.in_flight.entry(receipt.process.clone()).or_default();
            *in_flight += 1;
            if *in_flight > self.terms.concurrency {
                return told("D1", "more requests are on their way than there are permits");
            }
        }
        let received = Received {
            attempt: receipt.attempt,
            answered: None,
        };
        if let Some(run) = self.runs.get_mut(&key) {
            run.receipts.push(received);
        }
        Ok(key)
    }

    /// The runner's status for a request has left it.
    pub fn answered(&mut self, key: i64, status: u16) {
        let last = self.runs.get_mut(&key).and_then(|run| run.receipts.last_mut());
        if let Some(last) = last {
            last.answered = Some(status);
        }
    }

    /// A request has ended, however it ended.
    pub fn ended(&mut self, key: i64, process: &str) {
        let manual = self.runs.get(&key).is_some_and(|run| run.row.kind == "manual");
        if let Some(in_flight) = self.in_flight.get_mut(process).filter(|_| !manual) {
            *in_flight = in_flight.saturating_sub(1);
        }
    }

    fn was_refused(&self, earlier: &Received) -> bool {
        self.terms.retries_refusals && earlier.answered == Some(503)
    }

    /// How a run ends must agree with what reached the runner.
    pub(super) fn judge_end(&self, run: &Run, end: &RunRow) -> Verdict {
        let accepted = run
            .receipts
            .iter()
            .any(|receipt| receipt.answered.is_some_and(|status| status < 300));
        let sent = run.receipts.iter().any(|receipt| !self.was_refused(receipt));
        let agrees = match end.state.as_str() {
            "delivered" => accepted,
            "missed" | "skipped" => self.terms.at_least_once || !sent,
            _ => true,
        };
        if agrees {
            return Ok(());
        }
        Err(Violation::new(
            "I3",
            format!(
                "{} ends as {}, and the runner had {:?}",
                runs::name(end),
                end.state,
                run.receipts
            ),
        ))
    }
}
