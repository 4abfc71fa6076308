//! The configuration file: TOML, one key per setting, named like the flag.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::catalogue;
use super::error::ConfigError;

/// In bytes.
const LONGEST: u64 = 1024 * 1024;

/// A configuration file that was read. Not printable: a value may be a secret.
#[derive(Clone)]
pub(super) struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<&'static str, String>,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let wrong = |problem: String| ConfigError::File {
            path: path.to_owned(),
            problem,
        };
        let mut text = String::new();
        // A wrong path may lead to something without end.
        File::open(path)
            .and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text))
            .map_err(|error| wrong(error.to_string()))?;
        if text.len() as u64 > LONGEST {
            return Err(wrong("it is longer than 1 MiB".to_owned()));
        }
        // The parser's own report quotes the line, and a line may hold a password: only place and problem are told.
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            wrong(format!("line {line}, column {column}: {}", error.message()))
        })?;
        let mut values = BTreeMap::new();
        for (key, value) in &table {
            let names = || catalogue::ALL.iter().map(|setting| setting.name);
            let Some(name) = names().find(|name| name == key) else {
                return Err(wrong(match catalogue::nearest(key, names()) {
                    Some(near) => format!("the key {key:?} is unknown; the nearest is {near:?}"),
                    None => format!(
                        "the key {key:?} is unknown; the keys are {}",
                        names().collect::<Vec<_>>().join(", ")
                    ),
                }));
            };
            let text = plain(value).ok_or_else(|| {
                wrong(format!(
                    "the key {key:?} holds a {}, not a plain value",
                    value.type_str()
                ))
            })?;
            values.insert(name, text);
        }
        Ok(Self {
            path: path.to_owned(),
            values,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

/// A value as a flag would give it; a list becomes its items with commas between.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(plain).collect();
            items.map(|items| items.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}
