//! What is said of a surprise.

use super::note::{Note, Surprise};
use crate::cron::Field;
use std::fmt;

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            text,
            surprise,
        } = self;
        match surprise {
            Surprise::OneValue { value, step, beyond } => {
                write!(f, "{field} {text} is {field} {value} alone")?;
                match unit(field).filter(|_| *beyond) {
                    Some(unit) => write!(f, "; every {step} {unit}s is an interval: {unit}s={step}"),
                    None => Ok(()),
                }
            }
            Surprise::Uneven {
                step,
                last,
                first,
                distance,
            } => {
                let unit = unit(field).unwrap_or("day");
                let (round, limit) = match unit {
                    "second" => ("minute", ""),
                    "minute" => ("hour", ""),
                    "hour" => ("day", ""),
                    "month" => ("year", ""),
                    _ if *field == Field::Day.name() => ("month", " in a month of 31 days"),
                    _ => ("week", ""),
                };
                let plural = if *distance == 1 { "" } else { "s" };
                write!(
                    f,
                    "{field} {text} begins anew each {round}: from {last} to the next {first} it is {distance} \
                     {unit}{plural}{limit}, not {step}"
                )
            }
            Surprise::WeeksOfYear {
                step,
                first,
                last_of_52,
                last_of_53,
            } => {
                write!(f, "{field} {text} counts the ISO weeks of each year anew: ")?;
                for (weeks, last) in [(52, *last_of_52), (53, *last_of_53)] {
                    let distance = first + weeks - last;
                    if distance != *step {
                        let plural = if distance == 1 { "" } else { "s" };
                        write!(
                            f,
                            "from week {last} of a year of {weeks} to week {first} of the next it is {distance} \
                             week{plural}, not {step}; "
                        )?;
                    }
                }
                write!(f, "every {step} weeks is an interval: weeks={step}, with a start")
            }
            Surprise::YearsFrom1970 { step } => write!(
                f,
                "{field} {text} counts from 1970: 1970, {}, …; another first year stands before the step: 2024/{step}",
                1970 + step
            ),
            Surprise::Either { weekday } => write!(
                f,
                "day {text} and weekday {weekday}: either is enough, as in every crontab that restricts both"
            ),
            Surprise::Both { weekday, star: true } => write!(
                f,
                "day {text} and weekday {weekday}: both must match, as one of them begins with *; without it either would \
                 be enough"
            ),
            Surprise::Both { weekday, star: false } => write!(
                f,
                "day {text} and weekday {weekday}: both must match in this dialect; in crontab either would be enough"
            ),
            Surprise::EveryMinute { hour } => write!(
                f,
                "minute {text} with hour {hour}: it fires 60 times in each such hour; once is minute 0"
            ),
            Surprise::FromMonday { days } => write!(
                f,
                "{field} {text} is {days}: the numbers count from 0 = Monday here, and from Sunday in a crontab; names \
                 mean the same in both"
            ),
            Surprise::EverySecond if text.is_empty() => {
                f.write_str("no field has a value, so it fires every second")
            }
            Surprise::EverySecond => write!(f, "{text} is no time at all, so it fires every second"),
            Surprise::NotTheWall { zone } => write!(
                f,
                "a day of an interval is 24 hours, so its time of day moves with the clocks of {zone}; the same time \
                 every day is a cron, such as hour=9"
            ),
            Surprise::FixedOffset { place } => write!(
                f,
                "{field} {text} is the same offset all year; {place} follows its clock changes"
            ),
            Surprise::ReversedSign { hours } => {
                let (side, hours) = if *hours < 0 {
                    ("behind", -hours)
                } else {
                    ("ahead of", *hours)
                };
                let plural = if hours == 1 { "" } else { "s" };
                write!(
                    f,
                    "{field} {text} is {hours} hour{plural} {side} UTC: its name has the sign the other way round"
                )
            }
        }
    }
}

/// What the values of a field count, if that is a unit of time.
fn unit(field: &str) -> Option<&str> {
    ["second", "minute", "hour", "day", "week", "month"]
        .into_iter()
        .find(|unit| *unit == field)
}
