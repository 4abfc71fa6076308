//! Where a value comes from, and the order in which the sources are asked.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use super::ConfigError;
use super::catalogue::{CONFIG_ENV, Setting};
use super::file::ConfigFile;
use super::shared::{SHARED, SharedSettings};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag of this name.
    Flag(&'static str),
    /// An environment variable of this name.
    Environment(&'static str),
    /// The configuration file.
    File(PathBuf),
    /// What is stored in the database for all processes.
    Database,
    /// Nobody gave one.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "the flag --{name}"),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Database => f.write_str("the database"),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// A value as it was given.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// The text.
    pub text: String,
    /// Where it came from.
    pub source: Source,
}

/// The environment variables that may matter. Not printable: some of them are secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self::from_pairs(std::env::vars_os())
    }

    /// Those given. Names that are no text are left out, for no setting has such a name.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(
            pairs
                .into_iter()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
                .collect(),
        )
    }

    /// A variable; an empty one counts as absent, as deployment files often pass on variables that nobody set.
    pub fn get(&self, name: &str) -> Option<&OsString> {
        self.0.get(name).filter(|value| !value.is_empty())
    }

    /// A variable as it is, also an empty one: for what must not be taken for absent.
    pub fn get_as_is(&self, name: &str) -> Option<&OsString> {
        self.0.get(name)
    }

    /// The names that begin like this.
    pub fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .keys()
            .map(String::as_str)
            .filter(move |name| name.starts_with(prefix))
    }
}

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
