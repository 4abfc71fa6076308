//! What is given to the reading: flags, variables and files in a folder of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::sync::LazyLock;

use em_scheduler::config::catalogue::{ALL, CONFIG_ENV, DATABASE_URL, DIALECT_OF, TOKEN_ENV};
use em_scheduler::config::{Config, ConfigError, DatabaseUrl, Environment, Sources};
use em_scheduler::logging::LogFormat;
use em_scheduler::model::Delivery;
use triggers::TzdbSource;

/// Stands for a secret wherever an input has it.
pub const SECRET: &str = "s3cr3t";
const FILE: &str = "em-scheduler.toml";
const TOKEN: &str = "token";

/// The folder of the files, made once. Zone data are of the whole process too, so they are chosen here: the other choice
/// is an error in every input.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    triggers::choose_tzdb(TzdbSource::Bundled).expect("zone data");
    tempfile::tempdir().expect("a folder")
});

#[derive(Clone)]
pub struct Given {
    flags: BTreeMap<&'static str, String>,
    variables: BTreeMap<String, String>,
    token: String,
    file: Option<String>,
}

impl Given {
    /// None: there is a line among the settings that is none.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.replace("{folder}", &FOLDER.path().display().to_string());
        let mut parts = text.splitn(3, "+++\n");
        let settings = parts.next()?;
        let (token, file) = (parts.next().unwrap_or(""), parts.next());
        let mut given = Self {
            flags: BTreeMap::new(),
            variables: BTreeMap::from([("HOME".into(), "/home/me".into()), ("TZ".into(), "UTC".into())]),
            token: token.to_owned(),
            file: file.map(str::to_owned),
        };
        for line in settings.lines() {
            if let Some(flag) = line.strip_prefix("--") {
                let (name, value) = flag.split_once(' ')?;
                let setting = ALL.iter().find(|setting| setting.name == name)?;
                let earlier = given.flags.remove(setting.name).filter(|_| setting.list);
                let value = earlier.map_or_else(|| value.to_owned(), |earlier| format!("{earlier},{value}"));
                given.flags.insert(setting.name, value);
            } else {
                let (name, value) = line.split_once('=')?;
                given.variables.insert(name.to_owned(), value.to_owned());
            }
        }
        // The file is the one of this input, never one of the machine.
        given.variables.remove(CONFIG_ENV);
        Some(given)
    }

    /// Reads the configuration as the program does.
    pub fn config(&self) -> Result<Config, ConfigError> {
        fs::write(FOLDER.path().join(TOKEN), &self.token).expect("the token");
        let file = self.file.as_ref().map(|text| {
            let path = FOLDER.path().join(FILE);
            fs::write(&path, text).expect("the file");
            path
        });
        let pairs = self
            .variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Config::read(&Sources::new(
            self.flags.clone(),
            Environment::from_pairs(pairs),
            file,
        )?)
    }

    /// The same as flags alone, but for the token, which has none.
    pub fn written_out(&self, config: &Config) -> Self {
        let Config { exposure, log, .. } = config;
        let none = || "none".to_owned();
        let or_none = |list: Vec<String>| if list.is_empty() { none() } else { list.join(",") };
        let database = match &config.database {
            DatabaseUrl::Sqlite(_) => config.database.to_string(),
            DatabaseUrl::Postgres(url) => url.secret().to_owned(),
        };
        let flags = [
            ("database-url", database),
            ("runner-host", config.runner.to_string()),
            ("bind", exposure.bind.map_or_else(none, |bind| bind.to_string())),
            ("allow-host", or_none(exposure.allow_hosts.clone())),
            (
                "socket",
                exposure
                    .socket
                    .as_ref()
                    .map_or_else(none, |path| path.display().to_string()),
            ),
            ("timezone", config.zone.name().to_owned()),
            ("dst", config.dst.to_string()),
            ("misfire-grace", config.misfire_grace.to_string()),
            ("max-instances", config.max_instances.to_string()),
            ("concurrency", config.concurrency.to_string()),
            (
                "delivery",
                match config.delivery {
                    Delivery::AtMostOnce => "at-most-once".into(),
                    Delivery::AtLeastOnce => "at-least-once".into(),
                },
            ),
            ("attempts", config.attempts.to_string()),
            (
                "retry-status",
                or_none(config.retry_statuses.iter().map(u16::to_string).collect()),
            ),
            (
                "dialect-of",
                config
                    .dialect
                    .map_or_else(String::new, |dialect| dialect.to_string()),
            ),
            ("retention", config.retention.to_string()),
            ("coalesce", config.coalesce.to_string()),
            (
                "tz-data",
                match config.tz_data {
                    TzdbSource::Bundled => "bundled".into(),
                    TzdbSource::System => "system".into(),
                },
            ),
            (
                "log-format",
                match log.format {
                    LogFormat::Text => "text".into(),
                    LogFormat::Json => "json".into(),
                },
            ),
            ("log-level", log.filter.clone()),
        ];
        assert_eq!(flags.len() + 1, ALL.len(), "every setting but token-file");
        let mut again = self.clone();
        again.flags.retain(|name, _| *name == "token-file");
        again.flags.extend(flags);
        // The folder of the default file may have a name that no URL of an SQLite file takes.
        if config.database_is_default {
            again.flags.remove(DATABASE_URL.name);
        }
        // What the model in the database tells has no word.
        if config.dialect.is_none() {
            again.flags.remove(DIALECT_OF.name);
        }
        // Where the path of the token stands in the file, it stays there.
        again
    }

    /// Whether the secret is in the input only where it must not be told from: in the token, or in the password of the
    /// database's URL.
    pub fn hides_a_secret(&self) -> bool {
        let mut rest = self.clone();
        let mut hidden = rest.token.contains(SECRET);
        rest.token.clear();
        hidden |= rest
            .variables
            .remove(TOKEN_ENV)
            .is_some_and(|token| token.contains(SECRET));
        let urls = [
            rest.variables.get_mut(DATABASE_URL.env),
            rest.flags.get_mut(DATABASE_URL.name),
        ];
        for url in urls.into_iter().flatten() {
            if let Some(shown) = without_password(url) {
                hidden = true;
                *url = shown;
            }
        }
        if let Some(file) = &mut rest.file {
            for line in self.file.iter().flat_map(|file| file.lines()) {
                let url = line
                    .strip_prefix("database-url = \"")
                    .filter(|url| !url.contains('{'));
                if let Some(shown) = url.and_then(without_password) {
                    *file = file.replace(line, &shown);
                    hidden = true;
                }
            }
        }
        let flags = rest.flags.values();
        let variables = rest.variables.iter().flat_map(|(name, value)| [name, value]);
        hidden
            && !flags
                .chain(variables)
                .chain(&rest.file)
                .any(|text| text.contains(SECRET))
    }
}

/// The URL without what stands between the first colon behind the scheme and the last @, where that holds the secret.
fn without_password(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (person, place) = rest.rsplit_once('@')?;
    let (user, password) = person.split_once(':')?;
    (scheme.starts_with("postgres") && password.contains(SECRET))
        .then(|| format!("{scheme}://{user}@{place}"))
}
