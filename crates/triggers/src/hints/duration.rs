//! Lengths of time as people write them, for the interval that is meant: `90m`, `1h30m`, `5 minutes`, `PT5M`, `00:05:00`.

/// The units of an interval, and the words for them.
const UNITS: [(&str, &[&str]); 5] = [
    ("weeks", &["w", "wk", "wks", "week", "weeks"]),
    ("days", &["d", "day", "days"]),
    ("hours", &["h", "hr", "hrs", "hour", "hours"]),
    ("minutes", &["m", "min", "mins", "minute", "minutes"]),
    ("seconds", &["s", "sec", "secs", "second", "seconds"]),
];

/// The fields of the interval that a text means: `hours=1 minutes=30`. A bare number has no unit, so it means none.
pub(super) fn interval(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    match text.strip_prefix('p') {
        Some(rest) => iso(rest),
        None => clock(&text).or_else(|| units(&text)),
    }
}

/// The unit that a word stands for.
pub(super) fn unit(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let found = UNITS.iter().find(|(_, words)| words.contains(&word.as_str()));
    found.map(|(unit, _)| *unit)
}

/// What follows the P of ISO 8601. Its years and months are no lengths of time.
fn iso(text: &str) -> Option<String> {
    let (days, times) = text.split_once('t').unwrap_or((text, ""));
    if days.contains('m') {
        return None;
    }
    units(&format!("{days} {times}"))
}

/// `00:05:00`.
fn clock(text: &str) -> Option<String> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() <= 2);
    if parts.next().is_some() {
        return None;
    }
    listed([
        ("hours", number(hours)?),
        ("minutes", number(minutes)?),
        ("seconds", number(seconds)?),
    ])
}

/// Numbers, each followed by a unit, the units in descending order.
fn units(text: &str) -> Option<String> {
    let mut found: Vec<(&'static str, u32)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
        if rest.is_empty() {
            break;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let value = rest.get(..digits)?.parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        found.push((unit(&rest[..letters])?, value));
        rest = &rest[letters..];
    }
    let place = |unit: &str| UNITS.iter().position(|(known, _)| *known == unit);
    let descend = found.windows(2).all(|pair| place(pair[0].0) < place(pair[1].0));
    descend.then(|| listed(found)).flatten()
}

/// `hours=1 minutes=30`; nothing for no time at all.
fn listed(parts: impl IntoIterator<Item = (&'static str, u32)>) -> Option<String> {
    let words: Vec<String> = parts
        .into_iter()
        .filter(|(_, value)| *value != 0)
        .map(|(unit, value)| format!("{unit}={value}"))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_become_fields() {
        for (text, expected) in [
            ("90m", Some("minutes=90")),
            ("1h30m", Some("hours=1 minutes=30")),
            ("1H 30M", Some("hours=1 minutes=30")),
            ("2 days", Some("days=2")),
            ("1 hour and 5 minutes", Some("hours=1 minutes=5")),
            ("1 day, 2 hours", Some("days=1 hours=2")),
            ("PT5M", Some("minutes=5")),
            ("P1DT12H", Some("days=1 hours=12")),
            ("00:05:00", Some("minutes=5")),
            ("24:00:00", Some("hours=24")),
            ("5", None),
            ("m", None),
            ("", None),
            ("0s", None),
            ("30m1h", None),
            ("5 fortnights", None),
            ("P1M", None),
            ("P1Y", None),
            ("P", None),
            ("1.5h", None),
            ("00:05", None),
        ] {
            assert_eq!(interval(text).as_deref(), expected, "{text}");
        }
    }
}
