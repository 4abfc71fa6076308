//! Locked: another session holds rows of em_web's tasks for seconds, as em_web does while it saves or deletes them, and
//! their jobs fire, are added and deleted all the same. On PostgreSQL, two processes.
//!
//! `held` looks at what the tasks' logs tell afterwards, `calls` at what the API answers meanwhile.

mod calls;
mod held;

use test_world::Backend;

use super::each_at_once;
use crate::checker::Delivery;
use crate::pair::Pair;
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules};
use crate::world::{Plan, World};
use test_world::session::BlockingSession;

/// A process that is well decides within this, in microseconds.
const LATEST: i64 = 6 * SECOND;

pub fn run(world: &mut World) -> anyhow::Result<()> {
    if !world.engines.contains(&Backend::Postgres) {
        return Ok(());
    }
    let seconds = if world.quick { 20.0 } else { 150.0 };
    let done = each_at_once(&Delivery::BOTH, |delivery| held::one(world, *delivery, seconds))?;
    for row in done {
        world.results.add(row)?;
    }
    for row in calls::all(world)? {
        world.results.add(row)?;
    }
    Ok(())
}

/// A pair with these schedules, of which the tasks from `called` on are not fired by their schedules alone.
fn pair<'w>(
    world: &'w World,
    (name, delivery): (&str, Delivery),
    (schedules, called): (&Schedules, i32),
) -> anyhow::Result<Pair<'w>> {
    let mut site = world.site(Plan {
        name: format!("locked-{name}-{}", delivery.name()),
        delivery,
        manners: Manners::thinking(0..20_000),
        ..world.plan("locked", Backend::Postgres, schedules)
    })?;
    site.strictness.every_event = true;
    for planned in site.planned.iter_mut().filter(|planned| planned.task >= called) {
        planned.windows = Some(Vec::new());
    }
    Pair::start(world, site, |site, _| site.start())
}

/// Begins a transaction that holds these tasks' rows.
fn hold(session: &BlockingSession, tasks: &[i32]) -> anyhow::Result<()> {
    session.run(&format!(
        "BEGIN; SELECT 1 FROM task WHERE id IN ({}) ORDER BY id FOR UPDATE",
        listed(tasks)
    ))
}

fn listed(tasks: &[i32]) -> String {
    let tasks: Vec<String> = tasks.iter().map(i32::to_string).collect();
    tasks.join(", ")
}
