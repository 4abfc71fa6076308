//! The catalogue of settings: the one list behind the flags, their help, the environment variables and the keys of the
//! configuration file.

use std::collections::BTreeMap;

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The flag without its dashes, and the key in the configuration file.
    pub name: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// What the value stands for, in the help.
    pub placeholder: &'static str,
    /// What it sets.
    pub help: &'static str,
    /// The default, in words.
    pub default: &'static str,
    /// The values there are; empty where they cannot be listed.
    pub choices: &'static [&'static str],
    /// Whether it holds several values, separated by commas; then its flag may be given several times.
    pub list: bool,
    /// What is allowed, in words, for errors.
    pub allowed: &'static str,
}

/// The database.
pub const DATABASE_URL: Setting = Setting {
    name: "database-url",
    env: "DATABASE_URL",
    placeholder: "URL",
    help: "The database: postgres://user:password@host:port/name?sslmode=require (also postgresql:// and em_web's \
           postgresql+psycopg2://), or sqlite:///absolute/path.db",
    default: "an SQLite file em-scheduler/em-scheduler.db in $XDG_DATA_HOME or ~/.local/share",
    choices: &[],
    list: false,
    allowed: "postgres://…, postgresql://…, postgresql+psycopg2://… and sqlite:///absolute/path.db",
};

/// The runner.
pub const RUNNER_HOST: Setting = Setting {
    name: "runner-host",
    env: "RUNNER_HOST",
    placeholder: "URL",
    help: "Where runs are sent: GET URL/<task id>",
    default: "http://127.0.0.1:5002/api",
    choices: &[],
    list: false,
    allowed: "http://host[:port][/path] or https://…",
};

/// The address of the API.
pub const BIND: Setting = Setting {
    name: "bind",
    env: "EM_SCHEDULER_BIND",
    placeholder: "ADDRESS:PORT",
    help: "Where the API listens: a loopback address, any other only with a token, or none where there is a socket",
    default: "127.0.0.1:5001",
    choices: &[],
    list: false,
    allowed: "a loopback address with a port, such as 127.0.0.1:5001 or [::1]:5001; with a token any other; none with a \
              socket",
};

/// The names by which the API may be called.
pub const ALLOW_HOST: Setting = Setting {
    name: "allow-host",
    env: "EM_SCHEDULER_ALLOW_HOST",
    placeholder: "HOST[:PORT],…",
    help: "Names by which the API may be called, beside 127.0.0.1, localhost and [::1], such as that of a proxy before \
           it; requests by any other name are refused",
    default: "none",
    choices: &[],
    list: true,
    allowed: "names and addresses, each with or without a port, separated by commas, such as em.example,10.0.0.7:5001",
};

/// The unix socket of the API.
pub const SOCKET: Setting = Setting {
    name: "socket",
    env: "EM_SCHEDULER_SOCKET",
    placeholder: "PATH",
    help: "A unix socket where the API listens as well, for its owner and group (mode 0660)",
    default: "none",
    choices: &[],
    list: false,
    allowed: "an absolute path in a folder that exists",
};

/// The file with the token.
pub const TOKEN_FILE: Setting = Setting {
    name: "token-file",
    env: "EM_SCHEDULER_TOKEN_FILE",
    placeholder: "PATH",
    help: "A file with a secret that every request to the API must carry, as bearer token or as the password of Basic \
           authentication; EM_SCHEDULER_TOKEN holds the secret itself",
    default: "none",
    choices: &[],
    list: false,
    allowed: "the path of a file with a token: 16 to 512 printable ASCII characters without blanks",
};

/// The zone.
pub const TIMEZONE: Setting = Setting {
    name: "timezone",
    env: "EM_SCHEDULER_TIMEZONE",
    placeholder: "ZONE",
    help: "The time zone of schedules and of em_web's times, by IANA name",
    default: "the system's",
    choices: &[],
    list: false,
    allowed: "an IANA name in its exact spelling, such as Europe/Berlin, or UTC",
};

/// The policy at clock changes.
pub const DST: Setting = Setting {
    name: "dst",
    env: "EM_SCHEDULER_DST",
    placeholder: "POLICY",
    help: "What a cron does when clocks change: `once` neither loses nor doubles runs with fixed hours, `literal` \
           follows the wall clock to the letter",
    default: "once",
    choices: &["once", "literal"],
    list: false,
    allowed: "once, literal",
};

/// The misfire grace.
pub const MISFIRE_GRACE: Setting = Setting {
    name: "misfire-grace",
    env: "EM_SCHEDULER_MISFIRE_GRACE",
    placeholder: "SECONDS",
    help: "How late a run may be decided and still be sent",
    default: "30",
    choices: &[],
    list: false,
    allowed: "a whole number of seconds from 1 to 604800 (a week)",
};

/// Open runs of one job.
pub const MAX_INSTANCES: Setting = Setting {
    name: "max-instances",
    env: "EM_SCHEDULER_MAX_INSTANCES",
    placeholder: "COUNT",
    help: "How many runs of one job may be open at a time; further ones are skipped",
    default: "50",
    choices: &[],
    list: false,
    allowed: "a whole number from 1 to 1000000",
};

/// Requests in flight.
pub const CONCURRENCY: Setting = Setting {
    name: "concurrency",
    env: "EM_SCHEDULER_CONCURRENCY",
    placeholder: "COUNT",
    help: "How many requests to the runner may be in flight at a time",
    default: "100",
    choices: &[],
    list: false,
    allowed: "a whole number from 1 to 10000",
};

/// The delivery mode.
pub const DELIVERY: Setting = Setting {
    name: "delivery",
    env: "EM_SCHEDULER_DELIVERY",
    placeholder: "MODE",
    help: "What happens when a request may have arrived: `at-most-once` records the run as unknown, `at-least-once` \
           sends it again with the same key",
    default: "at-most-once",
    choices: &["at-most-once", "at-least-once"],
    list: false,
    allowed: "at-most-once, at-least-once",
};

/// Attempts per run.
pub const ATTEMPTS: Setting = Setting {
    name: "attempts",
    env: "EM_SCHEDULER_ATTEMPTS",
    placeholder: "COUNT",
    help: "How many requests a run may take with --delivery at-least-once",
    default: "10",
    choices: &[],
    list: false,
    allowed: "a whole number from 1 to 1000",
};

/// Statuses that are tried again.
pub const RETRY_STATUS: Setting = Setting {
    name: "retry-status",
    env: "EM_SCHEDULER_RETRY_STATUS",
    placeholder: "STATUS,…",
    help: "Statuses by which the runner says that it did not take the run, to be tried again within the grace, such \
           as 429,503",
    default: "none",
    choices: &[],
    list: true,
    allowed: "HTTP statuses from 300 to 599, separated by commas",
};

/// Whose scheduler this one stands in for.
pub const DIALECT_OF: Setting = Setting {
    name: "dialect-of",
    env: "EM_SCHEDULER_DIALECT_OF",
    placeholder: "WHOM",
    help: "Whose clients and runner it speaks with: `em2`, Extract Management 2.0, or `hub`, its successor Atlas Hub, which \
           reads some answers differently and whose runner may answer 2xx with an error",
    default: "hub where the database has the column project.sequence_tasks, else em2",
    choices: &["em2", "hub"],
    list: false,
    allowed: "em2, hub",
};

/// How long final runs are kept.
pub const RETENTION: Setting = Setting {
    name: "retention",
    env: "EM_SCHEDULER_RETENTION",
    placeholder: "DAYS",
    help: "For how many days the records of finished runs are kept (task_log is never touched)",
    default: "30",
    choices: &[],
    list: false,
    allowed: "a whole number of days from 7 to 36500",
};

/// Coalescing.
pub const COALESCE: Setting = Setting {
    name: "coalesce",
    env: "EM_SCHEDULER_COALESCE",
    placeholder: "BOOL",
    help: "Whether several missed run times of a job become one run",
    default: "true",
    choices: &["true", "false"],
    list: false,
    allowed: "true, false",
};

/// The time zone data.
pub const TZ_DATA: Setting = Setting {
    name: "tz-data",
    env: "EM_SCHEDULER_TZ_DATA",
    placeholder: "SOURCE",
    help: "Whose time zone data to use: those inside this program, or the system's (TZDIR or /usr/share/zoneinfo)",
    default: "bundled",
    choices: &["bundled", "system"],
    list: false,
    allowed: "bundled, system",
};

/// The form of the log.
pub const LOG_FORMAT: Setting = Setting {
    name: "log-format",
    env: "EM_SCHEDULER_LOG_FORMAT",
    placeholder: "FORMAT",
    help: "How the log is written to standard error",
    default: "text",
    choices: &["text", "json"],
    list: false,
    allowed: "text, json",
};

/// What is logged.
pub const LOG_LEVEL: Setting = Setting {
    name: "log-level",
    env: "EM_SCHEDULER_LOG",
    placeholder: "FILTER",
    help: "What is logged: error, warn, info, debug, trace or off, also by module, such as \
           info,em_scheduler::dispatch=debug",
    default: "info",
    choices: &[],
    list: false,
    allowed: "error, warn, info, debug, trace, off, and module=level, separated by commas",
};

/// All of them, in the order of the help.
pub const ALL: [&Setting; 20] = [
    &DATABASE_URL,
    &RUNNER_HOST,
    &BIND,
    &ALLOW_HOST,
    &SOCKET,
    &TOKEN_FILE,
    &TIMEZONE,
    &DST,
    &MISFIRE_GRACE,
    &MAX_INSTANCES,
    &CONCURRENCY,
    &DELIVERY,
    &ATTEMPTS,
    &RETRY_STATUS,
    &DIALECT_OF,
    &RETENTION,
    &COALESCE,
    &TZ_DATA,
    &LOG_FORMAT,
    &LOG_LEVEL,
];

/// Those that all processes on one database share (`shared`).
pub const SHARED: [&Setting; 9] = [
    &TIMEZONE,
    &DST,
    &MISFIRE_GRACE,
    &COALESCE,
    &MAX_INSTANCES,
    &DELIVERY,
    &ATTEMPTS,
    &RETRY_STATUS,
    &RETENTION,
];

/// Values of shared settings by name, each in one spelling.
pub type SharedSettings = BTreeMap<String, String>;

/// The environment variable that holds the token itself. There is no flag for it: everybody on the machine can read
/// the arguments of a process.
pub const TOKEN_ENV: &str = "EM_SCHEDULER_TOKEN";

/// The environment variable that names the configuration file.
pub const CONFIG_ENV: &str = "EM_SCHEDULER_CONFIG";

/// The known name nearest to a misspelt one, if there is one near enough.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let name = plain(name);
    known
        .into_iter()
        .map(|candidate| {
            let plain = plain(candidate);
            let part = name.len() >= 4 && (plain.contains(&name) || name.contains(&plain));
            let distance = if part {
                1
            } else {
                strsim::damerau_levenshtein(&name, &plain)
            };
            (distance, candidate)
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= candidate.len() / 3)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_variables_are_unique() {
        for (place, setting) in ALL.iter().enumerate() {
            for other in &ALL[place + 1..] {
                assert!(
                    setting.name != other.name && setting.env != other.env,
                    "{}",
                    other.name
                );
            }
        }
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        for (wrong, right) in [
            ("misfire_grace", Some("misfire-grace")),
            ("concurency", Some("concurrency")),
            ("timezon", Some("timezone")),
            ("database", Some("database-url")),
            ("colour", None),
        ] {
            assert_eq!(
                nearest(wrong, ALL.iter().map(|setting| setting.name)),
                right,
                "{wrong}"
            );
        }
    }
}
