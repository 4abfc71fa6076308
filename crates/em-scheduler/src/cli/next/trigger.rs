//! The trigger that the flags of `next` describe.

use serde_json::{Number, Value};
use triggers::{Context, Definition, Dialect, Kind, UtcMicros, Zone};

use super::arguments::NextArguments;
use super::fields;
use crate::cli::usage::Usage;

pub(super) fn definition(arguments: &NextArguments) -> Result<Definition, Usage> {
    let asked = &arguments.asked;
    let mut definition = if let Some(line) = &asked.crontab {
        Definition {
            crontab: Some(line.clone()),
            // T8: on the command line a crontab is what people call so.
            dialect: Some(arguments.dialect.unwrap_or(Dialect::Crontab)),
            ..Definition::new(Kind::Cron)
        }
    } else if let Some(text) = &asked.interval {
        with_fields(
            Definition::new(Kind::Interval),
            fields::read("--interval", text)?,
            number,
        )
    } else if let Some(text) = &asked.date {
        Definition::new(Kind::Date).with("run_date", text.as_str())
    } else {
        let text = asked.cron.as_deref().unwrap_or("");
        with_fields(
            Definition::new(Kind::Cron),
            fields::read("--cron", text)?,
            Value::from,
        )
    };
    definition.start = arguments.start.clone();
    definition.end = arguments.end.clone();
    Ok(definition)
}

fn with_fields(
    definition: Definition,
    fields: Vec<(String, String)>,
    value: impl Fn(String) -> Value,
) -> Definition {
    fields.into_iter().fold(definition, |definition, (name, text)| {
        definition.with(&name, value(text))
    })
}

/// A number as it is written; any other text stays one, for the trigger to refuse with its own words.
fn number(text: String) -> Value {
    text.parse::<Number>()
        .map_or_else(|_| Value::from(text), Value::from)
}

/// More characters are not shown: the names of all files may be there.
const MOST_SHOWN: usize = 40;

/// What to say where the shell has cut a value to pieces that was not quoted.
pub(super) fn unquoted(arguments: &NextArguments) -> Usage {
    let asked = &arguments.asked;
    let stray = arguments.stray.join(" ");
    let given = [
        ("--cron", &asked.cron),
        ("--crontab", &asked.crontab),
        ("--interval", &asked.interval),
        ("--date", &asked.date),
    ];
    let whole = given.into_iter().find_map(|(flag, value)| {
        let whole = format!("{} {stray}", value.as_deref()?);
        is_read(arguments, flag, &whole).then(|| format!("{flag} '{whole}'"))
    });
    let whole = whole.unwrap_or_else(|| "--crontab '0 9 * * 1-5'".to_owned());
    let shown = match stray.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{} …", &stray[..end]),
        None => stray,
    };
    Usage(format!(
        "{shown:?} belongs to no flag: the shell divides at blanks, and puts the names of files in place of a *; quote such a \
         value, as in {whole}"
    ))
}

/// Whether a value would be read if it came in one piece.
fn is_read(arguments: &NextArguments, flag: &str, whole: &str) -> bool {
    let context = Context::new(Zone::utc(), UtcMicros::new(0));
    let definition = match flag {
        "--crontab" => Definition {
            dialect: Some(arguments.dialect.unwrap_or(Dialect::Crontab)),
            ..Definition::crontab(whole)
        },
        "--date" => Definition::new(Kind::Date).with("run_date", whole),
        "--interval" => match fields::read(flag, whole) {
            Ok(fields) => with_fields(Definition::new(Kind::Interval), fields, number),
            Err(_) => return false,
        },
        _ => match fields::read(flag, whole) {
            Ok(fields) => with_fields(Definition::new(Kind::Cron), fields, Value::from),
            Err(_) => return false,
        },
    };
    definition.compile(&context).is_ok()
}
