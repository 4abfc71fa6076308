//! Hazards tell what the engine does: each clock change that meets a trigger's times is told, with its effect.

use crate::brute::matches;
use crate::config;
use crate::make::{Recipe, at_a_change, library_zone};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use triggers::{DstPolicy, GapEffect, Hazard, OverlapEffect, Trigger, UtcMicros};

fn micros(second: i64) -> UtcMicros {
    UtcMicros::new(second * 1_000_000)
}

/// A change of the offset: when, and by how many seconds.
struct Change {
    at: i64,
    before: i64,
    by: i64,
}

impl Change {
    fn of(recipe: &Recipe, at: i64) -> Self {
        let zone = library_zone(recipe.context.zone.name());
        let offset = |second| i64::from(zone.to_offset(Timestamp::from_second(second).unwrap()).seconds());
        Self {
            at,
            before: offset(at - 1),
            by: offset(at) - offset(at - 1),
        }
    }

    /// How many times of the trigger are skipped or shown twice with something of it left from an instant on, as far as
    /// the bounds let them. Of a trigger of every hour only those count that break its rhythm.
    fn times(&self, recipe: &Recipe, from: i64) -> u64 {
        let left = |second: i64| {
            second >= from
                && recipe.start.is_none_or(|start| start <= micros(second))
                && recipe.end.is_none_or(|end| micros(second) <= end)
        };
        if recipe.end.is_some_and(|end| end < micros(self.at)) {
            return 0;
        }
        let wall = |second| {
            let offset = Offset::from_seconds(self.before as i32).unwrap();
            let shown = offset.to_datetime(Timestamp::from_second(self.at).unwrap());
            shown.checked_add(ToSpan::seconds(second)).unwrap()
        };
        let meant = |second| matches(&recipe.meant, wall(second));
        // The wall times from the change on in a gap, up to it in an overlap, by the old offset.
        let walls = self.by.min(0)..self.by.max(0);
        walls
            .filter(|second| {
                let first = self.at + second;
                let second_pass = first - self.by;
                let concerned = if every_hour(recipe) {
                    let goes_on = meant(second + self.by.abs());
                    let twice = self.by > 0 || is_start(recipe, first) && left(second_pass);
                    !goes_on && twice && (self.by < 0 || left(first))
                } else {
                    left(first) || self.by < 0 && left(second_pass)
                };
                concerned && meant(*second)
            })
            .count() as u64
    }
}

/// Whether an instant is not before the start.
fn is_start(recipe: &Recipe, second: i64) -> bool {
    recipe.start.is_none_or(|start| start <= micros(second))
}

fn every_hour(recipe: &Recipe) -> bool {
    recipe.meant[5].values.len() == 24
}

/// What is told of one change.
fn told(trigger: &Trigger, change: &Change, from: i64, until: i64) -> Vec<Hazard> {
    let mut told = trigger.hazards(micros(from)..micros(until));
    told.retain(|hazard| match hazard {
        Hazard::Gap { at, .. } | Hazard::Overlap { at, .. } => *at == micros(change.at),
        _ => false,
    });
    told
}

/// One hazard against the engine.
fn holds(recipe: &Recipe, trigger: &Trigger, change: &Change, hazard: &Hazard) -> Result<(), TestCaseError> {
    let once = recipe.context.dst == DstPolicy::Once && !every_hour(recipe);
    let fires = |second: i64| trigger.next_fire(None, micros(second)) == Some(micros(second));
    let behind = trigger.count(
        UtcMicros::new(i64::MIN),
        micros(change.at)..micros(change.at + change.by.abs()),
    );
    match hazard {
        Hazard::Gap { effect, first, .. } => match effect {
            GapEffect::MadeUp(instant) => {
                prop_assert!(once && fires(instant.get() / 1_000_000) && behind == 1);
            }
            GapEffect::Covered => prop_assert!(once && behind > 0),
            GapEffect::Skipped if once => prop_assert_eq!(behind, 0),
            GapEffect::Skipped if every_hour(recipe) => {
                prop_assert!(!fires(first.get() / 1_000_000 - change.before));
            }
            GapEffect::Skipped => {}
        },
        Hazard::Overlap { first, effect, .. } => {
            let first = first.get() / 1_000_000 - change.before;
            let seen = (fires(first), fires(first - change.by));
            let expected = match effect {
                OverlapEffect::Twice => (true, true),
                OverlapEffect::FirstPassOnly => (true, false),
                OverlapEffect::SecondPassOnly => (false, true),
                OverlapEffect::Neither => (false, false),
            };
            prop_assert_eq!(seen, expected);
        }
        _ => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn hazards_tell_what_happens((recipe, at) in at_a_change(), into in 0.0_f64..1.0) {
        let trigger = recipe.compile();
        let change = Change::of(&recipe, at);
        let hazards = told(&trigger, &change, at - 40_000, at + 200_000);
        let sum = |hazards: &[Hazard]| -> u64 {
            let times = |hazard: &Hazard| match hazard {
                Hazard::Gap { times, .. } | Hazard::Overlap { times, .. } => *times,
                _ => 0,
            };
            hazards.iter().map(times).sum()
        };
        prop_assert_eq!(sum(&hazards), change.times(&recipe, i64::MIN));
        for hazard in &hazards {
            holds(&recipe, &trigger, &change, hazard)?;
        }
        // A range that begins exactly at the change, or before it is over, tells what is left of it.
        let length = change.by.abs();
        for from in [at, at + (length as f64 * into) as i64, at + length - 1] {
            let later = told(&trigger, &change, from, at + 200_000);
            match &hazards[..] {
                [Hazard::Gap { effect: GapEffect::MadeUp(fire), .. }] if *fire < micros(from) => {
                    prop_assert_eq!(later, []);
                }
                [Hazard::Gap { effect: GapEffect::MadeUp(_), .. }] => prop_assert_eq!(later, hazards.clone()),
                _ => prop_assert_eq!(sum(&later), change.times(&recipe, from)),
            }
        }
        prop_assert_eq!(told(&trigger, &change, at + length, at + 200_000), []);
    }
}
