//! A database that em_web made: verified, completed by our tables, never altered.

use em_scheduler::store::postgres::PostgresStore;

use super::harness::{self, Harness, ME, Place};

on_both!(
    em_webs_tables_are_left_as_they_are,
    a_missing_table_is_named,
    missing_columns_are_named,
    missing_status_rows_are_named,
);

/// As em_web left it: its model without our tables, and a task.
async fn em_webs(h: Harness) -> Place {
    let Harness { store, place } = h;
    drop(store);
    place.task(7, true).await;
    place.run("DELETE FROM quote_level").await;
    if place.is_postgres() {
        place.run("DROP SCHEMA em_scheduler CASCADE").await;
        return place;
    }
    let ours = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'scheduler_%'";
    for table in place.lines(ours).await {
        place.run(&format!("DROP TABLE {table}")).await;
    }
    place
}

async fn structure(place: &Place) -> Vec<String> {
    let query = if place.is_postgres() {
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name NOT LIKE 'scheduler_%'
         UNION ALL SELECT indexname, indexdef, '', '', '' FROM pg_indexes
         WHERE schemaname = current_schema() AND tablename NOT LIKE 'scheduler_%' ORDER BY 1, 2"
    } else {
        "SELECT name, sql FROM sqlite_master WHERE tbl_name NOT LIKE 'scheduler_%' AND name NOT LIKE 'sqlite_%'
         ORDER BY name"
    };
    place.lines(query).await
}

async fn em_webs_tables_are_left_as_they_are(h: Harness) {
    let place = em_webs(h).await;
    place
        .run("ALTER TABLE task ADD COLUMN of_their_own INTEGER")
        .await;
    let before = (structure(&place).await, place.rows("SELECT * FROM task").await);
    let store = place.open(ME).await.unwrap();
    assert_eq!(
        (structure(&place).await, place.rows("SELECT * FROM task").await),
        before
    );
    // Not a row of theirs comes back either.
    assert_eq!(place.lines("SELECT count(*) FROM quote_level").await, ["0"]);
    assert_eq!(
        store.task(7).await.unwrap().unwrap().name.as_deref(),
        Some("Task 7")
    );
}

async fn refusal(place: &Place) -> String {
    let before = structure(place).await;
    let error = place.open(ME).await.err().unwrap().to_string();
    assert_eq!(structure(place).await, before, "refused, yet changed");
    assert!(error.contains("not a complete em_web database"), "{error}");
    error
}

async fn a_missing_table_is_named(h: Harness) {
    let place = em_webs(h).await;
    place.run("DROP TABLE task_log").await;
    let error = refusal(&place).await;
    assert!(
        error.contains("table task_log") && !error.contains("column task_log."),
        "{error}"
    );
}

async fn missing_columns_are_named(h: Harness) {
    let place = em_webs(h).await;
    place
        .run("ALTER TABLE project DROP COLUMN cron_week; ALTER TABLE task_log DROP COLUMN message")
        .await;
    let error = refusal(&place).await;
    for column in [
        "column project.cron_week (an integer)",
        "column task_log.message (a text)",
    ] {
        assert!(error.contains(column), "{error}");
    }
}

async fn missing_status_rows_are_named(h: Harness) {
    let place = em_webs(h).await;
    place.run("DELETE FROM task_status WHERE id IN (2, 6)").await;
    let error = refusal(&place).await;
    assert!(
        error.contains("row 2 of task_status") && error.contains("row 6 of task_status"),
        "{error}"
    );
}

#[test]
fn a_column_of_another_type_is_named_postgres() {
    harness::on_postgres(async |h| {
        let place = em_webs(h).await;
        place
            .run(
                "ALTER TABLE task ALTER COLUMN enabled TYPE boolean USING enabled = 1;
                 ALTER TABLE task ALTER COLUMN next_run TYPE timestamptz",
            )
            .await;
        let error = refusal(&place).await;
        assert!(
            error.contains("column task.enabled as an integer (it is boolean)"),
            "{error}"
        );
        assert!(
            error.contains("column task.next_run as a timestamp without time zone"),
            "{error}"
        );
    });
}

#[test]
fn a_role_without_rights_is_told_which_postgres() {
    harness::on_postgres(async |h| {
        let place = em_webs(h).await;
        let role = format!("poor_{}", place.url.rsplit('_').next().unwrap());
        place
            .run(&format!(
                "CREATE ROLE {role} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
                 GRANT SELECT ON task, project, task_status TO {role}"
            ))
            .await;
        let open = async || {
            let url = place.url.replace("postgres@", &format!("{role}@"));
            PostgresStore::connect(harness::postgres_options(&url, ME))
                .await
                .err()
                .unwrap()
                .to_string()
        };
        let error = open().await;
        assert!(
            error.contains("the right to UPDATE on table task, the right to INSERT on table task_log"),
            "{error}"
        );
        place
            .run(&format!(
                "GRANT UPDATE (next_run) ON task TO {role}; GRANT INSERT ON task_log TO {role}"
            ))
            .await;
        let error = open().await;
        assert!(
            error.contains("the right to USAGE on sequence public.task_log_id_seq"),
            "{error}"
        );
        place
            .run(&format!("GRANT USAGE ON SEQUENCE task_log_id_seq TO {role}"))
            .await;
        let error = open().await;
        assert!(
            error.contains("may not") && error.contains(&format!("user {role}")),
            "{error}"
        );
        place
            .run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
    });
}
