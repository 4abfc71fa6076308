//! JSON objects read strictly: no array in their place, and no field twice.
//!
//! What serde derives for a struct also reads an array, its members by their order, and a map keeps the last of two
//! equal names. Neither is what somebody meant who wrote it. `definition` and `case` are the callers.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

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
