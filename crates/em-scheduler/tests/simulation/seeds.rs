//! The tests: which seeds are played, and that the sabotages are found.
//!
//! `SIMULATION_SEEDS` names others (`7`, or `1000..2000`), `SIMULATION_EVENTS` plays on until so many events have
//! happened. CONTRIBUTING.md has the commands.

use std::ops::Range;

use crate::database::Backend;
use crate::driver::{Play, play};
use crate::sabotage::Sabotage;
use crate::world::Figures;

pub const ONE: Play = Play {
    backend: Backend::Sqlite,
    processes: 1,
    sabotage: None,
};
pub const TWO: Play = Play { processes: 2, ..ONE };

/// Plays these seeds, or those that the environment names.
fn hold(usual: Range<u64>, how: Play) {
    let seeds = std::env::var("SIMULATION_SEEDS").map_or(usual, |text| range(&text));
    let enough = std::env::var("SIMULATION_EVENTS")
        .ok()
        .map(|text| text.parse::<u64>().unwrap());
    let mut total = Figures::default();
    let mut seed = seeds.start;
    while enough.map_or(seed < seeds.end, |enough| total.events < enough) {
        match play(seed, how) {
            Ok(played) => {
                total.add(played.figures);
                if seeds.end == seeds.start + 1 && enough.is_none() {
                    println!("{}", played.trace);
                }
            }
            Err(failure) => panic!("{failure}"),
        }
        seed += 1;
    }
    println!("{how:?}: {total:?}, no violation");
}

fn range(text: &str) -> Range<u64> {
    match text.split_once("..") {
        Some((start, end)) => start.parse().unwrap()..end.parse().unwrap(),
        None => {
            let seed = text.parse().unwrap();
            seed..seed + 1
        }
    }
}

#[test]
fn one_process_keeps_the_invariants() {
    hold(0..120, ONE);
}

#[test]
fn two_processes_on_one_database_keep_the_invariants() {
    hold(0..80, TWO);
}

#[test]
fn one_process_keeps_them_on_postgres() {
    hold(
        0..4,
        Play {
            backend: Backend::Postgres,
            ..ONE
        },
    );
}

#[test]
fn two_processes_keep_them_on_postgres() {
    hold(
        0..4,
        Play {
            backend: Backend::Postgres,
            ..TWO
        },
    );
}

#[test]
fn a_seed_is_one_history() {
    for how in [ONE, TWO] {
        for seed in 0..5 {
            let [first, second] = [(), ()].map(|()| play(seed, how).unwrap());
            let mut lines = first.trace.lines().zip(second.trace.lines());
            assert_eq!(
                lines.find(|(one, other)| one != other),
                None,
                "seed {seed} of {how:?}"
            );
            assert_eq!(first.digest, second.digest, "seed {seed} of {how:?}");
        }
    }
}

/// Finds a sabotage by one of these invariants, within a few hundred seeds.
fn find(sabotage: Sabotage, rules: &[&str]) {
    let how = Play {
        processes: 1 + usize::from(sabotage.takes_two()),
        sabotage: Some(sabotage),
        ..ONE
    };
    let breaks = |seed| {
        play(seed, how)
            .err()
            .filter(|failure| rules.contains(&failure.violation.rule))
    };
    let Some(failure) = (0..300).find_map(breaks) else {
        panic!("{sabotage:?} is not found by {rules:?}");
    };
    println!("{sabotage:?}: seed {}: {}", failure.seed, failure.violation);
}

macro_rules! sabotages {
    ($($name:ident: $sabotage:ident breaks $($rule:literal)or+),+ $(,)?) => {
        $(#[test]
        fn $name() {
            find(Sabotage::$sabotage, &[$($rule),+]);
        })+
    };
}

// `AcknowledgeOnly` is found by a scenario (`found`): it shows only where a run is on its way in the very second of a change.
sabotages! {
    advancing_and_then_inserting_is_found: AdvanceThenInsert breaks "I1",
    inserting_and_then_advancing_is_found: InsertThenAdvance breaks "I2",
    two_owners_without_key_or_lock_are_found: Unconditional breaks "I2",
    a_settle_without_its_fence_is_found: IgnoreTheFence breaks "I3" or "I4",
    events_written_apart_are_found: EventsApart breaks "I7",
    a_request_before_its_row_is_found: SendFirst breaks "I3",
    an_answer_before_its_commit_is_found: AnswerFirst breaks "I6",
    a_clock_of_its_own_is_found: OwnClock breaks "I5",
    runs_left_to_themselves_are_found: TakeNothingOver breaks "I8",
    adding_all_of_a_sequence_is_found: AddAllOfASequence breaks "F11",
}
