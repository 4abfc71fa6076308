//! What the result of an attempt means for its run: the rules D3 to D6, D9 and D11, and when a retry comes.

use triggers::UtcMicros;

use super::DeliveryRules;
use super::grace::is_late;
use crate::model::{Delivered, Delivery, JobKind, Outcome, SendableRun, SkipReason};

/// The first retry comes after so many microseconds, each further one after twice as many.
const FIRST_RETRY: i64 = 1_000_000;
/// No retry waits longer than this, in microseconds, but for its jitter.
const LONGEST_RETRY: i64 = 60_000_000;

/// How the run ends, or when it is tried again. `jitter` is asked only where it is: a number from 0 to less than the one given.
pub fn attempt_ended(
    run: &SendableRun,
    delivered: &Delivered,
    (rules, now): (DeliveryRules, UtcMicros),
    jitter: impl FnOnce(u64) -> u64,
) -> Outcome {
    let again = rules.delivery == Delivery::AtLeastOnce && run.kind != JobKind::Manual;
    let attempts_left = run.attempt < rules.attempts;
    let not_before = || now.saturating_add(retry_delay(run.attempt, jitter));
    match delivered {
        Delivered::Accepted { took } => Outcome::Delivered { took: *took },
        Delivered::Refused(refusal) if refusal.temporary => {
            retry_within_grace(run, rules, not_before(), &refusal.reason)
        }
        Delivered::NotSent(reason) => retry_within_grace(run, rules, not_before(), reason),
        Delivered::Refused(_) | Delivered::Ambiguous(_) if again && attempts_left => Outcome::Repeat {
            not_before: not_before(),
        },
        Delivered::Refused(refusal) => Outcome::Failed {
            reason: refusal.reason.clone(),
        },
        Delivered::Ambiguous(reason) if again => Outcome::Failed {
            reason: format!("{reason} (attempt {} of {})", run.attempt, rules.attempts),
        },
        Delivered::Ambiguous(reason) => Outcome::Unknown {
            reason: reason.clone(),
        },
        Delivered::Held => Outcome::Requeued {
            not_before: now,
            attempted: false,
        },
        Delivered::Withdrawn => Outcome::Skipped(SkipReason::Deleted),
    }
}

/// How a run ends that was asked for now (D9): it is never retried, for somebody waits for the answer.
pub fn manual_ended(delivered: &Delivered) -> Outcome {
    match delivered {
        Delivered::Accepted { took } => Outcome::Delivered { took: *took },
        Delivered::Refused(refusal) => Outcome::Failed {
            reason: refusal.reason.clone(),
        },
        Delivered::NotSent(reason) => Outcome::Failed {
            reason: reason.clone(),
        },
        Delivered::Ambiguous(reason) => Outcome::Unknown {
            reason: reason.clone(),
        },
        Delivered::Held | Delivered::Withdrawn => Outcome::Skipped(SkipReason::Deleted),
    }
}

/// Nothing has left: again later, as long as that is within grace (and, at least once, within the attempts).
fn retry_within_grace(
    run: &SendableRun,
    rules: DeliveryRules,
    not_before: UtcMicros,
    reason: &str,
) -> Outcome {
    let in_time = !is_late(run.scheduled_for, not_before, rules.grace);
    let allowed = rules.delivery == Delivery::AtMostOnce || run.attempt < rules.attempts;
    if in_time && allowed && run.kind != JobKind::Manual {
        Outcome::Requeued {
            not_before,
            attempted: true,
        }
    } else {
        Outcome::Failed {
            reason: format!("{reason} (attempt {})", run.attempt.max(1)),
        }
    }
}

/// 1, 2, 4, 8 … s, and up to a quarter more, so that a runner that comes back is not met by all at once.
fn retry_delay(attempt: u32, jitter: impl FnOnce(u64) -> u64) -> i64 {
    let doublings = attempt.saturating_sub(1).min(16);
    let base = (FIRST_RETRY << doublings).min(LONGEST_RETRY);
    base + i64::try_from(jitter(base.unsigned_abs() / 4)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TargetRefusal;

    fn rules(delivery: Delivery) -> DeliveryRules {
        DeliveryRules {
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

    fn name(settled: &Outcome) -> &'static str {
        match settled {
            Outcome::Delivered { .. } => "delivered",
            Outcome::Failed { .. } => "failed",
            Outcome::Unknown { .. } => "unknown",
            Outcome::Missed { .. } => "missed",
            Outcome::Skipped(_) => "skipped",
            Outcome::Requeued { .. } => "requeued",
            Outcome::Repeat { .. } => "repeat",
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
            let at_most = attempt_ended(&run, &delivered, (rules(Delivery::AtMostOnce), now), |_| 0);
            assert_eq!(
                name(&at_most),
                once,
                "at most once: {delivered:?}, attempt {attempt}, {late} s late"
            );
            let at_least = attempt_ended(&run, &delivered, (rules(Delivery::AtLeastOnce), now), |_| 0);
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
            assert_eq!(retry_delay(attempt, |_| 0), seconds * 1_000_000);
            assert_eq!(retry_delay(attempt, |most| most), seconds * 1_250_000);
        }
    }
}
