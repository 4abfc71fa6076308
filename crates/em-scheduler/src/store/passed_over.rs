//! Rows that are passed over because a value in them cannot be read (F12). The log tells of each once, for the same row is met
//! by every list and every round.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::StoreError;

/// So many are remembered; after them some are told once more.
const REMEMBERED: usize = 1_000;

/// What has been told since the process began.
#[derive(Debug, Default)]
struct Told(HashSet<String>);

impl Told {
    /// Whether this is new.
    fn note(&mut self, what: &str) -> bool {
        if self.0.contains(what) {
            return false;
        }
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(what.to_owned())
    }
}

/// Logs what is wrong with a row, unless it was logged before. Returns whether it was new.
pub(super) fn tell(error: &StoreError) -> bool {
    static TOLD: OnceLock<Mutex<Told>> = OnceLock::new();
    let told = TOLD.get_or_init(Mutex::default);
    let new = told
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .note(&error.to_string());
    if new {
        tracing::error!(%error, "a row is passed over");
    }
    new
}

/// Logs that `job_sync` passes over tasks whose ids are outside of those of em_web; `first` is the lowest.
pub(super) fn tell_tasks(tasks: usize, first: i64) {
    tracing::warn!(
        tasks,
        first,
        "job_sync leaves tasks alone whose ids are outside of those of em_web"
    );
}

/// Logs that a row of `task_status` is missing.
pub(super) fn tell_status(id: i32) {
    tracing::warn!(
        "row {id} of task_status is missing, which the scheduler writes into other tables; it goes on, but a start would be \
         refused: insert the row again"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_and_the_memory_of_it_does_not_grow() {
        let mut told = Told::default();
        assert!(told.note("a") && !told.note("a") && told.note("b"));
        for row in 0..10 * REMEMBERED {
            told.note(&row.to_string());
        }
        assert!(told.0.len() <= REMEMBERED);
    }
}
