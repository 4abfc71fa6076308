//! Restore: the database is put back to an older copy. What was decided after the copy may be decided again, but with the
//! same keys, and everything since then is accounted for.

use std::time::Duration;

use test_world::Backend;
use test_world::clock;

use crate::checker::{Delivery, Figures};
use crate::schedules::{SECOND, Schedules, Timing, whole_second};
use crate::site;
use crate::world::{Plan, World};

pub fn run(world: &mut World) -> anyhow::Result<()> {
    let times = if world.quick { 1 } else { 25 };
    for engine in world.engines.clone() {
        let mut figures = Figures::default();
        for time in 0..times {
            figures.add(one(world, engine, time)?);
        }
        let row = world.row("restore", engine.name()).with("times", times);
        world.results.add(figures.into_row(row))?;
    }
    Ok(())
}

fn one(world: &World, engine: Backend, time: u64) -> anyhow::Result<Figures> {
    let mut dice = world.dice("restore").apart(time);
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    schedules.add_all(10, |place| Timing::Every(1, Some(start + place * 100_000)));
    let soon = clock::now() / SECOND * SECOND;
    schedules.add_all(20, |place| Timing::Once(soon + place * SECOND / 4));
    let mut site = world.site(Plan {
        name: format!("restore-{}-{time}", engine.name()),
        delivery: *dice.one_of(&Delivery::BOTH),
        dice: dice.apart(1),
        ..world.plan("restore", engine, &schedules)
    })?;
    let mut live = |site: &site::Site| -> anyhow::Result<()> {
        let service = site.start()?;
        std::thread::sleep(Duration::from_millis(1_000 + dice.below(1_000)));
        service.stop()
    };
    live(&site)?;
    let aside = site.folder.join("older");
    std::fs::create_dir_all(&aside)?;
    let older = site::copy(&site.database, (&world.server, &aside))?;
    live(&site)?;
    site.database = older;
    site.restored = true;
    let judged = site.conclude()?;
    world.take(&site, &judged)
}
