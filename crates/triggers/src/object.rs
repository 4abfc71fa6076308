//! JSON objects read strictly: no array in their place, and no field twice.
//!
//! What serde derives for a struct also reads an array, its members by their order, and a map keeps the last of two
//! equal names. Neither is what somebody meant who wrote it. And its errors do not say which member has the wrong value;
//! those of the readers here do. `definition` and `case` are the callers, and the few types that are names.

use crate::error::TriggerError;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Number, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// What is read from a JSON object and nothing else.
pub(crate) trait Object: Sized {
    /// What it is, for the error.
    const NAME: &'static str;

    /// Reads the members.
    fn members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Reads an object.
pub(crate) fn read<'de, T: Object, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Object> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a JSON object", T::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::members(MapAccessDeserializer::new(map))
    }
}

/// A member as any value; `null` is as good as absent.
pub(crate) fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Option::<Value>::deserialize(deserializer)
}

/// The error of a member that has a wrong value.
pub(crate) fn wrong<E: Error>(
    field: &'static str,
    value: &Value,
    problem: &'static str,
    allowed: &'static str,
) -> E {
    E::custom(TriggerError::Value {
        field,
        value: value.to_string(),
        problem,
        allowed,
    })
}

/// Reads a member that is one of a few names, and must be there unless its type is an option of them.
pub(crate) fn named<'de, T, D>(
    deserializer: D,
    field: &'static str,
    allowed: &'static str,
) -> Result<T, D::Error>
where
    T: FromStr<Err = TriggerError>,
    D: Deserializer<'de>,
{
    match value(deserializer)? {
        Some(Value::String(text)) => text.parse().map_err(D::Error::custom),
        Some(other) => Err(wrong(field, &other, NO_TEXT, allowed)),
        None => Err(D::Error::custom(format_args!(
            "the member \"{field}\" is missing; allowed: {allowed}"
        ))),
    }
}

pub(crate) const NO_TEXT: &str = "it is not a text";

/// A reader of a text for each member that is one.
macro_rules! texts {
    ($($field:ident: $allowed:expr;)*) => {$(
        pub(crate) fn $field<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
            match value(deserializer)? {
                None => Ok(None),
                Some(Value::String(text)) => Ok(Some(text)),
                Some(other) => Err(wrong(stringify!($field), &other, NO_TEXT, $allowed)),
            }
        }
    )*};
}

texts! {
    id: "any text";
    crontab: "five fields in a text: minute hour day month day_of_week";
    tz: "an IANA name in its exact spelling, such as \"Europe/Berlin\"";
    start: crate::text::ALLOWED;
    end: crate::text::ALLOWED;
}

/// Reads a number of seconds.
pub(crate) fn jitter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number>, D::Error> {
    match value(deserializer)? {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number)),
        Some(other) => Err(wrong(
            "jitter",
            &other,
            "it is not a number",
            "seconds, not negative",
        )),
    }
}

/// Fields by name.
type Fields = BTreeMap<String, Value>;

/// Reads fields, none of them twice.
pub(crate) fn fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
    deserializer.deserialize_map(FieldsVisitor)
}

/// Reads fields where they may be `null`.
pub(crate) fn fields_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Fields>, D::Error> {
    #[derive(Deserialize)]
    struct Once(#[serde(deserialize_with = "fields")] Fields);
    Ok(Option::<Once>::deserialize(deserializer)?.map(|Once(fields)| fields))
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fields as a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "the field \"{name}\" is given twice"
                )));
            }
            fields.insert(name, value);
        }
        Ok(fields)
    }
}
