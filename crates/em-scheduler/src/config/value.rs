//! One value of a setting: found, read, or refused in words that hold no secret.

use std::fmt::Display;

use super::catalogue::{self, Setting};
use super::error::ConfigError;
use super::source::{Given, Source};
use super::sources::Sources;

/// The value of a setting, its default where none is given.
pub(super) fn value<T, E: Display>(
    sources: &Sources,
    setting: &'static Setting,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, ConfigError> {
    let given = sources.get(setting)?.unwrap_or_else(|| Given {
        text: setting.default.to_owned(),
        source: Source::Default,
    });
    read(given.text.trim()).map_err(|error| wrong(setting, &given, &error))
}

/// The error for a value that was given.
pub(super) fn wrong(setting: &'static Setting, given: &Given, problem: &dyn Display) -> ConfigError {
    let is_database = *setting == catalogue::DATABASE_URL && !given.text.starts_with("sqlite:");
    let secret = is_database || given.text.contains('@');
    let shown = if secret {
        "not shown, as it may hold a password".to_owned()
    } else {
        format!("{:?}", given.text)
    };
    ConfigError::Value {
        setting: setting.name,
        source_of: given.source.clone(),
        shown,
        problem: problem.to_string(),
        allowed: setting.allowed,
    }
}
