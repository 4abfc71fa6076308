//! One field of a cron or of a crontab line: what was meant by each of its items.
//!
//! An item goes through small rewritings, from the plainest mistake on, until it is read; `advice` knows what cannot be
//! rewritten. How values are written down in a place is in `place`.

use super::place::Place;
use super::positions::position;
use super::wording::{LONGEST, is_number, say};
use super::{advice, look_alike, names};
use crate::cron::Field;

/// What would be right in a field, or a line.
pub(super) struct Better {
    /// The text that is read.
    pub(super) text: String,
    /// What was wrong, where the new text does not show it.
    pub(super) why: Option<Why>,
}

/// What was wrong with a text.
pub(super) enum Why {
    /// A character that only looks like another.
    LooksLike(String),
    /// A rule that is not known everywhere.
    Rule(&'static str),
}

impl Better {
    /// What to write, and why.
    pub(super) fn told(&self) -> String {
        let told = say(&self.text);
        match &self.why {
            Some(Why::LooksLike(problem)) => format!("{problem}: {told}"),
            Some(Why::Rule(rule)) => format!("{told} ({rule})"),
            None => told,
        }
    }
}

/// What would be right in a field that holds this text.
pub(super) fn hint(place: Place, text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    if text.trim().is_empty() {
        return Some("write * for every value, or leave the field out".to_owned());
    }
    if let Some(better) = better(place, text) {
        return Some(better.told());
    }
    items(&plain(text).0).find_map(|item| advice::of(place, item))
}

/// The text that is meant, if it can be told.
pub(super) fn better(place: Place, text: &str) -> Option<Better> {
    let (plain, problem) = plain(text);
    let mut better = Vec::new();
    let mut why = problem.map(Why::LooksLike);
    for item in items(&plain) {
        if place.reads(item) {
            better.push(item.to_owned());
            continue;
        }
        if advice::of(place, item).is_some() {
            return None;
        }
        let (item, rule) = rewritten(place, &completed(place, item, &plain))?;
        better.push(item);
        why = why.or(rule.map(Why::Rule));
    }
    let better = better.join(",");
    (better != text && place.reads(&better)).then_some(Better { text: better, why })
}

/// In ASCII and without quotes, and which character was none of it.
fn plain(text: &str) -> (String, Option<String>) {
    let (plain, problem) = match look_alike::plain(text) {
        Some((plain, problem)) => (plain, Some(problem)),
        None => (text.to_owned(), None),
    };
    (plain.replace(['"', '\'', '`', '\\'], ""), problem)
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', '|', '&'])
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// `1st,3rd mon` means the weekday for both.
fn completed(place: Place, item: &str, text: &str) -> String {
    let is_ordinal = item.len() == 3 && item.as_bytes()[0].is_ascii_digit();
    let weekday = text
        .rsplit([',', ' '])
        .next()
        .filter(|word| names::weekday(word).is_some());
    match weekday {
        Some(weekday) if place.field == Field::Day && is_ordinal => format!("{item} {weekday}"),
        _ => item.to_owned(),
    }
}

type Rewriting = fn(Place, &str) -> Option<String>;

const BACKWARDS: &str = "programs called cron disagree on a range that goes backwards";

/// From the plainest on. A reason is given where the new text alone does not tell what was wrong.
const REWRITINGS: [(Rewriting, &str); 13] = [
    (closed_up, ""),
    (signs, ""),
    (stars, ""),
    (without_unit, ""),
    (days_in_words, ""),
    (short_names, ""),
    (groups_of_days, ""),
    (open_ranges, ""),
    (from_on, "a step needs a range before it"),
    (without_mixture, "a range is of names or of numbers"),
    (wrapped, BACKWARDS),
    (steps_of_names, "names take no step"),
    (within_bounds, ""),
];

/// The item as it is read, and why not as it stood there.
fn rewritten(place: Place, item: &str) -> Option<(String, Option<&'static str>)> {
    let mut text = item.to_owned();
    let mut reason = "";
    for (rewriting, why) in REWRITINGS {
        let Some(next) = rewriting(place, &text) else {
            continue;
        };
        text = next;
        reason = if reason.is_empty() { why } else { reason };
        if place.reads(&text) {
            // Where there is but one program, there is nothing to disagree about.
            let is_told = !reason.is_empty() && (reason != BACKWARDS || place.crontab());
            return Some((text, is_told.then_some(reason)));
        }
    }
    None
}

/// `1 - 5`, `* /5`.
fn closed_up(place: Place, text: &str) -> Option<String> {
    let is_position = place.field == Field::Day && text.contains(|c: char| c.is_ascii_alphabetic());
    (text.contains(' ') && !is_position).then(|| {
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "to").collect();
        words.join(if words.len() == 2 && text.contains(" to ") {
            "-"
        } else {
            ""
        })
    })
}

/// `mon..fri`, `mon:fri`.
fn signs(place: Place, text: &str) -> Option<String> {
    let with_colon = matches!(place.field, Field::Month | Field::DayOfWeek) && text.contains(':');
    (text.contains("..") || with_colon).then(|| text.replace("..", "-").replace(':', "-"))
}

/// `?`, `**`, `*5`, `/5`.
fn stars(_: Place, text: &str) -> Option<String> {
    match text.strip_prefix('*') {
        _ if text == "?" || text == "**" || text == "*/0" => Some("*".to_owned()),
        Some(rest) if is_number(rest) => Some(format!("*/{rest}")),
        None if text.strip_prefix('/').is_some_and(is_number) => Some(format!("*{text}")),
        None => text.strip_prefix('?').map(|rest| format!("*{rest}")),
        Some(_) => None,
    }
}

/// `*/5m` among minutes.
fn without_unit(place: Place, text: &str) -> Option<String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = super::duration::unit(&text[digits.len()..])?;
    let own = unit.strip_suffix('s') == Some(place.field.name());
    (own && digits.ends_with(|c: char| c.is_ascii_digit())).then(|| digits.to_owned())
}

/// `first Monday`, `2th fri`, `15th`.
fn days_in_words(place: Place, text: &str) -> Option<String> {
    (place.field == Field::Day).then(|| position(text)).flatten()
}

/// `Monday-Friday`, `sept`.
fn short_names(place: Place, text: &str) -> Option<String> {
    let mut short = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let word = &rest[start..];
        let word = &word[..word
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(word.len())];
        short.push_str(&rest[..start]);
        short.push_str(names::short(place.field, word)?);
        rest = &rest[start + word.len()..];
    }
    short.push_str(rest.trim_start_matches('.'));
    (short != text).then_some(short)
}

/// `weekdays`, `weekend`.
fn groups_of_days(place: Place, text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let days = match text.strip_suffix('s').unwrap_or(&text) {
        "weekday" | "workday" | "workingday" | "businessday" => "mon-fri",
        "weekend" => "sat,sun",
        "daily" | "everyday" | "every day" | "any" | "all" => "*",
        _ => return None,
    };
    (place.field == Field::DayOfWeek || days == "*").then(|| days.to_owned())
}

/// `5-` and `-5`.
fn open_ranges(place: Place, text: &str) -> Option<String> {
    let (least, greatest) = place.bounds();
    match text.split_once('-')? {
        (first, "") if is_number(first) => Some(format!("{first}-{greatest}")),
        ("", last) if is_number(last) => Some(format!("{least}-{last}")),
        _ => None,
    }
}

/// `5/15` in a crontab.
fn from_on(place: Place, text: &str) -> Option<String> {
    let (first, step) = text.split_once('/')?;
    let is_value = place.value(first).is_some();
    (place.crontab() && is_value).then(|| format!("{first}-{}/{step}", place.last()))
}

/// `mon-4`, `1-feb`.
fn without_mixture(place: Place, text: &str) -> Option<String> {
    let span = place.span(text)?;
    (span.names == 1 && !place.crontab() && span.step.is_none())
        .then(|| format!("{}-{}", place.name(span.first), place.name(span.last)))
}

/// `22-2`, `fri-mon`.
fn wrapped(place: Place, text: &str) -> Option<String> {
    let mut span = place.span(text)?;
    if place.field == Field::Year {
        return (span.first > span.last).then(|| format!("{}-{}", span.last, span.first));
    }
    let (least, greatest) = (place.bounds().0, place.last());
    if place.crontab() && place.field == Field::DayOfWeek && span.first == 7 {
        // The other Sunday.
        span.first = least;
    }
    let within = least..=greatest;
    if !within.contains(&span.first) || !within.contains(&span.last) {
        return None;
    }
    let write = |value: u16| place.write(value, span.names == 2);
    if span.first <= span.last {
        return (text.starts_with('7')).then(|| format!("{}-{}", write(span.first), write(span.last)));
    }
    if let Some(step) = span.step {
        let mut values = Vec::new();
        let (mut value, size) = (span.first - least, greatest - least + 1);
        let end = span.last + size - least;
        while step > 0 && value <= end {
            values.push(write(value % size + least));
            value += step;
        }
        return Some(values.join(","));
    }
    if span.first == span.last + 1 {
        return Some("*".to_owned());
    }
    let range = |first: u16, last: u16| match first == last {
        true => write(first),
        false => format!("{}-{}", write(first), write(last)),
    };
    Some(format!(
        "{},{}",
        range(span.first, greatest),
        range(least, span.last)
    ))
}

/// `mon-fri/2`, `jan/3`.
fn steps_of_names(place: Place, text: &str) -> Option<String> {
    let (range, step) = text.split_once('/')?;
    let step = step.parse::<u16>().ok().filter(|step| *step > 0)?;
    let (first, last) = match place.span(range) {
        Some(span) if span.names == 2 => (span.first, span.last),
        Some(_) => return None,
        None if range.parse::<u16>().is_err() => (place.value(range)?, place.last()),
        None => return None,
    };
    let values: Vec<String> = (first..=last)
        .step_by(usize::from(step))
        .map(|value| place.name(value))
        .collect();
    Some(values.join(","))
}

/// `60`, `0-24`, `24` for a year; a step that reaches no second value.
fn within_bounds(place: Place, text: &str) -> Option<String> {
    let (least, greatest) = place.bounds();
    let size = greatest - least + 1;
    let is_clock = matches!(place.field, Field::Minute | Field::Second | Field::Hour);
    if let Ok(value) = text.parse::<u16>() {
        return match place.field {
            _ if is_clock && value == size => Some("0".to_owned()),
            Field::Year if value < 100 => Some((2000 + value).to_string()),
            _ => None,
        };
    }
    let (range, step) = text
        .split_once('/')
        .map_or((text, ""), |(range, step)| (range, step));
    let span = place.span(range);
    if let Some(span) = &span
        && is_clock
        && span.last == size
        && span.first < size
    {
        let step = text.strip_prefix(range).unwrap_or_default();
        return Some(format!("{}-{greatest}{step}", span.first));
    }
    // The step is no number of the range: the first value is the only one.
    let is_large = step.parse::<u16>().is_ok_and(|step| step > 0) && place.reads(range);
    let first = match range {
        "*" => Some(least),
        range => span.map_or_else(|| place.value(range), |span| Some(span.first)),
    };
    first.filter(|_| is_large).map(|first| place.write(first, false))
}
