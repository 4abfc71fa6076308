//! What is proposed in place of a text that is none: it must be one, whatever the text.

use crate::config;
use proptest::prelude::*;
use proptest::sample::select;
use triggers::cron::Field;
use triggers::{Context, Definition, Kind, UtcMicros, Zone};

/// Pieces of what people type, wrong and right.
const PIECES: [&str; 58] = [
    "*", "/", "-", ",", " ", "  ", "0", "1", "5", "7", "9", "12", "15", "24", "30", "59", "60", "90", "2026",
    "?", "L", "W", "#", "H", "~", "@", "@every", "daily", "mon", "fri", "Sunday", "jan", "dec", "sept",
    "last", "1st", "am", "pm", ":", "..", "T", "Z", "+", "m", "h30", "every", "weekdays", "Europe/",
    "Berlin", "UTC", "=", "\"", "\\", "–", "５", "\u{200b}", "é", "(",
];

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(PIECES.to_vec()), 0..12).prop_map(|pieces| pieces.concat())
}

/// What the hint says to write and nothing more.
fn better(hint: &str) -> Option<&str> {
    let text = hint.rsplit_once("write ")?.1;
    let end = [" (", " for every", " without", "; "]
        .iter()
        .filter_map(|end| text.find(end))
        .min();
    Some(&text[..end.unwrap_or(text.len())])
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_line_that_is_proposed_is_one(line in text(), fields in proptest::collection::vec(text(), 5)) {
        let context = Context::new(Zone::utc(), UtcMicros::new(0));
        for line in [line, fields.join(" ")] {
            for make in [|line: &str| Definition::crontab(line), |line: &str| Definition::aps_crontab(line)] {
                let Err(error) = make(&line).compile(&context) else { continue };
                prop_assert!(!error.to_string().is_empty());
                let hint = error.hint().unwrap_or_default();
                let Some(better) = better(&hint) else { continue };
                if better.starts_with('@') || better.split(' ').count() == 5 && !better.contains(", ") {
                    prop_assert!(make(better).compile(&context).is_ok(), "{}: {}", line, hint);
                }
            }
        }
    }

    #[test]
    fn a_field_that_is_proposed_is_one(field in select(Field::ALL.to_vec()), text in text()) {
        let context = Context::new(Zone::utc(), UtcMicros::new(0));
        let Err(error) = Definition::new(Kind::Cron).with(field.name(), text.as_str()).compile(&context) else {
            return Ok(());
        };
        let hint = error.hint().unwrap_or_default();
        let whole = hint.starts_with("write ") || hint.contains(": write ");
        if let Some(better) = better(&hint).filter(|better| whole && !better.contains('=') && *better != "whole numbers")
            && !better.starts_with("* for")
        {
            let definition = Definition::new(Kind::Cron).with(field.name(), better);
            prop_assert!(definition.compile(&context).is_ok(), "{} {:?}: {}", field.name(), text, hint);
        }
    }

    #[test]
    fn a_date_and_a_zone_that_are_proposed_are_such(text in text()) {
        let context = Context::new(Zone::utc(), UtcMicros::new(0));
        let date = |text: &str| Definition::new(Kind::Date).with("run_date", text).compile(&context);
        if let Err(error) = date(&text) {
            let hint = error.hint().unwrap_or_default();
            if let Some(better) = better(&hint).filter(|better| better.starts_with(|c: char| c.is_ascii_digit())) {
                prop_assert!(date(better).is_ok(), "{:?}: {}", text, hint);
            }
        }
        if let Err(error) = Zone::named(&text) {
            let hint = error.hint().unwrap_or_default();
            if let Some(name) = hint.strip_prefix("the nearest is ") {
                prop_assert!(Zone::named(name).is_ok(), "{:?}: {}", text, hint);
            }
        }
    }
}
