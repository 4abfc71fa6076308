//! Properties that hold for every trigger, checked over generated ones (docs/semantics.md T1, T2, T6, T10 and T11).
//!
//! `PROPTEST_CASES` sets how many cases each property gets; nextest's profile `nightly` takes a million.

#![expect(
    clippy::unwrap_used,
    reason = "a property that cannot be asked fails the test"
)]

mod brute;
mod calendar;
mod edges;
mod hazards;
mod hints;
mod lines;
mod make;
mod times;
mod words;

use make::{Recipe, instant, recipe};
use proptest::prelude::*;
use triggers::cron::{Expression, Field};
use triggers::{Definition, Trigger, UtcMicros};

/// How many cases each property takes: what `PROPTEST_CASES` says, else a million in nextest's profile `nightly`, else
/// few, so that the whole suite stays quick.
pub(crate) fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let nightly = std::env::var("NEXTEST_PROFILE").is_ok_and(|profile| profile == "nightly");
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default.cases,
        None if nightly => 1_000_000,
        None => 96,
    };
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..default
    }
}

/// The fires after `previous`, at most so many.
fn walk(trigger: &Trigger, previous: UtcMicros, most: usize) -> Vec<UtcMicros> {
    trigger.fires(Some(previous), previous).take(most).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn next_is_after_previous_and_within_the_bounds(
        recipe in recipe(), previous in instant(), late in 0_i64..1 << 50,
    ) {
        let trigger = recipe.compile();
        let now = previous.saturating_add(late);
        if let Some(next) = trigger.next_fire(Some(previous), now) {
            prop_assert!(next > previous, "{next} is not after {previous}");
        }
        for next in trigger.next_fire(None, now).into_iter().chain(trigger.next_fire(Some(previous), now)) {
            prop_assert!(recipe.end.is_none_or(|end| next <= end), "{next} is after the end");
            // An interval goes on from any run time it is given, a date has no bounds.
            if recipe.is_cron() {
                prop_assert!(recipe.start.is_none_or(|start| next >= start), "{next} is before the start");
            }
        }
        if let (Some(first), Trigger::Cron(_) | Trigger::Interval(_)) = (trigger.next_fire(None, now), &trigger) {
            prop_assert!(first >= now);
        }
    }

    #[test]
    fn iterating_equals_jumping(recipe in recipe(), from in instant(), steps in 0_usize..60, late in 0_i64..5_000_000) {
        let trigger = recipe.compile();
        let Some(due) = trigger.next_fire(None, from) else { return Ok(()) };
        let fires: Vec<_> = std::iter::once(due).chain(walk(&trigger, due, steps)).collect();
        let last = *fires.last().unwrap();
        let next = trigger.next_fire(Some(last), last);
        // Now lies somewhere from the last fire on, before the one after it.
        let now = last.saturating_add(late).min(next.map_or(UtcMicros::new(i64::MAX), |next| next.saturating_add(-1)));
        let advance = trigger.advance(due, now);
        prop_assert_eq!((advance.count, advance.last, advance.next), (fires.len() as u64, last, next));
        if !matches!(trigger, Trigger::Date(_)) {
            prop_assert_eq!(trigger.last_fire(now), Some(last));
            let before = trigger.last_fire(last.saturating_add(-1)).filter(|before| *before >= due);
            prop_assert_eq!(before, fires.iter().rev().nth(1).copied());
        }
    }

    #[test]
    fn counting_equals_iterating(recipe in recipe(), from in instant(), steps in 1_usize..80, cut in 0_i64..100_000_000) {
        let trigger = recipe.compile();
        let Some(first) = trigger.next_fire(None, from) else { return Ok(()) };
        let fires: Vec<_> = std::iter::once(first).chain(walk(&trigger, first, steps)).collect();
        let last = *fires.last().unwrap();
        prop_assert_eq!(trigger.count(first, first..last.saturating_add(1)), fires.len() as u64);
        prop_assert_eq!(trigger.count(first, first..last), fires.len() as u64 - 1);
        // Buckets of unequal length, some of them before the first fire.
        let span = last.since(first) / 7 + 1;
        let bounds: Vec<_> =
            (-2..7).map(|i| first.saturating_add(i * span + cut % span)).chain([last]).filter(|t| *t <= last).collect();
        let mut buckets = vec![0; bounds.len() - 1];
        trigger.histogram(first, &bounds, &mut buckets);
        for (bucket, count) in bounds.windows(2).zip(buckets) {
            let walked = fires.iter().filter(|fire| (bucket[0]..bucket[1]).contains(fire)).count();
            prop_assert_eq!(count, walked as u64);
        }
    }

    #[test]
    fn counts_add_up_over_long_ranges(recipe in recipe(), from in instant(), a in 0_i64..1 << 55, b in 0_i64..1 << 55) {
        let trigger = recipe.compile();
        let (middle, end) = (from.saturating_add(a), from.saturating_add(a).saturating_add(b));
        let parts = trigger.count(from, from..middle) + trigger.count(from, middle..end);
        prop_assert_eq!(parts, trigger.count(from, from..end));
    }

    #[test]
    fn what_is_printed_is_read_back(recipe in recipe()) {
        let text = serde_json::to_string(&recipe.definition).unwrap();
        let again: Definition = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), text);
        prop_assert_eq!(&again, &recipe.definition);
        prop_assert_eq!(again.compile(&recipe.context).unwrap(), recipe.compile());
    }

    #[test]
    fn expressions_print_what_they_are(recipe in make::cron()) {
        let mut printed = recipe.definition.clone();
        for (name, text) in &recipe.definition.fields {
            let field = Field::named(name).unwrap();
            let expression = Expression::parse(field, text.as_str().unwrap()).unwrap();
            let again = Expression::parse(field, &expression.to_string()).unwrap();
            prop_assert_eq!(&again, &expression);
            printed.fields.insert(name.clone(), expression.to_string().into());
        }
        prop_assert_eq!(printed.compile(&recipe.context).unwrap(), recipe.compile());
    }

    #[test]
    fn words_and_hazards_are_there(recipe in recipe(), from in instant()) {
        let trigger = recipe.compile();
        prop_assert!(!trigger.describe().is_empty());
        let year = from..from.saturating_add(366 * 86_400_000_000);
        for hazard in trigger.hazards(year) {
            prop_assert!(!hazard.to_string().is_empty());
        }
    }
}

/// What the strategies make is not empty in the sense that matters: most of it fires.
#[test]
fn most_recipes_fire() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let fires = |recipe: Recipe| recipe.compile().next_fire(None, UtcMicros::new(0)).is_some();
    let some = (0..200)
        .filter(|_| fires(recipe().new_tree(&mut runner).unwrap().current()))
        .count();
    assert!(some > 100, "only {some} of 200 fire");
}
