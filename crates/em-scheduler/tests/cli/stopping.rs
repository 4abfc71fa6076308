//! The life of `serve`: its first line, and how signals end it.

use rustix::process::Signal;
use test_world::runner::{Recorder, Reply, Runner};

use crate::process::{Home, Running, database_with, get};

#[test]
fn one_line_says_what_runs_on_what_and_sigterm_ends_it_well() {
    let home = Home::new();
    let mut service = home.service(&home.sqlite("em.db")).start();
    let line = service.logged("em-scheduler is ready");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    for (field, part) in [
        ("version", env!("CARGO_PKG_VERSION")),
        ("database", "/em.db"),
        ("engine", "SQLite 3."),
        ("runner", "http://127.0.0.1:5002/api"),
        ("zone", "UTC"),
        ("dst", "once"),
        ("tz_data", "(bundled)"),
    ] {
        assert!(line[field].as_str().unwrap().contains(part), "{field}: {line}");
    }
    let address = line["bind"].as_str().unwrap().parse().unwrap();
    assert_eq!(get(address, "/api"), r#"{"status":"alive"}"#);
    service.signal(Signal::TERM);
    service.logged("stopped");
    assert_eq!(service.ended(), 0);
}

#[test]
fn the_service_runs_on_postgresql_and_shows_no_password() {
    let database = test_postgres::Database::create().unwrap();
    let (scheme, rest) = database.url().split_once("://").unwrap();
    let url = match rest.split_once('@') {
        Some((user, rest)) => format!("{scheme}://{user}:s3cret@{rest}"),
        None => format!("{scheme}://postgres:s3cret@{rest}"),
    };
    let home = Home::new();
    let mut service = home.service(&url).start();
    let line = service.logged("em-scheduler is ready");
    assert!(line.contains("PostgreSQL") && !line.contains("s3cret"), "{line}");
    service.signal(Signal::INT);
    assert_eq!(service.ended(), 0);
    for command in ["migrate", "check"] {
        let ended = home.program(&[command, "--database-url", &url]).run();
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(
            ended.out.contains("PostgreSQL") && !ended.out.contains("s3cret"),
            "{ended:?}"
        );
    }
}

/// A service with one request in flight: the runner has it and does not answer.
fn with_a_request_in_flight(home: &Home) -> (Running, Runner<Recorder>) {
    let runner = Runner::recording();
    runner.answer(Reply::Wait);
    let each_second =
        "INSERT INTO project (id, name, intv, intv_type, intv_value) VALUES (1, 'P', 1, 's', 1);
               INSERT INTO task (id, name, project_id, enabled) VALUES (7, 'T', 1, 1);";
    let database = database_with(home, "em.db", each_second);
    // With one instance the request stays the only one.
    let service = home
        .service(&database)
        .args(&["--runner-host", &runner.url(), "--max-instances", "1"])
        .start();
    runner.wait_for(1);
    (service, runner)
}

#[test]
fn a_request_in_flight_may_end() {
    let home = Home::new();
    let (mut service, runner) = with_a_request_in_flight(&home);
    service.signal(Signal::TERM);
    service.logged("stopping");
    runner.release(1);
    assert_eq!(service.ended(), 0);
    let states = "SELECT DISTINCT state FROM scheduler_run WHERE state <> 'skipped'";
    let database = test_world::Database::file_at(&home.path("em.db"));
    assert_eq!(database.rows(states), ["delivered"]);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let home = Home::new();
        let (mut service, _runner) = with_a_request_in_flight(&home);
        service.signal(signal);
        service.logged("stopping");
        assert_eq!(service.signalled_until_it_ends(signal), code);
    }
}
