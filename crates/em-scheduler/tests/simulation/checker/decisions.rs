//! I1 and I2: each due time is decided once, in the transaction that moves the job on, and each run time of a job has
//! one row.

use super::{Carried, Checker, Doing, Job, Verdict, Violation, events, runs};
use test_world::rows::Run as RunRow;

use crate::audit::DueRow;
use crate::operation::Op;

impl Checker {
    pub(super) fn run_added(&mut self, carried: Carried<'_>, row: RunRow, doing: &mut Doing) -> Verdict {
        let name = runs::name(&row);
        let manual = matches!(carried.op, Op::Manual(_));
        if !manual && !matches!(carried.op, Op::Decide(_)) {
            return Err(Violation::new("I1", format!("{} decides {name}", carried.op)));
        }
        if self.times.contains_key(&(row.job_id.clone(), row.scheduled_for)) {
            return Err(Violation::new("I2", format!("a second row for {name}")));
        }
        if row.decided_at < row.scheduled_for {
            let early = row.scheduled_for - row.decided_at;
            return Err(Violation::new(
                "I5",
                format!("{name} is decided {early} µs early"),
            ));
        }
        if row.owner != carried.process {
            return Err(Violation::new(
                "I4",
                format!("{} decides {name} for {}", carried.process, row.owner),
            ));
        }
        let Some(event) = events::of_decision(&row.state) else {
            return Err(Violation::new("I3", format!("{name} begins as {}", row.state)));
        };
        doing.expected.push((row.task_id, event));
        doing.runs.push(row.key);
        self.remember(row);
        Ok(())
    }

    pub(super) fn due_added(&mut self, carried: Carried<'_>, row: &DueRow) -> Verdict {
        let job = self.jobs.get_mut(&row.job_key);
        let Some(job) = job.filter(|_| carried.op.stores_jobs()) else {
            return Err(Violation::new(
                "I1",
                format!("{} makes job {} due", carried.op, row.job_key),
            ));
        };
        job.due = Some(row.next_run_at);
        Ok(())
    }

    /// The next run time of a job is another one, or none.
    pub(super) fn due_moved(
        &mut self,
        carried: Carried<'_>,
        (key, to): (i64, Option<i64>),
        doing: &mut Doing,
    ) -> Verdict {
        let job = self.jobs.get_mut(&key).or(doing.gone.get_mut(&key));
        let Some((job, from)) = job.and_then(|job| job.due.map(|due| (job, due))) else {
            return Err(Violation::new("I1", format!("job {key} was not due and moves")));
        };
        job.due = to;
        if matches!(carried.op, Op::Decide(_)) {
            doing.moved.push((key, from, to));
        } else if to.is_some() || !carried.op.removes_jobs() {
            return Err(Violation::new(
                "I1",
                format!("{} moves job {} from {from} to {to:?}", carried.op, job.row.id),
            ));
        }
        Ok(())
    }

    pub(super) fn judge_decisions(&self, carried: Carried<'_>, doing: &Doing) -> Verdict {
        let Op::Decide(now) = *carried.op else {
            return Ok(());
        };
        let mut used = 0;
        for (key, from, to) in &doing.moved {
            let Some(job) = self.jobs.get(key).or(doing.gone.get(key)) else {
                return Err(Violation::new("I1", format!("job {key} moves and is not there")));
            };
            used += self.covered(job, (*from, *to), (doing, now))?;
        }
        if used != doing.runs.len() {
            return Err(Violation::new(
                "I1",
                format!("{} decisions, but the jobs moved on by {used}", doing.runs.len()),
            ));
        }
        Ok(())
    }

    /// Walks the due times of a job from the one that was next to the one that is, each of which must be decided.
    /// Returns how many of the new rows do so.
    fn covered(
        &self,
        job: &Job,
        (from, to): (i64, Option<i64>),
        (doing, now): (&Doing, i64),
    ) -> Result<usize, Violation> {
        let mut rows: Vec<&RunRow> = doing
            .runs
            .iter()
            .map(|key| &self.runs[key].row)
            .filter(|row| row.job_id == job.row.id)
            .collect();
        rows.sort_by_key(|row| row.scheduled_for);
        let broken = |what: String| Err(Violation::new("I1", format!("job {}: {what}", job.row.id)));
        // Without its task a job goes, whatever would have been due after.
        let given_up = to.is_none()
            && match rows[..] {
                [] => self.decided_before(job, from, now),
                [row] => runs::without_task(row),
                _ => false,
            };
        let (mut waiting, mut inside) = (rows.iter().peekable(), 0);
        let mut time = Some(from);
        while let Some(at) = time.filter(|at| to.map_or(*at <= now, |to| *at < to)) {
            match waiting.peek() {
                Some(row) if row.coalesced_since.unwrap_or(row.scheduled_for) <= at => {
                    if at > row.scheduled_for {
                        return broken(format!("{} is no time of it", row.scheduled_for));
                    }
                    if at < row.scheduled_for {
                        inside += 1;
                    } else {
                        if row.coalesced != inside {
                            return broken(format!(
                                "{inside} times coalesced at {at}, told {}",
                                row.coalesced
                            ));
                        }
                        inside = 0;
                        waiting.next();
                    }
                }
                // Decided before, and then the clock was set back.
                _ if self.decided_before(job, at, to.unwrap_or(i64::MAX)) => {}
                _ => return broken(format!("{at} is decided nowhere")),
            }
            time = if given_up { None } else { job.rhythm.after(at) };
        }
        if let Some(row) = waiting.next() {
            return broken(format!("{} was not due", row.scheduled_for));
        }
        if to.is_some() && time != to {
            return broken(format!("{to:?} comes next, and it should be {time:?}"));
        }
        if to.is_none() && !given_up && time.is_some() {
            return broken(format!("it ends, and {time:?} is to come"));
        }
        Ok(rows.len())
    }

    /// Whether an older row decides the time, itself or as the one into which it would have been coalesced.
    fn decided_before(&self, job: &Job, at: i64, before: i64) -> bool {
        if job.row.kind == "one_off" {
            return self.runs.values().any(|run| run.row.job_id == job.row.id);
        }
        let mut time = Some(at);
        while let Some(later) = time.filter(|later| *later < before) {
            if self.times.contains_key(&(job.row.id.clone(), later)) {
                return true;
            }
            time = job.rhythm.after(later);
        }
        false
    }
}
