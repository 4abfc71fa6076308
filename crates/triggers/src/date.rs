//! Date triggers: one instant, once.

use crate::time::UtcMicros;

/// A date trigger, compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    run: UtcMicros,
}

impl Date {
    /// A trigger that fires at `run`, also if that lies in the past.
    #[must_use]
    pub fn new(run: UtcMicros) -> Self {
        Self { run }
    }

    /// The one fire.
    #[must_use]
    pub fn run_date(&self) -> UtcMicros {
        self.run
    }

    /// The one fire, however long past, unless there was one already.
    #[must_use]
    pub fn next_fire(&self, previous: Option<UtcMicros>) -> Option<UtcMicros> {
        Some(self.run).filter(|run| previous.is_none() && *run <= UtcMicros::LAST)
    }
}
