//! What the engine works with, and what it is told once. Everything else in the engine is handed this.

use std::sync::Arc;

use super::compiled::Compiled;
use super::plan::FiringRules;
use crate::clock::Stopwatch;
use crate::control::Control;
use crate::dispatch::Dispatcher;
use crate::model::ScheduleRules;
use crate::model::life::DeliveryRules;
use crate::peers::LeaseTimes;
use crate::store::Store;
use crate::wakeup::Bell;

/// What the engine is told once.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Zone and policy at clock changes.
    pub rules: ScheduleRules,
    /// The firing rules.
    pub firing: FiringRules,
    /// What decides about runs after an absence.
    pub delivery: DeliveryRules,
    /// Final runs are kept for so many microseconds.
    pub retention: i64,
    /// Whether this is the only process on the database: every other owner of a run is dead then.
    pub alone: bool,
    /// The id of this process, as the store knows it.
    pub instance: String,
}

/// Where the engine reads and writes, and who is told.
pub(super) struct EngineParts {
    pub(super) store: Arc<dyn Store>,
    pub(super) dispatcher: Dispatcher,
    pub(super) bell: Bell,
    pub(super) control: Control,
    pub(super) settings: EngineSettings,
    pub(super) compiled: Arc<Compiled>,
    /// Since the engine was made.
    pub(super) running: Stopwatch,
}

impl EngineParts {
    /// Microseconds since the engine was made: what the chores go by, so that no step of the clock delays them.
    pub(super) fn passed(&self) -> i64 {
        self.running.micros()
    }

    /// How long leases are, and how often they are looked at.
    pub(super) fn lease_times(&self) -> LeaseTimes {
        LeaseTimes::of(self.settings.firing.grace)
    }
}
