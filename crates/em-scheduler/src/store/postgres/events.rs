//! Events on PostgreSQL, written in the transaction of what they tell of.

use std::collections::HashSet;

use super::deferred;
use super::tx::{Tx, storable};
use super::wall::Wall;
use crate::em_web::LogRow;
use crate::em_web::schema::STATUS_SCHEDULER;
use crate::model::{Event, TaskId};

/// Rows of `task_log` written by one statement: enough to be fast, few enough for the statement's time limit.
const EVENTS_AT_ONCE: usize = 20_000;

impl Tx<'_> {
    /// Leaves events to be written later, in the order given: as rows of ours, unless the row of the run says the same, and into the
    /// tasks' logs. A task that has vanished has no log. Into that of one whose row another session holds they come when that
    /// lets go of it (see `deferred`): waiting for it here would hold up everything else.
    pub(super) fn record(&self, events: &[(TaskId, Event)]) {
        for events in events.chunks(EVENTS_AT_ONCE) {
            self.keep(events);
            let mut seen = HashSet::with_capacity(events.len());
            let once = events.iter().all(|(task, _)| seen.insert(*task));
            let (mut tasks, mut links) = (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
            let (mut messages, mut errors) =
                (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
            for (task, event) in events {
                let row = LogRow::new(*task, event, &self.zone);
                tasks.push(row.task_id);
                links.push(row.links_run);
                messages.push(storable(row.message));
                errors.push(row.error);
            }
            self.later(
                if once {
                    deferred::RECORD
                } else {
                    deferred::RECORD_SEVERAL
                },
                vec![
                    Box::new(tasks),
                    Box::new(links),
                    Box::new(messages),
                    Box::new(errors),
                    Box::new(STATUS_SCHEDULER),
                    Box::new(Wall::from(self.zone.to_wall(self.now))),
                ],
            );
        }
    }

    fn keep(&self, events: &[(TaskId, Event)]) {
        let (mut tasks, mut jobs, mut runs) = (Vec::<i64>::new(), Vec::new(), Vec::new());
        let (mut kinds, mut details) = (Vec::new(), Vec::new());
        for (task, event) in events {
            let Some(told) = event.record() else { continue };
            tasks.push((*task).into());
            jobs.push(told.job.map(str::to_owned));
            runs.push(told.run);
            kinds.push(told.kind);
            details.push((!told.detail.is_null()).then(|| storable(told.detail.to_string())));
        }
        if tasks.is_empty() {
            return;
        }
        self.later(
            "INSERT INTO em_scheduler.scheduler_event (at, task_id, job_id, run_key, kind, detail)
             SELECT $6::int8, n.task_id, n.job_id, n.run_key, n.kind, n.detail
             FROM unnest($1::int8[], $2::text[], $3::int8[], $4::text[], $5::text[])
                  WITH ORDINALITY AS n (task_id, job_id, run_key, kind, detail, place) ORDER BY n.place",
            vec![
                Box::new(tasks),
                Box::new(jobs),
                Box::new(runs),
                Box::new(kinds),
                Box::new(details),
                Box::new(self.now.get()),
            ],
        );
    }
}
