//! The settings that all processes on one database share: they decide when something fires and what becomes of it, so two
//! processes that disagree about one of them would undo each other's work. They are stored in the database by the first
//! start; a later start that is told something else is refused, and one that is told nothing takes what is stored
//! (rule S11).

use std::fmt::Write as _;

use super::catalogue::{RETRY_STATUS, SHARED, Setting, SharedSettings};
use super::error::ConfigError;
use super::settings::Config;
use super::sources::Sources;

impl Config {
    /// What this configuration says of the shared settings.
    pub fn shared(&self) -> SharedSettings {
        let retry = match self.retry_statuses[..] {
            [] => RETRY_STATUS.default.to_owned(),
            ref statuses => {
                let texts: Vec<String> = statuses.iter().map(u16::to_string).collect();
                texts.join(",")
            }
        };
        let values = [
            self.zone.name().to_owned(),
            self.dst.to_string(),
            self.misfire_grace.to_string(),
            self.coalesce.to_string(),
            self.max_instances.to_string(),
            self.delivery.to_string(),
            self.attempts.to_string(),
            retry,
            self.retention.to_string(),
        ];
        let names = SHARED.iter().map(|setting| setting.name.to_owned());
        names.zip(values).collect()
    }

    /// What of it `sources` say, and is no default.
    ///
    /// # Errors
    /// A source cannot be read.
    pub fn told(&self, sources: &Sources) -> Result<SharedSettings, ConfigError> {
        let mut told = self.shared();
        for setting in SHARED {
            if sources.get(setting)?.is_none() {
                told.remove(setting.name);
            }
        }
        Ok(told)
    }

    /// This configuration with the shared settings as they are stored. What is not stored yet stays as it is.
    ///
    /// # Errors
    /// `sources` say something else of one of them: all such are named, with both values and what to do.
    pub fn agree(self, sources: &Sources, stored: &SharedSettings) -> Result<Self, ConfigError> {
        let ours = self.shared();
        let differs = |setting: &&&Setting| {
            let stored = stored.get(setting.name);
            stored.is_some_and(|stored| *stored != ours[setting.name])
        };
        let differing: Vec<&&Setting> = SHARED.iter().filter(differs).collect();
        if differing.is_empty() {
            return Ok(self);
        }
        let (mut told, mut change) = (String::new(), String::new());
        for setting in &differing {
            if let Some(given) = sources.get(setting)? {
                let (ours, stored) = (&ours[setting.name], &stored[setting.name]);
                // Writing into a text does not fail.
                let _ = write!(
                    told,
                    "; {} is {ours} (from {}), and the database is served with {stored}",
                    setting.name, given.source
                );
                let _ = write!(change, " --set {}={ours}", setting.name);
            }
        }
        if told.is_empty() {
            // Nothing but defaults: what is stored goes before them.
            return Self::read(&sources.clone().with_stored(stored.clone()));
        }
        Err(ConfigError::Differs { told, change })
    }
}
