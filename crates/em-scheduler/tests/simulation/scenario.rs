//! What a seed is about: how many processes, what the scheduler is told, which tasks there are. Each seed differs in
//! everything that can differ, so that rare combinations come up.

use std::time::Duration;

use em_scheduler::dispatch::{Policy, RunnerTimeouts};
use em_scheduler::engine::{EngineSettings, FiringRules};
use em_scheduler::model::life::DeliveryRules;
use em_scheduler::model::{Delivery, ScheduleRules};
use triggers::{DstPolicy, Zone};

use crate::checker::Terms;
use crate::random::Random;

pub const SECOND: i64 = 1_000_000;

#[derive(Debug, Clone)]
pub struct Scenario {
    /// Processes at a time: 1 or 2.
    pub processes: usize,
    /// Whether the only process knows that it is the only one.
    pub alone: bool,
    pub tasks: i32,
    pub steps: i64,
    pub firing: FiringRules,
    pub delivery: Delivery,
    pub concurrency: usize,
    pub timeouts: RunnerTimeouts,
    pub retry_statuses: Vec<u16>,
    /// Whether all tasks are of one project, which is a sequence most of the time (rule F11).
    pub sequence: bool,
}

impl Scenario {
    pub fn draw(random: &mut Random, processes: usize, sqlite: bool) -> Self {
        let coalesce = random.chance(700);
        Self {
            processes,
            alone: processes == 1 && sqlite,
            tasks: i32::try_from(random.between(2, 6)).unwrap_or(2),
            steps: random.between(30, 90),
            firing: FiringRules {
                grace: random.pick(&[1, 5, 30, 120]) * SECOND,
                coalesce,
                max_instances: random.pick(&[1, 2, 50]),
            },
            delivery: random.pick(&[Delivery::AtMostOnce, Delivery::AtMostOnce, Delivery::AtLeastOnce]),
            concurrency: random.pick(&[1, 2, 10, 100]),
            timeouts: RunnerTimeouts {
                connect: Duration::from_secs(random.pick(&[1, 5])),
                total: Duration::from_secs(random.pick(&[3, 10, 30])),
            },
            retry_statuses: if random.chance(300) { vec![503] } else { Vec::new() },
            sequence: false,
        }
    }

    pub fn terms(&self) -> Terms {
        Terms {
            at_least_once: self.delivery == Delivery::AtLeastOnce,
            retries_refusals: !self.retry_statuses.is_empty(),
            alone: self.processes == 1,
            concurrency: self.concurrency,
        }
    }

    pub fn policy(&self) -> Policy {
        Policy {
            concurrency: self.concurrency,
            rules: self.delivery_rules(),
        }
    }

    pub fn delivery_rules(&self) -> DeliveryRules {
        DeliveryRules {
            delivery: self.delivery,
            grace: self.firing.grace,
            attempts: 3,
        }
    }

    pub fn rules() -> ScheduleRules {
        ScheduleRules {
            zone: Zone::utc(),
            dst: DstPolicy::Once,
        }
    }

    pub fn engine(&self, instance: &str) -> EngineSettings {
        EngineSettings {
            rules: Self::rules(),
            firing: self.firing,
            delivery: self.delivery_rules(),
            retention: 7 * 86_400 * SECOND,
            alone: self.alone,
            instance: instance.to_owned(),
        }
    }
}
