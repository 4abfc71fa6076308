//! The trigger that the flags of `next` describe.

use serde_json::{Number, Value};
use triggers::{Definition, Kind};

use super::Arguments;
use crate::cli::Usage;

pub(super) fn definition(arguments: &Arguments) -> Result<Definition, Usage> {
    let asked = &arguments.asked;
    let mut definition = if let Some(line) = &asked.crontab {
        Definition {
            crontab: Some(line.clone()),
            dialect: arguments.dialect,
            ..Definition::new(Kind::Cron)
        }
    } else if let Some(text) = &asked.interval {
        with_fields(Definition::new(Kind::Interval), text, "--interval", number)?
    } else if let Some(text) = &asked.date {
        Definition::new(Kind::Date).with("run_date", text.as_str())
    } else {
        let text = asked.cron.as_deref().unwrap_or("");
        with_fields(Definition::new(Kind::Cron), text, "--cron", Value::from)?
    };
    definition.start = arguments.start.clone();
    definition.end = arguments.end.clone();
    Ok(definition)
}

/// Reads `hour=2 day=last fri`: what has no `=` belongs to the value before it.
fn with_fields(
    definition: Definition,
    text: &str,
    flag: &str,
    value: impl Fn(String) -> Value,
) -> Result<Definition, Usage> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for word in text.split_whitespace() {
        match (word.split_once('='), fields.last_mut()) {
            (Some((name, value)), _) => fields.push((name, value.to_owned())),
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(word);
            }
            (None, None) => {
                return Err(Usage(format!(
                    "{flag} {text:?}: {word:?} is no field; write name=value, without blanks round the ="
                )));
            }
        }
    }
    let mut definition = definition;
    for (name, text) in fields {
        if definition.fields.contains_key(name) {
            return Err(Usage(format!("{flag}: the field {name} is given twice")));
        }
        definition = definition.with(name, value(text));
    }
    Ok(definition)
}

/// A number as it is written; any other text stays one, for the trigger to refuse with its own words.
fn number(text: String) -> Value {
    text.parse::<Number>()
        .map_or_else(|_| Value::from(text), Value::from)
}
