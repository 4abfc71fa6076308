//! What a person should know before saving a trigger: clock changes that meet its fires or its own dates, days that months
//! lack, triggers that never fire. What surprises in the texts of its fields is in `notes`.

use crate::english::{listed, month_name};
use crate::time::{UtcMicros, WallMicros};
use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// Something about a trigger that may surprise. `Display` says it in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "hazard", rename_all = "snake_case")]
pub enum Hazard {
    /// The clock skips times at which the trigger would fire.
    Gap {
        /// When the clock changes.
        at: UtcMicros,
        /// The times skipped.
        wall: Range<WallMicros>,
        /// The first of the trigger's times among them that counts: its start and end allow it, it is not before the
        /// range asked about, and if the trigger is one of every hour, nothing fires in its place.
        first: WallMicros,
        /// How many of the trigger's times count.
        times: u64,
        /// What the trigger does about it.
        effect: GapEffect,
    },
    /// The clock shows times twice at which the trigger fires. Where its start or end lies between the two, there is
    /// one of these for the times on each side.
    Overlap {
        /// When the clock changes: the second pass begins.
        at: UtcMicros,
        /// The times shown twice.
        wall: Range<WallMicros>,
        /// The first of the trigger's times among them that fares so.
        first: WallMicros,
        /// How many of the trigger's times among them fare so.
        times: u64,
        /// What the trigger does about it.
        effect: OverlapEffect,
    },
    /// A date of the definition is a local time that the clock of its zone skips.
    LocalSkipped {
        /// `run_date`, `start` or `end`.
        field: &'static str,
        /// The time given.
        wall: WallMicros,
        /// The instant that is taken for it.
        taken: UtcMicros,
        /// What the clock shows then.
        shown: WallMicros,
        /// The other instant that could be meant.
        other: UtcMicros,
    },
    /// A date of the definition is a local time that the clock of its zone shows twice.
    LocalTwice {
        /// `run_date`, `start` or `end`.
        field: &'static str,
        /// The time given.
        wall: WallMicros,
        /// The first pass, which is taken.
        taken: UtcMicros,
        /// The second pass.
        other: UtcMicros,
    },
    /// Some of the months the trigger names lack its day, in all or in some of its years, as far as its start and end
    /// allow.
    SomeMonthsOnly {
        /// These months, from 1.
        months: Vec<u8>,
    },
    /// It never fires.
    NeverFires,
    /// It has fired in the past and does not fire again.
    NeverFiresAgain,
    /// Its one fire lies before the range asked about.
    Past {
        /// When it fires.
        at: UtcMicros,
    },
}

/// What happens to the fires that a gap skips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapEffect {
    /// They do not happen.
    Skipped,
    /// One fire makes up for them.
    MadeUp(UtcMicros),
    /// They do not happen, as the trigger fires right behind the gap anyway.
    Covered,
}

/// What happens to the fires of an overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapEffect {
    /// They happen in both passes.
    Twice,
    /// They happen in the first pass only.
    FirstPassOnly,
    /// They happen in the second pass only: the first lies before the start.
    SecondPassOnly,
    /// They do not happen: the first pass lies before the start, and the policy is for the first pass.
    Neither,
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap {
                first, times, effect, ..
            } => {
                write!(f, "the clock skips {first}{}: ", others(*times))?;
                match effect {
                    GapEffect::Skipped if *times == 1 => f.write_str("it does not fire then"),
                    GapEffect::Skipped => f.write_str("it does not fire at any of them"),
                    GapEffect::MadeUp(instant) => write!(f, "it fires once instead, at {instant}"),
                    GapEffect::Covered => f.write_str("it fires right behind the gap anyway"),
                }
            }
            Self::Overlap {
                first, times, effect, ..
            } => {
                write!(f, "the clock shows {first}{} twice: ", others(*times))?;
                f.write_str(match effect {
                    OverlapEffect::Twice => "it fires both times",
                    OverlapEffect::FirstPassOnly => "it fires the first time only",
                    OverlapEffect::SecondPassOnly => "it fires the second time only",
                    OverlapEffect::Neither => "it fires neither time",
                })
            }
            Self::LocalSkipped {
                field,
                wall,
                taken,
                shown,
                other,
            } => write!(
                f,
                "the clock skips its {}, {wall}: {taken} is taken, when the clock shows {shown}, not {other}",
                called(field)
            ),
            Self::LocalTwice {
                field,
                wall,
                taken,
                other,
            } => write!(
                f,
                "the clock shows its {}, {wall}, twice: the first time, {taken}, is taken, not the second, {other}",
                called(field)
            ),
            Self::SomeMonthsOnly { months } if months.len() == 12 => {
                f.write_str("it does not fire in every month: the month may lack its day")
            }
            Self::SomeMonthsOnly { months } => {
                let names = months
                    .iter()
                    .map(|month| month_name(u32::from(*month)).to_owned())
                    .collect();
                write!(
                    f,
                    "it does not fire in every {}: the month may lack its day",
                    listed(names, "or")
                )
            }
            Self::NeverFires => f.write_str("it never fires"),
            Self::NeverFiresAgain => f.write_str("it does not fire any more"),
            Self::Past { at } => write!(f, "its date, {at}, has passed"),
        }
    }
}

/// The word for a date of a definition.
fn called(field: &str) -> &str {
    if field == "run_date" { "date" } else { field }
}

/// The rest of so many times, the first being told already.
fn others(times: u64) -> String {
    match times {
        0 | 1 => String::new(),
        2 => " and one time more".to_owned(),
        times => format!(" and {} times more", times - 1),
    }
}
