//! What an operation changed, told by the database itself: triggers write each changed row into a table of the
//! simulator's, in the transaction that changes it. So the checker sees what took effect, whatever the caller was told.

use std::fmt::Write as _;

use serde::Deserialize;
use test_world::rows::Run as RunRow;

/// The tables watched, the letter that names each, and the columns noted.
const TABLES: [(&str, &str, &[&str]); 6] = [
    (
        "scheduler_run",
        "run",
        &[
            "key",
            "job_id",
            "task_id",
            "kind",
            "scheduled_for",
            "state",
            "decided_at",
            "coalesced",
            "coalesced_since",
            "attempt",
            "owner",
            "fence",
            "finished_at",
            "withdrawn",
            "muted",
            "reason",
        ],
    ),
    (
        "scheduler_job",
        "job",
        &["key", "id", "task_id", "kind", "definition", "listed"],
    ),
    ("scheduler_due", "due", &["job_key", "next_run_at"]),
    ("scheduler_state", "state", &["name", "value"]),
    ("scheduler_instance", "instance", &["id", "lease_until"]),
    ("task_log", "log", &["task_id", "message"]),
];

/// A row of `scheduler_job`.
#[derive(Debug, Clone, Deserialize)]
pub struct JobRow {
    pub key: i64,
    pub id: String,
    pub task_id: i32,
    pub kind: String,
    pub definition: String,
    pub listed: i64,
}

/// A row of `scheduler_due`.
#[derive(Debug, Clone, Deserialize)]
pub struct DueRow {
    pub job_key: i64,
    pub next_run_at: i64,
}

/// A row of `scheduler_state`.
#[derive(Debug, Clone, Deserialize)]
pub struct StateRow {
    pub name: String,
    pub value: i64,
}

/// A row of `scheduler_instance`.
#[derive(Debug, Clone, Deserialize)]
pub struct InstanceRow {
    pub id: String,
}

/// A row of `task_log`.
#[derive(Debug, Clone, Deserialize)]
pub struct LogRow {
    pub task_id: i32,
    pub message: String,
}

/// One changed row, as it is afterwards (as it was, where it is gone).
#[derive(Debug, Clone)]
pub enum Change {
    RunAdded(RunRow),
    RunChanged(RunRow),
    RunGone(RunRow),
    JobAdded(JobRow),
    JobChanged(JobRow),
    JobGone(JobRow),
    DueAdded(DueRow),
    DueChanged(DueRow),
    DueGone(DueRow),
    State(StateRow),
    Instance(InstanceRow),
    InstanceGone(InstanceRow),
    Logged(LogRow),
}

impl Change {
    /// Reads a note.
    pub fn read(what: &str, row: &str) -> Self {
        match what {
            "run+" => Self::RunAdded(parse(row)),
            "run~" => Self::RunChanged(parse(row)),
            "run-" => Self::RunGone(parse(row)),
            "job+" => Self::JobAdded(parse(row)),
            "job~" => Self::JobChanged(parse(row)),
            "job-" => Self::JobGone(parse(row)),
            "due+" => Self::DueAdded(parse(row)),
            "due~" => Self::DueChanged(parse(row)),
            "due-" => Self::DueGone(parse(row)),
            "state+" | "state~" => Self::State(parse(row)),
            "instance+" | "instance~" => Self::Instance(parse(row)),
            "instance-" => Self::InstanceGone(parse(row)),
            "log+" => Self::Logged(parse(row)),
            other => panic!("a note of the kind {other:?}"),
        }
    }
}

fn parse<'row, T: Deserialize<'row>>(row: &'row str) -> T {
    serde_json::from_str(row).unwrap()
}

/// The statements that set the notes up on SQLite.
pub fn sqlite() -> String {
    let mut sql =
        "CREATE TABLE audit (seq INTEGER PRIMARY KEY, what TEXT NOT NULL, row TEXT NOT NULL);".to_owned();
    for (table, letter, columns) in TABLES {
        for &(verb, sign, side) in verbs(letter) {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| format!("'{column}', {side}.{column}"))
                .collect();
            write!(
                sql,
                "CREATE TRIGGER audit_{letter}_{verb} AFTER {verb} ON {table} BEGIN
                   INSERT INTO audit (what, row) VALUES ('{letter}{sign}', json_object({}));
                 END;",
                cells.join(", ")
            )
            .unwrap();
        }
    }
    sql
}

/// The statements that set the notes up on PostgreSQL.
pub fn postgres() -> String {
    let mut sql =
        "CREATE TABLE audit (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what TEXT NOT NULL, row TEXT NOT NULL);
         CREATE FUNCTION audit_note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
           IF TG_OP = 'DELETE' THEN
             INSERT INTO audit (what, row) VALUES (TG_ARGV[0], to_json(OLD)::text);
           ELSE
             INSERT INTO audit (what, row) VALUES (TG_ARGV[0], to_json(NEW)::text);
           END IF;
           RETURN NULL;
         END $$;"
            .to_owned();
    for (table, letter, _) in TABLES {
        for &(verb, sign, _) in verbs(letter) {
            write!(
                sql,
                "CREATE TRIGGER audit_{letter}_{verb} AFTER {verb} ON {table} FOR EACH ROW
                 EXECUTE FUNCTION audit_note('{letter}{sign}');"
            )
            .unwrap();
        }
    }
    sql
}

fn verbs(letter: &str) -> &'static [(&'static str, &'static str, &'static str)] {
    // em_web removes rows of the log, and that is its own business.
    let all: &[_] = &[
        ("INSERT", "+", "NEW"),
        ("UPDATE", "~", "NEW"),
        ("DELETE", "-", "OLD"),
    ];
    if letter == "log" { &all[..1] } else { all }
}
