//! Nothing panics and nothing loops: any text, any instant, the edges of time.

use crate::config;
use crate::make::recipe;
use proptest::prelude::*;
use triggers::cron::{Expression, Field};
use triggers::{Case, Context, Definition, DstPolicy, Kind, Trigger, UtcMicros, WallMicros, Zone};

/// Any instant a number can hold, with a taste for the edges.
fn any_instant() -> impl Strategy<Value = UtcMicros> {
    let edge = UtcMicros::LAST.get();
    prop_oneof![
        any::<i64>(),
        -62_200_000_000_000_000..=edge + 1_000_000_000_000,
        edge - 200_000_000_000..=edge + 200_000_000_000,
        Just(i64::MIN),
        Just(i64::MAX),
        -1_000_000_000_000_i64..1_000_000_000_000,
    ]
    .prop_map(UtcMicros::new)
}

/// Text that is nearly an expression.
fn scribble() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9*/,\\- ]{0,12}",
        "[0-9a-zA-Z*/,\\-# ?]{0,20}",
        "(1st|2nd|5th|last|Last)( {1,2}(mon|fri|sun|foo))?(,[0-9]{1,4})?",
        "\\PC{0,20}",
        "@[a-z]{0,8}",
        "[0-9]{1,5}-[0-9]{1,3}-[0-9]{1,3}([ T][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\\.[0-9]{0,7})?(Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    ]
}

/// Asks everything there is to ask.
fn ask(trigger: &Trigger, a: UtcMicros, b: UtcMicros) -> Result<(), TestCaseError> {
    for (previous, now) in [(None, a), (Some(a), b), (Some(b), a)] {
        if let Some(next) = trigger.next_fire(previous, now) {
            prop_assert!(next <= UtcMicros::LAST);
            prop_assert!(previous.is_none_or(|previous| next > previous || now < previous));
        }
    }
    let advance = trigger.advance(a, b);
    prop_assert!(advance.count >= 1);
    prop_assert!(advance.next.is_none_or(|next| next > advance.last));
    let _ = trigger.last_fire(a);
    let _ = trigger.count(a, a.min(b)..a.max(b));
    let _ = trigger.count(a, b..a);
    trigger.histogram(a, &[a, b], &mut [0, 0]);
    let _ = trigger.jitter_window(a);
    let _ = trigger.describe();
    let near = a.saturating_add(86_400_000_000 * 800);
    for hazard in trigger.hazards(a..near) {
        let _ = hazard.to_string();
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_instant_panics(recipe in recipe(), a in any_instant(), b in any_instant()) {
        ask(&recipe.compile(), a, b)?;
    }

    #[test]
    fn no_text_panics(texts in proptest::collection::vec(scribble(), 8), a in any_instant(), b in any_instant()) {
        let context = Context::new(Zone::utc(), a);
        let mut definition = Definition::new(Kind::Cron);
        for (field, text) in Field::ALL.into_iter().zip(&texts) {
            if let Err(error) = Expression::parse(field, text) {
                prop_assert!(!error.to_string().is_empty());
            }
            definition.fields.insert(field.name().to_owned(), text.clone().into());
        }
        let line = texts[..5].join(" ");
        let mut bounded = Definition::aps_crontab("* * * * *");
        bounded.start = Some(texts[5].clone());
        bounded.tz = Some(texts[6].clone());
        let date = Definition::new(Kind::Date).with("run_date", texts[5].clone());
        for definition in [definition, Definition::crontab(&*line), Definition::aps_crontab(line), bounded, date] {
            if let Ok(trigger) = definition.compile(&context) {
                ask(&trigger, a, b)?;
            }
        }
        for text in &texts {
            let _ = Case::parse(text);
            let _ = text.parse::<UtcMicros>();
            let _ = text.parse::<WallMicros>();
            let _ = Zone::named(text);
        }
    }

    #[test]
    fn no_interval_panics(weeks in any::<i64>(), seconds in any::<f64>(), a in any_instant(), b in any_instant()) {
        let context = Context::new(Zone::utc(), a);
        let by_weeks = Definition::new(Kind::Interval).with("weeks", weeks);
        let by_seconds = Definition::new(Kind::Interval).with("seconds", seconds);
        for definition in [by_weeks, by_seconds] {
            if let Ok(trigger) = definition.compile(&context) {
                ask(&trigger, a, b)?;
            }
        }
    }

    #[test]
    fn zones_answer_any_time(micros in any::<i64>()) {
        for name in crate::make::ZONES {
            let zone = Zone::named(name).unwrap();
            let _ = zone.to_wall(UtcMicros::new(micros));
            let _ = zone.to_utc(WallMicros::new(micros));
        }
        let _ = (UtcMicros::new(micros).to_string(), WallMicros::new(micros).to_string());
    }
}

/// Triggers that never fire are found out quickly in every zone: there is no search of thousands of years.
#[test]
fn triggers_that_never_fire_end() {
    for name in crate::make::ZONES {
        let context = Context {
            zone: Zone::named(name).unwrap(),
            dst: DstPolicy::Once,
            created: UtcMicros::new(0),
        };
        for (month, day) in [(2, "30"), (4, "31"), (2, "5th mon,31")] {
            let fields = Definition::new(Kind::Cron)
                .with("month", month)
                .with("day", day)
                .with("week", 53);
            let trigger = fields.compile(&context).unwrap();
            assert_eq!(trigger.next_fire(None, UtcMicros::new(0)), None);
            assert_eq!(trigger.last_fire(UtcMicros::LAST), None);
        }
    }
}
