//! The files of an SQLite database: what a stop leaves, what `backup` copies while the service runs, and who may read them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::process::{Ended, Home, Running, database_with, get};

/// Tasks that are added while the service runs: fewer than a list has that is sent in parts.
const TASKS: usize = 240;

fn samples() -> String {
    format!(
        "INSERT INTO project (id, name, cron, cron_year) VALUES (1, 'P', 1, 2090);
         WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {TASKS})
         INSERT INTO task (id, name, project_id, enabled) SELECT i, 'T', 1, 0 FROM s;"
    )
}

/// The names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect()
}

/// Those that begin like the database.
fn of_the_database(home: &Home) -> Vec<String> {
    let names = names(home.path("em.db").parent().expect("a folder"));
    names
        .into_iter()
        .filter(|name| name.starts_with("em.db"))
        .collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn stop(mut service: Running) {
    service.stop();
}

fn jobs(address: SocketAddr) -> BTreeSet<usize> {
    let list: Vec<usize> = serde_json::from_str(&get(address, "/api/jobs")).expect("a list");
    list.into_iter().collect()
}

fn said_no(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{ended:?}");
    for part in parts {
        assert!(ended.err.contains(part), "{part:?} is not in {:?}", ended.err);
    }
}

#[test]
fn after_a_stop_the_file_alone_is_whole() {
    let home = Home::new();
    let database = database_with(&home, "em.db", &samples());
    let service = home.service(&database).start();
    let address = service.ready();
    for task in 1..=20 {
        assert!(get(address, &format!("/api/add/{task}")).contains("job added"));
        // What reads beside the writer must be gone before it, too.
        jobs(address);
    }
    stop(service);
    assert_eq!(of_the_database(&home), ["em.db", "em.db.lock"]);
    std::fs::create_dir(home.path("elsewhere")).expect("a folder");
    std::fs::copy(home.path("em.db"), home.path("elsewhere/em.db")).expect("a copy");
    let copy = home.service(&home.sqlite("elsewhere/em.db")).start();
    assert_eq!(jobs(copy.ready()), (1..=20).collect());
    stop(copy);
    // Nor do those that end by themselves leave anything.
    for command in ["migrate", "check"] {
        home.program(&[command, "--database-url", &database]).run();
        assert_eq!(of_the_database(&home), ["em.db", "em.db.lock"], "{command}");
    }
}

#[test]
fn a_backup_of_a_service_at_work_holds_all_that_was_acknowledged_before_it() {
    let home = Home::new();
    let database = database_with(&home, "em.db", &samples());
    let service = home.service(&database).start();
    let address = service.ready();
    std::fs::create_dir(home.path("backups")).expect("a folder");
    let over = AtomicBool::new(false);
    let add = |task: usize| assert!(get(address, &format!("/api/add/{task}")).contains("job added"));
    let copies: Vec<(BTreeSet<usize>, String)> = std::thread::scope(|scope| {
        // Others are added and deleted all the while.
        for half in 0..2 {
            let over = &over;
            scope.spawn(move || {
                for task in (TASKS / 2 + half..TASKS).step_by(2).cycle() {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    add(task);
                    get(address, &format!("/api/delete/{task}"));
                }
            });
        }
        let copies = (0..4).map(|round| {
            let first = 1 + 20 * round;
            (first..first + 20).for_each(add);
            let copy = home.path(&format!("backups/{round}.db"));
            let path = copy.to_str().expect("text").to_owned();
            let ended = home
                .program(&["backup", &path, "--database-url", &database])
                .run();
            assert_eq!(ended.code, 0, "{ended:?}");
            assert!(
                ended.out.contains(&path) && ended.out.contains(" MB"),
                "{ended:?}"
            );
            ((1..first + 20).collect(), path)
        });
        let copies = copies.collect();
        over.store(true, Ordering::Relaxed);
        copies
    });
    stop(service);
    let expected: BTreeSet<String> = (0..4).map(|round| format!("{round}.db")).collect();
    assert_eq!(names(&home.path("backups")), expected, "nothing beside them");
    for (acknowledged, path) in copies {
        assert_eq!(mode(Path::new(&path)), 0o600);
        let copy = test_world::Database::file_at(Path::new(&path));
        assert_eq!(copy.row("PRAGMA integrity_check"), "ok");
        let restored = home.service(&format!("sqlite://{path}")).start();
        let there = jobs(restored.ready());
        assert!(there.is_superset(&acknowledged), "{path}: {there:?}");
        stop(restored);
    }
}

#[test]
fn a_backup_of_a_database_that_is_not_in_use_leaves_it_as_it_was() {
    let home = Home::new();
    let database = database_with(&home, "em.db", &samples());
    let before = std::fs::read(home.path("em.db")).expect("a file");
    let copy = home.path("copy.db");
    let copy = copy.to_str().expect("text");
    let backup = || home.program(&["backup", copy, "--database-url", &database]).run();
    assert_eq!(backup().code, 0);
    assert_eq!(of_the_database(&home), ["em.db", "em.db.lock"]);
    assert_eq!(std::fs::read(home.path("em.db")).expect("a file"), before);
    // A second one writes over nothing.
    let first = std::fs::read(copy).expect("a copy");
    said_no(&backup(), 1, &[copy, "is there already"]);
    assert_eq!(std::fs::read(copy).expect("a copy"), first);
    // What an earlier database of that name left would be played into it.
    std::fs::remove_file(copy).expect("the copy");
    home.write("copy.db-wal", "");
    said_no(&backup(), 1, &["copy.db-wal", "remove it"]);
    let beside = home.path("other.db-wal");
    let beside = beside.to_str().expect("text");
    let named_so = home.program(&["backup", beside, "--database-url", &database]);
    said_no(&named_so.run(), 1, &["ends in -wal"]);
}

#[test]
fn a_backup_that_cannot_be_says_why_and_leaves_nothing() {
    let home = Home::new();
    home.write("nonsense.db", &"this is no database ".repeat(100));
    std::fs::create_dir(home.path("backups")).expect("a folder");
    let to = |name: &str| home.path(name).to_str().expect("text").to_owned();
    let (copy, lost) = (to("backups/copy.db"), to("missing/copy.db"));
    let backup =
        |path: &str, database: &str| home.program(&["backup", path, "--database-url", database]).run();
    said_no(
        &backup(&copy, &home.sqlite("em.db")),
        1,
        &["em.db", "no database file"],
    );
    said_no(
        &backup(&copy, &home.sqlite("nonsense.db")),
        1,
        &["nonsense.db", "not a database"],
    );
    let database = database_with(&home, "em.db", &samples());
    said_no(&backup(&lost, &database), 1, &["missing"]);
    said_no(
        &backup(&to("em.db-wal"), &database),
        1,
        &["em.db-wal", "the database itself"],
    );
    let postgres = "postgresql://me:s3cret@db.example/em";
    let ended = backup(&copy, postgres);
    said_no(&ended, 2, &["pg_dump", "db.example"]);
    assert!(!ended.err.contains("s3cret"), "{ended:?}");
    assert_eq!(names(&home.path("backups")), BTreeSet::new());
}

#[test]
fn the_files_of_a_database_are_for_their_owner_alone() {
    let home = Home::new();
    for umask in ["000", "022", "077"] {
        let file = home.path(&format!("{umask}.db"));
        let database = format!("sqlite://{}", file.display());
        let service = home.service(&database).under_umask(umask).start();
        get(service.ready(), "/api/pause");
        for ending in ["", "-wal", "-shm", ".lock"] {
            let path = format!("{}{ending}", file.display());
            assert_eq!(mode(Path::new(&path)), 0o600, "{path}");
        }
        stop(service);
        assert_eq!(mode(&file), 0o600);
    }
}

#[test]
fn a_database_that_other_users_can_read_keeps_its_mode_and_is_warned_of() {
    let home = Home::new();
    let database = home.sqlite("em.db");
    let start = || home.program(&["migrate", "--database-url", &database]).run();
    assert!(!start().err.contains("open to every user"));
    let file = home.path("em.db");
    for (mode_given, told) in [(0o644, true), (0o640, false), (0o606, true), (0o600, false)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode_given)).expect("ours");
        let ended = start();
        assert_eq!(ended.code, 0, "{ended:?}");
        let lines: Vec<&str> = ended
            .err
            .lines()
            .filter(|line| line.contains("open to every user"))
            .collect();
        assert_eq!(lines.len(), usize::from(told), "{mode_given:o}: {ended:?}");
        for line in lines {
            let shown = format!("mode {mode_given:04o}");
            let mended = format!("chmod o= {}", file.display());
            assert!(line.contains(&shown) && line.contains(&mended), "{line}");
        }
        assert_eq!(mode(&file), mode_given);
        let checked = home.program(&["check", "--database-url", &database]).run();
        let warning = format!("warning  database: the database file {}", file.display());
        assert_eq!(
            checked.out.contains(&warning),
            told,
            "{mode_given:o}: {checked:?}"
        );
    }
}

#[test]
fn a_start_that_is_refused_leaves_nothing_beside_the_file_that_was_named() {
    let home = Home::new();
    home.write("passwd", &"root:x:0:0:root:/root:/bin/bash\n".repeat(40));
    // A database, and not em_web's.
    crate::process::run_sql(&home.path("other.db"), "CREATE TABLE task (id INTEGER)");
    let before = names(home.path("passwd").parent().expect("a folder"));
    for name in ["passwd", "other.db"] {
        for command in ["serve", "migrate", "check"] {
            let ended = home
                .program(&[command, "--database-url", &home.sqlite(name)])
                .run();
            assert_eq!(ended.code, 1, "{ended:?}");
            assert_eq!(
                names(home.path("passwd").parent().expect("a folder")),
                before,
                "{command} {name}"
            );
        }
    }
}

#[test]
fn a_database_in_memory_is_refused_and_no_file_of_that_name_is_made() {
    let home = Home::new();
    for url in ["sqlite:///:memory:", "sqlite://", "sqlite:////:memory:"] {
        for command in ["serve", "migrate"] {
            let ended = home.program(&[command, "--database-url", url]).run();
            said_no(&ended, 2, &["database-url", "in memory", "name a file"]);
        }
    }
    assert!(!Path::new("/:memory:").exists());
}
