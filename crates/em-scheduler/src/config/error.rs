//! What can be wrong with the configuration, in words for the person who wrote it.

use std::path::PathBuf;

use super::source::Source;

/// A mistake in the configuration. No text of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that is not allowed.
    #[error("{setting} is {shown} (from {source_of}): {problem}; allowed: {allowed}")]
    Value {
        /// The setting.
        setting: &'static str,
        /// Where the value came from.
        source_of: Source,
        /// The value, quoted; a secret is left out.
        shown: String,
        /// What is wrong with it.
        problem: String,
        /// What would be right.
        allowed: &'static str,
    },
    /// A default that cannot be had here.
    #[error("{setting} is not set, and its default cannot be found: {problem}; set {env} or --{setting}")]
    NoDefault {
        /// The setting.
        setting: &'static str,
        /// Its environment variable.
        env: &'static str,
        /// Why there is none.
        problem: String,
    },
    /// Shared settings that are not those with which the database is served.
    #[error(
        "the settings of this start are not those of the database, which hold for every process on it{told}. To start with \
         what the database has, leave them out; to change them for all, stop every process and run: em-scheduler \
         settings{change}"
    )]
    Differs {
        /// Each setting with both values.
        told: String,
        /// The arguments of the verb that changes them.
        change: String,
    },
    /// The configuration file cannot be read.
    #[error("the configuration file {}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where there are any.
        problem: String,
    },
}
