//! Between the rows of both engines and the model: the forms in which times and states are stored.

use triggers::{UtcMicros, WallMicros};

use super::{StoreError, passed_over};
use crate::model::{Corrupt, Event, JobKind, RunKey, TaskId};

/// The states of a run that is not final, as SQL writes them.
pub(super) const OPEN_STATES: &str = "('queued', 'claimed', 'sending')";

/// `YYYY-MM-DD HH:MM:SS.ffffff`: how em_web's own library stores a DATETIME on SQLite.
pub(super) fn wall_text(wall: WallMicros) -> String {
    let text = wall.to_string();
    if wall.get().rem_euclid(1_000_000) == 0 {
        text + ".000000"
    } else {
        text
    }
}

/// Reads such a text; the fraction may be missing or short, the time too.
pub(super) fn wall_from_text(text: &str) -> Result<WallMicros, String> {
    text.parse()
        .map_err(|_| format!("{:?} is not YYYY-MM-DD HH:MM:SS[.ffffff]", short(text)))
}

/// The kind of a job or run as stored.
pub(super) fn job_kind(text: &str) -> Result<JobKind, String> {
    JobKind::from_text(text).ok_or_else(|| format!("{:?} is no kind of job", short(text)))
}

/// The id of a job as stored. Ours are short; a long one fits no index of runs beside the time, and would fail the
/// statement that writes many.
pub(super) fn job_id(text: &str) -> Result<&str, String> {
    if text.len() <= LONGEST_ID {
        Ok(text)
    } else {
        Err(format!("an id of {} bytes is none of ours", text.len()))
    }
}

/// More than twice what the ids of jobs can have.
const LONGEST_ID: usize = 200;

/// A stored instant. T10: nothing fires outside of these years, and what is printed must be read back.
pub(super) fn instant(micros: i64) -> Result<UtcMicros, String> {
    let instant = UtcMicros::new(micros);
    if (UtcMicros::FIRST..=UtcMicros::LAST).contains(&instant) {
        Ok(instant)
    } else {
        Err(format!("{micros} is outside of the years 1 to 9999"))
    }
}

/// How often a run was sent, as stored. It must be possible to count on.
pub(super) fn attempt(count: i64) -> Result<u32, String> {
    let read = u32::try_from(count).ok().filter(|count| *count < i32::MAX as u32);
    read.ok_or_else(|| format!("{count} is no number of attempts"))
}

/// A stored fence. It must be possible to count on.
pub(super) fn fence(fence: i64) -> Result<i64, String> {
    if (0..i64::MAX).contains(&fence) {
        Ok(fence)
    } else {
        Err(format!("{fence} is no fence"))
    }
}

/// Why this is the id of no task.
pub(super) fn no_task_id(id: i64) -> String {
    format!("{id} is outside of the ids of em_web")
}

/// A value that cannot be read.
pub(super) fn corrupt(
    (table, column): (&'static str, &'static str),
    row: String,
    found: impl Into<String>,
) -> StoreError {
    StoreError::Corrupt(Corrupt {
        table,
        row,
        column,
        found: found.into(),
    })
}

/// A due time that belongs to no job.
pub(super) fn no_job_is_due(key: i64) -> StoreError {
    corrupt(
        ("scheduler_due", "job_key"),
        key.to_string(),
        "there is no such job; its due time is removed",
    )
}

/// No more of a text than an error needs.
pub(super) fn short(text: &str) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Characters of a value that an error shows.
const SHOWN: usize = 100;

/// The row, or none where a value in it cannot be read: it is told in the log and poisons nobody else.
pub(super) fn readable<T>(row: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match row {
        Ok(row) => Ok(Some(row)),
        Err(error @ StoreError::Corrupt(_)) => {
            passed_over::tell(&error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The same for a run of this task, whose log tells of it once.
pub(super) fn readable_run<T>(
    run: Result<T, StoreError>,
    (task, key): (Option<TaskId>, RunKey),
    told: &mut Vec<(TaskId, Event)>,
) -> Result<Option<T>, StoreError> {
    match run {
        Err(error @ StoreError::Corrupt(_)) => {
            let new = passed_over::tell(&error);
            let task = task.filter(|_| new);
            told.extend(task.map(|task| (task, Event::RunUnreadable(Some(key), error.to_string()))));
            Ok(None)
        }
        run => run.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_time_is_stored_with_six_digits_and_read_back() {
        for (stored, micros) in [
            ("1970-01-01 00:00:00.000000", 0),
            ("2026-11-23 16:12:04.150220", 1_795_450_324_150_220),
        ] {
            assert_eq!(wall_text(WallMicros::new(micros)), stored);
            assert_eq!(wall_from_text(stored), Ok(WallMicros::new(micros)));
        }
        assert_eq!(
            wall_from_text("1970-01-01 00:00:01"),
            Ok(WallMicros::new(1_000_000))
        );
        assert!(wall_from_text("tomorrow").is_err());
    }
}
