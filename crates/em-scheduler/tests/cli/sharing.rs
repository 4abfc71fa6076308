//! Settings that all processes on a database share: stored by the first start, refused where a later one differs, changed
//! by a verb while no process runs (rule S11).

use test_postgres::Database;

use crate::process::{Ended, Home, get};

/// Starts the service with these arguments, and stops it once it is ready.
fn serve_and_stop(home: &Home, database: &str, arguments: &[&str]) {
    let mut service = home.service(database).args(arguments).start();
    service.ready();
    service.stop();
}

fn refused(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, 2, "{ended:?}");
    for part in parts {
        assert!(ended.err.contains(part), "no {part:?} in {}", ended.err);
    }
}

fn a_start_that_differs_is_refused(home: &Home, database: &str) {
    serve_and_stop(
        home,
        database,
        &["--timezone", "America/Chicago", "--misfire-grace", "20"],
    );
    // The same, in other words or in none.
    serve_and_stop(home, database, &["--misfire-grace", "20"]);
    let other = ["--timezone", "Europe/Berlin", "--delivery", "at-least-once"];
    let differs = home
        .service(database)
        .args(&other)
        .env("EM_SCHEDULER_DST", "literal")
        .run();
    refused(
        &differs,
        &[
            "timezone is Europe/Berlin (from the flag --timezone), and the database is served with America/Chicago",
            "dst is literal (from the environment variable EM_SCHEDULER_DST), and the database is served with once",
            "delivery is at-least-once",
            "em-scheduler settings --set timezone=Europe/Berlin --set dst=literal --set delivery=at-least-once",
        ],
    );
    assert!(!differs.err.contains("misfire-grace"), "{differs:?}");
    let shown = home.program(&["settings", "--database-url", database]).run();
    assert_eq!(shown.code, 0, "{shown:?}");
    for line in [
        "timezone       America/Chicago",
        "misfire-grace  20",
        "dst            once",
    ] {
        assert!(shown.out.contains(line), "{shown:?}");
    }
    // `check` tells the same.
    let check = format!("check --bind 127.0.0.1:0 --database-url {database} --timezone UTC");
    let check = home.line(&check).run();
    assert!(
        check.code == 1 && check.out.contains("is served with America/Chicago"),
        "{check:?}"
    );

    let set = "--set timezone=Europe/Berlin --set dst=literal";
    let changed = home
        .line(&format!("settings --database-url {database} {set}"))
        .run();
    assert!(
        changed.code == 0 && changed.out.contains("Europe/Berlin"),
        "{changed:?}"
    );
    serve_and_stop(home, database, &["--timezone", "Europe/Berlin"]);
}

#[test]
fn a_start_that_differs_is_refused_sqlite() {
    let home = Home::new();
    let database = home.sqlite("em.db");
    a_start_that_differs_is_refused(&home, &database);
}

#[test]
fn a_start_that_differs_is_refused_postgres() {
    let database = Database::create().unwrap();
    a_start_that_differs_is_refused(&Home::new(), database.url());
}

#[test]
fn a_second_process_with_another_zone_moves_nothing_postgres() {
    let database = Database::create().unwrap();
    let home = Home::new();
    let first = home
        .service(database.url())
        .args(&["--timezone", "America/Chicago"])
        .start();
    let address = first.ready();
    database
        .run_sql(
            "INSERT INTO project (id, name, cron, cron_hour, cron_min) VALUES (1, 'p', 1, 2, 30);
             INSERT INTO task (id, name, project_id, enabled) VALUES (1, 't', 1, 1);",
        )
        .unwrap();
    get(address, "/api/add/1");
    let before = get(address, "/api/details");
    let second = home
        .service(database.url())
        .args(&["--timezone", "Europe/Berlin"])
        .run();
    refused(&second, &["timezone is Europe/Berlin"]);
    assert_eq!(get(address, "/api/details"), before);
    // Nor are they changed under a process that runs.
    let change = format!(
        "settings --database-url {} --set timezone=Europe/Berlin",
        database.url()
    );
    refused(&home.line(&change).run(), &["stop ", " first"]);
    // One that says nothing of them joins.
    let third = home.service(database.url()).start();
    third.ready();
}

#[test]
fn what_cannot_be_set_is_refused_by_name() {
    let home = Home::new();
    let database = home.sqlite("em.db");
    for (assignment, part) in [
        (
            "concurrency=5",
            "\"concurrency\" is no setting that all processes share; these are: timezone,",
        ),
        ("timezone", "expected NAME=VALUE"),
        ("timezone=Mars/Olympus", "there is no such time zone"),
        ("misfire-grace=0", "out of range"),
    ] {
        let ended = home
            .program(&["settings", "--database-url", &database, "--set", assignment])
            .run();
        refused(&ended, &[part]);
    }
}

#[test]
fn showing_settings_makes_nothing_and_migrate_stores_what_it_is_told() {
    let home = Home::new();
    let database = home.sqlite("em.db");
    let shown = || home.program(&["settings", "--database-url", &database]).run();
    let missing = shown();
    assert!(
        missing.code == 1 && missing.err.contains("there is no database file"),
        "{missing:?}"
    );
    assert!(!home.path("em.db").exists() && !home.path("em.db.lock").exists());
    let migrate = |zone: &str| {
        home.program(&["migrate", "--database-url", &database, "--timezone", zone])
            .run()
    };
    assert_eq!(migrate("America/Chicago").code, 0);
    let settings = shown();
    assert!(
        settings.out.contains("timezone       America/Chicago")
            && settings.out.contains("dst            not stored"),
        "{settings:?}"
    );
    refused(&migrate("UTC"), &["is served with America/Chicago"]);
}
