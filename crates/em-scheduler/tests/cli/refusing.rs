//! A start that cannot succeed: one clear line naming the culprit, and nothing half done.

use std::net::TcpListener;

use crate::process::{Ended, Home, database_with};

/// The usual port may be taken by a test beside.
const BIND: (&str, &str) = ("EM_SCHEDULER_BIND", "127.0.0.1:0");

/// The last line, for the log may come before it.
fn told<'a>(ended: &'a Ended, parts: &[&str]) -> &'a str {
    assert_eq!(ended.code, 1, "{ended:?}");
    let line = ended.err.lines().last().expect("a line");
    for part in parts {
        assert!(
            line.starts_with("em-scheduler: ") && line.contains(part),
            "{part:?} is not in {line:?}"
        );
    }
    line
}

#[test]
fn a_port_in_use_is_named_and_no_job_is_touched() {
    let home = Home::new();
    let samples = "INSERT INTO project (id, name, intv, intv_type, intv_value) VALUES (1, 'P', 1, 's', 1);
                   INSERT INTO task (id, name, project_id, enabled) VALUES (7, 'T', 1, 1);";
    let database = database_with(&home, "em.db", samples);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = home
        .program(&["serve", "--database-url", &database, "--bind", &address])
        .run();
    told(&ended, &[&address, "in use"]);
    let database = test_world::Database::file_at(&home.path("em.db"));
    for table in ["scheduler_job", "scheduler_run", "task_log"] {
        assert_eq!(
            database.row(&format!("SELECT count(*) FROM {table}")),
            "0",
            "{table}"
        );
    }
}

#[test]
fn a_database_file_that_cannot_be_is_named() {
    let home = Home::new();
    home.write("file", "");
    home.write("nonsense.db", &"this is no database ".repeat(100));
    std::fs::create_dir(home.path("folder")).unwrap();
    for (path, part) in [
        ("file/em.db", "does not exist"),
        ("missing/em.db", "does not exist"),
        ("folder", "is a folder"),
        ("nonsense.db", "not a database"),
    ] {
        let shown = home.path(path).display().to_string();
        for command in ["serve", "migrate"] {
            let ended = home
                .program(&[command, "--database-url", &home.sqlite(path)])
                .env(BIND.0, BIND.1)
                .run();
            told(&ended, &[&shown, part]);
        }
        let checked = home
            .program(&["check", "--database-url", &home.sqlite(path)])
            .run();
        assert_eq!(checked.code, 1, "{checked:?}");
        let line = checked
            .out
            .lines()
            .find(|line| line.starts_with("ERROR"))
            .unwrap();
        assert!(line.contains(&shown) && line.contains(part), "{line}");
    }
    // Proc takes no new files, not even from root.
    let ended = home
        .program(&["serve", "--database-url", "sqlite:///proc/em.db"])
        .env(BIND.0, BIND.1)
        .run();
    told(&ended, &["/proc/em.db"]);
}

#[test]
fn a_folder_that_cannot_be_made_for_the_default_file_is_named() {
    let home = Home::new();
    let file = home.write("file", "");
    let ended = home
        .program(&["serve"])
        .env(BIND.0, BIND.1)
        .env("XDG_DATA_HOME", file.to_str().unwrap())
        .run();
    told(&ended, &["/file/em-scheduler", "cannot be made"]);
}

#[test]
fn a_second_process_on_the_same_file_is_told_of_the_first() {
    let home = Home::new();
    let database = home.sqlite("em.db");
    let first = home.service(&database).start();
    first.ready();
    let second = home.service(&database).run();
    told(&second, &["em.db", &format!("process {}", first.pid())]);
}

#[test]
fn a_link_to_the_same_file_is_told_of_the_first_too() {
    let home = Home::new();
    let first = home.service(&home.sqlite("em.db")).start();
    first.ready();
    std::os::unix::fs::symlink(home.path("em.db"), home.path("link.db")).expect("a link");
    let second = home.service(&home.sqlite("link.db")).run();
    told(&second, &["em.db", &format!("process {}", first.pid())]);
}

#[test]
fn postgresql_that_does_not_answer_is_named_with_host_and_port() {
    let home = Home::new();
    // Nobody listens on the port for multiplexing TCP services.
    let url = "postgresql+psycopg2://me:s3cret@127.0.0.1:1/em";
    let ended = home
        .program(&["serve"])
        .env(BIND.0, BIND.1)
        .env("DATABASE_URL", url)
        .run();
    let line = told(&ended, &["127.0.0.1", "port 1", "refused"]);
    assert!(!line.contains("s3cret"));
}
