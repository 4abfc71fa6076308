//! A note as a value. What it says is in `words`.

use serde::Serialize;

/// A text that is read and may surprise. `Display` says how, naming field and text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The field: one of a cron's or of an interval's, or `tz`; `fields` where none is given.
    pub field: &'static str,
    /// Its text, or the item of it that is meant.
    pub text: String,
    /// What surprises about it.
    #[serde(flatten)]
    pub surprise: Surprise,
}

/// What surprises about a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Surprise {
    /// The step is longer than what it divides: `*/90` among minutes is minute 0 alone.
    OneValue {
        /// The value it stands for.
        value: u16,
        /// The step.
        step: u16,
        /// Whether the step is longer than the field, so that an interval may be meant.
        beyond: bool,
    },
    /// The steps do not divide the field: from the last value to the first of the next round it is another distance.
    Uneven {
        /// The step.
        step: u16,
        /// The last value of a round, by its name if it has one.
        last: String,
        /// The first value.
        first: String,
        /// From the last to the next first; among days, in a month of 31.
        distance: u16,
    },
    /// The steps begin anew with the ISO weeks of each year.
    WeeksOfYear {
        /// The step.
        step: u16,
        /// The first week.
        first: u16,
        /// The last week in a year of 52.
        last_of_52: u16,
        /// The last week in a year of 53.
        last_of_53: u16,
    },
    /// The steps count from 1970.
    YearsFrom1970 {
        /// The step.
        step: u16,
    },
    /// A crontab line restricts day and weekday: either is enough.
    Either {
        /// The text of the weekday.
        weekday: String,
    },
    /// A crontab line restricts day and weekday, and both must match.
    Both {
        /// The text of the weekday.
        weekday: String,
        /// They would be alternatives if neither began with `*`.
        star: bool,
    },
    /// A crontab line names hours and not the minute.
    EveryMinute {
        /// The text of the hour.
        hour: String,
    },
    /// The numbers of weekdays count from 0 = Monday.
    FromMonday {
        /// The days that are meant, in words.
        days: String,
    },
    /// No field is given, so it fires each second.
    EverySecond,
    /// A day of the interval is 24 hours, and the clocks of the zone change.
    NotTheWall {
        /// The zone.
        zone: String,
    },
    /// A zone that stays at one offset, called like one that does not.
    FixedOffset {
        /// A place whose clocks change.
        place: &'static str,
    },
    /// A zone whose name has the sign of its offset the other way round.
    ReversedSign {
        /// Hours ahead of UTC.
        hours: i8,
    },
}
