//! Texts of a definition that are read, and do something else than they seem to say: `*/90` among minutes, `* 2 * * *`,
//! Monday as 0.
//!
//! Asked for by whoever shows a definition before it is saved; reading and firing know nothing of it. The hazards of the
//! clock and of the calendar are in `hazards`. `steps` knows the steps of fields, `words` what is said.

mod note;
mod steps;
mod words;

pub use note::{Note, Surprise};

use crate::cron::{Dialect, Field, ORDER, weekday_words};
use crate::definition::{Context, Definition, Kind};
use crate::error::TriggerError;
use crate::trigger::Trigger;
use crate::zone::Zone;
use serde_json::Value;

impl Definition {
    /// What surprises about the texts of the definition, in the order of its fields.
    ///
    /// ```
    /// use triggers::{Context, Definition, UtcMicros, Zone};
    ///
    /// let context = Context::new(Zone::utc(), UtcMicros::new(0));
    /// let notes = Definition::crontab("*/90 * * * *").notes(&context)?;
    /// assert_eq!(
    ///     notes[0].to_string(),
    ///     "minute */90 is minute 0 alone; every 90 minutes is an interval: minutes=90",
    /// );
    /// # Ok::<(), triggers::TriggerError>(())
    /// ```
    ///
    /// # Errors
    /// The definition means no trigger.
    pub fn notes(&self, context: &Context) -> Result<Vec<Note>, TriggerError> {
        let trigger = self.compile(context)?;
        let mut notes = Vec::new();
        match &self.crontab {
            Some(line) => line_notes(self.dialect.unwrap_or(Dialect::ApsCrontab), line, &mut notes),
            None => self.field_notes(&mut notes),
        }
        let zone = match &self.tz {
            Some(name) => Zone::named(name)?,
            None => context.zone.clone(),
        };
        match &trigger {
            Trigger::Interval(interval) => {
                let moves = zone.steady(context.created).1.is_some();
                if interval.is_of_days() && moves {
                    let zone = zone.name().to_owned();
                    notes.push(self.note_of_fields(Surprise::NotTheWall { zone }));
                }
            }
            Trigger::Cron(_) => notes.extend(zone_note(&zone)),
            Trigger::Date(_) => {}
        }
        Ok(notes)
    }

    fn field_notes(&self, notes: &mut Vec<Note>) {
        let number = |value: &Value| value.as_f64().is_some_and(|number| number != 0.0);
        match self.kind {
            Kind::Date => {}
            Kind::Interval if !self.fields.values().any(number) => {
                notes.push(self.note_of_fields(Surprise::EverySecond));
            }
            Kind::Interval => {}
            Kind::Cron if self.fields.values().all(Value::is_null) => {
                notes.push(self.note_of_fields(Surprise::EverySecond));
            }
            Kind::Cron => {
                for field in Field::ALL {
                    if let Some(Value::String(text)) = self.fields.get(field.name()) {
                        steps::notes(field, text, false, notes);
                    }
                }
                let weekday = self.fields.get(Field::DayOfWeek.name());
                match weekday {
                    Some(Value::String(text)) => notes.extend(from_monday(text)),
                    Some(Value::Number(number)) => notes.extend(from_monday(&number.to_string())),
                    _ => {}
                }
            }
        }
    }

    /// A note on all that is given.
    fn note_of_fields(&self, surprise: Surprise) -> Note {
        let given = self.fields.iter().filter(|(_, value)| !value.is_null());
        let given: Vec<String> = given.map(|(name, value)| format!("{name}={value}")).collect();
        Note {
            field: "fields",
            text: given.join(" "),
            surprise,
        }
    }
}

/// A line of five fields; a nickname has no surprises.
fn line_notes(dialect: Dialect, line: &str, notes: &mut Vec<Note>) {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let &[minute, hour, day, _, weekday] = fields.as_slice() else {
        return;
    };
    if minute == "*" && is_once_or_so(hour) {
        notes.push(Note {
            field: Field::Minute.name(),
            text: minute.to_owned(),
            surprise: Surprise::EveryMinute {
                hour: hour.to_owned(),
            },
        });
    }
    for (field, text) in ORDER.into_iter().zip(&fields) {
        steps::notes(field, text, dialect == Dialect::Crontab, notes);
    }
    if dialect == Dialect::ApsCrontab {
        notes.extend(from_monday(weekday));
    }
    if day == "*" || weekday == "*" {
        return;
    }
    let star = day.starts_with('*') || weekday.starts_with('*');
    let weekday = weekday.to_owned();
    notes.push(Note {
        field: Field::Day.name(),
        text: day.to_owned(),
        surprise: match dialect {
            Dialect::Crontab if !star => Surprise::Either { weekday },
            Dialect::Crontab => Surprise::Both { weekday, star: true },
            Dialect::ApsCrontab => Surprise::Both { weekday, star: false },
        },
    });
}

/// Whether an hour is named, or one after several: whoever writes a range means the time it lasts.
fn is_once_or_so(hour: &str) -> bool {
    hour != "*" && (hour.contains('/') || !hour.contains('-'))
}

/// Weekdays by number, where 0 is Monday.
fn from_monday(text: &str) -> Option<Note> {
    let by_number = text
        .split(',')
        .any(|item| item.trim().starts_with(|c: char| c.is_ascii_digit()));
    let days = weekday_words(text).filter(|_| by_number)?;
    Some(Note {
        field: Field::DayOfWeek.name(),
        text: text.to_owned(),
        surprise: Surprise::FromMonday { days },
    })
}

/// Zones that are not what they are called.
fn zone_note(zone: &Zone) -> Option<Note> {
    let name = zone.name();
    let surprise = match name {
        "EST" => Surprise::FixedOffset {
            place: "America/New_York",
        },
        "MST" => Surprise::FixedOffset {
            place: "America/Denver",
        },
        _ => {
            let signed = name
                .strip_prefix("Etc/GMT")
                .filter(|rest| rest.starts_with(['+', '-']))?;
            let hours: i8 = signed.parse().ok().filter(|hours| *hours != 0)?;
            Surprise::ReversedSign { hours: -hours }
        }
    };
    Some(Note {
        field: "tz",
        text: name.to_owned(),
        surprise,
    })
}
