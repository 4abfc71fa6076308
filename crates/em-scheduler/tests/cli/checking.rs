//! `check`: findings, exit codes, and that it leaves everything as it was.

use std::net::TcpListener;

use serde_json::Value;

use crate::process::{Ended, Home, database_with};

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
    let arguments = [
        "check",
        "--database-url",
        &database,
        "--runner-host",
        &runner,
        "--bind",
        "127.0.0.1:0",
    ];
    let ended = home.program(&arguments).args(&["--json"]).run();
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
    let text = home.program(&arguments).run();
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
    let ended = home
        .program(&[
            "check",
            "--json",
            "--bind",
            "127.0.0.1:0",
            "--runner-host",
            "http://127.0.0.1:1",
        ])
        .run();
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
fn a_wrong_configuration_is_a_finding_too() {
    let ended = Home::new()
        .program(&["check", "--json", "--retention", "1"])
        .run();
    assert_eq!(ended.code, 2);
    has(&findings(&ended), "error", "configuration", "retention is \"1\"");
}
