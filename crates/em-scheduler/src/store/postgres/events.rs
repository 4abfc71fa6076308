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
    /// Leaves events to be written later, in the order given. A task that has vanished gets none. One whose row another
    /// session holds gets them when that lets go of it (see `deferred`): waiting for it here would hold up everything else.
    pub(super) fn record(&self, events: &[(TaskId, Event)]) {
        for events in events.chunks(EVENTS_AT_ONCE) {
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
}
