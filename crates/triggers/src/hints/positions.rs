//! Days of a month in words: `first Monday`, `2th fri`, `lastfri`, `15th`.

use super::names;
use crate::cron::Field;

const NTH: [(&str, &str); 5] = [
    ("first", "1st"),
    ("second", "2nd"),
    ("third", "3rd"),
    ("fourth", "4th"),
    ("fifth", "5th"),
];

/// What the field `day` calls it: `1st mon`, `last`, or a number.
pub(super) fn position(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = lower.split_at(digits);
    let ending = ["st", "nd", "rd", "th"]
        .into_iter()
        .find_map(|ending| rest.strip_prefix(ending));
    if let (Some(rest), Ok(number)) = (ending, number.parse::<usize>()) {
        return match (rest.trim_matches(SIGNS), NTH.get(number.wrapping_sub(1))) {
            ("", _) => Some(number.to_string()),
            (weekday, Some((_, nth))) => Some(format!("{nth} {}", names::short(Field::DayOfWeek, weekday)?)),
            _ => None,
        };
    }
    let word = lower.find(SIGNS).map_or(lower.as_str(), |end| &lower[..end]);
    let (nth, rest) = match NTH.iter().find(|(known, _)| *known == word) {
        Some((_, nth)) => (*nth, &lower[word.len()..]),
        None => (
            "last",
            lower
                .strip_prefix("last")
                .or_else(|| lower.strip_prefix("final"))?,
        ),
    };
    match rest.trim_matches(SIGNS) {
        "day" | "" if nth == "last" => Some("last".to_owned()),
        "day" | "" => Some(nth[..1].to_owned()),
        weekday => Some(format!("{nth} {}", names::short(Field::DayOfWeek, weekday)?)),
    }
}

/// What stands between the words.
const SIGNS: [char; 3] = [' ', '-', '_'];
