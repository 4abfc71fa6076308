//! F12: whatever stands in a column, it stops its own task at most. Every column that the store reads is given every value
//! that is odd for it, one at a time, in the rows of one task; another one is then synced, listed, decided, sent, settled,
//! taken over, asked for, added and deleted as if nothing was there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use em_scheduler::em_web::{Earlier, Pass, SyncTask, TaskRow, jobs_of};
use em_scheduler::engine::FiringRules;
use em_scheduler::engine::plan::plan;
use em_scheduler::model::life::TakeOver;
use em_scheduler::model::{
    DueJob, JobKind, ListedJob, NewJob, OpenRun, Outcome, Plan, ScheduleRules, UnreadableTrigger,
};
use em_scheduler::store::{DecidedBatch, JobPlanner, Replaced, Result, Store, StoreError, SyncRange};
use triggers::{Context, Definition, DstPolicy, UtcMicros, Zone};

mod columns;

use self::columns::Holds::{Integer, Text, Unread, Wall, Whole};
use self::columns::{DEFERRED, EM_WEBS, Holds, OURS};
use super::fixture::{job, refused, requeued, rule};
use super::harness::{Harness, ME, NOW, Place, ZONE, after, at};

on_both!(
    every_column_that_is_read_is_tried,
    no_value_of_a_project_stops_another_task,
    no_value_of_a_task_stops_another_task,
    no_value_of_ours_stops_another_task,
    a_run_that_cannot_be_read_is_told_once_in_its_task_s_log,
    what_is_written_goes_on_without_the_rows_of_task_status,
    a_version_beyond_all_numbers_is_that_of_a_newer_program,
    the_scheduler_is_paused_by_any_number_but_0,
);

/// The odd task and its project, and the one that must not suffer with its own.
const ODD: i64 = 7;
const WELL: i32 = 8;

/// The values that a column is given, as SQL.
fn values(place: &Place, holds: Holds) -> Vec<String> {
    let numbers = [
        "-1",
        "2147483647",
        "-2147483648",
        "3000000000",
        "-300000000000000000",
        "253402300800000000",
        "9223372036854775807",
        "-9223372036854775808",
        "NULL",
    ];
    let texts = ["''", "'x'", "'{}'", "'{\"kind\":\"cron\"}'", "'manual'"];
    let long = if place.is_postgres() {
        ["repeat('x', 10000)", "E'a\\nb\\u0001'"]
    } else {
        ["printf('%.10000c', 'x')", "'a' || char(10, 1) || 'b'"]
    };
    let walls = [
        "'0001-01-01 00:00:00'",
        "'9999-12-31 23:59:59.999999'",
        "'2026-03-29 02:30:00'",
        "NULL",
    ];
    let of_postgres = [
        "'infinity'",
        "'-infinity'",
        "'4714-11-24 00:00:00 BC'",
        "'294276-12-31 23:59:59.999999'",
    ];
    // Where columns have no types, each may hold what belongs elsewhere, and worse.
    let of_sqlite = ["1.5", "-9e999", "x'00ff80'", "CAST(x'ff41' AS TEXT)"];
    let no_dates = ["'9999-99-99 99:99:99'", "'2026-01-01T00:00:00+01:00'", "'x'", "7"];
    let chosen: Vec<&str> = match (holds, place.is_postgres()) {
        (Unread | Whole, _) => Vec::new(),
        (Integer, true) => numbers.to_vec(),
        (Text, true) => [&texts[..], &long, &["NULL"]].concat(),
        (Wall, true) => [&walls[..], &of_postgres].concat(),
        (Integer, false) => [&numbers[..], &of_sqlite, &["''", "'x'"]].concat(),
        (Text, false) => [&texts[..], &long, &of_sqlite, &["NULL", "7"]].concat(),
        (Wall, false) => [&walls[..], &no_dates, &of_sqlite].concat(),
    };
    chosen.into_iter().map(str::to_owned).collect()
}

/// The rows of both tasks as they are before a value is put in: each has a project with all triggers, jobs of which one is
/// due, a run that waits, one that is under way and one of a process that is gone.
fn rows(task: i64, project: i64) -> String {
    let now = at(NOW).get();
    format!(
        "INSERT INTO project (id, name, cron, cron_hour, cron_min, cron_sec, intv, intv_type, intv_value, ooff, ooff_date)
         VALUES ({project}, 'P', 1, 3, 0, 0, 1, 'h', 6, 1, '2027-01-01 00:00:00');
         INSERT INTO task (id, name, project_id, enabled, status_id, last_run_job_id)
         VALUES ({task}, 'T', {project}, 1, 4, 'r1');
         INSERT INTO scheduler_job (id, task_id, project_id, kind, name, definition, created_at)
         VALUES ('{project}-{task}-cron', {task}, {project}, 'cron', 'P: T', '{{\"kind\":\"cron\",\"tz\":\"UTC\"}}', {now}),
                ('{project}-{task}-0', {task}, {project}, 'delayed', 'P: T', '{{\"kind\":\"cron\",\"tz\":\"UTC\"}}', {now});
         INSERT INTO scheduler_due (job_key, next_run_at)
         SELECT key, {now} FROM scheduler_job WHERE task_id = {task};
         INSERT INTO scheduler_run (job_id, task_id, kind, scheduled_for, state, decided_at, owner, fence)
         VALUES ('{project}-{task}-cron', {task}, 'cron', 1, 'queued', 1, '{ME}', 1),
                ('{project}-{task}-cron', {task}, 'cron', 2, 'sending', 1, '{ME}', 1),
                ('{project}-{task}-cron', {task}, 'cron', 3, 'queued', 1, 'gone{task}', 1),
                ('{project}-{task}-cron', {task}, 'cron', 4, 'delivered', 1, '{ME}', 1);
         INSERT INTO scheduler_reported (task_id, definition) VALUES ({task}, 'old');
         INSERT INTO scheduler_deleted (task_id, deleted_at) VALUES ({task}, 1);
         INSERT INTO scheduler_instance (id, place, lease_until) VALUES ('gone{task}', 'p', 1);"
    )
}

const CLEARED: &str = "DELETE FROM task_log; DELETE FROM task; DELETE FROM project; DELETE FROM scheduler_job;
    DELETE FROM scheduler_due; DELETE FROM scheduler_run; DELETE FROM scheduler_reported; DELETE FROM scheduler_instance;
    DELETE FROM scheduler_state; DELETE FROM scheduler_deleted;
    INSERT INTO scheduler_state (name, value) VALUES ('of the odd one', 0);";

/// The statements that put a value in, each of which is tried by itself.
fn poisons(table: &str, column: &str, value: &str) -> Vec<String> {
    let rows = match (table, column) {
        // What refers to it must go with it, where the database holds that.
        ("project", "id") => {
            return vec![format!(
                "INSERT INTO project (id, cron, cron_hour) VALUES ({value}, 1, 3);
                 UPDATE task SET project_id = {value} WHERE id = {ODD}"
            )];
        }
        ("project" | "task", _) => vec![format!("id = {ODD}")],
        ("scheduler_due", _) => {
            vec![format!(
                "job_key = (SELECT min(key) FROM scheduler_job WHERE task_id = {ODD})"
            )]
        }
        ("scheduler_job", _) => vec![format!("id = '{ODD}-{ODD}-cron'")],
        ("scheduler_instance", _) => vec![format!("id = 'gone{ODD}'")],
        ("scheduler_state", _) => vec!["name = 'of the odd one'".into()],
        // Only one row can have it: one that waits, and one that is to be taken over.
        ("scheduler_run", "key" | "scheduled_for") => [1, 3]
            .map(|time| format!("task_id = {ODD} AND scheduled_for = {time}"))
            .to_vec(),
        _ => vec![format!("task_id = {ODD}")],
    };
    rows.iter()
        .map(|rows| format!("UPDATE {table} SET {column} = {value} WHERE {rows}"))
        .collect()
}

fn rules() -> ScheduleRules {
    ScheduleRules {
        zone: Zone::named(ZONE).unwrap(),
        dst: DstPolicy::Once,
    }
}

/// The firing rule of the service.
fn fires(job: &DueJob, now: UtcMicros) -> Result<Plan, UnreadableTrigger> {
    let definition: Definition = serde_json::from_str(&job.definition)?;
    let trigger = definition.compile(&Context::new(Zone::utc(), job.created_at))?;
    let rules = FiringRules {
        grace: i64::MAX,
        coalesce: true,
        max_instances: 50,
    };
    Ok(plan(job, &trigger, &rules, now))
}

fn planner() -> JobPlanner {
    Arc::new(|task: &TaskRow| {
        let wanted = jobs_of(task, &rules())?;
        let jobs = wanted.iter().map(|job| job.first(at(NOW), &rules()));
        jobs.collect()
    })
}

/// The pass of `job_sync`, as the engine makes it.
async fn sync(store: &Arc<dyn Store>) -> Result<()> {
    let pass = Pass {
        now: at(NOW),
        rules: rules(),
        grace: 30_000_000,
        served_before: Some(Earlier {
            zone: rules().zone,
            announced: BTreeMap::new(),
        }),
    };
    let found = store.find_differing(at(NOW), rules()).await?;
    for tasks in [found, None] {
        let mut range = tasks.map_or(SyncRange::After(None, 1), SyncRange::Of);
        loop {
            let pass = pass.clone();
            let plan = Arc::new(move |task: &SyncTask| pass.plan(task));
            let page = store.sync_page(at(NOW), range.clone(), plan).await?;
            range = match (range, page.last) {
                (SyncRange::After(..), Some(last)) => SyncRange::After(Some(last), 1),
                _ => break,
            };
        }
    }
    Ok(())
}

async fn decide(store: &Arc<dyn Store>) -> Result<DecidedBatch> {
    // A job that is due again at once is decided again by the next round; one is enough here.
    store
        .decide(after(1), 100, rule(true, |job: &DueJob| fires(job, after(1))))
        .await
}

/// For the odd task itself the operation succeeds, or says what is wrong with its row.
fn of_the_odd_one<T>(what: &str, outcome: Result<T>) {
    match outcome {
        Ok(_) | Err(StoreError::Corrupt { .. }) => {}
        Err(error) => panic!("{what} of the odd task: {error:?}"),
    }
}

/// All that is done for the healthy task, beside all that is done for the odd one.
async fn goes_on(h: &Harness) {
    let store = &h.store;
    let odd = i32::try_from(ODD).unwrap();
    let of_well = |sql: &str| format!("{sql} WHERE task_id = {WELL}");

    store.ping().await.unwrap();
    store.synced_before().await.unwrap();
    store.other_instances().await.unwrap();
    assert!(!store.paused().await.unwrap());

    // Listed.
    let listed = |jobs: Vec<ListedJob>| jobs.iter().filter(|job| job.task_id == WELL).count();
    assert_eq!(listed(store.list_jobs(true).await.unwrap()), 2);
    assert!(store.next_runs().all().await.unwrap().len() >= 2);

    // Taken over.
    let adopt = Arc::new(|_: &OpenRun| TakeOver::Adopt);
    let owners = vec![format!("gone{WELL}"), format!("gone{ODD}")];
    let taken = store.take_over(at(NOW), owners, true, adopt).await.unwrap();
    let waiting: Vec<_> = taken.iter().filter(|run| run.task_id == WELL).collect();
    assert_eq!(waiting.len(), 1);

    // Sent, in one batch with those of the odd one.
    let mut batch: Vec<(i64, i64)> = Vec::new();
    for line in h
        .place
        .lines("SELECT key, fence FROM scheduler_run WHERE state = 'queued' ORDER BY key")
        .await
    {
        let (key, fence) = line.split_once('|').unwrap();
        batch.push((key.parse().unwrap(), fence.parse().unwrap()));
    }
    let begun = store.begin_sends(at(NOW), batch).await.unwrap();
    assert_eq!(begun.iter().filter(|run| run.task_id == WELL).count(), 2);

    // Settled, in one batch: one ends, one waits again.
    let settlements = begun.iter().enumerate().map(|(place, run)| {
        run.settlement(if place % 2 == 0 {
            Outcome::Failed {
                reason: "refused".into(),
            }
        } else {
            requeued(false)
        })
    });
    store.settle(at(NOW), settlements.collect()).await.unwrap();
    let open = "SELECT count(*) FROM scheduler_run WHERE state = 'sending'";
    let under_way = format!("{open} AND task_id = {WELL}");
    assert_eq!(h.place.lines(&under_way).await, ["1"], "all but the first");

    // Published, in one batch, before what is due is decided and after.
    let both = vec![odd, WELL];
    store.publish_next_runs(at(NOW), both.clone()).await.unwrap();

    // Decided.
    let decided = decide(store).await.unwrap();
    assert_eq!(decided.runs.iter().filter(|run| run.task_id == WELL).count(), 2);
    let again = store.decide(at(NOW), 100, rule(true, |job: &DueJob| fires(job, at(NOW))));
    let again = again.await.unwrap();
    assert_eq!(again.runs.len(), 0, "nothing is left due");
    assert!(
        again.next_due.is_none_or(|next| next > at(NOW)),
        "the loop must not come back at once"
    );

    store.publish_next_runs(at(NOW), both).await.unwrap();
    let published = h
        .place
        .lines(&format!("SELECT next_run IS NULL FROM task WHERE id = {WELL}"))
        .await;
    assert!(["0", "f"].contains(&published[0].as_str()), "{published:?}");

    // Synced: its two stored jobs differ from what its project asks for.
    sync(store).await.unwrap();
    let kinds = h
        .place
        .lines(&(of_well("SELECT kind FROM scheduler_job") + " ORDER BY kind"))
        .await;
    assert_eq!(kinds, ["cron", "delayed", "interval", "one_off"]);

    // Asked for.
    let name = |task: &'static str| Arc::new(move |_: &TaskRow| format!("{task}-run"));
    let run = store
        .begin_manual_run(at(NOW), WELL, name("8"))
        .await
        .unwrap()
        .unwrap();
    of_the_odd_one("a run", store.begin_manual_run(at(NOW), odd, name("7")).await);
    let delivered = run.settlement(Outcome::Delivered { took: 1 });
    store.settle(at(NOW), vec![delivered]).await.unwrap();

    // Added and deleted.
    let done = Replaced::Done;
    assert_eq!(store.replace_jobs(at(NOW), WELL, planner()).await.unwrap(), done);
    of_the_odd_one("add", store.replace_jobs(at(NOW), odd, planner()).await);
    let delayed = |task: i32| -> JobPlanner {
        Arc::new(move |_: &TaskRow| {
            Ok(vec![NewJob {
                kind: JobKind::Delayed,
                ..job(&format!("d{task}"), task, Some(after(60)))
            }])
        })
    };
    assert_eq!(store.add_jobs(at(NOW), WELL, delayed(WELL)).await.unwrap(), done);
    of_the_odd_one("a delayed run", store.add_jobs(at(NOW), odd, delayed(odd)).await);
    store.remove_jobs(at(NOW), WELL).await.unwrap();
    store.remove_jobs(at(NOW), odd).await.unwrap();
    let left = of_well("SELECT count(*) FROM scheduler_job");
    assert_eq!(h.place.lines(&left).await, ["0"]);

    // What was done to it is in its log, and what goes through all rows goes through.
    let told = of_well("SELECT count(*) FROM task_log");
    assert!(h.place.lines(&told).await[0].parse::<i64>().unwrap() > 10);
    store.remove_orphans(at(NOW)).await.unwrap();
    assert_eq!(store.replace_jobs(at(NOW), WELL, planner()).await.unwrap(), done);
    store.remove_all_jobs(at(NOW)).await.unwrap();
    let left = h.place.lines("SELECT count(*) FROM scheduler_job").await;
    assert_eq!(left, ["0"], "whatever their ids");
    store.delete_old_runs(after(0), 100).await.unwrap();
}

/// Puts a value in and sees that all goes on; false where the database does not take it.
async fn try_one(h: &Harness, poison: &str) -> bool {
    h.place
        .run(&format!("{CLEARED} {} {}", rows(ODD, ODD), rows(WELL.into(), 8)))
        .await;
    let taken = h.place.try_run(poison).await;
    if taken {
        // Shown where the test fails.
        println!("{poison}");
        goes_on(h).await;
    }
    taken
}

async fn try_all(h: Harness, columns: &[(&str, &str, Holds)]) {
    for (table, column, holds) in columns {
        let (values, mut taken) = (values(&h.place, *holds), 0);
        for poison in values.iter().flat_map(|value| poisons(table, column, value)) {
            taken += usize::from(try_one(&h, &poison).await);
        }
        // PostgreSQL alone gives out such keys.
        let given_out = *column == "key" && h.place.is_postgres();
        assert!(
            taken > 0 || values.is_empty() || given_out,
            "{table}.{column} took nothing"
        );
    }
}

/// em_web's columns as wide as they may be, so that they can hold more than em_web would put there.
async fn widened(h: &Harness) {
    if !h.place.is_postgres() {
        return;
    }
    for (table, column, holds) in EM_WEBS {
        let wide = match holds {
            Integer | Whole => "bigint",
            Text => "text",
            _ => continue,
        };
        h.place
            .run(&format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE {wide}"))
            .await;
    }
}

async fn no_value_of_a_project_stops_another_task(h: Harness) {
    of_em_web(h, |table| table == "project").await;
}

async fn no_value_of_a_task_stops_another_task(h: Harness) {
    of_em_web(h, |table| table != "project").await;
}

async fn of_em_web(h: Harness, which: impl Fn(&str) -> bool) {
    widened(&h).await;
    // Statements were planned for the types there were.
    let h = h.reopened().await;
    let columns: Vec<_> = EM_WEBS.into_iter().filter(|(table, ..)| which(table)).collect();
    try_all(h, &columns).await;
}

async fn no_value_of_ours_stops_another_task(h: Harness) {
    try_all(h, &OURS).await;
}

async fn a_run_that_cannot_be_read_is_told_once_in_its_task_s_log(h: Harness) {
    // It is told once in a process, and the other database's test may run in the same.
    let kind = if h.place.is_postgres() { "odd" } else { "strange" };
    h.place
        .run(&format!(
            "{CLEARED} {} UPDATE scheduler_run SET kind = '{kind}' WHERE scheduled_for = 3",
            rows(ODD, ODD)
        ))
        .await;
    for _ in 0..2 {
        let adopt = Arc::new(|_: &OpenRun| TakeOver::Adopt);
        let taken = h
            .store
            .take_over(at(NOW), vec![format!("gone{ODD}")], true, adopt);
        assert_eq!(taken.await.unwrap(), []);
    }
    let told = h
        .place
        .lines("SELECT task_id, error, message FROM task_log")
        .await;
    let reason = format!("table scheduler_run, row 7-7-cron, column kind: {kind:?} is no kind of job");
    assert_eq!(
        told,
        [format!(
            "7|1|A run is passed over, for its row cannot be read: {reason}"
        )]
    );
}

async fn what_is_written_goes_on_without_the_rows_of_task_status(h: Harness) {
    h.place
        .run(&format!("{CLEARED} {} {}", rows(ODD, ODD), rows(WELL.into(), 8)))
        .await;
    for (status, of) in [(6, "task_log"), (2, "task")] {
        // Where rows refer to it, PostgreSQL keeps it.
        let gone = format!(
            "UPDATE task_status SET id = 3000000 + id WHERE id = {status};
             UPDATE {of} SET status_id = NULL WHERE status_id = {status}"
        );
        assert!(h.place.try_run(&gone).await, "{status}");
    }
    let run = h
        .store
        .begin_sends(at(NOW), vec![(queued(&h).await, 1)])
        .await
        .unwrap();
    let failed = run[0].settlement(refused());
    h.store.settle(at(NOW), vec![failed]).await.unwrap();
    assert_eq!(decide(&h.store).await.unwrap().runs.len(), 4);
    sync(&h.store).await.unwrap();
    let kinds = format!("SELECT count(*) FROM scheduler_job WHERE task_id = {WELL}");
    assert_eq!(h.place.lines(&kinds).await, ["4"]);
    // A start says what is missing.
    let Harness { store, place } = h;
    drop(store);
    let error = place.open(ME).await.err().unwrap().to_string();
    assert!(
        error.contains("row 2 of task_status, row 6 of task_status"),
        "{error}"
    );
}

/// The key of the healthy task's run that waits.
async fn queued(h: &Harness) -> i64 {
    let key = format!("SELECT key FROM scheduler_run WHERE task_id = {WELL} AND scheduled_for = 1");
    h.place.lines(&key).await[0].parse().unwrap()
}

async fn a_version_beyond_all_numbers_is_that_of_a_newer_program(h: Harness) {
    let Harness { store, place } = h;
    drop(store);
    let version = if place.is_postgres() {
        "2147483647"
    } else {
        "9223372036854775807"
    };
    place
        .run(&format!("INSERT INTO scheduler_schema VALUES ({version}, 0)"))
        .await;
    let error = place.open(ME).await.err().unwrap().to_string();
    assert!(error.contains("newer program"), "{error}");
}

async fn the_scheduler_is_paused_by_any_number_but_0(h: Harness) {
    h.place.run(&format!("{CLEARED} {}", rows(WELL.into(), 8))).await;
    for value in ["-1", "3000000000", "-9223372036854775808"] {
        h.store.set_paused(at(NOW), true).await.unwrap();
        h.place
            .run(&format!(
                "UPDATE scheduler_state SET value = {value} WHERE name = 'paused'"
            ))
            .await;
        assert!(h.store.paused().await.unwrap(), "{value}");
        assert!(decide(&h.store).await.unwrap().paused);
        h.store.set_paused(at(NOW), false).await.unwrap();
        assert!(!h.store.paused().await.unwrap());
    }
    assert_eq!(decide(&h.store).await.unwrap().runs.len(), 2);
}

/// The columns of our tables as the database knows them, and those of em_web's as the store asks for them.
async fn every_column_that_is_read_is_tried(h: Harness) {
    let ours = if h.place.is_postgres() {
        "SELECT table_name || '.' || column_name FROM information_schema.columns
         WHERE table_schema = 'em_scheduler'"
    } else {
        "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
         WHERE m.type = 'table' AND m.name LIKE 'scheduler_%'"
    };
    let named = |columns: &[(&str, &str, Holds)]| -> BTreeSet<String> {
        let columns = columns.iter();
        columns
            .map(|(table, column, _)| format!("{table}.{column}"))
            .collect()
    };
    let there: BTreeSet<String> = h.place.lines(ours).await.into_iter().collect();
    let mut listed = named(&OURS);
    if h.place.is_postgres() {
        listed.extend(DEFERRED.map(|column| format!("scheduler_deferred.{column}")));
    }
    assert_eq!(there, listed);

    // An em_web database whose tables lack everything is told all that is missing.
    let Harness { store, place } = h;
    drop(store);
    place.run(&format!("{CLEARED} DROP TABLE task_log")).await;
    let bare = ["project", "task", "task_log", "task_status"];
    let cascade = if place.is_postgres() { " CASCADE" } else { "" };
    for table in bare {
        place
            .run(&format!(
                "DROP TABLE IF EXISTS {table}{cascade}; CREATE TABLE {table} (bare INTEGER)"
            ))
            .await;
    }
    let error = place.open(ME).await.err().unwrap().to_string();
    let missing: BTreeSet<String> = error
        .split("column ")
        .skip(1)
        .filter_map(|part| part.split(' ').next().map(str::to_owned))
        .collect();
    assert_eq!(missing, named(&EM_WEBS), "{error}");
}
