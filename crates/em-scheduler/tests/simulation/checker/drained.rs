//! I8: once everything is well again, what had piled up goes.

use super::{Checker, Verdict, Violation, runs};

impl Checker {
    /// When all has been well for long: nothing decided before `since` is still open, and nothing is due since before
    /// `due` (both on the wall).
    pub fn caught_up(&self, since: i64, due: i64) -> Verdict {
        for key in &self.open {
            let row = &self.runs[key].row;
            if row.decided_at < since {
                return Err(Violation::new(
                    "I8",
                    format!("{} is still {}: {row:?}", runs::name(row), row.state),
                ));
            }
        }
        let late = self.jobs.values().find(|job| job.due.is_some_and(|at| at < due));
        match late {
            Some(job) => Err(Violation::new(
                "I8",
                format!("job {} has been due since {:?}", job.row.id, job.due),
            )),
            None => Ok(()),
        }
    }

    /// When there is nothing more to do: every run has ended.
    pub fn all_ended(&self) -> Verdict {
        if self.open.is_empty() {
            return Ok(());
        }
        Err(Violation::new("I8", format!("not ended: {}", self.waiting())))
    }

    /// How many runs were decided, and how many requests reached the runner.
    pub fn counts(&self) -> (usize, usize) {
        let receipts = self.runs.values().map(|run| run.receipts.len()).sum();
        (self.runs.len(), receipts)
    }
}
