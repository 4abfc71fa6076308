//! Zones as people call them: in another case, misspelt, by a city, an abbreviation, an offset.

use super::similar::{is_same, nearest};
use crate::tzdb;
use crate::zone::Zone;

/// Names that the zone data have not, and the zone that is meant; where it could be several, all of them.
const ALIASES: [(&str, &str); 66] = [
    ("pst", "America/Los_Angeles"),
    ("pdt", "America/Los_Angeles"),
    ("pt", "America/Los_Angeles"),
    ("mdt", "America/Denver"),
    ("mt", "America/Denver"),
    ("cdt", "America/Chicago"),
    ("ct", "America/Chicago"),
    ("cst", "America/Chicago or Asia/Shanghai"),
    ("edt", "America/New_York"),
    ("et", "America/New_York"),
    ("akst", "America/Anchorage"),
    ("akdt", "America/Anchorage"),
    ("cest", "Europe/Berlin"),
    ("mez", "Europe/Berlin"),
    ("mesz", "Europe/Berlin"),
    ("eest", "Europe/Athens"),
    ("west", "Europe/Lisbon"),
    ("bst", "Europe/London"),
    ("msk", "Europe/Moscow"),
    ("ist", "Asia/Kolkata, Asia/Jerusalem or Europe/Dublin"),
    ("gst", "Asia/Dubai"),
    ("pkt", "Asia/Karachi"),
    ("sgt", "Asia/Singapore"),
    ("hkt", "Asia/Hong_Kong"),
    ("jst", "Asia/Tokyo"),
    ("kst", "Asia/Seoul"),
    ("aest", "Australia/Sydney"),
    ("aedt", "Australia/Sydney"),
    ("acst", "Australia/Adelaide"),
    ("awst", "Australia/Perth"),
    ("nzst", "Pacific/Auckland"),
    ("nzdt", "Pacific/Auckland"),
    ("brt", "America/Sao_Paulo"),
    ("sast", "Africa/Johannesburg"),
    ("wat", "Africa/Lagos"),
    ("eat", "Africa/Nairobi"),
    ("z", "UTC"),
    ("new_york_city", "America/New_York"),
    ("nyc", "America/New_York"),
    ("boston", "America/New_York"),
    ("washington", "America/New_York"),
    ("miami", "America/New_York"),
    ("atlanta", "America/New_York"),
    ("houston", "America/Chicago"),
    ("dallas", "America/Chicago"),
    ("san_francisco", "America/Los_Angeles"),
    ("seattle", "America/Los_Angeles"),
    ("munich", "Europe/Berlin"),
    ("hamburg", "Europe/Berlin"),
    ("frankfurt", "Europe/Berlin"),
    ("germany", "Europe/Berlin"),
    ("cologne", "Europe/Berlin"),
    ("milan", "Europe/Rome"),
    ("barcelona", "Europe/Madrid"),
    ("geneva", "Europe/Zurich"),
    ("england", "Europe/London"),
    ("uk", "Europe/London"),
    ("manchester", "Europe/London"),
    ("mumbai", "Asia/Kolkata"),
    ("delhi", "Asia/Kolkata"),
    ("new_delhi", "Asia/Kolkata"),
    ("bangalore", "Asia/Kolkata"),
    ("india", "Asia/Kolkata"),
    ("beijing", "Asia/Shanghai"),
    ("china", "Asia/Shanghai"),
    ("shenzhen", "Asia/Shanghai"),
];

/// No name is longer.
const LONGEST: usize = 64;

/// What would name the zone that is meant.
pub(super) fn hint(name: &str) -> Option<String> {
    let name = name.trim().trim_matches(['"', '\'']).trim_start_matches(':');
    if name.len() > LONGEST {
        return None;
    }
    if let Some(hint) = offset(name) {
        return Some(hint);
    }
    if let Some(zone) = alias(name) {
        return Some(format!("write {zone}"));
    }
    if name.to_ascii_lowercase().ends_with("standard time") {
        return Some("that is what Windows calls a zone; write a place, such as America/New_York".to_owned());
    }
    if name.contains(',') {
        return Some("rules are not read; write a place, such as Europe/Berlin".to_owned());
    }
    let known = tzdb::names();
    let found = same(name, &known)
        .or_else(|| name.rsplit('/').find_map(alias))
        .or_else(|| name.split('/').find_map(|part| same(part, &known)))
        .or_else(|| near(name, &known))?;
    Some(format!("the nearest is {found}"))
}

/// What a name means that the zone data have not.
fn alias(name: &str) -> Option<&'static str> {
    ALIASES
        .iter()
        .find(|(alias, _)| is_same(alias, name))
        .map(|(_, zone)| *zone)
}

/// A name in another case, or one without its region.
fn same<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let whole = known.iter().find(|known| is_same(known, name));
    let by_place = || {
        let ends = known
            .iter()
            .filter(|known| place(known).is_some_and(|place| is_same(place, name)));
        // America/Kentucky/Louisville has a shorter name, too.
        ends.min_by_key(|known| known.len())
    };
    whole.or_else(by_place).map(String::as_str)
}

/// The nearest place, in whatever region; else the nearest name as a whole.
fn near<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let names = || known.iter().map(String::as_str);
    let others = ALIASES
        .iter()
        .map(|(alias, _)| *alias)
        .filter(|alias| alias.len() > 4);
    let places = names().filter_map(place).chain(others);
    match nearest(place(name).unwrap_or(name), places) {
        Some(found) => alias(found).or_else(|| names().find(|known| place(known) == Some(found))),
        None => nearest(name, names()),
    }
}

/// What follows the region.
fn place(name: &str) -> Option<&str> {
    name.rsplit_once('/').map(|(_, place)| place)
}

/// `UTC+2`, `GMT-05:00`, `+0530`: offsets have no names but a few, and these have the sign the other way round.
fn offset(name: &str) -> Option<String> {
    let rest = ["utc", "gmt", ""].iter().find_map(|prefix| {
        let (start, rest) = (name.get(..prefix.len())?, name.get(prefix.len()..)?);
        start.eq_ignore_ascii_case(prefix).then_some(rest.trim_start())
    })?;
    let sign = rest.chars().next().filter(|sign| matches!(sign, '+' | '-'))?;
    let digits = rest[1..].trim_start();
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let number = |text: &str| text.parse::<u8>().ok().filter(|_| text.len() <= 2);
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let turned = if sign == '+' { '-' } else { '+' };
    let fixed = format!("Etc/GMT{turned}{hours}");
    let place = "a place, such as Europe/Berlin, follows its clock changes";
    if hours == 0 && minutes == 0 {
        return Some("write UTC".to_owned());
    }
    Some(if minutes == 0 && Zone::named(&fixed).is_ok() {
        format!(
            "the offset {sign}{hours:02}:00 all year is {fixed} (there the sign is the other way round); {place}"
        )
    } else {
        format!("an offset of {sign}{hours:02}:{minutes:02} has no name; {place}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_lead_to_zones_and_are_none() {
        for (alias, zones) in ALIASES {
            let known = tzdb::names();
            assert!(
                !known.iter().any(|known| known.eq_ignore_ascii_case(alias)),
                "{alias}"
            );
            for zone in zones.replace(" or ", ", ").split(", ") {
                assert!(Zone::named(zone).is_ok(), "{alias}: {zone}");
            }
        }
    }
}
