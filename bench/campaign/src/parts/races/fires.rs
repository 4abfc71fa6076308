//! Plain, quick fires, a hundred a second: a task is deleted in the milliseconds in which it is due, or all is paused.

use std::time::Duration;

use test_world::clock;

use super::{Race, Setup, Variant};
use crate::checker::Verb;
use crate::dice::Dice;
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};

pub(super) const VARIANT: Variant = Variant {
    name: "quick fires",
    setup,
    rounds,
    lengths: (240, 12),
};

/// Fires in a second; the first tasks are deleted and added again.
const FIRES: i64 = 100;
const DELETED: i32 = 40;

fn setup(_: usize) -> Setup {
    let mut schedules = Schedules::default();
    let start = whole_second(60);
    schedules.add_all(FIRES, |place| {
        Timing::Every(1, Some(start + place * SECOND / FIRES))
    });
    Setup {
        schedules,
        manners: Manners::thinking(0..5_000),
        arguments: &[],
        is_deleted: |task| task <= DELETED,
    }
}

fn rounds(race: &Race<'_>, (rounds, dice): (usize, &mut Dice)) -> anyhow::Result<()> {
    for _ in 0..rounds {
        let (called, undoing) = (dice.below(2) as usize, dice.below(2) as usize);
        let held = Duration::from_millis(100 + dice.below(500));
        if dice.per_mille(250) {
            race.ask(called, (Verb::Pause, 0));
            std::thread::sleep(held);
            race.resume(undoing)?;
        } else {
            let task = 1 + dice.below(DELETED as u64) as i32;
            race.pair.disable(&[task])?;
            let due = clock::whole_second_after(0) + i64::from(task - 1) * SECOND / FIRES;
            clock::sleep_until(due + dice.below(8_000).cast_signed());
            race.ask(called, (Verb::Delete, task));
            std::thread::sleep(held);
            race.ask(undoing, (Verb::Add, task));
        }
    }
    Ok(())
}
