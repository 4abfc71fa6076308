//! Each setting, from each source, right and wrong.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::config::Environment;
use crate::model::Delivery;

/// Flags, environment and file, each as name and text.
struct Case<'a> {
    flags: &'a [(&'static str, &'a str)],
    environment: &'a [(&'a str, &'a str)],
    file: &'a str,
}

const NOTHING: Case<'static> = Case {
    flags: &[],
    environment: &[],
    file: "",
};

fn read(case: &Case<'_>) -> Result<Config, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(case.file.as_bytes()).unwrap();
    let flags: BTreeMap<_, _> = case
        .flags
        .iter()
        .map(|(name, text)| (*name, (*text).to_owned()))
        .collect();
    let home = [("HOME", "/home/me"), ("EM_SCHEDULER_TIMEZONE", "UTC")];
    let environment = Environment::from_pairs(
        home.iter()
            .chain(case.environment)
            .map(|(name, value)| (OsString::from(name), OsString::from(value))),
    );
    Sources::new(flags, environment, Some(file.path().to_owned()))
        .and_then(|sources| Config::read(&sources))
        .map_err(|error| {
            error
                .to_string()
                .replace(&file.path().display().to_string(), "FILE")
        })
}

#[test]
fn the_defaults() {
    let config = read(&NOTHING).unwrap();
    assert_eq!(
        config.database,
        DatabaseUrl::Sqlite(PathBuf::from(
            "/home/me/.local/share/em-scheduler/em-scheduler.db"
        ))
    );
    assert!(config.database_is_default && config.coalesce && config.hints.is_empty());
    assert_eq!(config.runner.to_string(), "http://127.0.0.1:5002/api");
    let exposure = config.exposure;
    assert_eq!(exposure.bind.unwrap().to_string(), "127.0.0.1:5001");
    assert!(exposure.socket.is_none() && exposure.token.is_none() && exposure.allow_hosts.is_empty());
    assert_eq!(
        (config.misfire_grace, config.max_instances, config.concurrency),
        (30, 50, 100)
    );
    assert_eq!(
        (config.delivery, config.attempts, config.retention),
        (Delivery::AtMostOnce, 10, 30)
    );
    assert!(config.retry_statuses.is_empty());
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let file = "concurrency = 3\n";
    let environment = &[("EM_SCHEDULER_CONCURRENCY", "2")][..];
    let flags = &[("concurrency", "1")][..];
    for (case, expected) in [
        (
            Case {
                flags,
                environment,
                file,
            },
            1,
        ),
        (
            Case {
                flags: &[],
                environment,
                file,
            },
            2,
        ),
        (Case { file, ..NOTHING }, 3),
        (
            Case {
                environment: &[("EM_SCHEDULER_CONCURRENCY", "")],
                file,
                ..NOTHING
            },
            3,
        ),
        (NOTHING, 100),
    ] {
        assert_eq!(read(&case).unwrap().concurrency, expected);
    }
}

#[test]
fn every_setting_can_come_from_the_file() {
    let config = read(&Case {
        file: r#"
            database-url = "postgresql+psycopg2://em:word@db/em"
            runner-host = "https://runner.example/api"
            bind = "[::1]:7000"
            allow-host = ["EM.example", "proxy:8080"]
            socket = "/api.sock"
            dst = "literal"
            misfire-grace = 60
            max-instances = 2
            concurrency = 7
            delivery = "at-least-once"
            attempts = 4
            retry-status = [503, 429, 503]
            retention = 7
            coalesce = false
            tz-data = "bundled"
            log-format = "json"
            log-level = "warn,em_scheduler=debug"
        "#,
        ..NOTHING
    })
    .unwrap();
    assert_eq!(config.database.to_string(), "postgresql://em:***@db/em");
    assert_eq!(config.exposure.allow_hosts, ["em.example", "proxy:8080"]);
    assert_eq!(config.exposure.socket, Some(PathBuf::from("/api.sock")));
    assert_eq!(config.retry_statuses, [429, 503]);
    assert_eq!(
        (config.misfire_grace, config.attempts, config.coalesce),
        (60, 4, false)
    );
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn a_wrong_value_names_itself_its_source_and_what_is_allowed() {
    for (name, text, allowed) in [
        ("runner-host", "ftp://x", "http://host"),
        ("bind", "5001", "127.0.0.1:5001"),
        ("bind", "0.0.0.0:5001", "loopback"),
        ("bind", "192.168.1.7:5001", "token"),
        ("bind", "[::]:5001", "loopback"),
        ("bind", "none", "socket"),
        ("allow-host", "*.example", "em.example"),
        ("allow-host", "http://em.example", "em.example"),
        ("socket", "api.sock", "absolute"),
        ("socket", "/missing/api.sock", "folder that exists"),
        ("token-file", "/missing/token", "16 to 512"),
        ("timezone", "Europe/Berln", "IANA"),
        (
            "timezone",
            "Europe/Berln",
            "no such time zone; the nearest is Europe/Berlin;",
        ),
        ("timezone", "europe/berlin", "the nearest is Europe/Berlin;"),
        ("timezone", "PST", "write America/Los_Angeles;"),
        ("timezone", "../etc/passwd", "IANA"),
        ("dst", "twice", "once, literal"),
        ("misfire-grace", "0", "1 to 604800"),
        ("misfire-grace", "604801", "1 to 604800"),
        ("misfire-grace", "1.5", "whole number"),
        ("misfire-grace", "-3", "1 to 604800"),
        ("max-instances", "0", "from 1"),
        ("concurrency", "10001", "1 to 10000"),
        ("concurrency", "99999999999999999999999", "out of range"),
        ("delivery", "exactly-once", "at-most-once, at-least-once"),
        ("attempts", "many", "no whole number"),
        ("retry-status", "200", "300 to 599"),
        ("retry-status", "503;429", "commas"),
        ("dialect-of", "em3", "em2, hub"),
        ("dialect-of", "", "em2, hub"),
        ("retention", "6", "from 7"),
        ("coalesce", "yes", "true, false"),
        ("tz-data", "mine", "bundled, system"),
        ("log-format", "xml", "text, json"),
        ("log-level", "inof", "error, warn, info"),
        ("log-level", "em_scheduler=loud", "module=level"),
        ("database-url", "sqlite://em.db", "sqlite:///absolute"),
    ] {
        let error = read(&Case {
            flags: &[(name, text)],
            ..NOTHING
        })
        .unwrap_err();
        for part in [name, &format!("{text:?}"), &format!("the flag --{name}"), allowed] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
        assert_eq!(error.matches("allowed").count(), 1, "{error}");
    }
}

#[test]
fn the_source_of_a_wrong_value_is_named() {
    let environment = &[("EM_SCHEDULER_RETENTION", "3")][..];
    let error = read(&Case {
        environment,
        ..NOTHING
    })
    .unwrap_err();
    assert!(
        error.contains("the environment variable EM_SCHEDULER_RETENTION"),
        "{error}"
    );
    let error = read(&Case {
        file: "retention = 3",
        ..NOTHING
    })
    .unwrap_err();
    assert!(
        error.contains("retention is \"3\" (from the file FILE)"),
        "{error}"
    );
}

#[test]
fn a_broken_file_is_told_by_line_and_never_quoted() {
    for (file, parts) in [
        (
            "bind = \"127.0.0.1:1\"\ndatabase-url = \"postgres://me:s3cret@h/em\n",
            "line 2",
        ),
        (
            "retenton = 30",
            "\"retenton\" is unknown; the nearest is \"retention\"",
        ),
        ("colour = 1", "\"colour\" is unknown; the keys are database-url"),
        ("[bind]\nport = 1", "\"bind\" holds a table"),
        ("bind = 1\nbind = 2", "line 2"),
    ] {
        let error = read(&Case { file, ..NOTHING }).unwrap_err();
        assert!(
            error.contains("FILE") && error.contains(parts),
            "{parts} is not in: {error}"
        );
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn files_without_end_are_not_read_to_it() {
    let zero = PathBuf::from("/dev/zero");
    let error = Sources::new(BTreeMap::new(), Environment::default(), Some(zero))
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "the configuration file /dev/zero: it is longer than 1 MiB"
    );
    let error = read(&Case {
        flags: &[("token-file", "/dev/zero")],
        ..NOTHING
    })
    .unwrap_err();
    assert!(
        error.starts_with("token-file is \"/dev/zero\"") && error.contains("other characters"),
        "{error}"
    );
}

#[test]
fn no_password_is_told_or_printed() {
    for text in ["mysql://me:s3cret@h/em", "s3cret", "host=h password=s3cret"] {
        let error = read(&Case {
            environment: &[("DATABASE_URL", text)],
            ..NOTHING
        })
        .unwrap_err();
        assert!(
            error.contains("DATABASE_URL") && !error.contains("s3cret"),
            "{error}"
        );
    }
    let runner = &[("runner-host", "http://me:s3cret@runner/api")];
    let error = read(&Case {
        flags: runner,
        ..NOTHING
    })
    .unwrap_err();
    assert!(
        error.contains("a user or password in it is not supported"),
        "{error}"
    );
    assert!(!error.contains("s3cret"), "{error}");
    let config = read(&Case {
        flags: &[("database-url", "postgres://me:s3cret@h/em")],
        environment: &[("EM_SCHEDULER_TOKEN", "s3cret-0123456789")],
        ..NOTHING
    })
    .unwrap();
    assert!(config.exposure.token.is_some());
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn what_is_set_without_effect_is_hinted_at() {
    let environment = &[
        ("REDIS_URL", "redis://:s3cret@h"),
        ("EM_SCHEDULER_GRACE", "5"),
        ("EM_SCHEDULER_CRASH_AT", "never"),
        ("EM_SCHEDULER_BIND", "127.0.0.1:0"),
    ][..];
    let hints = read(&Case {
        environment,
        ..NOTHING
    })
    .unwrap()
    .hints;
    assert_eq!(hints.len(), 2, "{hints:?}");
    assert!(hints[0].contains("REDIS_URL") && !hints[0].contains("s3cret"));
    assert!(hints[1].contains("EM_SCHEDULER_GRACE is no setting"));
}

#[test]
fn without_a_home_the_database_must_be_named() {
    let pairs = [("EM_SCHEDULER_TIMEZONE", "UTC"), ("HOME", "not/absolute")];
    let environment = Environment::from_pairs(pairs.map(|(name, value)| (name.into(), value.into())));
    let sources = Sources::new(BTreeMap::new(), environment, None).unwrap();
    let error = Config::read(&sources).unwrap_err().to_string();
    assert!(
        error.contains("DATABASE_URL") && error.contains("HOME"),
        "{error}"
    );
}
