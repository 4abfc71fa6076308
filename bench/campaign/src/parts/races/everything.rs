//! An https runner with slow handshakes, as in `handshake`, but the jobs of all tasks are deleted in one call, and then
//! added again.

use std::time::Duration;

use test_world::clock;

use super::{Race, Setup, Variant};
use crate::checker::Verb;
use crate::dice::Dice;
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};

pub(super) const VARIANT: Variant = Variant {
    name: "everything deleted",
    setup,
    rounds,
    lengths: (30, 2),
};

/// What is due in one instant, and seconds from one to the next.
const AT_ONCE: i32 = 20;
const APART: i64 = 6;

fn setup(_: usize) -> Setup {
    let mut schedules = Schedules::default();
    let start = whole_second(60) / (APART * SECOND) * APART * SECOND;
    schedules.add_all(AT_ONCE.into(), |_| Timing::Every(APART, Some(start)));
    Setup {
        schedules,
        manners: Manners {
            handshake: Some(1_000_000..3_000_000),
            ..Manners::default()
        },
        arguments: &[],
        is_deleted: |_| true,
    }
}

fn rounds(race: &Race<'_>, (rounds, dice): (usize, &mut Dice)) -> anyhow::Result<()> {
    let tasks: Vec<i32> = (1..=AT_ONCE).collect();
    for _ in 0..rounds {
        let instant = (clock::now() / (APART * SECOND) + 1) * APART * SECOND;
        clock::sleep_until(instant);
        let called = 1 - race.decided_by(&format!("{AT_ONCE}-{AT_ONCE}-intv"), Some(instant))?;
        std::thread::sleep(Duration::from_millis(dice.below(2_300)));
        race.pair.disable(&tasks)?;
        race.ask(called, (Verb::DeleteAll, 0));
        // The longest handshake.
        std::thread::sleep(Duration::from_millis(3_200));
        race.ask_for_all(dice.below(2) as usize, (Verb::Add, &tasks));
    }
    Ok(())
}
