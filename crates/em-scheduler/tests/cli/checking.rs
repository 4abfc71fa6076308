//! `check`: findings, exit codes, and that it leaves everything as it was.

use std::net::TcpListener;

use serde_json::Value;
use test_postgres::Database;

use crate::process::{Ended, Home, database_with, run_sql};

fn findings(ended: &Ended) -> Vec<(String, String, String)> {
    let report: Value = serde_json::from_str(&ended.out).expect("one JSON object");
    let text = |finding: &Value, name: &str| finding[name].as_str().expect("a text").to_owned();
    let findings = report["findings"].as_array().expect("findings").iter();
    let errors = report["ok"] == Value::Bool(false);
    assert_eq!(errors, ended.code != 0, "{report}");
    findings
        .map(|one| (text(one, "level"), text(one, "subject"), text(one, "text")))
        .collect()
}

fn has(findings: &[(String, String, String)], level: &str, subject: &str, part: &str) {
    let found = findings
        .iter()
        .any(|(l, s, text)| l == level && s == subject && text.contains(part));
    assert!(found, "no {level} of {subject} with {part:?} in {findings:#?}");
}

#[test]
fn all_is_well_where_all_is_well() {
    let home = Home::new();
    let runner = TcpListener::bind("127.0.0.1:0").unwrap();
    let samples = "INSERT INTO project (id, name, cron, cron_hour) VALUES (1, 'P', 1, 4);
                   INSERT INTO task (id, name, project_id, enabled) VALUES (1, 'T', 1, 1), (2, 'U', 1, 0);";
    let database = database_with(&home, "em.db", samples);
    let before = std::fs::read(home.path("em.db")).unwrap();
    let runner = format!("http://{}", runner.local_addr().unwrap());
    let check = format!("check --database-url {database} --runner-host {runner} --bind 127.0.0.1:0");
    let ended = home.line(&check).args(&["--json"]).run();
    assert_eq!(ended.code, 0, "{ended:?}");
    let findings = findings(&ended);
    has(&findings, "ok", "database", "can be used (SQLite 3.");
    has(&findings, "ok", "schedules", "1 tasks are enabled");
    has(&findings, "ok", "runner", &runner);
    has(&findings, "ok", "time zone", "UTC");
    assert!(findings.iter().all(|(level, ..)| level == "ok"), "{findings:#?}");
    assert_eq!(
        std::fs::read(home.path("em.db")).unwrap(),
        before,
        "the file is left as it was"
    );
    let text = home.line(&check).run();
    assert!(text.code == 0 && text.out.ends_with("all is well\n"), "{text:?}");
}

#[test]
fn schedules_that_cannot_be_are_listed_by_task() {
    let home = Home::new();
    let samples = "INSERT INTO project (id, cron, cron_min, intv, intv_type) VALUES (1, 1, 99, 0, 's'), (2, 0, 0, 1, 'y');
                   INSERT INTO task (id, name, project_id, enabled)
                   VALUES (11, 'T', 1, 1), (12, 'T', 2, 1), (13, 'T', NULL, 1), (14, 'T', 1, 0);";
    let database = database_with(&home, "em.db", samples);
    let ended = home
        .program(&["check", "--json", "--database-url", &database])
        .run();
    assert_eq!(ended.code, 1, "{ended:?}");
    let findings = findings(&ended);
    has(
        &findings,
        "error",
        "schedules",
        "task 11: project 1, cron trigger: minute",
    );
    has(
        &findings,
        "error",
        "schedules",
        "task 12: project 2: intv_type is \"y\"",
    );
    has(&findings, "error", "schedules", "task 13 has no project");
    assert_eq!(
        findings.iter().filter(|(level, ..)| level == "error").count(),
        3,
        "{findings:#?}"
    );
}

/// T12.
#[test]
fn dates_that_meet_a_clock_change_are_warned_of() {
    let home = Home::new();
    let samples = "INSERT INTO project (id, ooff, ooff_date) VALUES (1, 1, '2037-03-08 02:30:00');
                   INSERT INTO task (id, name, project_id, enabled) VALUES (11, 'T', 1, 1);";
    let database = database_with(&home, "em.db", samples);
    let arguments = ["check", "--json", "--database-url", &database];
    let ended = home
        .program(&arguments)
        .args(&["--timezone", "America/New_York"])
        .run();
    assert_eq!(ended.code, 0, "{ended:?}");
    has(
        &findings(&ended),
        "warning",
        "schedules",
        "task 11: the clock skips its date, 2037-03-08 02:30:00: 2037-03-08T07:30:00Z is taken",
    );
    let ended = home.program(&arguments).args(&["--timezone", "UTC"]).run();
    let found = findings(&ended);
    assert!(
        !found
            .iter()
            .any(|(level, subject, _)| level == "warning" && subject == "schedules"),
        "{found:#?}"
    );
}

#[test]
fn beside_a_running_service_it_says_so_and_all_is_well() {
    let home = Home::new();
    let database = home.sqlite("em.db");
    let service = home.service(&database).start();
    let bind = service.ready().to_string();
    let ended = home
        .program(&["check", "--json", "--database-url", &database, "--bind", &bind])
        .run();
    let findings = findings(&ended);
    assert_eq!(ended.code, 0, "{findings:#?}");
    has(
        &findings,
        "ok",
        "database",
        &format!("in use by process {}", service.pid()),
    );
    has(&findings, "ok", "database", "can be used");
    has(&findings, "ok", "API", "in use while a scheduler runs");
}

#[test]
fn before_the_first_start_nothing_is_made() {
    let home = Home::new();
    let check = "check --json --bind 127.0.0.1:0 --runner-host http://127.0.0.1:1";
    let ended = home.line(check).run();
    assert_eq!(ended.code, 0, "{ended:?}");
    has(&findings(&ended), "ok", "database", "is not there yet");
    has(
        &findings(&ended),
        "warning",
        "runner",
        "http://127.0.0.1:1 cannot be reached",
    );
    assert!(!home.path(".local").exists());
}

#[test]
fn a_socket_that_cannot_be_is_warned_of() {
    let home = Home::new();
    home.write("file", "no socket");
    let file = home.path("file");
    let checked = |socket: &str| {
        let command = ["check", "--json", "--bind", "none", "--socket", socket];
        findings(&home.program(&command).run())
    };
    let file = checked(file.to_str().expect("text"));
    has(&file, "warning", "API", "the file is there and no socket");
    let free = home.path("api.sock");
    has(&checked(free.to_str().expect("text")), "ok", "API", "unix socket");
}

#[test]
fn a_wrong_configuration_is_a_finding_too() {
    let ended = Home::new()
        .program(&["check", "--json", "--retention", "1"])
        .run();
    assert_eq!(ended.code, 2);
    has(&findings(&ended), "error", "configuration", "retention is \"1\"");
}

#[test]
fn an_sqlite_file_that_would_be_migrated_is_told_and_left_alone() {
    let home = Home::new();
    let tasks = "INSERT INTO project (id, cron, cron_min) VALUES (1, 1, 99);
                 INSERT INTO task (id, name, project_id, enabled) VALUES (11, 'T', 1, 1);";
    let database = database_with(&home, "em.db", tasks);
    at_the_first_version(&home.path("em.db"));
    let before = std::fs::read(home.path("em.db")).unwrap();
    let ended = home
        .program(&["check", "--json", "--database-url", &database])
        .run();
    let found = findings(&ended);
    has(&found, "ok", "database", "would be migrated from version 1 to ");
    has(
        &found,
        "error",
        "schedules",
        "task 11: project 1, cron trigger: minute",
    );
    assert_eq!(std::fs::read(home.path("em.db")).unwrap(), before);
}

/// Puts our tables back to what the first version of the program made.
fn at_the_first_version(file: &std::path::Path) {
    let ours = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'scheduler_%' AND name <> 'scheduler_schema'";
    for table in test_world::Database::file_at(file).rows(ours) {
        run_sql(file, &format!("DROP TABLE {table}"));
    }
    run_sql(
        file,
        include_str!("../../migrations/sqlite/0001_jobs_and_runs.sql"),
    );
    run_sql(file, "DELETE FROM scheduler_schema WHERE version > 1");
}

#[test]
fn an_empty_sqlite_file_is_told_and_left_alone() {
    let home = Home::new();
    run_sql(&home.path("em.db"), "PRAGMA user_version = 1");
    let before = std::fs::read(home.path("em.db")).unwrap();
    let ended = home
        .program(&["check", "--json", "--database-url", &home.sqlite("em.db")])
        .run();
    has(&findings(&ended), "ok", "database", "would be created");
    assert_eq!(std::fs::read(home.path("em.db")).unwrap(), before);
}

/// What `check` finds in a PostgreSQL database, of which it may change no table and no row.
fn checked(home: &Home, database: &Database) -> Vec<(String, String, String)> {
    let everything = "SELECT relname, relkind, relfilenode, CASE relkind WHEN 'r' THEN
                        md5(query_to_xml('SELECT * FROM ' || quote_ident(relname), true, true, '')::text) END
                      FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1";
    let before = database.run_sql(everything).expect("all tables");
    let ended = home
        .program(&["check", "--json", "--database-url", database.url()])
        .run();
    let after = database.run_sql(everything).expect("all tables");
    assert_eq!(after, before, "{ended:?}");
    findings(&ended)
}

#[test]
fn a_postgres_database_is_left_as_it_is() {
    let (home, database) = (Home::new(), Database::create().unwrap());
    let migrate = || {
        let ended = home.program(&["migrate", "--database-url", database.url()]).run();
        assert_eq!(ended.code, 0, "{ended:?}");
    };
    has(
        &checked(&home, &database),
        "ok",
        "database",
        "is empty: em_web's tables and the scheduler's would be",
    );

    migrate();
    let found = checked(&home, &database);
    has(&found, "ok", "database", "can be used (PostgreSQL");
    has(&found, "ok", "schedules", "0 tasks are enabled");
    let samples = "INSERT INTO project (id, cron, cron_min) VALUES (1, 1, 99), (2, 1, 30);
                   INSERT INTO task (id, name, project_id, enabled) VALUES (11, 'T', 1, 1), (12, 'U', 2, 1), (13, 'V', 1, 0);";
    database.run_sql(samples).unwrap();
    has(
        &checked(&home, &database),
        "error",
        "schedules",
        "task 11: project 1, cron trigger: minute",
    );

    database
        .run_sql("DELETE FROM scheduler_schema WHERE version > 1")
        .unwrap();
    let found = checked(&home, &database);
    has(&found, "ok", "database", "would be migrated from version 1 to ");
    has(
        &found,
        "error",
        "schedules",
        "task 11: project 1, cron trigger: minute",
    );
    database
        .run_sql("UPDATE scheduler_schema SET version = 1000")
        .unwrap();
    has(
        &checked(&home, &database),
        "error",
        "database",
        "are at version 1000",
    );

    let drop = "SELECT 'DROP TABLE \"' || tablename || '\" CASCADE;' FROM pg_tables WHERE tablename LIKE 'scheduler%'";
    let drop = database.run_sql(drop).unwrap();
    database.run_sql(&drop).unwrap();
    // A site may have made its ids wider.
    database
        .run_sql("ALTER TABLE task ALTER COLUMN id TYPE bigint")
        .unwrap();
    let found = checked(&home, &database);
    has(
        &found,
        "ok",
        "database",
        "has no tables of the scheduler: they would be created",
    );
    has(
        &found,
        "error",
        "schedules",
        "task 11: project 1, cron trigger: minute",
    );
    let errors = found.iter().filter(|(level, ..)| level == "error").count();
    assert_eq!(errors, 1, "{found:#?}");
}
