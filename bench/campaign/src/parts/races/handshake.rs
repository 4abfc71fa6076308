//! An https runner that takes one to three seconds for each handshake: one-offs that are due are marked as sending by one
//! process, which connects, and meanwhile the other is asked to delete them, or to pause.

use std::time::Duration;

use test_world::clock;

use super::{Race, Setup, Variant};
use crate::checker::Verb;
use crate::dice::Dice;
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules, Timing};

pub(super) const VARIANT: Variant = Variant {
    name: "slow handshakes",
    setup,
    rounds,
    lengths: (60, 4),
};

/// One-offs due in one instant, and seconds from one instant to the next.
const AT_ONCE: i32 = 20;
const APART: i64 = 7;
/// Both processes are ready by then.
const BEGINS: i64 = 15;

fn setup(rounds: usize) -> Setup {
    let mut schedules = Schedules::default();
    let first = clock::whole_second_after(BEGINS);
    for round in 0..rounds as i64 {
        schedules.add_all(AT_ONCE.into(), |_| Timing::Once(first + round * APART * SECOND));
    }
    Setup {
        schedules,
        manners: Manners {
            handshake: Some(1_000_000..3_000_000),
            ..Manners::default()
        },
        arguments: &[],
        is_deleted: |task| is_deletion((task - 1) / AT_ONCE),
    }
}

/// Every third round is a pause.
fn is_deletion(round: i32) -> bool {
    round % 3 != 2
}

fn rounds(race: &Race<'_>, (rounds, dice): (usize, &mut Dice)) -> anyhow::Result<()> {
    for round in 0..i32::try_from(rounds)? {
        let tasks: Vec<i32> = (round * AT_ONCE + 1..=(round + 1) * AT_ONCE).collect();
        let called = 1 - race.decided_by(&format!("{0}-{0}-%", tasks[0]), None)?;
        std::thread::sleep(Duration::from_millis(dice.below(2_300)));
        if is_deletion(round) {
            race.delete(called, &tasks)?;
        } else {
            race.ask(called, (Verb::Pause, 0));
            std::thread::sleep(Duration::from_millis(500 + dice.below(2_500)));
            race.resume(dice.below(2) as usize)?;
        }
    }
    // The last handshakes.
    std::thread::sleep(Duration::from_secs(4));
    Ok(())
}
