//! A crontab line as a whole: too many fields or too few, and what is no line of five fields at all.

use super::item::Better;
use super::place::Place;
use super::taken::{BESIDE, is_zone, reads};
use super::wording::{LONGEST, is_number, say};
use super::{item, look_alike, names, nickname, words};
use crate::cron::{Dialect, Field, ORDER};

const QUOTE: &str =
    "the shell seems to have put the names of files in place of a *: quote the line, as in '0 9 * * 1-5'";

/// What would be right in place of a line that has not five fields.
pub(super) fn hint(dialect: Dialect, line: &str) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().take(10).collect();
    if line.len() > LONGEST {
        return (fields.len() > 7).then(|| QUOTE.to_owned());
    }
    whole(dialect, line).or_else(|| match fields.len() {
        0..5 => too_few(dialect, &fields),
        _ => too_many(dialect, &fields),
    })
}

/// What would be right in a line one of whose fields holds a wrong text.
pub(super) fn hint_of_field(dialect: Dialect, line: &str, (field, text): (Field, &str)) -> Option<String> {
    if line.len() > LONGEST {
        return None;
    }
    let place = Place {
        field,
        line: Some(dialect),
    };
    let fields: Vec<&str> = line.split_whitespace().collect();
    whole(dialect, line)
        .or_else(|| zone_at_end(dialect, &fields))
        .or_else(|| mended(dialect, &fields).map(|line| line.told()))
        .or_else(|| beyond_mending(dialect, &fields))
        .or_else(|| item::hint(place, text))
        .or_else(|| (!is_like_field(text) && is_like_name(text)).then(|| QUOTE.to_owned()))
}

/// The line that is meant by five fields, if each of them can be told.
fn mended(dialect: Dialect, fields: &[&str]) -> Option<Better> {
    let mut why = None;
    let mut texts = Vec::with_capacity(ORDER.len());
    for (field, text) in ORDER.into_iter().zip(fields) {
        let place = Place {
            field,
            line: Some(dialect),
        };
        if place.reads(text) {
            texts.push((*text).to_owned());
            continue;
        }
        let better = item::better(place, text)?;
        texts.push(better.text);
        why = why.or(better.why);
    }
    let text = texts.join(" ");
    (fields.len() == ORDER.len() && reads(dialect, &text)).then_some(Better { text, why })
}

/// What is known of the first field whose meaning cannot be told: what stands in the others would not help.
fn beyond_mending(dialect: Dialect, fields: &[&str]) -> Option<String> {
    ORDER.into_iter().zip(fields).find_map(|(field, text)| {
        let place = Place {
            field,
            line: Some(dialect),
        };
        let is_open = !place.reads(text) && item::better(place, text).is_none();
        is_open.then(|| item::hint(place, text)).flatten()
    })
}

/// Whatever the number of fields is.
fn whole(dialect: Dialect, line: &str) -> Option<String> {
    let text = line.trim();
    if text.is_empty() {
        return Some("write five fields, such as 30 2 * * * for 02:30 every day".to_owned());
    }
    if text.starts_with('#') {
        return Some("a comment is no schedule".to_owned());
    }
    let plain = look_alike::plain(text);
    if let Some((plain, problem)) = &plain
        && reads(dialect, plain)
    {
        return Some(format!("{problem}: {}", say(plain)));
    }
    let bare = plain.map_or_else(|| text.to_owned(), |(plain, _)| plain);
    let bare = bare.replace(['"', '\'', '`', '\\'], "");
    if bare != text && reads(dialect, bare.trim()) {
        return Some(format!("leave quotes and backslashes out: {}", say(bare.trim())));
    }
    if text.lines().filter(|line| !line.trim().is_empty()).count() > 1 {
        return Some("these are several lines; each is a schedule of its own".to_owned());
    }
    assignment(dialect, text)
        .or_else(|| nickname::hint(dialect, text))
        .or_else(|| words::hint(dialect, text))
}

/// `CRON_TZ=Europe/Berlin 0 9 * * *`, `MAILTO=me`, `hour=9`.
fn assignment(dialect: Dialect, text: &str) -> Option<String> {
    let (name, rest) = text.split_once('=')?;
    let name = name.trim();
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return None;
    }
    if Field::named(name).is_some() || super::duration::unit(name).is_some() {
        return Some("these are fields by their names, not a crontab line".to_owned());
    }
    let Some(line) = rest.split_once(char::is_whitespace).map(|(_, line)| line.trim()) else {
        return Some("a setting of a crontab is no schedule".to_owned());
    };
    let is_zone = name.eq_ignore_ascii_case("tz") || name.eq_ignore_ascii_case("cron_tz");
    Some(match (is_zone, reads(dialect, line)) {
        (true, true) => format!("{BESIDE}: {}", say(line)),
        (true, false) => BESIDE.to_owned(),
        (false, _) => "a setting of a crontab is no schedule".to_owned(),
    })
}

fn zone_at_end(dialect: Dialect, fields: &[&str]) -> Option<String> {
    let (last, before) = fields.split_last()?;
    let is_zone = is_zone(last);
    let line = before.join(" ");
    is_zone.then(|| match reads(dialect, &line) {
        true => format!("{BESIDE}: {}", say(&line)),
        false => BESIDE.to_owned(),
    })
}

fn too_few(dialect: Dialect, fields: &[&str]) -> Option<String> {
    let line = fields.join(" ");
    // `0 9 ** 1-5`, `0 9 * *1-5`.
    let apart = line.replace("**", "* *");
    let apart: String = apart
        .char_indices()
        .flat_map(|(place, c)| {
            let glued = c.is_ascii_alphanumeric() && apart[..place].ends_with('*');
            glued.then_some(' ').into_iter().chain([c])
        })
        .collect();
    if apart != line && reads(dialect, &apart) {
        return Some(say(&apart));
    }
    let [minute] = fields else { return None };
    let whole = format!("{minute} * * * *");
    (minute.starts_with('*') && reads(dialect, &whole)).then(|| format!("{} for every hour", say(&whole)))
}

fn too_many(dialect: Dialect, fields: &[&str]) -> Option<String> {
    if let Some(line) = closed_up(fields).filter(|line| reads(dialect, line)) {
        return Some(format!("no blanks within a field: {}", say(&line)));
    }
    let (head, rest) = fields.split_at(ORDER.len());
    let line = mended(dialect, head).map(|line| line.text);
    if let Some(hint) = year_at_end(rest, line.as_deref()) {
        return Some(hint);
    }
    if fields.len() < 8 && fields.iter().all(|field| is_like_field(field)) {
        return Some(seconds_first(dialect, fields));
    }
    if let Some(line) = line.as_ref().filter(|_| rest[0].starts_with('#')) {
        return Some(format!("leave the comment out: {}", say(line)));
    }
    if let Some(hint) = zone_at_end(dialect, fields) {
        return Some(hint);
    }
    if head.iter().all(|field| is_like_field(field)) && !(is_like_field(rest[0]) && rest.len() > 2) {
        let told = "the line ends with its fifth field; a user and a command have no place in it";
        return Some(match line {
            Some(line) => format!("{told}: {}", say(&line)),
            None => told.to_owned(),
        });
    }
    Some(QUOTE.to_owned())
}

/// Blanks round the signs taken out.
fn closed_up(fields: &[&str]) -> Option<String> {
    const SIGNS: [char; 3] = [',', '-', '/'];
    let mut line = String::new();
    for field in fields {
        let is_glued = line.ends_with(SIGNS) || field.starts_with(SIGNS);
        if !line.is_empty() && !is_glued {
            line.push(' ');
        }
        line.push_str(field);
    }
    (line.len() < fields.iter().map(|field| field.len() + 1).sum::<usize>() - 1).then_some(line)
}

/// `0 9 1 1 * 2027`.
fn year_at_end(rest: &[&str], line: Option<&str>) -> Option<String> {
    let [year] = rest else { return None };
    let is_year = year.len() == 4 && is_number(year);
    let line = line.filter(|_| is_year)?;
    Some(format!(
        "a year is had by the fields of a cron, as in year={year}; without it {}",
        say(line)
    ))
}

/// Six fields, or seven with the year.
fn seconds_first(dialect: Dialect, fields: &[&str]) -> String {
    let year = if fields.len() > 6 {
        " and end with the year"
    } else {
        ""
    };
    let told = format!(
        "{} fields begin with the second{year} elsewhere (Quartz, Spring)",
        fields.len()
    );
    let by_name = "here the fields of a cron have that, by their names";
    let has_year = fields.get(6).is_some_and(|year| *year != "*");
    let Some(Better { text: line, .. }) = mended(dialect, &fields[1..6]).filter(|_| !has_year) else {
        return format!("{told}; {by_name}, such as second=0 minute=30 hour=2 year=2027");
    };
    // Their numbers of weekdays are not one another's.
    let has_number = fields[5].contains(|c: char| c.is_ascii_digit());
    let weekday = if has_number {
        "; name the weekdays, as their numbers differ"
    } else {
        ""
    };
    // Where both are given both must match there, which no crontab says.
    let either =
        dialect == Dialect::Crontab && ![fields[3], fields[5]].iter().any(|day| matches!(*day, "*" | "?"));
    if matches!(fields[0], "0" | "00") && !either {
        return format!("{told}; {} without the second{weekday}", say(&line));
    }
    const NAMES: [&str; 6] = ["second", "minute", "hour", "day", "month", "day_of_week"];
    let given = NAMES.iter().zip(fields).filter(|(name, field)| {
        let is_left_out = **name == "day_of_week" && has_number;
        !matches!(**field, "*" | "?") && !is_left_out
    });
    let given: Vec<String> = given.map(|(name, field)| format!("{name}={field}")).collect();
    format!("{told}; {by_name}: {}{weekday}", given.join(" "))
}

/// Whether a text could stand in a field of some program called cron.
pub(super) fn is_like_field(text: &str) -> bool {
    let is_sign = |c: char| "*/,-?#()~".contains(c);
    text.split(is_sign).filter(|word| !word.is_empty()).all(|word| {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        match &word[digits..] {
            "" | "l" | "L" | "w" | "W" | "lw" | "LW" | "h" | "H" | "last" => true,
            letters => {
                digits == 0
                    && letters.len() >= 3
                    && (names::weekday(letters).is_some() || names::month(letters).is_some())
            }
        }
    })
}

/// Whether a text could be the name of a file.
fn is_like_name(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_alphabetic).count() > 1
}
