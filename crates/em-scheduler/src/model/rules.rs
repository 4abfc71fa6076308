//! The rules that hold for every trigger of the service.

use triggers::{DstPolicy, Zone};

/// What the service adds to every trigger: the zone of em_web's naive times and the policy at clock changes.
#[derive(Debug, Clone)]
pub struct ScheduleRules {
    /// The scheduler's zone.
    pub zone: Zone,
    /// What happens to runs at clock changes (T2).
    pub dst: DstPolicy,
}
