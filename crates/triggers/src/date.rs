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

    /// The one fire, however long past, unless there was one already, or its year in UTC is outside of 1 to 9999.
    #[must_use]
    pub fn next_fire(&self, previous: Option<UtcMicros>) -> Option<UtcMicros> {
        let printable = (UtcMicros::FIRST..=UtcMicros::LAST).contains(&self.run);
        Some(self.run).filter(|_| previous.is_none() && printable)
    }
}
