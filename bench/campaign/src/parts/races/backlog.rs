//! A backlog: 1,500 runs wait for a runner that thinks for 0.3 s, and one process is asked to pause, or to delete tasks of
//! which the other has runs waiting and on their way.

use std::time::Duration;

use test_world::clock;

use super::{Race, Setup, Variant};
use crate::checker::Verb;
use crate::dice::Dice;
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};

pub(super) const VARIANT: Variant = Variant {
    name: "a backlog",
    setup,
    rounds,
    lengths: (36, 2),
};

/// Seconds from one backlog to the next.
const APART: i64 = 10;
const WAITING: i64 = 1_500;
/// The first tasks are deleted and added again, a few at a time.
const DELETED: i32 = 300;
const AT_ONCE: usize = 5;

fn setup(_: usize) -> Setup {
    let mut schedules = Schedules::default();
    let start = whole_second(60) / (APART * SECOND) * APART * SECOND;
    schedules.add_all(WAITING, |_| Timing::Every(APART, Some(start)));
    Setup {
        schedules,
        manners: Manners::thinking(250_000..350_000),
        // The backlog of both lasts some five seconds.
        arguments: &["--concurrency", "50"],
        is_deleted: |task| task <= DELETED,
    }
}

fn rounds(race: &Race<'_>, (rounds, dice): (usize, &mut Dice)) -> anyhow::Result<()> {
    let waits = |dice: &mut Dice, least, most| {
        std::thread::sleep(Duration::from_millis(least + dice.below(most - least)));
    };
    for _ in 0..rounds {
        clock::sleep_until((clock::now() / (APART * SECOND) + 1) * APART * SECOND);
        for _ in 0..2 {
            waits(dice, 200, 800);
            let called = dice.below(2) as usize;
            let tasks = waiting(race, 1 - called)?;
            if !tasks.is_empty() {
                race.delete(called, &tasks)?;
            }
            waits(dice, 300, 600);
            race.ask_for_all(dice.below(2) as usize, (Verb::Add, &tasks));
            race.ask(dice.below(2) as usize, (Verb::Pause, 0));
            waits(dice, 300, 600);
            race.resume(dice.below(2) as usize)?;
        }
    }
    Ok(())
}

/// A few tasks whose runs a process holds and has not sent yet.
fn waiting(race: &Race<'_>, place: usize) -> anyhow::Result<Vec<i32>> {
    let query = format!(
        "SELECT task_id FROM scheduler_run WHERE state = 'queued' AND owner = '{}' AND task_id <= {DELETED}
         ORDER BY random() LIMIT {AT_ONCE}",
        race.pair.owner(place)
    );
    let rows = race.pair.session.rows::<1>(&query)?;
    rows.iter().map(|[task]| Ok(task.parse()?)).collect()
}
