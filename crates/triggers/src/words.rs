//! A trigger of any kind in English; what concerns only cron triggers is in `cron::words`.

use crate::english::listed;
use crate::interval::Interval;
use crate::time::UtcMicros;
use crate::trigger::Trigger;

impl Trigger {
    /// An English sentence that says when the trigger fires, without a full stop.
    ///
    /// ```
    /// use triggers::{Context, Definition, Kind, UtcMicros, Zone};
    ///
    /// let context = Context::new(Zone::named("America/New_York")?, UtcMicros::new(0));
    /// let definition = Definition::new(Kind::Cron).with("day", "last fri").with("hour", 2).with("minute", 30);
    /// let words = definition.compile(&context)?.describe();
    /// assert_eq!(words, "at 02:30 on the last Friday of each month, New York time");
    /// # Ok::<(), triggers::TriggerError>(())
    /// ```
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Cron(cron) => {
                let show = |instant: UtcMicros| cron.zone().to_wall(instant).to_string();
                let bounds = cron.bounds();
                let start = bounds
                    .start
                    .map(|start| format!(", from {}", show(start)))
                    .unwrap_or_default();
                let end = bounds
                    .end
                    .map(|end| format!(", until {}", show(end)))
                    .unwrap_or_default();
                format!("{}{start}{end}", cron.words())
            }
            Self::Interval(interval) => interval_words(interval),
            Self::Date(date) => format!("once, at {}", utc(date.run_date())),
        }
    }
}

fn interval_words(interval: &Interval) -> String {
    let bounds = interval.bounds();
    let start = bounds
        .start
        .map(|start| format!(", from {}", utc(start)))
        .unwrap_or_default();
    let end = bounds
        .end
        .map(|end| format!(", until {}", utc(end)))
        .unwrap_or_default();
    format!("every {}{start}{end}", duration(interval.period()))
}

fn utc(instant: UtcMicros) -> String {
    instant.to_string().replacen('T', " ", 1).replace('Z', " UTC")
}

/// A duration in the largest units that fit: `1 hour and 30 minutes`.
pub(crate) fn duration(micros: i64) -> String {
    const UNITS: [(&str, i64); 4] = [
        ("week", 604_800),
        ("day", 86_400),
        ("hour", 3_600),
        ("minute", 60),
    ];
    let mut rest = micros;
    let mut parts = Vec::new();
    for (unit, seconds) in UNITS {
        let count = rest / (seconds * 1_000_000);
        rest %= seconds * 1_000_000;
        if count != 0 {
            parts.push(plural(&count.to_string(), unit));
        }
    }
    if rest != 0 || parts.is_empty() {
        let (whole, fraction) = (rest / 1_000_000, rest % 1_000_000);
        let seconds = format!("{whole}.{fraction:06}");
        parts.push(plural(
            seconds.trim_end_matches('0').trim_end_matches('.'),
            "second",
        ));
    }
    if parts.len() == 1 && micros > 0 {
        // "every week", not "every 1 week".
        if let Some(unit) = parts[0].strip_prefix("1 ") {
            return unit.to_owned();
        }
    }
    listed(parts, "and")
}

fn plural(count: &str, unit: &str) -> String {
    let ending = if count == "1" { "" } else { "s" };
    format!("{count} {unit}{ending}")
}
