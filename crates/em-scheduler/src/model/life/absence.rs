//! What becomes of runs while the scheduler, or the process that held them, was away (F8, D6).

use triggers::UtcMicros;

use super::DeliveryRules;
use super::grace::is_late;
use super::take_over::TakeOver;
use crate::model::{Delivery, JobKind, OpenRun, Outcome, SendableRun};

/// A run asked for now of which nothing is known for so many microseconds will not be sent any more.
const ABANDONED: i64 = 30_000_000;

/// A run that waited meanwhile ends as missed where it is too late now, unless it may have been sent before and is to be
/// repeated: such a run is never judged as one of which nothing was sent.
pub fn missed_meanwhile(run: &SendableRun, now: UtcMicros, rules: DeliveryRules) -> Option<Outcome> {
    let repeated = rules.delivery == Delivery::AtLeastOnce && run.attempt > 0;
    let missed = is_late(run.scheduled_for, now, rules.grace) && !repeated;
    missed.then(|| Outcome::Missed {
        late: now.since(run.scheduled_for),
    })
}

/// A run whose process is gone: what had not left is judged by its grace, what may have left by the delivery mode.
pub fn left_behind(open: &OpenRun, now: UtcMicros, rules: DeliveryRules) -> TakeOver {
    if !open.run.sending {
        return adopt_or_miss(&open.run, now, rules);
    }
    if rules.delivery == Delivery::AtLeastOnce && open.run.kind != JobKind::Manual {
        return TakeOver::Adopt;
    }
    let reason = "the scheduler ended while the request was on its way".to_owned();
    TakeOver::Settle(Outcome::Unknown { reason })
}

/// A run that is ours by its row and of which nothing is known here: nothing was sent for it. Of one asked for now its caller was
/// told that the database failed, and sends nothing; but one that was begun just now may be about to be known.
pub fn unknown_here(open: &OpenRun, now: UtcMicros, rules: DeliveryRules) -> TakeOver {
    if open.run.kind != JobKind::Manual {
        return adopt_or_miss(&open.run, now, rules);
    }
    if now.since(open.run.scheduled_for).abs() <= ABANDONED {
        return TakeOver::Leave;
    }
    let reason = "the database failed as the run was begun".to_owned();
    TakeOver::Settle(Outcome::Unknown { reason })
}

fn adopt_or_miss(run: &SendableRun, now: UtcMicros, rules: DeliveryRules) -> TakeOver {
    missed_meanwhile(run, now, rules).map_or(TakeOver::Adopt, TakeOver::Settle)
}
