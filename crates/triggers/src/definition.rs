//! What a trigger is, as text and numbers: stored, compared, exchanged as JSON, and compiled into a [`Trigger`].
//!
//! A definition may be wrong; only compiling it tells. It keeps its texts as they were written.

use crate::cron::{Cron, Dialect, Field, Fields, Setting};
use crate::date::Date;
use crate::dst::DstPolicy;
use crate::error::TriggerError;
use crate::interval::{Interval, micros, period};
use crate::object::{self, Object};
use crate::text;
use crate::time::UtcMicros;
use crate::trigger::Trigger;
use crate::zone::Zone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The kind of a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Fields that the wall clock must match.
    Cron,
    /// A fixed duration.
    Interval,
    /// One instant.
    Date,
}

impl Kind {
    /// The name in a definition.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cron => "cron",
            Self::Interval => "interval",
            Self::Date => "date",
        }
    }
}

const KINDS: &str = "cron, interval, date";

impl FromStr for Kind {
    type Err = TriggerError;

    fn from_str(text: &str) -> Result<Self, TriggerError> {
        let known = [Self::Cron, Self::Interval, Self::Date];
        let found = known.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| TriggerError::no_such("kind", text, "there is no such kind of trigger", KINDS))
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object::named(deserializer, "kind", KINDS)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A trigger as text and numbers. Equal definitions have equal JSON: absent members are left out, and the order
/// of members is fixed.
///
/// ```
/// use triggers::Definition;
///
/// let text = r#"{"kind":"cron","fields":{"day_of_week":"mon-fri","hour":2,"minute":30},"tz":"Europe/Berlin"}"#;
/// let definition: Definition = serde_json::from_str(text)?;
/// assert_eq!(serde_json::to_string(&definition)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Definition {
    /// Cron, interval or date.
    pub kind: Kind,
    /// By name. Cron: expressions, as text or number. Interval: `weeks` to `seconds`, numbers, fractions allowed.
    /// Date: `run_date`, a date text. `null` is as good as absent, but nulls alone are no interval.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "object::fields"
    )]
    pub fields: BTreeMap<String, Value>,
    /// A crontab line in place of the fields.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::crontab"
    )]
    pub crontab: Option<String>,
    /// How the crontab line is read; absent means [`Dialect::ApsCrontab`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// IANA name of the zone; absent means the context's.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::tz"
    )]
    pub tz: Option<String>,
    /// What a cron does at clock changes; absent means the context's policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<DstPolicy>,
    /// Date text: no fire before it; where the grid of an interval begins.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::start"
    )]
    pub start: Option<String>,
    /// Date text: no fire after it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::end"
    )]
    pub end: Option<String>,
    /// Seconds by which a fire may be delivered late, fractions allowed; absent and 0 mean none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::jitter"
    )]
    pub jitter: Option<Number>,
}

impl Object for Definition {
    const NAME: &'static str = "a definition";

    fn members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Definition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object::read(deserializer)
    }
}

impl Serialize for Definition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

/// What a definition leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Used where the definition names no zone.
    pub zone: Zone,
    /// Used where the definition names no policy.
    pub dst: DstPolicy,
    /// When the trigger was created: an interval without start begins one period later, a date without
    /// `run_date` is this instant.
    pub created: UtcMicros,
}

impl Context {
    /// A context with the default policy.
    #[must_use]
    pub fn new(zone: Zone, created: UtcMicros) -> Self {
        Self {
            zone,
            dst: DstPolicy::default(),
            created,
        }
    }
}

impl Definition {
    /// A definition of a kind with nothing given yet.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            fields: BTreeMap::new(),
            crontab: None,
            dialect: None,
            tz: None,
            dst: None,
            start: None,
            end: None,
            jitter: None,
        }
    }

    /// A cron trigger from a line as `crontab(5)` has it: 0 and 7 are Sunday, day *or* weekday, `@daily`.
    #[must_use]
    pub fn crontab(line: impl Into<String>) -> Self {
        Self {
            crontab: Some(line.into()),
            dialect: Some(Dialect::Crontab),
            ..Self::new(Kind::Cron)
        }
    }

    /// A cron trigger from a line as APScheduler reads it: 0 is Monday, day *and* weekday, no nicknames.
    #[must_use]
    pub fn aps_crontab(line: impl Into<String>) -> Self {
        Self {
            crontab: Some(line.into()),
            dialect: Some(Dialect::ApsCrontab),
            ..Self::new(Kind::Cron)
        }
    }

    /// The same definition with one more field.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    /// The trigger that the definition means.
    ///
    /// # Errors
    /// The definition means none. The error says which field, which text, where in it, and what is allowed.
    pub fn compile(&self, context: &Context) -> Result<Trigger, TriggerError> {
        let zone = match &self.tz {
            Some(name) => Zone::named(name)?,
            None => context.zone.clone(),
        };
        let read = |field, text: &Option<String>| {
            text.as_ref()
                .map(|text| text::read(field, text).map(|stamp| stamp.resolve(&zone)))
                .transpose()
        };
        let start = read("start", &self.start)?;
        let end = read("end", &self.end)?;
        let jitter = self.jitter_micros()?;
        if self.kind != Kind::Cron && (self.crontab.is_some() || self.dialect.is_some()) {
            return Err(TriggerError::Contradiction(
                "only a trigger of kind cron has a crontab line",
            ));
        }
        match self.kind {
            Kind::Cron => {
                let setting = Setting {
                    zone,
                    dst: self.dst.unwrap_or(context.dst),
                    start,
                    end,
                };
                Ok(Trigger::Cron(self.cron(setting)?.with_jitter(jitter)))
            }
            Kind::Interval => {
                let period = period(self.fields.iter())?;
                let start = start.unwrap_or_else(|| context.created.saturating_add(period));
                Ok(Trigger::Interval(
                    Interval::new(period, start, end).with_jitter(jitter),
                ))
            }
            Kind::Date => {
                if start.is_some() || end.is_some() || jitter != 0 {
                    return Err(TriggerError::Contradiction(
                        "a trigger of kind date has no start, end or jitter",
                    ));
                }
                Ok(Trigger::Date(Date::new(
                    self.run_date(&zone)?.unwrap_or(context.created),
                )))
            }
        }
    }

    fn cron(&self, setting: Setting) -> Result<Cron, TriggerError> {
        if let Some(line) = &self.crontab {
            if !self.fields.is_empty() {
                return Err(TriggerError::Contradiction(
                    "a crontab line and fields exclude each other",
                ));
            }
            return Cron::from_crontab(self.dialect.unwrap_or(Dialect::ApsCrontab), line, setting);
        }
        if self.dialect.is_some() {
            return Err(TriggerError::Contradiction("a dialect needs a crontab line"));
        }
        let mut texts: [Option<Cow<'_, str>>; 8] = Default::default();
        for (name, value) in &self.fields {
            let Some(field) = Field::named(name) else {
                let allowed = "year, month, day, week, day_of_week, hour, minute, second";
                return Err(TriggerError::UnknownField {
                    kind: "cron",
                    field: name.clone(),
                    allowed,
                });
            };
            texts[field as usize] = match value {
                Value::Null => None,
                Value::String(text) => Some(Cow::Borrowed(text)),
                Value::Number(number) => Some(Cow::Owned(number.to_string())),
                _ => {
                    let (field, value, allowed) = (field.name(), value.to_string(), field.allowed());
                    let problem = "it is neither a text nor a number";
                    return Err(TriggerError::Value {
                        field,
                        value,
                        problem,
                        allowed,
                    });
                }
            };
        }
        let mut fields: Fields<'_> = [None; 8];
        for (field, text) in fields.iter_mut().zip(&texts) {
            *field = text.as_deref();
        }
        Cron::from_fields(&fields, setting)
    }

    fn run_date(&self, zone: &Zone) -> Result<Option<UtcMicros>, TriggerError> {
        let mut run_date = None;
        for (name, value) in &self.fields {
            if name != "run_date" {
                let (kind, field) = ("date", name.clone());
                return Err(TriggerError::UnknownField {
                    kind,
                    field,
                    allowed: "run_date",
                });
            }
            run_date = match value {
                Value::Null => None,
                Value::String(text) => Some(text::read("run_date", text)?.resolve(zone)),
                _ => {
                    let (field, value, problem) = ("run_date", value.to_string(), object::NO_TEXT);
                    return Err(TriggerError::Value {
                        field,
                        value,
                        problem,
                        allowed: text::ALLOWED,
                    });
                }
            };
        }
        Ok(run_date)
    }

    fn jitter_micros(&self) -> Result<i64, TriggerError> {
        let Some(number) = &self.jitter else { return Ok(0) };
        let micros = micros(number, 1).and_then(|micros| i64::try_from(micros).ok());
        micros
            .filter(|micros| *micros >= 0)
            .ok_or_else(|| TriggerError::Value {
                field: "jitter",
                value: number.to_string(),
                problem: "it is negative or too large",
                allowed: "seconds, not negative",
            })
    }
}
