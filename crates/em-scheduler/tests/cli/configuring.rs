//! Where settings come from, and what is said of wrong ones. The unit tests of `config` have the long table; these
//! show that the binary is wired to it.

use crate::process::{Ended, Home};

fn line(ended: &Ended) -> &str {
    let line = ended.err.strip_suffix('\n').expect("a line");
    assert!(
        !line.contains('\n') && line.starts_with("em-scheduler: "),
        "not one line: {line}"
    );
    line
}

#[test]
fn flag_then_environment_then_file_then_default() {
    let home = Home::new();
    let database = home.sqlite("em.db");
    let file = home.write("config.toml", "retention = 1\nconcurrency = 0\n");
    let file = file.to_str().expect("text");
    // The value that counts is the one that is complained about.
    let migrate = || home.program(&["migrate", "--database-url", &database]);
    let with_file = || migrate().args(&["--config", file]);
    let with_both = || with_file().env("EM_SCHEDULER_CONCURRENCY", "-1");
    let flag = with_both().args(&["--concurrency", "-2"]).run();
    assert!(
        line(&flag).contains("\"-2\" (from the flag --concurrency)"),
        "{flag:?}"
    );
    let variable = with_both().run();
    assert!(line(&variable).contains("\"-1\" (from the environment variable EM_SCHEDULER_CONCURRENCY)"));
    let in_file = with_file().run();
    assert!(
        line(&in_file).contains(&format!("\"0\" (from the file {file})")),
        "{in_file:?}"
    );
    for wrong in [flag, variable, in_file] {
        assert_eq!(wrong.code, 2);
        assert!(
            line(&wrong).ends_with("allowed: a whole number from 1 to 10000"),
            "{wrong:?}"
        );
    }
    assert_eq!(migrate().run().code, 0);
    let named_by_variable = migrate().env("EM_SCHEDULER_CONFIG", file).run();
    assert_eq!(named_by_variable.code, 2);
}

#[test]
fn a_file_that_is_missing_broken_or_misspelt_is_named() {
    let home = Home::new();
    for (text, part) in [
        (None, "No such file"),
        (Some("bind = "), "line 1, column 8"),
        (Some("runner_host = 'http://x'"), "the nearest is \"runner-host\""),
    ] {
        let path = match text {
            Some(text) => home.write("config.toml", text),
            None => home.path("missing.toml"),
        };
        let path = path.to_str().expect("text");
        let ended = home.program(&["serve", "--config", path]).run();
        assert_eq!(ended.code, 2);
        assert!(
            line(&ended).contains(path) && line(&ended).contains(part),
            "{part}: {ended:?}"
        );
    }
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.7:0"] {
        let ended = Home::new().program(&["serve", "--bind", address]).run();
        assert_eq!(ended.code, 2);
        assert!(
            line(&ended).contains(address) && line(&ended).contains("no token"),
            "{ended:?}"
        );
    }
}

#[test]
fn passwords_are_never_told() {
    let home = Home::new();
    for url in [
        "mysql://me:s3cret@h/em",
        "postgres://me:s3c@ret@127.0.0.1:1/em",
        "postgres://me:s3cret@127.0.0.1:1/em",
    ] {
        for command in ["serve", "migrate", "check"] {
            let ended = home
                .program(&[command])
                .env("DATABASE_URL", url)
                .env("EM_SCHEDULER_LOG", "trace")
                .run();
            assert_ne!(ended.code, 0);
            let said = ended.err + &ended.out;
            assert!(
                !said.contains("s3c") && !said.contains("ret@"),
                "{command} {url}: {said}"
            );
        }
    }
}

#[test]
fn what_is_ignored_is_hinted_at() {
    let home = Home::new();
    let ended = home
        .program(&["migrate", "--database-url", &home.sqlite("em.db")])
        .env("REDIS_URL", "redis://:s3cret@h")
        .env("EM_SCHEDULER_TIMEZON", "UTC")
        .run();
    assert_eq!(ended.code, 0);
    assert!(
        ended.err.contains("REDIS_URL is ignored") && !ended.err.contains("s3cret"),
        "{ended:?}"
    );
    assert!(
        ended.err.contains("EM_SCHEDULER_TIMEZON is no setting"),
        "{ended:?}"
    );
    assert!(
        ended.err.contains("the nearest is EM_SCHEDULER_TIMEZONE"),
        "{ended:?}"
    );
}

#[test]
fn the_default_database_is_a_file_in_the_data_folder_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let ended = home.program(&["migrate"]).run();
    let file = home.path(".local/share/em-scheduler/em-scheduler.db");
    assert!(ended.out.contains(file.to_str().expect("text")), "{ended:?}");
    let folder = std::fs::metadata(file.parent().expect("a folder")).expect("it was made");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let elsewhere = home.path("data");
    let ended = home
        .program(&["migrate"])
        .env("XDG_DATA_HOME", elsewhere.to_str().expect("text"))
        .run();
    assert_eq!(ended.code, 0);
    assert!(elsewhere.join("em-scheduler/em-scheduler.db").exists());
}
