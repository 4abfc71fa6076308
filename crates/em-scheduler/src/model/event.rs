//! Events: the rows of `task_log` that people read in em_web. One per transition, written in the same
//! transaction as the transition itself.

use triggers::{Hazard, UtcMicros, WallMicros, Zone};

use super::SkipReason;

/// Something that happened to a job or a run of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A job was stored, with its first run time (none: the trigger never fires again) and the hazards of its own dates.
    JobAdded(Option<UtcMicros>, Vec<Hazard>),
    /// A job was removed, or its schedule ended.
    JobRemoved,
    /// A run was decided and will be sent.
    RunSubmitted,
    /// The runner took the run, after so many microseconds.
    RunDelivered(i64),
    /// The run could not be handed over.
    RunFailed(UtcMicros, String),
    /// The run may have arrived or not.
    RunUnknown(UtcMicros, String),
    /// The run came too late, by so many microseconds.
    RunMissed(UtcMicros, i64),
    /// The run was not sent on purpose.
    RunSkipped(UtcMicros, SkipReason),
    /// The run time had been decided before: nothing is sent a second time.
    AlreadyDecided(UtcMicros),
    /// The task could not be scheduled; its jobs stay as they were.
    Refused(String),
    /// The stored trigger of a job cannot be read: the job stands still.
    Unreadable(String, String),
    /// The row of a run cannot be read: the run is passed over.
    RunUnreadable(String),
}

/// What `task_log.job_id` holds for an event: em_web links runs by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunIdColumn {
    /// Null.
    Null,
    /// `coalesce(task.last_run_job_id, '')`.
    LastRun,
}

impl Event {
    /// `task_log.error`: 1 is an error, 0 and null are not (as the original wrote them).
    pub fn error(&self) -> Option<i32> {
        match self {
            Self::JobAdded(Some(_), _) => Some(0),
            Self::JobRemoved | Self::RunSubmitted | Self::RunDelivered(_) | Self::AlreadyDecided(_) => None,
            Self::JobAdded(None, _)
            | Self::RunFailed(..)
            | Self::RunUnknown(..)
            | Self::RunMissed(..)
            | Self::RunSkipped(..)
            | Self::Refused(_)
            | Self::RunUnreadable(_)
            | Self::Unreadable(..) => Some(1),
        }
    }

    /// `task_log.job_id`.
    pub fn run_id(&self) -> RunIdColumn {
        match self {
            Self::RunDelivered(_) | Self::RunFailed(..) | Self::RunUnknown(..) => RunIdColumn::LastRun,
            _ => RunIdColumn::Null,
        }
    }

    /// `task_log.message`, with times in the scheduler's zone.
    pub fn message(&self, zone: &Zone) -> String {
        match self {
            Self::JobAdded(next, hazards) => {
                let added = match next {
                    Some(at) => format!("Job added. Scheduled for: {}", local(zone, *at)),
                    None => "Job added, but its schedule never fires again. Check the dates of the project's trigger."
                        .to_owned(),
                };
                hazards
                    .iter()
                    .fold(added, |message, hazard| format!("{message}. Note: {hazard}"))
            }
            Self::JobRemoved => "Job removed.".into(),
            Self::RunSubmitted => "Job submitted.".into(),
            Self::RunDelivered(took) => format!("Job executed in {}.", span(*took)),
            Self::RunFailed(at, reason) => {
                format!("Job error. Scheduled for: {}. Error: {reason}", local(zone, *at))
            }
            Self::RunUnknown(at, reason) => format!(
                "Job outcome unknown. Scheduled for: {}. The request may have reached the runner, so it is not \
                 repeated: {reason}",
                local(zone, *at)
            ),
            Self::RunMissed(at, late) => {
                format!(
                    "Job missed. Scheduled for: {}. Missed by: {}",
                    local(zone, *at),
                    span(*late)
                )
            }
            Self::RunSkipped(at, reason) => {
                format!(
                    "Job skipped. Scheduled for: {}. Reason: {reason}",
                    local(zone, *at)
                )
            }
            Self::AlreadyDecided(at) => {
                format!(
                    "Job not sent again: its run of {} was decided before.",
                    local(zone, *at)
                )
            }
            Self::Refused(reason) => format!("Job could not be scheduled: {reason}"),
            Self::RunUnreadable(reason) => {
                format!("A run is passed over, for its row cannot be read: {reason}")
            }
            Self::Unreadable(job, reason) => {
                format!("Job {job} stands still: its stored trigger is unreadable: {reason}")
            }
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
