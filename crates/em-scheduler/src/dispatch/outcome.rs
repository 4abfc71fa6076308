//! What the result of a delivery means for a run: the rules D3 to D6, as a pure function.

use triggers::UtcMicros;

use super::target::Delivered;
use crate::chance;
use crate::model::{Delivery, JobKind, SendableRun, Settled, SkipReason};

/// How runs are delivered and how often.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Requests in flight at most.
    pub concurrency: usize,
    /// What happens where a request may have arrived.
    pub delivery: Delivery,
    /// Microseconds after its run time in which a run may still be sent.
    pub grace: i64,
    /// Requests per run at most, in the delivery mode at least once.
    pub attempts: u32,
}

impl Policy {
    /// Whether a run with so many attempts behind it may have been sent already and is to be sent again: such a run
    /// is never judged as one of which nothing was sent.
    pub(super) fn may_repeat(&self, attempts: u32) -> bool {
        self.delivery == Delivery::AtLeastOnce && attempts > 0
    }
}

/// The first retry comes after so many microseconds, each further one after twice as many.
const FIRST_RETRY: i64 = 1_000_000;
/// No retry waits longer than this, in microseconds.
const LONGEST_RETRY: i64 = 60_000_000;

pub(super) fn settle(run: &SendableRun, delivered: &Delivered, policy: &Policy, now: UtcMicros) -> Settled {
    let again = policy.delivery == Delivery::AtLeastOnce && run.kind != JobKind::Manual;
    // Asked only where there is a retry: a random number is a call of the system.
    let not_before = || now.saturating_add(retry_delay(run.attempt));
    let attempts_left = run.attempt < policy.attempts;
    match delivered {
        Delivered::Accepted { took } => Settled::Delivered { took: *took },
        Delivered::Refused(refusal) if refusal.temporary => {
            retry_within_grace(run, policy, not_before(), &refusal.reason)
        }
        Delivered::Refused(_) if again && attempts_left => Settled::Repeat {
            not_before: not_before(),
        },
        Delivered::Refused(refusal) => Settled::Failed {
            reason: refusal.reason.clone(),
        },
        Delivered::NotSent(reason) => retry_within_grace(run, policy, not_before(), reason),
        Delivered::Ambiguous(_) if again && attempts_left => Settled::Repeat {
            not_before: not_before(),
        },
        Delivered::Ambiguous(reason) if again => Settled::Failed {
            reason: format!("{reason} (attempt {} of {})", run.attempt, policy.attempts),
        },
        Delivered::Ambiguous(reason) => Settled::Unknown {
            reason: reason.clone(),
        },
        Delivered::Held => Settled::Requeued {
            not_before: now,
            attempted: false,
        },
        Delivered::Withdrawn => Settled::Skipped(SkipReason::Deleted),
    }
}

/// A manual run is never retried: somebody waits for the answer.
pub(super) fn manual(delivered: &Delivered) -> Settled {
    match delivered {
        Delivered::Accepted { took } => Settled::Delivered { took: *took },
        Delivered::Refused(refusal) => Settled::Failed {
            reason: refusal.reason.clone(),
        },
        Delivered::NotSent(reason) => Settled::Failed {
            reason: reason.clone(),
        },
        Delivered::Ambiguous(reason) => Settled::Unknown {
            reason: reason.clone(),
        },
        Delivered::Held | Delivered::Withdrawn => Settled::Skipped(SkipReason::Deleted),
    }
}

/// Nothing has left: again later, as long as that is within grace (and, at least once, within the attempts).
fn retry_within_grace(run: &SendableRun, policy: &Policy, not_before: UtcMicros, reason: &str) -> Settled {
    let in_time = not_before.since(run.scheduled_for) <= policy.grace;
    let allowed = policy.delivery == Delivery::AtMostOnce || run.attempt < policy.attempts;
    if in_time && allowed && run.kind != JobKind::Manual {
        Settled::Requeued {
            not_before,
            attempted: true,
        }
    } else {
        Settled::Failed {
            reason: format!("{reason} (attempt {})", run.attempt.max(1)),
        }
    }
}

/// 1, 2, 4, 8 … s, and up to a quarter more at random, so that a runner that comes back is not met by all at once.
fn retry_delay(attempt: u32) -> i64 {
    let doublings = attempt.saturating_sub(1).min(16);
    let base = (FIRST_RETRY << doublings).min(LONGEST_RETRY);
    base + i64::try_from(chance::below(base.unsigned_abs() / 4)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::target::TargetRefusal;

    fn policy(delivery: Delivery) -> Policy {
        Policy {
            concurrency: 100,
            delivery,
            grace: 30_000_000,
            attempts: 3,
        }
    }

    fn run(attempt: u32) -> SendableRun {
        SendableRun {
            key: 1,
            job_id: "1-7-cron".into(),
            task_id: 7,
            kind: JobKind::Cron,
            scheduled_for: UtcMicros::new(0),
            fence: 1,
            attempt,
            not_before: None,
            sending: true,
        }
    }

    fn name(settled: &Settled) -> &'static str {
        match settled {
            Settled::Delivered { .. } => "delivered",
            Settled::Failed { .. } => "failed",
            Settled::Unknown { .. } => "unknown",
            Settled::Missed { .. } => "missed",
            Settled::Skipped(_) => "skipped",
            Settled::Requeued { .. } => "requeued",
            Settled::Repeat { .. } => "repeat",
        }
    }

    /// Rules D3 to D6 as a table: result, attempt, seconds after the run time; at most once, at least once.
    #[test]
    fn the_table_of_outcomes() {
        let accepted = || Delivered::Accepted { took: 5 };
        let refused = |temporary| {
            Delivered::Refused(TargetRefusal {
                reason: "the runner answered 500".into(),
                message: String::new(),
                temporary,
            })
        };
        let unsent = || Delivered::NotSent("refused".into());
        let cut = || Delivered::Ambiguous("reset".into());
        let table = [
            (accepted(), 1, 0, "delivered", "delivered"),
            (refused(false), 1, 0, "failed", "repeat"),
            (refused(false), 3, 0, "failed", "failed"),
            (refused(true), 1, 0, "requeued", "requeued"),
            (refused(true), 3, 0, "requeued", "failed"),
            (unsent(), 1, 0, "requeued", "requeued"),
            (unsent(), 2, 20, "requeued", "requeued"),
            (unsent(), 3, 3, "requeued", "failed"),
            (unsent(), 1, 29, "failed", "failed"),
            (cut(), 1, 0, "unknown", "repeat"),
            (cut(), 3, 0, "unknown", "failed"),
            (Delivered::Held, 1, 0, "requeued", "requeued"),
            (Delivered::Withdrawn, 1, 0, "skipped", "skipped"),
        ];
        for (delivered, attempt, late, once, least) in table {
            let now = UtcMicros::new(late * 1_000_000 + 500_000);
            let run = run(attempt);
            let at_most = settle(&run, &delivered, &policy(Delivery::AtMostOnce), now);
            assert_eq!(
                name(&at_most),
                once,
                "at most once: {delivered:?}, attempt {attempt}, {late} s late"
            );
            let at_least = settle(&run, &delivered, &policy(Delivery::AtLeastOnce), now);
            assert_eq!(
                name(&at_least),
                least,
                "at least once: {delivered:?}, attempt {attempt}, {late} s late"
            );
        }
    }

    #[test]
    fn retries_wait_twice_as_long_each_time_with_jitter() {
        for (attempt, seconds) in [(1, 1), (2, 2), (3, 4), (4, 8), (20, 60)] {
            let delay = retry_delay(attempt);
            assert!(
                (seconds * 1_000_000..=seconds * 1_250_000).contains(&delay),
                "attempt {attempt}: {delay}"
            );
        }
    }
}
