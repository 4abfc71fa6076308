//! A process that has just decided and is about to send is stopped, and the other is asked to pause or to delete: it may
//! answer when the stopped one has lost its lease, but then nothing leaves, also when that one goes on. In half of the
//! rounds it goes on while the other may still be about to answer.

use std::time::Duration;

use rustix::process::Signal;
use test_world::clock;

use super::{Race, Setup, Variant};
use crate::checker::Verb;
use crate::dice::Dice;
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules, Timing, whole_second};

pub(super) const VARIANT: Variant = Variant {
    name: "a stopped process",
    setup,
    rounds,
    lengths: (26, 2),
};

/// What is due in one instant, and seconds from one to the next: no connection is kept alive for so long.
const AT_ONCE: i64 = 140;
const APART: i64 = 3;
/// The first tasks are deleted and added again, a few at a time.
const DELETED: i32 = 40;
const DELETED_AT_ONCE: usize = 10;

fn setup(_: usize) -> Setup {
    let mut schedules = Schedules::default();
    let start = whole_second(60) / (APART * SECOND) * APART * SECOND;
    schedules.add_all(AT_ONCE, |_| Timing::Every(APART, Some(start)));
    Setup {
        schedules,
        manners: Manners::thinking(0..5_000),
        arguments: &[],
        is_deleted: |task| task <= DELETED,
    }
}

fn rounds(race: &Race<'_>, (rounds, dice): (usize, &mut Dice)) -> anyhow::Result<()> {
    for round in 0..rounds {
        let instant = (clock::now() / (APART * SECOND) + 1) * APART * SECOND;
        clock::sleep_until(instant);
        let stopped = race.decided_by(&format!("{AT_ONCE}-{AT_ONCE}-intv"), Some(instant))?;
        std::thread::sleep(Duration::from_micros(dice.below(8_000)));
        race.pair.process(stopped).signal(Signal::STOP)?;
        one(race, (stopped, round % 2 == 0), dice)?;
        // What waited meanwhile is sent.
        std::thread::sleep(Duration::from_secs(3));
    }
    Ok(())
}

fn one(race: &Race<'_>, (stopped, pauses): (usize, bool), dice: &mut Dice) -> anyhow::Result<()> {
    let called = 1 - stopped;
    let first = 1 + dice.below(DELETED as u64 - DELETED_AT_ONCE as u64) as i32;
    let tasks: Vec<i32> = (first..).take(DELETED_AT_ONCE).collect();
    let early = dice
        .per_mille(500)
        .then(|| Duration::from_millis(500 + dice.below(13_500)));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            if pauses {
                race.ask(called, (Verb::Pause, 0));
                return Ok(());
            }
            race.delete(called, &tasks)
        });
        match early {
            Some(early) => std::thread::sleep(early),
            None => {
                while !asking.is_finished() {
                    std::thread::sleep(Duration::from_millis(10));
                }
                std::thread::sleep(Duration::from_millis(200 + dice.below(2_000)));
            }
        }
        race.pair.process(stopped).signal(Signal::CONT)?;
        asking
            .join()
            .unwrap_or_else(|_| anyhow::bail!("the asking panicked"))
    })?;
    // All that it had in its hands it would send now.
    std::thread::sleep(Duration::from_millis(1_500));
    if pauses {
        return race.resume(called);
    }
    race.ask_for_all(called, (Verb::Add, &tasks));
    Ok(())
}
