//! em_web's `task_log`: what its people read of events, a row each, and what another scheduler's rows tell.

use triggers::{UtcMicros, WallMicros, Zone};

use crate::model::{Event, TaskId};

/// One row of `task_log`, but for its id and time.
#[derive(Debug)]
pub struct LogRow {
    /// `task_id`.
    pub task_id: TaskId,
    /// Whether `job_id` is `coalesce(task.last_run_job_id, '')`, by which em_web links runs, instead of null.
    pub links_run: bool,
    /// `message`, with times in the scheduler's zone.
    pub message: String,
    /// `error`: 1 is an error, 0 and null are not (as the original wrote them).
    pub error: Option<i32>,
}

impl LogRow {
    /// What the log of the task tells of an event.
    pub fn new(task_id: TaskId, event: &Event, zone: &Zone) -> Self {
        Self {
            task_id,
            links_run: matches!(
                event,
                Event::RunDelivered(_) | Event::RunFailed(..) | Event::RunUnknown(..)
            ),
            message: message(event, zone),
            error: error(event),
        }
    }
}

fn error(event: &Event) -> Option<i32> {
    match event {
        Event::JobAdded { next: Some(_), .. } => Some(0),
        Event::JobRemoved(_)
        | Event::JobEnded
        | Event::RunSubmitted
        | Event::RunDelivered(_)
        | Event::AlreadyDecided(..) => None,
        Event::JobAdded { next: None, .. }
        | Event::RunFailed(..)
        | Event::RunUnknown(..)
        | Event::RunMissed(..)
        | Event::RunSkipped(..)
        | Event::Refused(_)
        | Event::RunUnreadable(..)
        | Event::Unreadable(..) => Some(1),
    }
}

fn message(event: &Event, zone: &Zone) -> String {
    match event {
        Event::JobAdded { next, hazards, .. } => {
            let added = match next {
                Some(at) => format!("Job added. Scheduled for: {}", local(zone, *at)),
                None => {
                    "Job added, but its schedule never fires again. Check the dates of the project's trigger."
                        .to_owned()
                }
            };
            hazards
                .iter()
                .fold(added, |message, hazard| format!("{message}. Note: {hazard}"))
        }
        Event::JobRemoved(_) | Event::JobEnded => "Job removed.".into(),
        Event::RunSubmitted => "Job submitted.".into(),
        Event::RunDelivered(took) => format!("Job executed in {}.", span(*took)),
        Event::RunFailed(at, reason) => {
            format!("Job error. Scheduled for: {}. Error: {reason}", local(zone, *at))
        }
        Event::RunUnknown(at, reason) => format!(
            "Job outcome unknown. Scheduled for: {}. The request may have reached the runner, so it is not \
             repeated: {reason}",
            local(zone, *at)
        ),
        Event::RunMissed(at, late) => {
            format!(
                "Job missed. Scheduled for: {}. Missed by: {}",
                local(zone, *at),
                span(*late)
            )
        }
        Event::RunSkipped(at, reason) => {
            format!(
                "Job skipped. Scheduled for: {}. Reason: {reason}",
                local(zone, *at)
            )
        }
        Event::AlreadyDecided(_, at) => {
            format!(
                "Job not sent again: its run of {} was decided before.",
                local(zone, *at)
            )
        }
        Event::Refused(reason) => format!("Job could not be scheduled: {reason}"),
        Event::RunUnreadable(_, reason) => {
            format!("A run is passed over, for its row cannot be read: {reason}")
        }
        Event::Unreadable(job, reason) => {
            format!("Job {job} stands still: its stored trigger is unreadable: {reason}")
        }
    }
}

/// A next run as a row of the log announced it when a job was added, here or by another scheduler. Local times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// When the row was written.
    pub written_at: WallMicros,
    /// The run, to the second.
    pub run_at: WallMicros,
}

impl Announced {
    /// Reads the message of the row; none where it is another one.
    pub fn read(written_at: WallMicros, message: &str) -> Option<Self> {
        let told = message.strip_prefix("Job added. Scheduled for: ")?;
        let run_at = jiff::civil::DateTime::strptime("%a, %b %d, %Y %H:%M:%S", told.trim_end()).ok()?;
        let run_at = run_at.strftime("%Y-%m-%d %H:%M:%S").to_string().parse().ok()?;
        Some(Self { written_at, run_at })
    }
}

/// `Mon, Nov 23, 2026 16:12:59` on the wall of the zone.
fn local(zone: &Zone, at: UtcMicros) -> String {
    let wall = zone.to_wall(at);
    let seconds = wall.get().div_euclid(1_000_000);
    match jiff::Timestamp::from_second(seconds) {
        // A wall time read as if it were UTC: only its digits are wanted.
        Ok(digits) => digits.strftime("%a, %b %-d, %Y %H:%M:%S").to_string(),
        Err(_) => wall.to_string(),
    }
}

/// `H:MM:SS.ffffff`.
fn span(micros: i64) -> String {
    let micros = micros.max(0);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    format!(
        "{}:{:02}:{:02}.{fraction:06}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
