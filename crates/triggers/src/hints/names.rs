//! Names of weekdays and months, long, short or cut off, and the names of fields, kinds and dialects.

use super::similar::nearest;
use super::wording::say;
use crate::cron::{Field, MONTHS, WEEKDAYS};
use crate::english::{MONTH_NAMES, WEEKDAY_NAMES};

/// The weekday that a word means, 0 = Monday: `monday`, `Tues`, `mo`.
pub(super) fn weekday(word: &str) -> Option<u16> {
    beginning(&WEEKDAY_NAMES, word)
}

/// The month that a word means, from 1: `January`, `Sept.`, `dec`.
pub(super) fn month(word: &str) -> Option<u16> {
    Some(beginning(&MONTH_NAMES, word.trim_end_matches('.'))? + 1)
}

/// The short name of a weekday or a month, for a field that has such names.
pub(super) fn short(field: Field, word: &str) -> Option<&'static str> {
    match field {
        Field::Month => Some(MONTHS[usize::from(month(word)? - 1)]),
        Field::DayOfWeek => Some(WEEKDAYS[usize::from(weekday(word)?)]),
        _ => None,
    }
}

/// The only name that begins so, with two letters at least, or is meant in the plural.
fn beginning(names: &[&str], word: &str) -> Option<u16> {
    let word = word.to_ascii_lowercase();
    let is_meant = |name: &&str| {
        let name = name.to_ascii_lowercase();
        name.starts_with(&word) || word.strip_suffix('s') == Some(name.as_str())
    };
    let mut found = (0..).zip(names).filter(|(_, name)| is_meant(name));
    let (place, _) = found.next().filter(|_| word.len() >= 2)?;
    found.next().is_none().then_some(place)
}

/// What a field is called that a trigger of this kind does not have.
pub(super) fn field(kind: &str, name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let beside = [
        "tz",
        "timezone",
        "zone",
        "start",
        "start_date",
        "end",
        "end_date",
        "dst",
        "jitter",
    ];
    if beside.contains(&name.as_str()) {
        return Some("that stands beside the fields".to_owned());
    }
    let found = match (kind, name.as_str()) {
        ("cron", "weekday" | "weekdays" | "wday" | "dow" | "dayofweek") => Some("day_of_week"),
        ("cron", "dom" | "mday" | "date" | "day_of_month") => Some("day"),
        ("cron", _) => nearest(&name, Field::ALL.iter().map(|field| field.name())),
        ("interval", "month" | "months" | "year" | "years") => {
            return Some("months and years have no fixed length: they are a cron, such as day=1".to_owned());
        }
        ("interval", "day_of_week" | "weekday") => {
            return Some("that is a field of a cron".to_owned());
        }
        ("interval", _) => super::duration::unit(&name).or_else(|| {
            nearest(
                &name,
                ["weeks", "days", "hours", "minutes", "seconds"].into_iter(),
            )
        }),
        ("date", _) => Some("run_date"),
        _ => None,
    };
    found.map(say)
}

/// What is called otherwise here: a kind, a dialect, a policy.
pub(super) fn choice(field: &str, value: &str) -> Option<String> {
    let value = value.trim_matches('"').to_ascii_lowercase();
    let (found, known): (Option<&str>, &[&str]) = match field {
        "kind" => {
            let found = match value.as_str() {
                "crontab" | "schedule" | "oncalendar" => Some("cron"),
                "every" | "period" | "repeat" => Some("interval"),
                "at" | "once" | "one-off" | "oneoff" | "one_off" | "datetime" | "run_date" => Some("date"),
                _ => None,
            };
            (found, &["cron", "interval", "date"])
        }
        "dialect" => {
            let found = match value.as_str() {
                "cron" | "unix" | "vixie" | "linux" | "posix" | "standard" | "default" | "k8s"
                | "kubernetes" => Some("crontab"),
                "aps" | "apscheduler" | "python" => Some("aps-crontab"),
                "quartz" | "spring" | "aws" => {
                    return Some(
                        "the fields of a cron have its seconds and its words for days, such as day=last fri"
                            .to_owned(),
                    );
                }
                _ => None,
            };
            (found, &["crontab", "aps-crontab"])
        }
        "dst" => (None, &["literal", "once"]),
        _ => return None,
    };
    found.or_else(|| nearest(&value, known.iter().copied())).map(say)
}
