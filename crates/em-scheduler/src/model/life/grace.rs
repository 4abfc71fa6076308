//! The misfire grace: all that is worked out with it. Microseconds; `i64::MAX` is without end.

use triggers::UtcMicros;

/// Whether a run is too late to be sent: strictly more than the grace after its time (F3).
pub fn is_late(scheduled_for: UtcMicros, now: UtcMicros, grace: i64) -> bool {
    outlasts(now.since(scheduled_for), grace)
}

/// Whether an absence of so many microseconds can have made a run late (F8).
pub fn outlasts(micros: i64, grace: i64) -> bool {
    micros > grace
}

/// What the row of a missed run says.
pub fn lateness_reason(late: i64) -> String {
    format!("late by {}.{:06} s", late / 1_000_000, late % 1_000_000)
}
