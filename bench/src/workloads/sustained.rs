//! Sustained: how many fires a second are held for ten seconds with nothing missed and 99 of 100 within a second.
//! The rate is raised until it breaks, then the gap between the best and the broken one is halved. With the permits the
//! service has by default, and with more: a permit is held until the outcome of its run is durable, so how many there are
//! bounds how many can be under way in the time of two commits.

use crate::World;
use crate::firing::{self, MANY, PERMITS, Shape, Steady};
use crate::rows::Row;

/// Rates tried in this order until one breaks.
const RATES: [usize; 8] = [2_000, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000, 30_000];

pub fn run(world: &mut World<'_>) -> anyhow::Result<()> {
    let spread = [(Shape::Spread, PERMITS), (Shape::Spread, MANY)];
    let (rates, kinds, halvings) = match (world.only, world.quick) {
        (Some(only), _) => (vec![only], spread.to_vec(), 0),
        (None, true) => (RATES[1..3].to_vec(), spread.to_vec(), 0),
        (None, false) => {
            let kinds = [
                spread[0],
                spread[1],
                (Shape::Aligned, PERMITS),
                (Shape::Aligned, MANY),
            ];
            (RATES.to_vec(), kinds.to_vec(), 1)
        }
    };
    let seconds = if world.quick { 4 } else { 10 };
    for engine in world.engines.clone() {
        for (shape, permits) in kinds.iter().copied() {
            let steady = |rate| Steady {
                engine,
                rate,
                shape,
                seconds,
                permits,
            };
            let mut held = 0;
            let mut broken = None;
            for rate in rates.iter().copied() {
                if !holds(world, &steady(rate))? {
                    broken = Some(rate);
                    break;
                }
                held = rate;
            }
            for _ in 0..halvings {
                let Some(above) = broken else { break };
                let rate = usize::midpoint(held, above) / 100 * 100;
                if holds(world, &steady(rate))? {
                    held = rate;
                } else {
                    broken = Some(rate);
                }
            }
            world.results.add(
                Row::new("sustained")
                    .with("database", engine.name())
                    .with("fires", shape.name())
                    .with("permits", permits)
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

fn holds(world: &mut World<'_>, steady: &Steady) -> anyhow::Result<bool> {
    let measured = firing::measure(world, steady)?;
    let held = measured.held();
    world
        .results
        .add(measured.row("sustained", steady).with("held", held))?;
    Ok(held)
}
