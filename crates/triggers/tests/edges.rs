//! The edge of time (docs/semantics.md T5, T6, T10, T11), one row each: the year 9999, the far past, intervals of
//! centuries, a start after the end. Everything ends or errors, nothing panics; overflow is checked in test builds.

#![expect(clippy::unwrap_used, reason = "a row that cannot be asked fails the test")]

use triggers::{Context, Definition, DstPolicy, Kind, Trigger, UtcMicros, Zone};

const MIN: UtcMicros = UtcMicros::new(i64::MIN);
const MAX: UtcMicros = UtcMicros::new(i64::MAX);
const EPOCH: UtcMicros = UtcMicros::new(0);
const DAY: i64 = 86_400_000_000;

fn at(text: &str) -> UtcMicros {
    text.parse().unwrap()
}

/// Zones with clock changes to the end of time, with odd offsets, at both ends of the day.
fn contexts(created: UtcMicros) -> Vec<Context> {
    let zones = ["UTC", "America/New_York", "Pacific/Kiritimati"];
    let mut contexts = Vec::new();
    for zone in zones {
        for dst in [DstPolicy::Literal, DstPolicy::Once] {
            contexts.push(Context {
                zone: Zone::named(zone).unwrap(),
                dst,
                created,
            });
        }
    }
    contexts
}

fn definitions() -> Vec<Definition> {
    let cron = Definition::new(Kind::Cron);
    let interval = Definition::new(Kind::Interval);
    let mut definitions = vec![
        cron.clone(),
        cron.clone()
            .with("year", 9999)
            .with("month", 12)
            .with("day", 31)
            .with("hour", "*"),
        cron.clone().with("year", 1970),
        cron.clone().with("week", 53),
        cron.clone()
            .with("day", "29")
            .with("month", "feb")
            .with("day_of_week", "mon"),
        cron.clone().with("day", "5th mon"),
        cron.with("hour", 2).with("minute", 30),
        Definition::crontab("0 0 29 2 1"),
        Definition::new(Kind::Date),
        Definition::new(Kind::Date).with("run_date", "9999-12-31 23:59:59.999999"),
        Definition::new(Kind::Date).with("run_date", "0001-01-01"),
        interval.clone(),
        interval.clone().with("seconds", 0.000_001),
        interval.clone().with("weeks", 5_218),
        interval.clone().with("days", 999_999_999),
        interval.with("weeks", 52_000).with("days", 3),
    ];
    for kind in [Kind::Cron, Kind::Interval] {
        for (start, end) in [
            (Some("9999-12-31 23:59:59"), None),
            (Some("9999-12-31 23:59:59"), Some("0001-01-01")),
            (Some("2024-01-02"), Some("2024-01-01")),
            (Some("0001-01-01"), Some("9999-12-31 23:59:59.999999")),
            (None, Some("0001-01-01")),
        ] {
            let mut definition = Definition::new(kind);
            definition.start = start.map(str::to_owned);
            definition.end = end.map(str::to_owned);
            definition.jitter = serde_json::from_str("1e9").ok();
            definitions.push(definition);
        }
    }
    definitions
}

/// What is found by searching.
fn search(trigger: &Trigger, previous: UtcMicros, now: UtcMicros) {
    for next in [
        trigger.next_fire(None, now),
        trigger.next_fire(Some(previous), now),
    ] {
        assert!(next.is_none_or(|next| next <= UtcMicros::LAST), "{next:?}");
    }
    let after = trigger.next_fire(Some(previous), now.max(previous));
    assert!(
        after.is_none_or(|after| after > previous),
        "{after:?} is not after {previous}"
    );
    assert!(trigger.last_fire(now).is_none_or(|last| last <= now));
    let window = trigger.jitter_window(previous);
    assert!(window.min <= window.max);
    for hazard in trigger.hazards(now..now.saturating_add(400 * DAY)) {
        assert!(!hazard.to_string().is_empty());
    }
    assert!(trigger.count(previous, MAX..MIN) == 0);
}

/// What is found by counting.
fn count(trigger: &Trigger, from: UtcMicros, until: UtcMicros) {
    let advance = trigger.advance(from, until);
    assert!(advance.count >= 1 && advance.next.is_none_or(|next| next > advance.last));
    let last_day = UtcMicros::LAST.saturating_add(-DAY);
    // Nothing, one bound, bounds in disorder, twice the same, the ends of time.
    let lists: [&[UtcMicros]; 6] = [
        &[],
        &[from],
        &[MAX, UtcMicros::LAST, MIN, EPOCH],
        &[from, from],
        &[MIN, EPOCH],
        &[last_day, MAX],
    ];
    for bounds in lists {
        // Fewer places than buckets, and more.
        for places in [0, 1, 5] {
            trigger.histogram(from, bounds, &mut vec![0; places]);
        }
    }
}

#[test]
fn no_trigger_panics_at_the_edge_of_time() {
    let instants = [
        MIN,
        UtcMicros::new(i64::MIN + 1),
        at("0001-01-01T00:00:00Z"),
        UtcMicros::new(-1),
        EPOCH,
        at("2024-03-10T07:00:00Z"),
        at("9999-12-31T23:59:59Z"),
        UtcMicros::LAST,
        UtcMicros::LAST.saturating_add(1),
        MAX,
    ];
    for created in [MIN, EPOCH, MAX] {
        for context in contexts(created) {
            for definition in definitions() {
                let Ok(trigger) = definition.compile(&context) else {
                    continue;
                };
                assert!(!trigger.describe().is_empty());
                for previous in instants {
                    for now in instants {
                        search(&trigger, previous, now);
                    }
                }
                // Eight thousand years of clock changes are long; once is enough.
                if created == EPOCH {
                    instants
                        .windows(2)
                        .for_each(|pair| count(&trigger, pair[0], pair[1]));
                    count(&trigger, MIN, MAX);
                    count(&trigger, MAX, MIN);
                }
            }
        }
    }
}

#[test]
fn the_year_9999_is_the_last() {
    for context in contexts(EPOCH) {
        let daily = Definition::new(Kind::Cron)
            .with("hour", 12)
            .compile(&context)
            .unwrap();
        let last = daily.last_fire(MAX).unwrap();
        assert!(last > at("9999-12-30T00:00:00Z"), "{context:?}: {last}");
        assert_eq!(daily.next_fire(Some(last), last), None, "{context:?}");
        assert_eq!(
            daily.next_fire(None, UtcMicros::LAST.saturating_add(1)),
            None,
            "{context:?}"
        );
        assert_eq!(daily.advance(last, MAX).next, None, "{context:?}");
    }
}

#[test]
fn the_far_past_begins_with_1970() {
    let every_second = Definition::new(Kind::Cron)
        .compile(&Context::new(Zone::utc(), EPOCH))
        .unwrap();
    assert_eq!(every_second.next_fire(None, MIN), Some(EPOCH));
    assert_eq!(every_second.next_fire(Some(MIN), MAX), Some(EPOCH));
    assert_eq!(every_second.last_fire(UtcMicros::new(-1)), None);
    assert_eq!(
        every_second.count(MIN, MIN..EPOCH),
        1,
        "only the chain's own first run"
    );
}

/// Found by the fuzzer: at each gap of eight thousand years the search went on for centuries. This took minutes.
#[test]
fn counting_all_of_time_is_quick_where_little_fires() {
    let context = Context::new(Zone::named("America/New_York").unwrap(), EPOCH);
    let never = (6..=45).map(|week| ("2", week));
    for (day, week) in never.chain([("last", 4), ("5th sun", 53), ("30,31", 1)]) {
        let trigger = Definition::new(Kind::Cron)
            .with("month", "*/11")
            .with("day", day)
            .with("week", week)
            .with("hour", 2)
            .compile(&context)
            .unwrap();
        let fires = trigger.next_fire(None, EPOCH).is_some();
        assert_eq!(trigger.count(MIN, EPOCH..MAX) > 0, fires, "{day} {week}");
        assert_eq!(trigger.advance(EPOCH, MAX).count > 1, fires, "{day} {week}");
    }
}

#[test]
fn an_interval_of_centuries_ends() {
    let context = Context::new(Zone::utc(), at("2024-01-01T00:00:00Z"));
    let definition = Definition::new(Kind::Interval).with("days", 36_525);
    let trigger = definition.compile(&context).unwrap();
    let fires: Vec<_> = trigger.fires(None, context.created).collect();
    assert_eq!(fires.len(), 79);
    assert!(fires.last().is_some_and(|last| *last <= UtcMicros::LAST));
    let longest = Definition::new(Kind::Interval)
        .with("days", 999_999_999)
        .compile(&context)
        .unwrap();
    assert_eq!(longest.next_fire(None, context.created), None);
    assert!(
        Definition::new(Kind::Interval)
            .with("days", 1_000_000_000)
            .compile(&context)
            .is_err()
    );
}

#[test]
fn a_start_after_the_end_never_fires() {
    for context in contexts(EPOCH) {
        for kind in [Kind::Cron, Kind::Interval] {
            let mut definition = Definition::new(kind);
            (definition.start, definition.end) =
                (Some("2024-01-02".to_owned()), Some("2024-01-01".to_owned()));
            let trigger = definition.compile(&context).unwrap();
            assert_eq!(trigger.next_fire(None, EPOCH), None);
            assert_eq!(trigger.last_fire(MAX), None);
            assert_eq!(trigger.hazards(EPOCH..MAX), [triggers::Hazard::NeverFires]);
        }
    }
}

#[test]
fn instants_outside_of_the_years_in_utc_are_refused_and_never_printed() {
    for text in ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-01:00"] {
        let expected = format!(
            "instant \"{text}\": in UTC its year is outside of 0001 to 9999 (at character 1); allowed: an instant whose year"
        );
        let error = text.parse::<UtcMicros>().unwrap_err().to_string();
        assert!(error.starts_with(&expected), "{error}");
        // What panicked the fuzz target.
        let case = format!(r#"{{"kind":"cron","from":"{text}"}}"#);
        assert!(triggers::Case::parse(&case).is_err(), "{case}");
    }
    for edge in [UtcMicros::FIRST, UtcMicros::LAST] {
        assert_eq!(at(&edge.to_string()), edge);
    }
    for (zone, date, fires) in [
        ("Asia/Tokyo", "0001-01-01 00:00:00", false),
        ("Asia/Tokyo", "0001-01-02 00:00:00", true),
        ("America/New_York", "9999-12-31 23:59:59", false),
        ("UTC", "0001-01-01 00:00:00", true),
    ] {
        let definition = Definition::new(Kind::Date).with("run_date", date);
        let context = Context::new(Zone::named(zone).unwrap(), EPOCH);
        let trigger = definition.compile(&context).unwrap();
        assert_eq!(trigger.next_fire(None, EPOCH).is_some(), fires, "{zone} {date}");
    }
}
