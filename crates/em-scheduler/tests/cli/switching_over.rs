//! The page on how to take over from the original (docs/switch.md): its command lines are ones that the program takes, and the
//! dialect is what it says.

use test_postgres::Database;

use crate::process::{Home, database_with, get, run_sql};

const PAGE: &str = include_str!("../../../../docs/switch.md");

/// The command lines of the page: what stands in blocks, or in its text between backquotes.
fn commands() -> Vec<Vec<&'static str>> {
    let (mut commands, mut in_block) = (Vec::new(), false);
    for line in PAGE.lines().map(str::trim) {
        if line.starts_with("```") {
            in_block = !in_block;
            continue;
        }
        let spans: Vec<&str> = if in_block {
            vec![line]
        } else {
            line.split('`').skip(1).step_by(2).collect()
        };
        let lines = spans.iter().filter_map(|span| span.strip_prefix("em-scheduler "));
        commands.extend(lines.map(|arguments| arguments.split_whitespace().collect()));
    }
    commands
}

#[test]
fn the_program_takes_every_command_line_of_the_page() {
    let home = Home::new();
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:?}");
    for arguments in commands {
        // What comes before it has been read by then.
        let ended = home.program(&arguments).args(&["--help"]).run();
        assert!(
            ended.code == 0
                && ended
                    .out
                    .contains(&format!("Usage: em-scheduler {}", arguments[0])),
            "{arguments:?}: {ended:?}"
        );
    }
    let word = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    for flag in PAGE
        .split(|letter| !word(letter))
        .filter_map(|name| name.strip_prefix("--"))
        .filter(|flag| flag.starts_with(|first: char| first.is_ascii_alphabetic()))
    {
        let known = em_scheduler::config::catalogue::ALL
            .iter()
            .any(|setting| setting.name == flag);
        // Of systemctl.
        assert!(known || flag == "now", "--{flag} is no setting");
    }
}

#[test]
fn the_commands_of_the_page_do_what_it_says() {
    let home = Home::new();
    let database = database_with(&home, "em.db", "INSERT INTO project (id, name) VALUES (1, 'P');");
    let (mut checked, mut migrated) = (0, 0);
    for arguments in commands() {
        match arguments[0] {
            // On a database of our own, not on that of the page.
            _ if arguments.contains(&"--database-url") => continue,
            "check" => checked += 1,
            "migrate" => migrated += 1,
            _ => continue,
        }
        let ended = home
            .program(&arguments)
            .args(&["--database-url", &database])
            .run();
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
    }
    assert!(checked > 0 && migrated > 0);
}

/// Starts the service with these arguments and returns the dialect and the model it names, and what it answers to an id
/// that cannot be.
fn dialect(home: &Home, database: &str, arguments: &[&str]) -> [String; 3] {
    let mut service = home.service(database).args(arguments).start();
    let line = service.logged("em-scheduler is ready");
    let line: serde_json::Value = serde_json::from_str(&line).expect("a JSON line");
    let text = |name: &str| line[name].as_str().expect(name).to_owned();
    let answer = get(text("bind").parse().expect("an address"), "/api/add/999999");
    service.stop();
    [text("dialect"), text("em_web"), answer]
}

fn checked(home: &Home, database: &str) -> String {
    let ended = home.program(&["check", "--database-url", database]).run();
    ended.out
}

fn the_model_tells_unless_it_is_said(home: &Home, database: &str, sql: impl Fn(&str)) {
    let em2 = r#"{"message":"Scheduler: failed to create job!"}"#;
    let hub = r#"{"error":"Invalid job."}"#;
    let said = |arguments: &[&str]| dialect(home, database, arguments);
    let without = "without sequences (no project.sequence_tasks)";
    assert_eq!(said(&[]), ["em2", without, em2]);
    assert_eq!(said(&["--dialect-of", "hub"]), ["hub", without, hub]);
    assert!(checked(home, database).contains(without));
    sql("ALTER TABLE project ADD COLUMN sequence_tasks INTEGER");
    let with = "with sequences (project.sequence_tasks; no task.order)";
    assert_eq!(said(&[]), ["hub", with, hub]);
    assert!(checked(home, database).contains(with));
    // No shared setting: what an earlier start was told binds no later one.
    assert_eq!(said(&["--dialect-of", "em2"]), ["em2", with, em2]);
    assert_eq!(said(&[]), ["hub", with, hub]);
}

#[test]
fn the_dialect_is_that_of_the_model_on_sqlite() {
    let home = Home::new();
    let database = home.sqlite("em.db");
    the_model_tells_unless_it_is_said(&home, &database, |sql| run_sql(&home.path("em.db"), sql));
}

#[test]
fn the_dialect_is_that_of_the_model_on_postgres() {
    let database = Database::create().expect("a database");
    the_model_tells_unless_it_is_said(&Home::new(), database.url(), |sql| {
        database.run_sql(sql).expect("good SQL");
    });
}
