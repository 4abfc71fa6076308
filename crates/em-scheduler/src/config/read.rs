//! From texts to the configuration.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use triggers::{DstPolicy, TzdbSource, Zone};

use super::catalogue::{self, Setting};
use super::database::DatabaseUrl;
use super::error::ConfigError;
use super::exposure;
use super::settings::Config;
use super::sources::Sources;
use super::value::{value, wrong};
use crate::dispatch::RunnerAddress;
use crate::logging::{LogFormat, LogSettings, check_filter};
use crate::model::WireDialect;

/// Set by the test harness of debug builds, see `crash`.
const CRASH_AT: &str = "EM_SCHEDULER_CRASH_AT";

impl Config {
    /// Reads all settings. Time zone data are chosen for the whole process on the way, before the first zone is read.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub fn read(sources: &Sources) -> Result<Self, ConfigError> {
        let mut hints = hints(sources);
        let tz_data = tz_data(sources)?;
        let zone = zone(sources, &mut hints)?;
        let (database, database_is_default) = database(sources)?;
        let exposure = exposure::read(sources, &mut hints)?;
        Ok(Self {
            database,
            database_is_default,
            runner: value(sources, &catalogue::RUNNER_HOST, str::parse::<RunnerAddress>)?,
            exposure,
            zone,
            dst: dst(sources)?,
            misfire_grace: number(sources, &catalogue::MISFIRE_GRACE, 1..=604_800)?,
            max_instances: number(sources, &catalogue::MAX_INSTANCES, 1..=1_000_000)?,
            concurrency: number(sources, &catalogue::CONCURRENCY, 1..=10_000)?,
            delivery: value(sources, &catalogue::DELIVERY, |text| {
                text.parse().map_err(|_| "there is no such mode")
            })?,
            attempts: number(sources, &catalogue::ATTEMPTS, 1..=1_000)?,
            retry_statuses: value(sources, &catalogue::RETRY_STATUS, statuses)?,
            dialect: dialect(sources)?,
            retention: number(sources, &catalogue::RETENTION, 7..=36_500)?,
            coalesce: value(sources, &catalogue::COALESCE, |text| {
                text.parse().map_err(|_| "it is neither")
            })?,
            tz_data,
            log: LogSettings {
                format: value(sources, &catalogue::LOG_FORMAT, log_format)?,
                filter: value(sources, &catalogue::LOG_LEVEL, |text| {
                    check_filter(text).map(|()| text.to_owned())
                })?,
            },
            hints,
        })
    }
}

fn number<T>(
    sources: &Sources,
    setting: &'static Setting,
    allowed: RangeInclusive<T>,
) -> Result<T, ConfigError>
where
    T: FromStr + PartialOrd,
{
    value(sources, setting, |text| match text.parse::<T>() {
        Ok(number) if allowed.contains(&number) => Ok(number),
        Ok(_) => Err("it is out of range"),
        Err(_) if text.parse::<f64>().is_ok() => Err("it is out of range, or no whole number"),
        Err(_) => Err("it is no whole number"),
    })
}

fn statuses(text: &str) -> Result<Vec<u16>, String> {
    if text == catalogue::RETRY_STATUS.default || text.is_empty() {
        return Ok(Vec::new());
    }
    let mut statuses: Vec<u16> = Vec::new();
    for item in text.split(',').map(str::trim) {
        match item.parse() {
            Ok(status @ 300..=599) => statuses.push(status),
            _ => return Err(format!("{item:?} is no status that can be tried again")),
        }
    }
    statuses.sort_unstable();
    statuses.dedup();
    Ok(statuses)
}

/// None where it is not said: the database tells it.
fn dialect(sources: &Sources) -> Result<Option<WireDialect>, ConfigError> {
    let setting = &catalogue::DIALECT_OF;
    let Some(given) = sources.get(setting)? else {
        return Ok(None);
    };
    let read = given.text.trim().parse();
    read.map(Some)
        .map_err(|error: &str| wrong(setting, &given, &error))
}

fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("there is no such form"),
    }
}

/// Chooses the time zone data for the whole process: before the first zone is read.
///
/// # Errors
/// A wrong value, or the system has no zone data.
pub fn tz_data(sources: &Sources) -> Result<TzdbSource, ConfigError> {
    value(sources, &catalogue::TZ_DATA, |text| {
        let source = match text {
            "bundled" => TzdbSource::Bundled,
            "system" => TzdbSource::System,
            _ => return Err("there are no such data".to_owned()),
        };
        triggers::choose_tzdb(source).map_err(|error| error.to_string())?;
        Ok(source)
    })
}

/// The policy at clock changes.
///
/// # Errors
/// A wrong value.
pub fn dst(sources: &Sources) -> Result<DstPolicy, ConfigError> {
    value(sources, &catalogue::DST, |text| {
        text.parse().map_err(|_| "there is no such policy")
    })
}

/// The time zone. A hint says where it had to be assumed.
///
/// # Errors
/// A wrong value, or a system whose zone cannot be found out.
pub fn zone(sources: &Sources, hints: &mut Vec<String>) -> Result<Zone, ConfigError> {
    let setting = &catalogue::TIMEZONE;
    if let Some(given) = sources.get(setting)? {
        return Zone::named(given.text.trim()).map_err(|error| {
            let hint = error.hint().map_or(String::new(), |hint| format!("; {hint}"));
            wrong(setting, &given, &format_args!("there is no such time zone{hint}"))
        });
    }
    match Zone::system() {
        Ok(zone) => Ok(zone),
        // A system without any setting, such as a slim container, runs on UTC by convention; one whose setting cannot
        // be understood must not be guessed at.
        Err(_) if sources.environment().get("TZ").is_none() && !Path::new("/etc/localtime").exists() => {
            hints.push(
                "the system has no time zone set: schedules are in UTC (--timezone sets another)".into(),
            );
            Ok(Zone::utc())
        }
        Err(error) => Err(ConfigError::NoDefault {
            setting: setting.name,
            env: setting.env,
            problem: error.to_string(),
        }),
    }
}

fn database(sources: &Sources) -> Result<(DatabaseUrl, bool), ConfigError> {
    let setting = &catalogue::DATABASE_URL;
    if let Some(given) = sources.get(setting)? {
        let url = given
            .text
            .trim()
            .parse()
            .map_err(|error: String| wrong(setting, &given, &error))?;
        return Ok((url, false));
    }
    let absolute = |name| {
        let path = sources.environment().get(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    match data {
        Some(data) => Ok((
            DatabaseUrl::Sqlite(data.join("em-scheduler/em-scheduler.db")),
            true,
        )),
        None => Err(ConfigError::NoDefault {
            setting: setting.name,
            env: setting.env,
            problem: "neither XDG_DATA_HOME nor HOME names a folder".into(),
        }),
    }
}

/// What is set and has no effect.
fn hints(sources: &Sources) -> Vec<String> {
    let environment = sources.environment();
    let mut hints = Vec::new();
    if environment.get("REDIS_URL").is_some() {
        hints.push(
            "REDIS_URL is ignored: there is no job store in Redis, jobs come from the tasks".to_owned(),
        );
    }
    let known = || {
        let settings = catalogue::ALL.iter().map(|setting| setting.env);
        settings
            .chain([catalogue::CONFIG_ENV, catalogue::TOKEN_ENV])
            .filter(|name| name.starts_with("EM_SCHEDULER_"))
    };
    for name in environment.names("EM_SCHEDULER_") {
        if name != CRASH_AT && !known().any(|known| known == name) {
            let near = catalogue::nearest(name, known());
            let near = near.map_or(String::new(), |near| format!("; the nearest is {near}"));
            hints.push(format!(
                "the environment variable {name} is no setting and is ignored{near}"
            ));
        }
    }
    hints
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
