//! Fields as `next` takes them: `hour=2 day=last fri`, with or without quotes round a value.

use triggers::{Definition, interval_fields};

use crate::cli::usage::Usage;

/// Names and values in their order. A value goes on until the next name, so it may hold blanks; quotes round it are taken off.
pub(super) fn read(flag: &str, text: &str) -> Result<Vec<(String, String)>, Usage> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for word in words(text).ok_or_else(|| Usage(format!("{flag} {text:?}: a quote in it has no end")))? {
        let wrong = || Usage(format!("{flag} {text:?}: {}", advice(flag, text, &word.text)));
        match (word.name, fields.last_mut()) {
            (Some(name), _) if !name.is_empty() => fields.push((name, word.text)),
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(&word.text);
            }
            _ => return Err(wrong()),
        }
    }
    if fields.is_empty() {
        let example = if flag == "--interval" {
            "hours=6"
        } else {
            "hour=2 minute=30"
        };
        return Err(Usage(format!(
            "{flag} {text:?}: it names no field; write name=value, such as {example}"
        )));
    }
    let last = fields.len() - 1;
    for (place, (name, value)) in fields.iter().enumerate() {
        // What ends one of several fields divides them.
        if value.contains('=') || place < last && value.ends_with([',', ';']) {
            return Err(Usage(format!(
                "{flag} {text:?}: {:?} is no value; fields are divided by blanks, not by commas: {}",
                format!("{name}={value}"),
                divided(text)
            )));
        }
        if fields[..place].iter().any(|(other, _)| other == name) {
            return Err(Usage(format!("{flag}: the field {name} is given twice")));
        }
    }
    Ok(fields)
}

/// A word of the text; the name before its `=`, if it has one.
struct Word {
    name: Option<String>,
    text: String,
}

/// The words, divided by white space outside of quotes; nothing where a quote has no end.
fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let name = rest[end..].starts_with('=').then(|| rest[..end].to_owned());
        let value = if name.is_some() { &rest[end + 1..] } else { rest };
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (text, behind) = match quote {
            Some(quote) => value[1..].split_once(quote)?,
            None => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        let (glued, behind) = behind.split_at(behind.find(char::is_whitespace).unwrap_or(behind.len()));
        words.push(Word {
            name,
            text: format!("{text}{glued}"),
        });
        rest = behind.trim_start();
    }
    Some(words)
}

/// What is wrong about a word that is no field.
fn advice(flag: &str, text: &str, word: &str) -> String {
    let example = Definition::crontab(text);
    let context = triggers::Context::new(triggers::Zone::utc(), triggers::UtcMicros::new(0));
    if example.compile(&context).is_ok() {
        return format!("that is a crontab line: --crontab '{text}'");
    }
    let bare = text.trim().strip_prefix("every ").unwrap_or(text);
    if let Some(fields) = interval_fields(bare) {
        return format!("it names no field; write --interval '{fields}'");
    }
    if flag == "--interval" && bare.trim().parse::<f64>().is_ok() {
        let number = bare.trim();
        return format!("the unit is missing; write minutes={number}, or seconds={number}");
    }
    if text.trim_start().starts_with('{') {
        return "that is JSON; --jsonl reads cases with such fields".to_owned();
    }
    let joined = joined(text);
    match joined != text && words(&joined).is_some_and(|words| words.iter().all(|word| word.name.is_some())) {
        true => format!("write name=value, without blanks round the =: {joined}"),
        false => format!("{word:?} is no field; write name=value, without blanks round the ="),
    }
}

/// The text with `=` in place of the colons behind names, and no blanks round it.
fn joined(text: &str) -> String {
    let text = text.replace(':', "=");
    let parts: Vec<&str> = text.split('=').map(str::trim).collect();
    parts.join("=")
}

/// The text with blanks in place of the commas that divide its fields.
fn divided(text: &str) -> String {
    let mut divided = String::new();
    let mut parts = text.split([',', ';']).map(str::trim);
    divided.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let is_field = part
            .split_once('=')
            .is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_'));
        divided.push_str(if is_field || part.is_empty() { " " } else { "," });
        divided.push_str(part);
    }
    divided
}
