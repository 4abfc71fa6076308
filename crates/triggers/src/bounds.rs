//! What every repeating trigger has beside its grid: a first and a last instant, and jitter.

use crate::time::UtcMicros;

/// Limits of a schedule; an absent one does not limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Bounds {
    /// No fire before it.
    pub(crate) start: Option<UtcMicros>,
    /// No fire after it.
    pub(crate) end: Option<UtcMicros>,
    /// How much later than its time a fire may be delivered, in microseconds, not negative.
    pub(crate) jitter: i64,
}

impl Bounds {
    /// The last instant allowed: never beyond the year 9999.
    pub(crate) fn last(&self) -> UtcMicros {
        self.end.map_or(UtcMicros::LAST, |end| end.min(UtcMicros::LAST))
    }
}
