//! Mixed: the API is called all the while jobs fire. Neither may suffer much.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use crate::World;
use crate::client::Caller;
use crate::firing::{self, Shape, Steady};
use crate::rows::Row;
use crate::statistics::Sorted;

/// Tasks beside those that fire, which are added and deleted meanwhile.
const OTHERS: usize = 1_000;
/// The pause between two calls.
const PAUSE: Duration = Duration::from_millis(10);

pub fn run(world: &mut World<'_>) -> anyhow::Result<()> {
    for engine in world.engines.clone() {
        let steady = Steady {
            engine,
            rate: 1_000,
            shape: Shape::Spread,
            seconds: if world.quick { 4 } else { 20 },
            permits: firing::PERMITS,
        };
        let filling = firing::filling(steady.rate, steady.shape, OTHERS);
        let database = world.database(engine, &filling)?;
        // What is added must not fire within the measurement.
        database.run(&format!(
            "INSERT INTO project (id, name, cron, cron_year) VALUES (100000, 'far', 1, 2090);
             UPDATE task SET project_id = 100000 WHERE id > {}",
            steady.rate
        ))?;
        let service = world.serve(&database, &[])?;
        let address = service.address();
        let over = AtomicBool::new(false);
        let (measured, called) = std::thread::scope(|scope| {
            let caller = scope.spawn(|| call(Caller::new(address)?, steady.rate, &over));
            let measured = firing::window(world, (&service, &database), &steady);
            over.store(true, Ordering::Relaxed);
            let called = caller.join().ok().context("the caller panicked");
            (measured, called)
        });
        let (measured, called) = (measured?, called??);
        service.stop()?;
        world.results.add(measured.row("mixed", &steady))?;
        for (name, took) in called {
            world.results.add(
                Row::new("mixed")
                    .with("database", engine.name())
                    .with("call", name)
                    .number("p50 ms", took.millis(0.5))
                    .number("p99 ms", took.millis(0.99))
                    .number("max ms", took.millis(1.0)),
            )?;
        }
    }
    Ok(())
}

fn call(mut caller: Caller, first: usize, over: &AtomicBool) -> anyhow::Result<Vec<(&'static str, Sorted)>> {
    let names = [
        "/api/add/<id>",
        "/api/delete/<id>",
        "/api/jobs",
        "/api/details",
        "/api/schedule",
    ];
    let mut took = vec![Vec::new(); names.len()];
    let mut round = 0;
    while !over.load(Ordering::Relaxed) {
        let id = first + 1 + round % OTHERS;
        for (place, name) in names.iter().enumerate() {
            // The lists are long; they are asked for seldom, as people do.
            if place < 2 || round % 20 == 0 {
                took[place].push(caller.get(&name.replace("<id>", &id.to_string()))?.0);
                std::thread::sleep(PAUSE);
            }
        }
        round += 1;
    }
    Ok(names.into_iter().zip(took.into_iter().map(Sorted::of)).collect())
}
