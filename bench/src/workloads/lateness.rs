//! Lateness at fixed rates, over the second: how much later than due a request reaches the runner.

use crate::World;
use crate::firing::{self, Shape, Steady};

pub fn run(world: &mut World<'_>) -> anyhow::Result<()> {
    for engine in world.engines.clone() {
        let rates = world.only.map_or(vec![100, 1_000], |only| vec![only]);
        for rate in rates {
            let steady = Steady {
                engine,
                rate,
                shape: Shape::Spread,
                seconds: if world.quick { 4 } else { 30 },
                permits: firing::PERMITS,
            };
            let measured = firing::measure(world, &steady)?;
            world.results.add(measured.row("lateness", &steady))?;
        }
    }
    Ok(())
}
