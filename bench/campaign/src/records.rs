//! What a service left, read from its database into the checker's form.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use triggers::{Kind, UtcMicros, Zone};

use crate::checker::{Event, History, Job, Run, Schedule};
use crate::schedules::{ONE_OFF, Planned};
use crate::site::Site;

/// No longer passes between the planning of a job and its row, in microseconds.
const PLANNING: i64 = 900_000;

impl Site {
    /// Reads everything there is to judge. The service is at rest.
    /// Fails where there is something that no service writes, too.
    pub fn history(&self, horizon: i64) -> anyhow::Result<History> {
        let (jobs, runs) = (self.jobs()?, self.runs()?);
        let one_offs: HashMap<i32, &String> = jobs
            .iter()
            .filter(|(_, job)| job.kind == "one_off")
            .map(|(id, job)| (job.task, id))
            .collect();
        let mut first_runs: HashMap<&str, i64> = HashMap::new();
        for run in &runs {
            let first = first_runs.entry(&run.job_id).or_insert(i64::MAX);
            *first = run.since().min(*first);
        }
        let mut schedules = Vec::new();
        for planned in &self.planned {
            let mut planned = planned.clone();
            if planned.job.ends_with(ONE_OFF) {
                // Where there is none, the checker will miss its run by the name that says so.
                let id = one_offs.get(&planned.task).map(|id| (*id).clone());
                planned.job = id.unwrap_or(planned.job);
            }
            let job = jobs.get(&planned.job);
            let first = first_runs.get(planned.job.as_str()).copied();
            let first = first.into_iter().chain(job.and_then(|job| job.next)).min();
            schedules.push(schedule(&planned, (job.map_or(0, |job| job.created), first))?);
        }
        Ok(History {
            delivery: self.delivery,
            schedules,
            runs,
            jobs,
            events: self.events()?,
            receipts: self.runner.receipts(),
            changes: self.ledger.changes(),
            paused: self
                .database
                .number("SELECT coalesce(max(value), 0) FROM scheduler_state WHERE name = 'paused'")?
                != 0,
            horizon,
            grace: self.grace,
            one_clock: self.one_clock,
            restored: self.restored,
            strictness: self.strictness.clone(),
        })
    }

    fn jobs(&self) -> anyhow::Result<BTreeMap<String, Job>> {
        let jobs = self.database.typed::<Job>(
            "SELECT j.id, j.task_id AS task, j.kind, j.created_at AS created, j.listed, d.next_run_at AS next
             FROM scheduler_job j LEFT JOIN scheduler_due d ON d.job_key = j.key",
        )?;
        Ok(jobs.into_iter().map(|job| (job.id.clone(), job)).collect())
    }

    /// The rows of `scheduler_run`.
    pub fn runs(&self) -> anyhow::Result<Vec<Run>> {
        self.database.typed("SELECT * FROM scheduler_run ORDER BY key")
    }

    fn events(&self) -> anyhow::Result<Vec<Event>> {
        let rows = self
            .database
            .cells::<3>("SELECT task_id, status_date, message FROM task_log ORDER BY id")?;
        rows.into_iter()
            .map(|[task, at, message]| {
                let at: DateTime = at.parse().with_context(|| format!("the time of {message:?}"))?;
                Ok(Event {
                    task: task.parse()?,
                    at: TimeZone::UTC.to_timestamp(at)?.as_microsecond(),
                    message,
                })
            })
            .collect()
    }
}

/// The schedule as it is due. An interval without start begins one period after the moment in which it was planned,
/// which is a little before the one in which it was stored: `first` tells, if it is no more than that.
fn schedule(planned: &Planned, (created, first): (i64, Option<i64>)) -> anyhow::Result<Schedule> {
    let compile = |created| {
        let context = triggers::Context::new(Zone::utc(), UtcMicros::new(created));
        planned.definition.compile(&context)
    };
    let mut trigger = compile(created)?;
    if planned.definition.kind == Kind::Interval
        && planned.definition.start.is_none()
        && let (Some(due), Some(first)) = (trigger.next_fire(None, UtcMicros::new(created)), first)
        && (-PLANNING..=0).contains(&(first - due.get()))
    {
        trigger = compile(created + first - due.get())?;
    }
    Ok(Schedule {
        job: planned.job.clone(),
        task: planned.task,
        trigger,
        created,
        windows: planned.windows.clone(),
    })
}
