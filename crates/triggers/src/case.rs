//! One question and its form as a JSON line: which fires follow, from when, under which trigger.
//!
//! It is the form of the corpus and of the service's dry run. Results are plain data; what is expected of them is
//! the asker's business.

use crate::cron::Dialect;
use crate::definition::{Context, Definition, Kind};
use crate::dst::DstPolicy;
use crate::error::TriggerError;
use crate::object::{self, Object};
use crate::time::UtcMicros;
use crate::trigger::Trigger;
use crate::zone::Zone;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};
use std::collections::BTreeMap;

/// More fires than this are not answered in one case.
pub const MOST_FIRES: u32 = 1_000_000;

/// A question about one trigger. Members that it does not know are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Case {
    /// The asker's name for it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::id"
    )]
    pub id: Option<String>,
    /// As in a [`Definition`].
    pub kind: Kind,
    /// As in a [`Definition`]; where there is a crontab line, these are only its equivalent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::fields_or_null"
    )]
    pub fields: Option<BTreeMap<String, Value>>,
    /// As in a [`Definition`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::crontab"
    )]
    pub crontab: Option<String>,
    /// As in a [`Definition`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// As in a [`Definition`]; absent means UTC.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::tz"
    )]
    pub tz: Option<String>,
    /// A policy for this case alone. `true` and `false` only mark a case and say nothing.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "policy_or_mark"
    )]
    pub dst: Option<DstPolicy>,
    /// As in a [`Definition`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::start"
    )]
    pub start: Option<String>,
    /// As in a [`Definition`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::end"
    )]
    pub end: Option<String>,
    /// As in a [`Definition`]; it does not change the answer, which is the times before any jitter.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::jitter"
    )]
    pub jitter: Option<Number>,
    /// The `now` of the first question; without it the case is asked at `created`, else at the epoch.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "instants::from"
    )]
    pub from: Option<UtcMicros>,
    /// The fire before the first question.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "instants::prev"
    )]
    pub prev: Option<UtcMicros>,
    /// When the trigger was created; absent means `from`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "instants::created"
    )]
    pub created: Option<UtcMicros>,
    /// How many fires are asked for, at most [`MOST_FIRES`].
    #[serde(default = "one", deserialize_with = "number")]
    pub n: u32,
}

impl Object for Case {
    const NAME: &'static str = "a case";

    fn members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Case {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object::read(deserializer)
    }
}

impl Serialize for Case {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

fn one() -> u32 {
    1
}

const NUMBERS: &str = "a whole number, 0 to 1000000";

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| object::wrong("n", &value, "it is no number of fires", NUMBERS))
}

/// A reader of an instant for each member that is one.
mod instants {
    use super::{Deserializer, UtcMicros, Value, object};
    use crate::text::INSTANT;
    use serde::de::Error;

    macro_rules! instants {
        ($($field:ident)*) => {$(
            pub(super) fn $field<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UtcMicros>, D::Error> {
                match object::value(deserializer)? {
                    None => Ok(None),
                    Some(Value::String(text)) => {
                        UtcMicros::read(stringify!($field), &text).map(Some).map_err(D::Error::custom)
                    }
                    Some(other) => Err(object::wrong(stringify!($field), &other, object::NO_TEXT, INSTANT)),
                }
            }
        )*};
    }
    instants!(from prev created);
}

fn policy_or_mark<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DstPolicy>, D::Error> {
    match object::value(deserializer)? {
        None | Some(Value::Bool(_)) => Ok(None),
        Some(value) => DstPolicy::deserialize(value).map(Some).map_err(D::Error::custom),
    }
}

impl Case {
    /// Reads a line.
    ///
    /// # Errors
    /// The line is no JSON object of this form.
    pub fn parse(line: &str) -> Result<Self, TriggerError> {
        serde_json::from_str(line).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            // Set apart, or it reads as part of what is allowed.
            let place = format!(" at line {line} column {column}");
            let text = error.to_string();
            TriggerError::Case(match text.strip_suffix(&place) {
                Some(problem) => format!("{problem} (at line {line}, column {column})"),
                None => text,
            })
        })
    }

    /// The definition that the case asks about.
    #[must_use]
    pub fn definition(&self) -> Definition {
        let fields = if self.crontab.is_some() {
            None
        } else {
            self.fields.clone()
        };
        Definition {
            kind: self.kind,
            fields: fields.unwrap_or_default(),
            crontab: self.crontab.clone(),
            dialect: self.dialect,
            tz: self.tz.clone(),
            dst: self.dst,
            start: self.start.clone(),
            end: self.end.clone(),
            jitter: self.jitter.clone(),
        }
    }

    /// The trigger that the case asks about, under a policy where it names none.
    ///
    /// # Errors
    /// The definition means no trigger.
    pub fn trigger(&self, policy: DstPolicy) -> Result<Trigger, TriggerError> {
        let created = self.created.unwrap_or_else(|| self.now());
        self.definition().compile(&Context {
            zone: Zone::utc(),
            dst: policy,
            created,
        })
    }

    /// The first `n` fires: the first as asked from `from`, then each the next after the one before.
    ///
    /// Fewer than `n` means that the schedule has ended.
    ///
    /// # Errors
    /// The definition means no trigger, or too many fires are asked for.
    ///
    /// ```
    /// use triggers::{DstPolicy, case::Case};
    ///
    /// let case = Case::parse(
    ///     r#"{"kind":"cron","fields":{"day":"last fri"},"tz":"UTC","from":"2024-01-01T00:00:00Z","n":2}"#,
    /// )?;
    /// let fires = case.answer(DstPolicy::Literal)?;
    /// assert_eq!(serde_json::to_string(&fires).unwrap(), r#"["2024-01-26T00:00:00Z","2024-02-23T00:00:00Z"]"#);
    /// # Ok::<(), triggers::TriggerError>(())
    /// ```
    pub fn answer(&self, policy: DstPolicy) -> Result<Vec<UtcMicros>, TriggerError> {
        if self.n > MOST_FIRES {
            return Err(TriggerError::Value {
                field: "n",
                value: self.n.to_string(),
                problem: "it is too large",
                allowed: NUMBERS,
            });
        }
        let trigger = self.trigger(policy)?;
        Ok(trigger
            .fires(self.prev, self.now())
            .take(self.n as usize)
            .collect())
    }

    fn now(&self) -> UtcMicros {
        self.from.or(self.created).unwrap_or(UtcMicros::new(0))
    }
}
