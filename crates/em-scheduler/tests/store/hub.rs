//! em_web's later model, as its migrations leave it: that of the first release with what came later, sequences of tasks
//! among it. The scheduler reads two of the new columns; the others are here because a real database has them.

use super::harness::{Harness, ME};

/// What the migrations added: table, column, type. A table that is new gets its key beside.
const ADDED: [(&str, &str, &str); 22] = [
    ("project", "sequence_tasks", "INTEGER"),
    ("task", "order", "INTEGER"),
    ("task", "source_require_sql_output", "INTEGER"),
    ("task", "source_cache", "VARCHAR(1000)"),
    ("task", "processing_git_branch", "VARCHAR(1000)"),
    ("task", "destination_line_terminator", "VARCHAR(10)"),
    ("task", "destination_sftp_overwrite_flag", "INTEGER"),
    ("task", "destination_ftp_overwrite_flag", "INTEGER"),
    ("task", "destination_smb_overwrite_flag", "INTEGER"),
    ("task", "email_completion_attach_log", "INTEGER"),
    ("task", "source_params", "VARCHAR(8000)"),
    ("connection", "archive_date", "TIMESTAMP"),
    ("user", "is_admin", "INTEGER"),
    ("user", "theme", "VARCHAR(120)"),
    ("project_param", "project_id", "INTEGER"),
    ("project_param", "key", "VARCHAR(500)"),
    ("project_param", "value", "VARCHAR(8000)"),
    ("project_param", "sensitive", "INTEGER"),
    ("task_param", "task_id", "INTEGER"),
    ("task_param", "key", "VARCHAR(500)"),
    ("task_param", "value", "VARCHAR(8000)"),
    ("task_param", "sensitive", "INTEGER"),
];

/// The statements of the migrations.
fn migrations() -> String {
    let mut sql = String::new();
    for table in ["project_param", "task_param"] {
        sql += &format!("CREATE TABLE {table} (id INTEGER PRIMARY KEY);");
    }
    for (table, column, kind) in ADDED {
        sql += &format!("ALTER TABLE \"{table}\" ADD COLUMN \"{column}\" {kind};");
    }
    sql
}

impl Harness {
    /// The same database in the later model, and a store that was opened on it.
    pub(crate) async fn migrated(self) -> Self {
        let Self { store, place } = self;
        drop(store);
        place.run(&migrations()).await;
        Self {
            store: place.open(ME).await.unwrap(),
            place,
        }
    }
}
