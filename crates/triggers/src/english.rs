//! English words that several sentences need: names, and lists of them. The sentences themselves are made elsewhere.

use crate::zone::Zone;

pub(crate) const WEEKDAY_NAMES: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
pub(crate) const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The name of a month, from 1.
pub(crate) fn month_name(month: u32) -> &'static str {
    MONTH_NAMES[(month as usize + 11) % 12]
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(mut parts: Vec<String>, last: &str) -> String {
    match parts.pop() {
        None => String::new(),
        Some(end) if parts.is_empty() => end,
        Some(end) => format!("{} {last} {end}", parts.join(", ")),
    }
}

/// `New York time`; zones that are not called after a place keep their name.
pub(crate) fn zone_words(zone: &Zone) -> String {
    match zone.name().rsplit_once('/') {
        Some((region, place)) if region != "Etc" => format!("{} time", place.replace('_', " ")),
        _ => zone.name().to_owned(),
    }
}
