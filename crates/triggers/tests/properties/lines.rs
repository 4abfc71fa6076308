//! Crontab lines of both dialects, made together with what they mean, and definitions with everything they may have.

use crate::config;
use crate::make::{FIELDS, Meant, recipe};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Number;
use std::collections::BTreeSet;
use triggers::{Case, Context, Definition, Dialect, DstPolicy, Kind, UtcMicros, Zone};

/// Day, month and weekday of a line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) dialect: Dialect,
    pub(crate) text: String,
    /// In the order of `Field::ALL`.
    pub(crate) meant: Vec<Meant>,
    pub(crate) either: bool,
}

/// One part of a line: its text and its values (weekdays from 0 = Monday).
fn part(dialect: Dialect, field: usize) -> BoxedStrategy<(String, BTreeSet<u32>)> {
    let (_, least, greatest) = FIELDS[field];
    let is_weekday = field == 4;
    let sunday_first = is_weekday && dialect == Dialect::Crontab;
    let top = if sunday_first { 7 } else { greatest };
    let turn = move |value: u32| if sunday_first { (value + 6) % 7 } else { value };
    let names: &[&str] = match (field, dialect) {
        (1, _) => &[
            "", "jan", "Feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "DEC",
        ],
        (4, Dialect::Crontab) => &["sun", "mon", "tue", "WED", "thu", "fri", "Sat"],
        (4, Dialect::ApsCrontab) => &["mon", "tue", "WED", "thu", "fri", "Sat", "sun"],
        _ => &[],
    };
    let named = move |value: u32, by_name: bool| match names.get(value as usize).filter(|_| by_name) {
        Some(name) => (*name).to_owned(),
        None => value.to_string(),
    };
    let item = (least..=top, least..=top, 1_u32..12, 0..5, any::<bool>()).prop_map(
        move |(a, b, step, shape, by_name)| {
            let (a, b) = (a.min(b), a.max(b));
            let values = |first: u32, last: u32, step: u32| -> BTreeSet<u32> {
                (first..=last).step_by(step as usize).map(turn).collect()
            };
            // A name and a number do not share a range in one of the dialects.
            let by_name = by_name && (b as usize) < names.len();
            match shape {
                0 => (named(a, by_name), values(a, a, 1)),
                1 => (
                    format!("{}-{}", named(a, by_name), named(b, by_name)),
                    values(a, b, 1),
                ),
                // A step must be reached in one of the dialects.
                2 if b > a => {
                    let step = step.min(b - a);
                    (format!("{a}-{b}/{step}"), values(a, b, step))
                }
                3 => {
                    let step = step.min(greatest - least);
                    (format!("*/{step}"), values(least, greatest, step))
                }
                _ => ("*".to_owned(), values(least, greatest, 1)),
            }
        },
    );
    proptest::collection::vec(item, 1..4)
        .prop_map(|items| {
            let (texts, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
            (texts.join(","), values.into_iter().flatten().collect())
        })
        .boxed()
}

pub(crate) fn line() -> impl Strategy<Value = Line> {
    select(vec![Dialect::Crontab, Dialect::ApsCrontab]).prop_flat_map(|dialect| {
        let parts = (part(dialect, 2), part(dialect, 1), part(dialect, 4));
        parts.prop_map(move |(day, month, weekday)| {
            let starred = |part: &str| part.starts_with('*');
            let either = dialect == Dialect::Crontab && !starred(&day.0) && !starred(&weekday.0);
            let mut meant: Vec<Meant> = FIELDS
                .iter()
                .map(|(_, least, greatest)| Meant {
                    values: (*least..=*greatest).collect(),
                    places: BTreeSet::new(),
                })
                .collect();
            (meant[1].values, meant[2].values, meant[4].values) = (month.1, day.1, weekday.1);
            Line {
                dialect,
                text: format!("{} {} {}", day.0, month.0, weekday.0),
                meant,
                either,
            }
        })
    })
}

/// What a definition of any kind may have beside its fields.
fn dressed() -> impl Strategy<Value = Definition> {
    let zone = proptest::option::of(select(crate::make::ZONES.to_vec()));
    let policy = proptest::option::of(select(vec![DstPolicy::Literal, DstPolicy::Once]));
    let jitter = prop_oneof![
        Just(None),
        (0_u64..1 << 33).prop_map(|whole| Some(Number::from(whole))),
        (0.0_f64..1e6).prop_map(Number::from_f64),
    ];
    let nicknames = [
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
    ];
    let nickname = select(nicknames.to_vec()).prop_map(|name| (Dialect::Crontab, name.to_owned()));
    let written = (line(), 0..60, 0..24)
        .prop_map(|(line, minute, hour)| (line.dialect, format!("{minute},*/7 {hour}-23 {}", line.text)));
    let crontab = proptest::option::of(prop_oneof![1 => nickname, 6 => written]);
    (recipe(), crontab, zone, policy, jitter).prop_map(|(recipe, crontab, zone, policy, jitter)| {
        let mut definition = recipe.definition;
        if let (Some((dialect, line)), Kind::Cron) = (crontab, definition.kind) {
            definition.fields.clear();
            (definition.crontab, definition.dialect) = (Some(line), Some(dialect));
        }
        (definition.tz, definition.dst) = (zone.map(str::to_owned), policy);
        definition.jitter = jitter.filter(|_| definition.kind != Kind::Date);
        definition
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_definition_printed_is_read_back(definition in dressed(), seconds in 0_i64..1 << 32) {
        let context = Context::new(Zone::utc(), UtcMicros::new(seconds * 1_000_000));
        let trigger = definition.compile(&context).unwrap();
        let text = serde_json::to_string(&definition).unwrap();
        let again: Definition = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&again, &definition);
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), text.clone());
        prop_assert_eq!(again.compile(&context).unwrap(), trigger.clone());
        // A case asks about the same definition.
        let case = Case::parse(&text).unwrap();
        prop_assert_eq!(case.definition(), definition.clone());
        prop_assert_eq!(Case::parse(&serde_json::to_string(&case).unwrap()).unwrap(), case);
        // What the members say is in the trigger: each decides alone, whatever the context.
        let mut elsewhere = context.clone();
        if definition.tz.is_some() {
            elsewhere.zone = Zone::named("Asia/Kathmandu").unwrap();
        }
        if definition.dst.is_some() {
            elsewhere.dst = DstPolicy::Literal;
        }
        prop_assert_eq!(definition.compile(&elsewhere).unwrap(), trigger);
    }
}
