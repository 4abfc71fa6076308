//! Sustained: how many fires a second are held for ten seconds with nothing missed and 99 of 100 within a second.
//! The rate is raised until it breaks, then the gap between the best and the broken one is halved.

use crate::World;
use crate::database::Engine;
use crate::firing::{self, Shape, Steady};
use crate::rows::Row;

/// Rates tried in this order until one breaks.
const RATES: [usize; 9] = [500, 1_000, 2_000, 4_000, 8_000, 12_000, 16_000, 20_000, 30_000];

pub fn run(world: &mut World<'_>) -> anyhow::Result<()> {
    let (rates, shapes, halvings) = match (world.only, world.quick) {
        (Some(only), _) => (vec![only], vec![Shape::Spread], 0),
        (None, true) => (RATES[3..5].to_vec(), vec![Shape::Spread], 0),
        (None, false) => (RATES.to_vec(), vec![Shape::Spread, Shape::Aligned], 3),
    };
    for engine in world.engines.clone() {
        for shape in &shapes {
            let mut held = 0;
            let mut broken = None;
            for rate in rates.iter().copied() {
                if !holds(world, (engine, *shape), rate)? {
                    broken = Some(rate);
                    break;
                }
                held = rate;
            }
            for _ in 0..halvings {
                let Some(above) = broken else { break };
                let rate = usize::midpoint(held, above) / 100 * 100;
                if holds(world, (engine, *shape), rate)? {
                    held = rate;
                } else {
                    broken = Some(rate);
                }
            }
            world.results.add(
                Row::new("sustained")
                    .with("database", engine.name())
                    .with("fires", shape.name())
                    .with("highest rate held", held)
                    .with(
                        "broke at",
                        broken.map_or("not reached".to_owned(), |rate| rate.to_string()),
                    ),
            )?;
        }
    }
    Ok(())
}

fn holds(world: &mut World<'_>, (engine, shape): (Engine, Shape), rate: usize) -> anyhow::Result<bool> {
    let steady = Steady {
        engine,
        rate,
        shape,
        seconds: if world.quick { 4 } else { 10 },
    };
    let measured = firing::measure(world, &steady)?;
    let held = measured.held();
    world
        .results
        .add(measured.row("sustained", &steady).with("held", held))?;
    Ok(held)
}
