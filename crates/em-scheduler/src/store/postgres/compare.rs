//! Which tasks `job_sync` may have to change, found out in the database: a million tasks that are in order stay there.
//!
//! What a project asks for is worked out here, by the very functions that plan a task, and sent to the database, which
//! compares it with the stored jobs of all tasks at once. The comparison is one way only: a task that it passes over
//! is in order, one that it finds is looked at again by the planner, which decides. So what is rare (delayed runs,
//! projects that are invalid, times far away) is found without being judged here.

use triggers::{UtcMicros, Zone};

use super::rows;
use super::tx::{Tx, storable};
use crate::em_web::{ProjectRow, Sequences, definitions_of, display_prefix};
use crate::model::{JobKind, ScheduleRules, TaskId};
use crate::store::{Result, passed_over};

/// In what portions projects are gone through.
#[derive(Debug, Clone, Copy)]
pub struct Portions {
    /// Projects compared by one statement: what they ask for is held in memory meanwhile. Each statement may go through
    /// the whole of `task`, of which em_web has no index by project.
    pub compared: usize,
    /// Projects read by one statement. The engine's loop has its turn while the server is asked, so working out what they
    /// ask for must be short.
    pub read: usize,
}

impl Default for Portions {
    fn default() -> Self {
        Self {
            compared: 50_000,
            read: 500,
        }
    }
}

/// Microseconds before and after now for which the offsets of the zone are sent along: a year and twenty.
const PAST: i64 = 366 * 86_400_000_000;
const FUTURE: i64 = 20 * PAST;

/// For these statements alone: the time that ten million tasks may take, memory to join a million without files, and
/// as many of the server's workers as it grants, though the planner expects many more rows than there mostly are.
const SETTINGS: &str =
    "SELECT set_config('statement_timeout', '280s', true), set_config('work_mem', '64MB', true),
     set_config('parallel_tuple_cost', '0', true)";

/// An instant on the walls of the zone, by its offsets and the instants from which on they hold.
macro_rules! on_the_wall {
    ($instant:literal, $from:literal, $offsets:literal) => {
        concat!(
            "timestamp '1970-01-01' + (",
            $instant,
            " + (",
            $offsets,
            "::int8[])[width_bucket(",
            $instant,
            ", ",
            $from,
            "::int8[])]) * interval '1 microsecond'"
        )
    };
}

/// The tasks of a range of projects (after `$1` to `$2`, those without project with the last), each row with one of its
/// jobs, that are not in order: what the null of a comparison leaves open is not in order either. The projects are
/// `$3` ids, `$4` whether it can be read, `$5` how many triggers it has (null: they are invalid), `$6` the beginning of
/// the names of its jobs, `$7` to `$9` their definitions; `$10` and `$11` are the offsets of the zone from an instant on.
///
/// Of a task with several jobs the next run is left to [`several`]. `$12` is whether a project is a sequence; where
/// none is, nothing is asked about that.
fn one_by_one(sequences: Sequences) -> String {
    let follows = sequences.follows("p.sequence");
    [ONE_BY_ONE.0, &follows, ONE_BY_ONE.1].concat()
}

const ONE_BY_ONE: (&str, &str) = (
    "
    SELECT array_agg(t.id::int8) FROM task t
    LEFT JOIN unnest($3::int8[], $4::bool[], $5::int8[], $6::text[], $7::text[], $8::text[], $9::text[], $12::bool[])
         AS p (id, readable, triggers, prefix, cron, intv, one_off, sequence) ON p.id = t.project_id
    LEFT JOIN em_scheduler.scheduler_job j ON j.task_id = t.id
    LEFT JOIN em_scheduler.scheduler_due d ON d.job_key = j.key
    WHERE ($1::int8 IS NULL OR t.project_id > $1::int8 OR ($2::int8 IS NULL AND t.project_id IS NULL))
      AND ($2::int8 IS NULL OR t.project_id <= $2::int8)
      AND (CASE
        WHEN t.id NOT BETWEEN -2147483648 AND 2147483647 THEN false
        WHEN isfinite(t.next_run) IS FALSE OR p.readable IS FALSE THEN false
        WHEN t.enabled = 1 THEN CASE
          WHEN ",
    concat!(
        " THEN j.key IS NULL
          WHEN j.key IS NULL THEN p.triggers = 0
          ELSE j.project_id = p.id
            AND CASE j.kind WHEN 'cron' THEN p.cron WHEN 'interval' THEN p.intv WHEN 'one_off' THEN p.one_off END
                = j.definition COLLATE \"C\"
            AND p.prefix || coalesce(t.name, '') = j.name COLLATE \"C\"
            AND (p.triggers > 1 OR d.next_run_at IS NULL OR t.next_run = ",
        on_the_wall!("d.next_run_at", "$10", "$11"),
        ")
          END
        ELSE j.key IS NULL AND t.next_run IS NULL AND t.est_duration IS NULL
      END) IS NOT TRUE"
    ),
);

/// The enabled tasks of those projects that have several triggers, `$1` with their number `$2`, which lack a job, or
/// whose next run is not the earliest of their jobs'; `$3` and `$4` are the offsets of the zone, `$5` is whether a project
/// is a sequence: those of its tasks that follow another one are left to [`one_by_one`].
fn several(sequences: Sequences) -> String {
    let follows = sequences.follows("p.sequence");
    [SEVERAL.0, &follows, SEVERAL.1].concat()
}

const SEVERAL: (&str, &str) = (
    "
    SELECT array_agg(s.id) FROM (
      SELECT t.id::int8 AS id FROM unnest($1::int8[], $2::int8[], $5::bool[]) AS p (id, triggers, sequence)
      JOIN task t ON t.project_id = p.id
      LEFT JOIN em_scheduler.scheduler_job j ON j.task_id = t.id
      LEFT JOIN em_scheduler.scheduler_due d ON d.job_key = j.key
      WHERE t.enabled = 1 AND NOT ",
    concat!(
        " GROUP BY t.id, t.next_run, p.triggers
      HAVING (count(j.key) = p.triggers AND (min(d.next_run_at) IS NULL OR t.next_run = ",
        on_the_wall!("min(d.next_run_at)", "$3", "$4"),
        ")) IS NOT TRUE
    ) AS s"
    ),
);

pub(super) async fn find_differing(
    tx: &Tx<'_>,
    rules: &ScheduleRules,
    portions: Portions,
) -> Result<Vec<TaskId>> {
    tx.wide();
    tx.later(SETTINGS, Vec::new());
    let (from, offsets) = offsets(&rules.zone, tx.now);
    let mut found: Vec<i64> = Vec::new();
    let mut after: Option<i64> = None;
    loop {
        let (asked, last) = read(tx, after, (rules, portions)).await?;
        let Asked {
            ids,
            readable,
            triggers,
            prefixes,
            crons,
            intervals,
            one_offs,
            sequences,
        } = &asked;
        let known = asked.sequences_known(tx.reading.sequences);
        let [differing] = tx
            .together([(
                &one_by_one(known),
                &[
                    &after, &last, ids, readable, triggers, prefixes, crons, intervals, one_offs, &from,
                    &offsets, sequences,
                ],
            )])
            .await?;
        collect(&differing, &mut found)?;
        let (ids, (triggers, sequences)) = asked.several();
        if !ids.is_empty() {
            let [differing] = tx
                .together([(&several(known), &[&ids, &triggers, &from, &offsets, &sequences])])
                .await?;
            collect(&differing, &mut found)?;
        }
        if last.is_none() {
            break;
        }
        after = last;
    }
    // What was reported must be forgotten where it is well again.
    let reported = "SELECT array_agg(task_id::int8) FROM em_scheduler.scheduler_reported";
    collect(&tx.rows(reported, &[]).await?, &mut found)?;
    found.sort_unstable();
    found.dedup();
    let (fitting, others): (Vec<i64>, Vec<i64>) =
        found.into_iter().partition(|id| TaskId::try_from(*id).is_ok());
    if let Some(first) = others.first() {
        passed_over::tell_tasks(others.len(), *first);
    }
    fitting.into_iter().map(rows::fitting).collect()
}

/// What the next projects ask for, and the last of them if there may be more.
async fn read(
    tx: &Tx<'_>,
    after: Option<i64>,
    (rules, portions): (&ScheduleRules, Portions),
) -> Result<(Asked, Option<i64>)> {
    let mut asked = Asked::default();
    let (mut last, mut left) = (after, portions.compared);
    while left > 0 {
        let limit = left.min(portions.read);
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = tx
            .rows(&tx.reading.next_projects, &[&last.unwrap_or(i64::MIN), &most])
            .await?;
        for row in &rows {
            let id: i64 = row.try_get(0)?;
            // An id that is too large for em_web is the planner's business, like every project not named here.
            if let Ok(id) = i32::try_from(id) {
                asked.take(id, rows::project_row(row, id), rules);
            }
            last = Some(id);
        }
        if rows.len() < limit {
            return Ok((asked, None));
        }
        left -= limit;
    }
    Ok((asked, last))
}

fn collect(answer: &[tokio_postgres::Row], found: &mut Vec<i64>) -> Result<()> {
    for row in answer {
        found.extend(row.try_get::<_, Option<Vec<i64>>>(0)?.unwrap_or_default());
    }
    Ok(())
}

/// What projects ask for, a column for each parameter.
#[derive(Default)]
struct Asked {
    ids: Vec<i64>,
    readable: Vec<bool>,
    triggers: Vec<Option<i64>>,
    prefixes: Vec<Option<String>>,
    crons: Vec<Option<String>>,
    intervals: Vec<Option<String>>,
    one_offs: Vec<Option<String>>,
    sequences: Vec<bool>,
}

impl Asked {
    fn take(&mut self, id: i32, project: Result<ProjectRow>, rules: &ScheduleRules) {
        let project = project.ok();
        let definitions = project
            .as_ref()
            .and_then(|project| definitions_of(project, rules).ok());
        self.ids.push(i64::from(id));
        self.readable.push(project.is_some());
        self.sequences
            .push(project.as_ref().is_some_and(|project| project.sequence));
        self.triggers
            .push(definitions.as_ref().and_then(|all| i64::try_from(all.len()).ok()));
        self.prefixes
            .push(project.as_ref().map(|project| storable(display_prefix(project))));
        let of_kind = |wanted: JobKind| {
            let all = definitions.iter().flatten();
            all.filter(|(kind, _)| *kind == wanted)
                .map(|(_, text)| text.clone())
                .next()
        };
        self.crons.push(of_kind(JobKind::Cron));
        self.intervals.push(of_kind(JobKind::Interval));
        self.one_offs.push(of_kind(JobKind::OneOff));
    }

    /// What is to be asked about sequences: nothing where no project is one.
    fn sequences_known(&self, model: Sequences) -> Sequences {
        if self.sequences.contains(&true) {
            model
        } else {
            Sequences::Unknown
        }
    }

    /// The projects with more than one trigger, how many each has, and whether it is a sequence.
    fn several(&self) -> (Vec<i64>, (Vec<i64>, Vec<bool>)) {
        let projects = self.ids.iter().zip(&self.triggers).zip(&self.sequences);
        projects
            .filter_map(|((id, triggers), sequence)| {
                Some((*id, (triggers.filter(|count| *count > 1)?, *sequence)))
            })
            .unzip()
    }
}

/// The offsets of the zone in microseconds, each with the instant from which on it holds; none from the last on.
fn offsets(zone: &Zone, now: UtcMicros) -> (Vec<i64>, Vec<Option<i64>>) {
    let (mut from, mut offsets) = (Vec::new(), Vec::new());
    let mut at = now.saturating_add(-PAST);
    let end = now.saturating_add(FUTURE);
    loop {
        let (offset, until) = zone.steady(at);
        from.push(at.get());
        offsets.push(Some(offset));
        match until {
            Some(until) if until < end => at = until,
            _ => break,
        }
    }
    from.push(end.get());
    offsets.push(None);
    (from, offsets)
}
