//! The order in which the sources are asked for a value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::catalogue::{CONFIG_ENV, SHARED, Setting, SharedSettings};
use super::error::ConfigError;
use super::file::ConfigFile;
use super::source::{Environment, Given, Source};

/// All sources, to be asked for one setting after the other.
#[derive(Clone)]
pub struct Sources {
    flags: BTreeMap<&'static str, String>,
    environment: Environment,
    file: Option<ConfigFile>,
    stored: SharedSettings,
}

impl Sources {
    /// Sources with the file read: the one named by the flag `--config`, else by the environment, else none.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or has a key that is no setting.
    pub fn new(
        flags: BTreeMap<&'static str, String>,
        environment: Environment,
        file: Option<PathBuf>,
    ) -> Result<Self, ConfigError> {
        let path = file.or_else(|| environment.get(CONFIG_ENV).map(PathBuf::from));
        let file = path.map(|path| ConfigFile::read(&path)).transpose()?;
        Ok(Self {
            flags,
            environment,
            file,
            stored: SharedSettings::new(),
        })
    }

    /// With what is stored in the database, which is asked after all others.
    #[must_use]
    pub fn with_stored(self, stored: SharedSettings) -> Self {
        Self { stored, ..self }
    }

    /// These sources, where shared settings have these values whatever the sources tell.
    #[must_use]
    pub fn only_stored(mut self, stored: SharedSettings) -> Self {
        for (name, value) in stored {
            let setting = SHARED.iter().find(|setting| setting.name == name);
            if let Some(setting) = setting {
                self.flags.insert(setting.name, value);
            }
        }
        self
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The value given for a setting, if any.
    ///
    /// # Errors
    /// An environment variable that is no UTF-8 text.
    pub fn get(&self, setting: &Setting) -> Result<Option<Given>, ConfigError> {
        if let Some(text) = self.flags.get(setting.name) {
            return Ok(Some(Given {
                text: text.clone(),
                source: Source::Flag(setting.name),
            }));
        }
        if let Some(value) = self.environment.get(setting.env) {
            let source = Source::Environment(setting.env);
            return match value.to_str() {
                Some(text) => Ok(Some(Given {
                    text: text.to_owned(),
                    source,
                })),
                None => Err(ConfigError::Value {
                    setting: setting.name,
                    source_of: source,
                    shown: "unreadable".into(),
                    problem: "it is no UTF-8 text".into(),
                    allowed: setting.allowed,
                }),
            };
        }
        let from_file = self.file.as_ref().and_then(|file| {
            let text = file.get(setting.name)?.to_owned();
            Some(Given {
                text,
                source: Source::File(file.path().to_owned()),
            })
        });
        let stored = || {
            let text = self.stored.get(setting.name)?.clone();
            Some(Given {
                text,
                source: Source::Database,
            })
        };
        Ok(from_file.or_else(stored))
    }
}
