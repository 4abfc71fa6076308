//! From a project's columns to the jobs of one of its tasks. Pure: what is wanted, not what is stored.
//!
//! Used by the API (add), by `job_sync` (compare) and by `check`.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};
use triggers::{Context, Definition, Hazard, Kind, Trigger, TriggerError, UtcMicros, WallMicros};

use super::{ProjectRow, TaskRow};
use crate::model::{Corrupt, JobKind, NewJob, ScheduleRules, TaskId};

/// Why a task cannot be scheduled, naming the column and its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// `task.project_id` is null or names no row.
    #[error("task {0} has no project")]
    NoProject(TaskId),
    /// `intv_type` is null or another letter.
    #[error("project {project}: intv_type is {found}, allowed are w, d, h, m and s")]
    UnknownUnit {
        /// `project.id`.
        project: i32,
        /// What stands there, quoted; or null.
        found: String,
    },
    /// `ooff` is 1, and `ooff_date` is null.
    #[error("project {0}: ooff is 1 but ooff_date is null")]
    NoDate(i32),
    /// A trigger that cannot be had.
    #[error("project {project}, {} trigger: {source}", kind.as_str())]
    Trigger {
        /// `project.id`.
        project: i32,
        /// Which of its triggers.
        kind: JobKind,
        /// Why.
        source: Box<TriggerError>,
    },
    /// A value of the task or its project that cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Corrupt),
}

/// A job that an active trigger of the project asks for.
#[derive(Debug, Clone)]
pub struct WantedJob {
    /// The job's id, the same for ever for the same trigger.
    pub id: String,
    /// Which trigger it is.
    pub kind: JobKind,
    /// `<project>: <task>`.
    pub name: String,
    /// The trigger as JSON text.
    pub definition: String,
    task_id: TaskId,
    project_id: i32,
    parsed: Definition,
}

/// The columns of a cron in the order of [`ProjectRow::cron_fields`], and the fields of the trigger they fill.
const CRON_FIELDS: [&str; 8] = [
    "year",
    "month",
    "week",
    "day",
    "day_of_week",
    "hour",
    "minute",
    "second",
];

/// `intv_type` and the unit it stands for.
const UNITS: [(&str, &str); 5] = [
    ("w", "weeks"),
    ("d", "days"),
    ("h", "hours"),
    ("m", "minutes"),
    ("s", "seconds"),
];

/// What a null or zero `intv_value` means: 999 of the unit, as the original reads it.
const INTERVAL_VALUE_IF_NONE: i64 = 999;

/// The jobs that the active triggers of the task's project ask for; none for a project without active trigger, and none
/// for a task that follows another one in a sequence (rule F11).
///
/// # Errors
/// A task without project, an interval of unknown unit, a one-off without date. The triggers themselves are judged
/// by [`WantedJob::first`], so that unchanged ones need not be compiled again.
pub fn jobs_of(task: &TaskRow, rules: &ScheduleRules) -> Result<Vec<WantedJob>, InvalidSchedule> {
    let Some(project) = &task.project else {
        return Err(InvalidSchedule::NoProject(task.id));
    };
    if task.follows {
        return Ok(Vec::new());
    }
    let name = display_name(project, task);
    let wanted = triggers_of(project, rules)?.into_iter();
    let wanted = wanted.map(|(kind, parsed)| WantedJob {
        id: job_id(project, task.id, kind),
        kind,
        name: name.clone(),
        definition: definition_text(&parsed),
        task_id: task.id,
        project_id: project.id,
        parsed,
    });
    Ok(wanted.collect())
}

/// The same, as they are stored when added at `now`.
///
/// # Errors
/// As for [`jobs_of`] and [`WantedJob::first`].
pub fn first_runs(
    task: &TaskRow,
    now: UtcMicros,
    rules: &ScheduleRules,
) -> Result<Vec<NewJob>, InvalidSchedule> {
    let wanted = jobs_of(task, rules)?;
    wanted.iter().map(|job| job.first(now, rules)).collect()
}

/// The definitions that the jobs of any task of this project have, by kind, as text.
///
/// # Errors
/// As for [`jobs_of`].
pub fn definitions_of(
    project: &ProjectRow,
    rules: &ScheduleRules,
) -> Result<Vec<(JobKind, String)>, InvalidSchedule> {
    let triggers = triggers_of(project, rules)?.into_iter();
    Ok(triggers
        .map(|(kind, parsed)| (kind, definition_text(&parsed)))
        .collect())
}

/// The active triggers of a project, at most one of each kind.
fn triggers_of(
    project: &ProjectRow,
    rules: &ScheduleRules,
) -> Result<Vec<(JobKind, Definition)>, InvalidSchedule> {
    let mut triggers = Vec::new();
    if project.cron {
        let fields = CRON_FIELDS
            .iter()
            .zip(project.cron_fields)
            .filter_map(|(name, value)| Some(((*name).to_owned(), Value::from(value?))));
        let dates = [project.cron_start, project.cron_end];
        let cron = definition(Kind::Cron, fields.collect(), rules, dates);
        triggers.push((JobKind::Cron, cron));
    }
    if project.interval {
        let kind = project.interval_type.as_deref();
        let Some((_, unit)) = UNITS.iter().find(|(letter, _)| Some(*letter) == kind) else {
            let found = kind.map_or("null".to_owned(), |text| format!("{text:?}"));
            return Err(InvalidSchedule::UnknownUnit {
                project: project.id,
                found,
            });
        };
        let value = match project.interval_value {
            None | Some(0) => INTERVAL_VALUE_IF_NONE,
            Some(value) => value,
        };
        let fields = BTreeMap::from([((*unit).to_owned(), Value::from(value))]);
        let dates = [project.interval_start, project.interval_end];
        let interval = definition(Kind::Interval, fields, rules, dates);
        triggers.push((JobKind::Interval, interval));
    }
    if project.one_off {
        let Some(date) = project.one_off_date else {
            return Err(InvalidSchedule::NoDate(project.id));
        };
        let fields = BTreeMap::from([("run_date".to_owned(), Value::from(date.to_string()))]);
        let one_off = definition(Kind::Date, fields, rules, [None, None]);
        triggers.push((JobKind::OneOff, one_off));
    }
    Ok(triggers)
}

/// The id of the job that a trigger of the project asks for: that of the original, for clients keep it.
fn job_id(project: &ProjectRow, task: TaskId, kind: JobKind) -> String {
    let last = match (kind, project.one_off_date) {
        (JobKind::Cron, _) => "cron".to_owned(),
        (JobKind::OneOff, Some(date)) => one_off_digits(project.id, task, date),
        _ => "intv".to_owned(),
    };
    format!("{}-{task}-{last}", project.id)
}

impl WantedJob {
    /// The job as it is stored when added at `now`: its first run time computed, its trigger proved readable.
    ///
    /// # Errors
    /// The project's column that makes the trigger invalid, as the trigger names it.
    pub fn first(&self, now: UtcMicros, rules: &ScheduleRules) -> Result<NewJob, InvalidSchedule> {
        let (trigger, hazards) = self.compile(now, rules)?;
        Ok(self.job(trigger.next_fire(None, now), hazards))
    }

    /// The same for an interval that runs, or ran, at `known`: its first run is after now, and no later than one period
    /// from now.
    ///
    /// # Errors
    /// As for [`first`](Self::first).
    pub fn resumed(
        &self,
        known: UtcMicros,
        now: UtcMicros,
        rules: &ScheduleRules,
    ) -> Result<NewJob, InvalidSchedule> {
        let (Trigger::Interval(interval), _) = self.compile(now, rules)? else {
            return self.first(now, rules);
        };
        let period = interval.period();
        let into = known.since(now).rem_euclid(period);
        let first = now.saturating_add(if into == 0 { period } else { into });
        // It begins one period after it was added.
        let (trigger, hazards) = self.compile(first.saturating_add(-period), rules)?;
        Ok(self.job(trigger.next_fire(None, first), hazards))
    }

    /// The period of an interval in microseconds; none for other triggers.
    ///
    /// # Errors
    /// As for [`first`](Self::first).
    pub fn period(&self, rules: &ScheduleRules) -> Result<Option<i64>, InvalidSchedule> {
        match self.compile(UtcMicros::new(0), rules)?.0 {
            Trigger::Interval(interval) => Ok(Some(interval.period())),
            Trigger::Cron(_) | Trigger::Date(_) => Ok(None),
        }
    }

    /// The trigger, and what clock changes do to its dates (rule T12).
    fn compile(
        &self,
        created: UtcMicros,
        rules: &ScheduleRules,
    ) -> Result<(Trigger, Vec<Hazard>), InvalidSchedule> {
        let context = Context {
            zone: rules.zone.clone(),
            dst: rules.dst,
            created,
        };
        let invalid = |source| InvalidSchedule::Trigger {
            project: self.project_id,
            kind: self.kind,
            source: Box::new(source),
        };
        let trigger = self.parsed.compile(&context).map_err(invalid)?;
        Ok((trigger, self.parsed.local_hazards(&context).map_err(invalid)?))
    }

    fn job(&self, next_run_at: Option<UtcMicros>, hazards: Vec<Hazard>) -> NewJob {
        NewJob {
            id: self.id.clone(),
            task_id: self.task_id,
            project_id: self.project_id,
            kind: self.kind,
            name: self.name.clone(),
            definition: self.definition.clone(),
            next_run_at,
            listed: true,
            hazards,
        }
    }

    /// Whether the trigger is an interval that starts when it is added (and so keeps the rhythm it was given).
    pub fn starts_when_added(&self) -> bool {
        self.kind == JobKind::Interval && self.parsed.start.is_none()
    }
}

/// A single run of the task at `at`, `digits` being ten random hexadecimal ones.
///
/// # Errors
/// A task without project: the job's id names it.
pub fn delayed_job(task: &TaskRow, at: UtcMicros, digits: &str) -> Result<NewJob, InvalidSchedule> {
    let Some(project) = &task.project else {
        return Err(InvalidSchedule::NoProject(task.id));
    };
    let fields = BTreeMap::from([("run_date".to_owned(), Value::from(at.to_string()))]);
    let date = Definition {
        fields,
        tz: Some("UTC".into()),
        ..Definition::new(Kind::Date)
    };
    Ok(NewJob {
        id: format!("{}-{}-{digits}", project.id, task.id),
        task_id: task.id,
        project_id: project.id,
        kind: JobKind::Delayed,
        name: display_name(project, task),
        definition: definition_text(&date),
        next_run_at: Some(at),
        listed: true,
        hazards: Vec::new(),
    })
}

/// The job id of a run asked for now: `<project>-<task>-run-<10 hex digits>`; project 0 where the task has none.
pub fn manual_job_id(task: &TaskRow, digits: &str) -> String {
    format!(
        "{}-{}-run-{digits}",
        task.project.as_ref().map_or(0, |project| project.id),
        task.id
    )
}

fn display_name(project: &ProjectRow, task: &TaskRow) -> String {
    display_prefix(project) + task.name.as_deref().unwrap_or("")
}

/// What stands before the name of the task in the names of its jobs.
pub fn display_prefix(project: &ProjectRow) -> String {
    format!("{}: ", project.name.as_deref().unwrap_or(""))
}

/// Zone and policy are part of a definition only where they mean something: an interval without dates is absolute
/// time, and must keep its rhythm when they change.
fn definition(
    kind: Kind,
    fields: BTreeMap<String, Value>,
    rules: &ScheduleRules,
    [start, end]: [Option<WallMicros>; 2],
) -> Definition {
    let on_the_wall = kind != Kind::Interval || start.is_some() || end.is_some();
    Definition {
        fields,
        tz: on_the_wall.then(|| rules.zone.name().to_owned()),
        dst: (kind == Kind::Cron).then_some(rules.dst),
        start: start.map(|wall| wall.to_string()),
        end: end.map(|wall| wall.to_string()),
        ..Definition::new(kind)
    }
}

/// Equal definitions give equal text: `job_sync` compares texts.
fn definition_text(definition: &Definition) -> String {
    serde_json::to_string(definition).unwrap_or_else(|error| format!("unwritable: {error}"))
}

/// Ten hexadecimal digits that name (project, task, date) for ever.
fn one_off_digits(project: i32, task: TaskId, date: WallMicros) -> String {
    let digest = Sha256::digest(format!("{project}-{task}-{}", date.get()));
    digest
        .iter()
        .take(5)
        .fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}
