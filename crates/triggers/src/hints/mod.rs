//! What would help the author of a text that is no trigger: the text that was meant, where that can be told, or why it
//! cannot be had and what comes nearest.
//!
//! Worked out from the error, and only when it is shown, so reading pays nothing for it. Nothing here decides what is read: a
//! text is proposed only where the readers take it. `error` is the only caller.

mod advice;
mod date;
mod duration;
mod item;
mod line;
mod look_alike;
mod names;
mod nickname;
mod place;
mod positions;
mod similar;
mod taken;
mod wording;
mod words;
mod zone;

use crate::cron::Field;
use crate::error::TriggerError;
use place::Place;
use wording::say;

impl TriggerError {
    /// What would help, in words, if anything can be told: mostly what to write instead. `Display` has it at its end.
    ///
    /// ```
    /// use triggers::{Context, Definition, UtcMicros, Zone};
    ///
    /// let context = Context::new(Zone::utc(), UtcMicros::new(0));
    /// let error = Definition::crontab("0 9 * * Monday-Friday").compile(&context).unwrap_err();
    /// assert_eq!(error.hint().as_deref(), Some("write 0 9 * * mon-fri"));
    /// ```
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Text { field, text, .. } => match Field::named(field) {
                Some(field) => item::hint(Place { field, line: None }, text),
                None => date::hint(field, text),
            },
            Self::Line { dialect, line, .. } => line::hint(*dialect, line),
            Self::Crontab {
                dialect,
                line,
                field,
                text,
                ..
            } => line::hint_of_field(*dialect, line, (Field::named(field)?, text)),
            Self::UnknownField { kind, field, .. } => names::field(kind, field),
            Self::Value { field, value, .. } => value_hint(field, value),
            Self::Zone { name, .. } => zone::hint(name),
            Self::ZoneData(_) | Self::Contradiction(_) | Self::Case(_) => None,
        }
    }
}

/// The fields of the interval that a length of time means, as people write it; nothing where it is none.
///
/// ```
/// assert_eq!(triggers::interval_fields("1h30m").as_deref(), Some("hours=1 minutes=30"));
/// assert_eq!(triggers::interval_fields("soon"), None);
/// ```
#[must_use]
pub fn interval_fields(text: &str) -> Option<String> {
    duration::interval(text)
}

/// What is wrong with a value that is no text of a field.
fn value_hint(field: &str, value: &str) -> Option<String> {
    let Some(unit) = duration::unit(field).filter(|unit| *unit == field) else {
        return names::choice(field, value);
    };
    let text = value.strip_prefix('"')?.strip_suffix('"')?.trim();
    if text.parse::<f64>().is_ok() {
        return Some(format!("write the number without quotes: {text}"));
    }
    let with_point = text.replacen(',', ".", 1);
    if with_point != text && with_point.parse::<f64>().is_ok() {
        return Some(say(&format!("{field}={with_point}")));
    }
    // `minutes=5m` says the unit twice.
    let meant = duration::interval(text).or_else(|| duration::interval(&format!("{text} {unit}")))?;
    Some(say(&meant))
}
