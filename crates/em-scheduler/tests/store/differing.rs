//! What the store finds that `job_sync` may have to change: never too little. Random states of em_web's rows and of the
//! stored jobs are shown to the planner whole, and every task it would change must be among those found.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use em_scheduler::em_web::{Pass, SyncPlan, SyncTask};
use em_scheduler::model::{ScheduleRules, TaskId};
use em_scheduler::store::SyncRange;
use em_scheduler::store::postgres::{Portions, PostgresStore};
use triggers::{DstPolicy, Zone};

use super::harness::{Harness, ME, ZONE, after, client, on_postgres, postgres_options};

on_both!(
    whatever_differs_is_found,
    whatever_differs_in_sequences_is_found,
    nothing_is_found_where_all_is_in_order,
    a_range_of_some_tasks_changes_these,
);

/// The ids are some below nothing and some above.
const FIRST_PROJECT: i64 = -10;
const FIRST_TASK: i64 = -20;
/// Borders between the projects compared at once, and between those read at once.
const PORTIONS: Portions = Portions { compared: 7, read: 3 };

const PROJECTS: usize = 30;
const TASKS: usize = 90;
const ROUNDS: u64 = 40;
const CHANGES: u64 = 25;

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    /// One of so many ids.
    fn id(&mut self, first: i64, count: usize) -> i64 {
        first + i64::try_from(self.below(count as u64)).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

fn pass(zone: &str, dst: DstPolicy) -> Pass {
    Pass {
        now: after(0),
        rules: ScheduleRules {
            zone: Zone::named(zone).unwrap(),
            dst,
        },
        grace: 30_000_000,
        served_before: None,
    }
}

/// The tasks that the pass would change, of all.
async fn wanted(h: &Harness, pass: &Pass) -> BTreeSet<TaskId> {
    let wanted: Arc<Mutex<BTreeSet<TaskId>>> = Arc::default();
    let (tell, pass) = (Arc::clone(&wanted), pass.clone());
    let plan = Arc::new(move |task: &SyncTask| {
        if !pass.plan(task).is_empty() {
            tell.lock().unwrap().insert(task.task_id);
        }
        SyncPlan::default()
    });
    h.store
        .sync_page(after(0), SyncRange::After(None, 10_000), plan)
        .await
        .unwrap();
    std::mem::take(&mut *wanted.lock().unwrap())
}

/// The pass as the engine does it, over the tasks found.
async fn carry_out(h: &Harness, pass: &Pass, found: Option<Vec<TaskId>>) {
    let range = found.map_or(SyncRange::After(None, 10_000), SyncRange::Of);
    let pass = pass.clone();
    h.store
        .sync_page(after(0), range, Arc::new(move |task: &SyncTask| pass.plan(task)))
        .await
        .unwrap();
}

async fn find(h: &Harness, pass: &Pass) -> Option<Vec<TaskId>> {
    let usual = h
        .store
        .find_differing(after(0), pass.rules.clone())
        .await
        .unwrap();
    if h.place.is_postgres() {
        let store = PostgresStore::connect(postgres_options(&h.place.url, ME))
            .await
            .unwrap();
        let rules = pass.rules.clone();
        let in_portions = store.find_differing_in(after(0), rules, PORTIONS).await.unwrap();
        assert_eq!(Some(in_portions), usual, "in portions");
    }
    usual
}

/// A project written anew.
fn project(chance: &mut Chance, id: i64, valid: bool) -> String {
    let odd = |value: &'static str, usual: &'static str| if valid { usual } else { value };
    let columns = [
        ("name", chance.one(&["'P'", "NULL", "'Q''s {\"x\"}'", "'Ü'"])),
        ("cron", chance.one(&["1", "0", "NULL", "2"])),
        ("cron_year", chance.one(&["NULL", "NULL", "2026", "2020"])),
        ("cron_month", chance.one(&["NULL", "3", "10"])),
        ("cron_day", chance.one(&["NULL", "29", odd("99", "1")])),
        ("cron_hour", chance.one(&["NULL", "2", "3"])),
        ("cron_min", chance.one(&["0", "30", "59"])),
        ("cron_sec", chance.one(&["0", "17"])),
        (
            "cron_start_date",
            chance.one(&["NULL", "'2026-12-24 18:00:00.5'"]),
        ),
        (
            "cron_end_date",
            chance.one(&["NULL", "NULL", "'2031-01-01 00:00:00'"]),
        ),
        ("intv", chance.one(&["1", "0", "NULL"])),
        (
            "intv_type",
            chance.one(&["'w'", "'d'", odd("'x'", "'h'"), odd("NULL", "'s'")]),
        ),
        ("intv_value", chance.one(&["NULL", "0", "1", "250"])),
        ("intv_start_date", chance.one(&["NULL", "'2025-03-30 02:30:00'"])),
        (
            "intv_end_date",
            chance.one(&["NULL", "NULL", "'2027-03-28 02:30:00'"]),
        ),
        ("ooff", chance.one(&["1", "0", "NULL"])),
        (
            "ooff_date",
            chance.one(&[
                "'2027-07-01 12:00:00'",
                "'2028-02-29 02:02:02.000007'",
                "'2020-01-01 00:00:00'",
                odd("NULL", "'2056-05-05 05:05:05'"),
            ]),
        ),
    ];
    let set: Vec<String> = columns
        .iter()
        .map(|(column, value)| format!("{column} = {value}"))
        .collect();
    format!("UPDATE project SET {} WHERE id = {id};", set.join(", "))
}

/// Something that em_web, a crash, a hand or an older program may have left.
fn change(chance: &mut Chance, infinite: bool) -> String {
    let (task, other, shift) = (
        chance.id(FIRST_TASK, TASKS),
        chance.id(FIRST_PROJECT, PROJECTS),
        chance.below(3),
    );
    let of_task = format!("(SELECT min(key) FROM scheduler_job WHERE task_id = {task})");
    let id = chance.below(1_000_000);
    match chance.below(18) {
        0 => format!(
            "UPDATE task SET enabled = {} WHERE id = {task};",
            chance.one(&["0", "1", "1", "2", "NULL"])
        ),
        1 => format!(
            "UPDATE task SET name = {} WHERE id = {task};",
            chance.one(&["'T'", "NULL", "'T: U'"])
        ),
        2 => format!("UPDATE task SET project_id = {other} WHERE id = {task};"),
        3 => format!("UPDATE task SET project_id = NULL WHERE id = {task};"),
        4 => format!("UPDATE task SET next_run = NULL WHERE id = {task};"),
        5 => format!("UPDATE task SET next_run = '2027-01-01 00:00:00.00000{shift}' WHERE id = {task};"),
        6 => format!("UPDATE task SET est_duration = 3 WHERE id = {task};"),
        7 | 8 => project(chance, other, false),
        9 => format!("DELETE FROM scheduler_due WHERE job_key = {of_task};"),
        10 => format!("DELETE FROM scheduler_job WHERE key = {of_task};"),
        11 => format!("UPDATE scheduler_job SET listed = 0 WHERE key = {of_task};"),
        12 => format!("UPDATE scheduler_job SET name = name || 'x' WHERE key = {of_task};"),
        13 => format!("UPDATE scheduler_job SET definition = definition || ' ' WHERE key = {of_task};"),
        14 => {
            let far = chance.one(&[
                "1",
                "3600000000",
                "15768000000000",
                "946080000000000",
                "-946080000000000",
            ]);
            format!("UPDATE scheduler_due SET next_run_at = next_run_at + {far} WHERE job_key = {of_task};")
        }
        15 => format!(
            "INSERT INTO scheduler_job (id, task_id, project_id, kind, name, definition, created_at)
             VALUES ('d{id}', {task}, {other}, '{}', 'n', '{{}}', 0);
             INSERT INTO scheduler_due (job_key, next_run_at)
             SELECT key, {} FROM scheduler_job WHERE id = 'd{id}';",
            chance.one(&["delayed", "delayed", "cron"]),
            after(i64::try_from(id).unwrap()).get()
        ),
        16 => {
            format!("DELETE FROM scheduler_reported; INSERT INTO scheduler_reported VALUES ({task}, 'old');")
        }
        _ if infinite && shift == 0 => {
            format!("UPDATE project SET cron_end_date = 'infinity' WHERE id = {other};")
        }
        _ if infinite && shift == 1 => format!("UPDATE task SET next_run = '-infinity' WHERE id = {task};"),
        _ => format!("DELETE FROM task_log WHERE task_id = {task}; DELETE FROM task WHERE id = {task};"),
    }
}

async fn fill(h: &Harness, chance: &mut Chance, valid: bool) {
    let mut sql = String::new();
    for id in (FIRST_PROJECT..).take(PROJECTS) {
        sql += &format!("INSERT INTO project (id) VALUES ({id});");
        sql += &project(chance, id, valid);
    }
    for id in (FIRST_TASK..).take(TASKS) {
        let (project, enabled) = (chance.id(FIRST_PROJECT, PROJECTS), chance.below(5).min(1));
        sql += &format!(
            "INSERT INTO task (id, name, project_id, enabled) VALUES ({id}, 'Task {id}', {project}, {enabled});"
        );
    }
    h.place.run(&sql).await;
}

/// What em_web does to sequences.
fn rearrange(chance: &mut Chance) -> String {
    let (task, project) = (chance.id(FIRST_TASK, TASKS), chance.id(FIRST_PROJECT, PROJECTS));
    let (flag, order) = (
        chance.one(&["1", "1", "0", "NULL", "2"]),
        chance.one(&["1", "2", "3", "-1", "NULL"]),
    );
    format!(
        "UPDATE project SET sequence_tasks = {flag} WHERE id = {project};
         UPDATE task SET \"order\" = {order} WHERE id = {task};"
    )
}

async fn whatever_differs_is_found(h: Harness) {
    let chance = &mut Chance(0x5eed);
    fill(&h, chance, false).await;
    whatever_differs(&h, chance, |_| String::new()).await;
}

async fn whatever_differs_in_sequences_is_found(h: Harness) {
    let h = h.migrated().await;
    let chance = &mut Chance(0x5e9);
    fill(&h, chance, false).await;
    let first: String = (0..50).map(|_| rearrange(chance)).collect();
    h.place.run(&first).await;
    whatever_differs(&h, chance, |chance| (0..5).map(|_| rearrange(chance)).collect()).await;
}

async fn whatever_differs(h: &Harness, chance: &mut Chance, more: impl Fn(&mut Chance) -> String) {
    let ours = pass(ZONE, DstPolicy::Once);
    let (mut differed, mut passed_over) = (0, 0);
    for round in 0..ROUNDS {
        for pass in [
            &ours,
            &pass(ZONE, DstPolicy::Literal),
            &pass("Asia/Tokyo", DstPolicy::Once),
        ] {
            let wanted = wanted(h, pass).await;
            differed += wanted.len();
            if let Some(found) = find(h, pass).await {
                let found: BTreeSet<TaskId> = found.into_iter().collect();
                let missed: Vec<&TaskId> = wanted.difference(&found).collect();
                assert!(missed.is_empty(), "round {round}: {missed:?}");
                passed_over += TASKS.saturating_sub(found.len());
            }
        }
        carry_out(h, &ours, find(h, &ours).await).await;
        assert_eq!(
            wanted(h, &ours).await,
            BTreeSet::new(),
            "round {round}: a second pass"
        );
        let mut sql = more(chance);
        for _ in 0..CHANGES {
            sql += &change(chance, h.place.is_postgres());
        }
        h.place.run(&sql).await;
    }
    // Neither would be shown by states that always or never differ.
    assert!(differed > 1_000, "{differed}");
    assert!(passed_over > 500 || !h.place.is_postgres(), "{passed_over}");
}

async fn nothing_is_found_where_all_is_in_order(h: Harness) {
    let h = h.migrated().await;
    let chance = &mut Chance(0xc0de);
    fill(&h, chance, true).await;
    let sequences: String = (0..50).map(|_| rearrange(chance)).collect();
    h.place.run(&sequences).await;
    let ours = pass(ZONE, DstPolicy::Once);
    carry_out(&h, &ours, find(&h, &ours).await).await;
    // Offsets are sent along for a year back and twenty ahead; what is due beyond is looked at by the planner.
    let far = format!(
        "SELECT j.task_id FROM scheduler_job j JOIN scheduler_due d ON d.job_key = j.key
         WHERE d.next_run_at NOT BETWEEN {} AND {}",
        after(-366 * 86_400).get(),
        after(20 * 366 * 86_400).get()
    );
    let far: BTreeSet<TaskId> = h
        .place
        .lines(&far)
        .await
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
    let found = find(&h, &ours).await;
    assert_eq!(found.is_some(), h.place.is_postgres());
    let found: BTreeSet<TaskId> = found.into_iter().flatten().collect();
    assert_eq!(found.difference(&far).collect::<Vec<_>>(), Vec::<&TaskId>::new());
}

async fn a_range_of_some_tasks_changes_these(h: Harness) {
    fill(&h, &mut Chance(0xf00d), true).await;
    h.place.run("UPDATE task SET enabled = 0, est_duration = 1").await;
    let ours = pass(ZONE, DstPolicy::Once);
    carry_out(&h, &ours, Some(vec![2, 3, 5, 1_000])).await;
    let cleared = h
        .place
        .lines("SELECT id FROM task WHERE est_duration IS NULL ORDER BY id")
        .await;
    assert_eq!(cleared, ["2", "3", "5"]);
}

#[test]
fn a_comparison_given_up_keeps_nobody_waiting() {
    on_postgres(async |h| {
        fill(&h, &mut Chance(0xbeef), true).await;
        let em_web = client(&h.place.url).await;
        em_web.batch_execute("BEGIN; LOCK TABLE project").await.unwrap();
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let store = Arc::clone(&h.store);
        let comparing = tokio::spawn(async move {
            store
                .find_differing(after(0), pass(ZONE, DstPolicy::Once).rules)
                .await
        });
        h.place.until(waiting, "1").await;
        comparing.abort();
        assert!(comparing.await.unwrap_err().is_cancelled());
        // Before the server's own patience of 5 s with a lock ends it.
        let soon = std::time::Duration::from_secs(3);
        let next = tokio::time::timeout(soon, async {
            h.store.synced_before().await.unwrap();
            h.place.until(waiting, "0").await;
        });
        assert!(
            next.await.is_ok(),
            "the next caller waits behind what was given up"
        );
    });
}

#[test]
fn a_task_with_an_id_larger_than_em_webs_stops_no_pass() {
    on_postgres(async |h| {
        h.place.run("ALTER TABLE task ALTER COLUMN id TYPE bigint").await;
        let h = Harness {
            store: h.place.open(ME).await.unwrap(),
            place: h.place,
        };
        fill(&h, &mut Chance(0xb16), true).await;
        h.place
            .run("INSERT INTO task (id, name, enabled, est_duration) VALUES (2147483648, 'large', 0, 1), (3, 'three', 0, 1)
                  ON CONFLICT (id) DO UPDATE SET enabled = 0, est_duration = 1")
            .await;
        let ours = pass(ZONE, DstPolicy::Once);
        let found = find(&h, &ours).await;
        assert!(
            found.as_ref().is_some_and(|found| found.contains(&3)),
            "{found:?}"
        );
        carry_out(&h, &ours, found).await;
        carry_out(&h, &ours, None).await;
        // The page after the last, which tells of it.
        let none = SyncRange::After(Some(TaskId::MAX), 10);
        let page = h
            .store
            .sync_page(after(0), none, Arc::new(|_: &SyncTask| SyncPlan::default()));
        assert_eq!(page.await.unwrap().last, None);
        let left = h
            .place
            .lines("SELECT id FROM task WHERE est_duration IS NOT NULL")
            .await;
        assert_eq!(left, ["2147483648"]);
    });
}
