//! Dates as people write them, in the one form that is read: the day first, slashes, names of months, no seconds.

use super::look_alike;
use super::names::{month, weekday};
use super::wording::{is_number, say};
use crate::civil::{date, day_number, month_length};
use crate::text;
use crate::time::UtcMicros;
use crate::zone::Zone;

/// No date is longer.
const LONGEST: usize = 64;

/// What would be the date that is meant.
pub(super) fn hint(field: &'static str, text: &str) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    let plain = look_alike::plain(text).map_or_else(|| text.to_owned(), |(plain, _)| plain);
    let plain = plain.trim().trim_matches(['"', '\'']).trim();
    let is_instant = matches!(field, "instant" | "from" | "prev" | "created");
    if is_instant && text::read(field, plain).is_ok_and(|stamp| stamp.instant().is_none()) {
        return Some("write Z behind it for UTC, or an offset such as +02:00".to_owned());
    }
    if plain != text && text::read(field, plain).is_ok() {
        return Some(say(plain));
    }
    if let Some(hint) = epoch(plain) {
        return Some(hint);
    }
    let spaced = spaced(plain);
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    if words.len() > 1 && weekday(words[0]).is_some() {
        words.remove(0);
    }
    // `Dec 25 09:00:00 2026`, as C prints it.
    if words.len() > 3 && words[2].contains(':') && month(words[0]).is_some() {
        words.swap(2, 3);
    }
    let Some((day, used)) = day(&words) else {
        return words_only(plain, &words);
    };
    let (time, rest) = time(&words[used..])?;
    let (day, time) = match time {
        // The day ends where the next begins.
        Some(time) if time.starts_with("24:00:00") => (day + 1, Some(time.replacen("24", "00", 1))),
        time => (day, time),
    };
    let (year, month, of_month) = date(day);
    let mut better = format!("{year:04}-{month:02}-{of_month:02}");
    if let Some(time) = &time {
        better += &format!(" {time}");
    }
    let beside = match rest {
        [] => "",
        [word] => match offset(word) {
            Some(offset) if time.is_some() => {
                better += &offset;
                ""
            }
            _ if Zone::named(word).is_ok() => "; the zone stands beside it, as tz",
            _ => return None,
        },
        _ => return None,
    };
    let is_read = text::read(field, &better).is_ok();
    (is_read && better != text).then(|| format!("{}{beside}", say(&better)))
}

/// What is no date at all.
fn words_only(text: &str, words: &[&str]) -> Option<String> {
    const RELATIVE: [&str; 12] = [
        "now",
        "today",
        "tomorrow",
        "tonight",
        "yesterday",
        "in",
        "next",
        "last",
        "noon",
        "midnight",
        "never",
        "epoch",
    ];
    let first = words.first()?.to_ascii_lowercase();
    let is_relative = RELATIVE.contains(&first.as_str()) || text.starts_with(['+', '-']);
    if is_relative {
        return Some("words are not read; write the date, such as 2026-12-24 18:00:00".to_owned());
    }
    let has_time =
        words[0].contains(':') || words.iter().any(|word| word.to_ascii_lowercase().ends_with("m"));
    if has_time && time(words).is_some_and(|(time, _)| time.is_some()) {
        return Some("a time needs a date before it, such as 2026-12-24 18:00:00".to_owned());
    }
    let numbers: Vec<&str> = words[0].split('/').collect();
    (numbers.len() == 3 && numbers.iter().all(|text| is_number(text)))
        .then(|| "write the year first, then the month, then the day: 2026-12-24".to_owned())
}

/// Seconds or milliseconds since 1970.
fn epoch(text: &str) -> Option<String> {
    let text = text.strip_prefix('@').unwrap_or(text);
    let scale = match text.len() {
        10 => 1_000_000,
        13 => 1_000,
        _ => return None,
    };
    let number = text.parse::<i64>().ok().filter(|number| *number > 0)?;
    Some(say(&UtcMicros::new(number * scale).to_string()))
}

/// The text with a blank in place of the T between date and time, and of commas.
fn spaced(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_digit);
    text.char_indices()
        .map(|(place, c)| match c {
            'T' | 't' if place > 0 && digit(place - 1) && digit(place + 1) => ' ',
            // Some write the fraction behind a comma.
            ',' if place > 0 && digit(place - 1) && digit(place + 1) => '.',
            ',' => ' ',
            c => c,
        })
        .collect()
}

/// The day number that the first words mean, and how many words they are.
fn day(words: &[&str]) -> Option<(i64, usize)> {
    let first = words.first()?;
    if let Some(day) = numbers(first) {
        return Some((day, 1));
    }
    let [a, b, c] = words.get(..3)? else { return None };
    let of_month = |word: &str| {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        digits.parse::<u32>().ok()
    };
    let (month, day) = match (month(a), month(b)) {
        (Some(month), _) => (month, of_month(b)?),
        (None, Some(month)) => (month, of_month(a)?),
        (None, None) => return None,
    };
    Some((valid(c.parse().ok()?, u32::from(month), day)?, 3))
}

/// A date in numbers, its parts divided by `-`, `/` or `.`, or not at all.
fn numbers(word: &str) -> Option<i64> {
    let parts: Vec<&str> = match word.len() {
        8 if is_number(word) => vec![&word[..4], &word[4..6], &word[6..]],
        _ => word.split(['-', '/', '.']).collect(),
    };
    let &[a, b, c] = parts.as_slice() else { return None };
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() <= 4);
    let (x, y, z) = (number(a)?, number(b)?, number(c)?);
    if a.len() == 4 {
        return valid(x, y, z);
    }
    if c.len() != 4 {
        return None;
    }
    if word.contains('/') {
        // Day or month first: only one that can be but one of them tells.
        return match (x > 12, y > 12) {
            (true, false) => valid(z, y, x),
            (false, true) => valid(z, x, y),
            _ => None,
        };
    }
    valid(z, y, x)
}

fn valid(year: u32, month: u32, day: u32) -> Option<i64> {
    let exists = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=month_length(i64::from(year), month)).contains(&day);
    exists.then(|| day_number(i64::from(year), month, day))
}

/// The time that the first words mean, with seconds and an offset that is written to it, and the words behind it.
fn time<'a, 'b>(words: &'b [&'a str]) -> Option<(Option<String>, &'b [&'a str])> {
    let Some((first, rest)) = words.split_first() else {
        return Some((None, words));
    };
    let (mut clock, glued): (&str, &str) = match first.find(['+', '-', 'Z', 'z']) {
        Some(place) => first.split_at(place),
        None => (*first, ""),
    };
    let (mut late, mut rest) = (None, rest);
    let lower = clock.to_ascii_lowercase();
    for (word, is_late) in [("am", false), ("pm", true)] {
        if lower.ends_with(word) {
            (clock, late) = (clock.get(..clock.len() - 2)?, Some(is_late));
        } else if let [next, others @ ..] = rest
            && next.eq_ignore_ascii_case(word)
        {
            (late, rest) = (Some(is_late), others);
        }
    }
    // Behind a date a bare hour is one, and six digits are a time as they are in ISO 8601.
    let digits = clock.trim_end_matches(['h', 'H']);
    let is_number = is_number(digits);
    let spread;
    if is_number && digits.len() == 6 {
        spread = format!("{}:{}:{}", &digits[..2], &digits[2..4], &digits[4..]);
        clock = &spread;
    } else if is_number && digits.len() <= 2 {
        clock = digits;
    } else if !clock.contains(':') && late.is_none() {
        return Some((None, words));
    }
    let mut parts = clock.split(':');
    let mut part = || parts.next().map_or(Some(0), |text| text.parse::<u32>().ok());
    let (hour, minute) = (part()?, part()?);
    // Not more than six digits of a fraction are read.
    let second = parts.next().unwrap_or("0");
    let second = second.get(
        ..second
            .find('.')
            .map_or(second.len(), |dot| second.len().min(dot + 7)),
    )?;
    let hour = match late {
        Some(late) => hour % 12 + if late { 12 } else { 0 },
        None => hour,
    };
    let glued = if glued.is_empty() {
        String::new()
    } else {
        offset(glued)?
    };
    Some((Some(format!("{hour:02}:{minute:02}:{second:0>2}{glued}")), rest))
}

/// An offset from UTC in the form that is read.
fn offset(word: &str) -> Option<String> {
    if ["z", "utc", "gmt"].contains(&word.to_ascii_lowercase().as_str()) {
        return Some("Z".to_owned());
    }
    let (sign, digits) = word
        .split_at_checked(1)
        .filter(|(sign, _)| matches!(*sign, "+" | "-"))?;
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some(parts), _) => parts,
        (None, 4) => digits.split_at_checked(2)?,
        (None, _) => (digits, "00"),
    };
    let number = |text: &str| text.parse::<u8>().ok();
    Some(format!("{sign}{:02}:{:02}", number(hours)?, number(minutes)?))
}
