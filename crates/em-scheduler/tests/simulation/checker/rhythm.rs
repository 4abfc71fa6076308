//! When a job of the simulation fires: only triggers whose times are so simple that they can be worked out here, apart
//! from the program's own arithmetic.

use serde::Deserialize;
use triggers::WallMicros;

const SECOND: i64 = 1_000_000;

#[derive(Debug, Clone)]
pub(super) struct Rhythm {
    /// Microseconds; none: once.
    every: Option<i64>,
    /// No later than this.
    end: Option<i64>,
}

#[derive(Deserialize)]
struct Definition {
    kind: String,
    fields: std::collections::BTreeMap<String, serde_json::Value>,
    end: Option<String>,
}

impl Rhythm {
    pub(super) fn of(definition: &str) -> Self {
        let parsed: Definition = serde_json::from_str(definition).unwrap();
        let every = match parsed.kind.as_str() {
            "interval" => Some(parsed.fields["seconds"].as_i64().unwrap() * SECOND),
            // Only the second is given: once in each minute.
            "cron" => Some(60 * SECOND),
            _ => None,
        };
        // The walls of the simulation are in UTC.
        let end = parsed.end.map(|end| end.parse::<WallMicros>().unwrap().get());
        Self { every, end }
    }

    /// The time after `time`, which is one of them.
    pub(super) fn after(&self, time: i64) -> Option<i64> {
        let next = time + self.every?;
        self.end.is_none_or(|end| next <= end).then_some(next)
    }
}
