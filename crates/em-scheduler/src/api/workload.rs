//! The requests that are being carried out: how many at a time, and which are let in beyond that (S15). A run that is asked for now
//! waits for the runner, so as many of those as callers like may be at work for half a minute; a pause must not wait for them.
//!
//! ```text
//!  0                                                       256            304
//!  ├── every request ──────────────────────────────────────┤              │
//!  ├── deletions ─────────────────────────────────────────────────────────┤
//!  ├── switches, health ────────────────────────────────────────────────────────▶ (as many as there are connections)
//! ```
//! A request is at work until its handler has ended, also where the caller has left before. Not in here: connections, and those
//! that ask for nothing (`server::places`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::routes::{Route, Urgency};

/// Requests at work, and beyond them deletions. Fewer than a listener has connections, so that some can always be read.
const REQUESTS: usize = 256;
pub(super) const REMOVALS: usize = 304;

/// Cheap to clone: all clones are one workload.
#[derive(Debug, Clone, Default)]
pub(super) struct Workload(Arc<Mutex<Counts>>);

/// How many requests are at work, by the pattern of their route.
type Counts = BTreeMap<&'static str, usize>;

/// A request is at work until this is dropped.
#[derive(Debug)]
pub(super) struct Work {
    workload: Workload,
    pattern: &'static str,
}

/// What is at work, where it is too much for one more request: most first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Busy(Vec<(&'static str, usize)>);

impl Workload {
    /// Lets a request of the route in.
    pub(super) fn begin(&self, route: &'static Route) -> Result<Work, Busy> {
        let limit = match route.urgency {
            Urgency::Ordinary => REQUESTS,
            Urgency::Removal => REMOVALS,
            Urgency::Switch | Urgency::Health => usize::MAX,
        };
        let mut counts = self.counts();
        if counts.values().sum::<usize>() >= limit {
            let mut all: Vec<_> = counts.iter().map(|(pattern, count)| (*pattern, *count)).collect();
            all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            return Err(Busy(all));
        }
        *counts.entry(route.pattern).or_default() += 1;
        Ok(Work {
            workload: self.clone(),
            pattern: route.pattern,
        })
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.counts().is_empty()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut counts = self.workload.counts();
        if let Some(count) = counts.get_mut(self.pattern) {
            *count -= 1;
            if *count == 0 {
                counts.remove(self.pattern);
            }
        }
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: usize = self.0.iter().map(|(_, count)| count).sum();
        let each: Vec<String> = self
            .0
            .iter()
            .map(|(pattern, count)| format!("{count} of {pattern}"))
            .collect();
        write!(f, "{all} requests are at work ({})", each.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ROUTES;

    fn route(pattern: &str) -> &'static Route {
        static TABLE: [Route; 15] = ROUTES;
        TABLE.iter().find(|route| route.pattern == pattern).unwrap()
    }

    fn begin(workload: &Workload, pattern: &str, count: usize) -> Vec<Work> {
        let begun = (0..count).map(|_| workload.begin(route(pattern)));
        begun.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn switches_and_health_are_let_in_beyond_the_limit() {
        let workload = Workload::default();
        let run = "/api/run/{task_id}";
        let mut runs = begin(&workload, run, 250);
        let lists = begin(&workload, "/api/jobs", 6);
        let busy = workload.begin(route(run)).unwrap_err();
        assert_eq!(
            busy.to_string(),
            "256 requests are at work (250 of /api/run/{task_id}, 6 of /api/jobs)"
        );
        assert_eq!(workload.begin(route("/api/details")).unwrap_err(), busy);
        let deletions = begin(&workload, "/api/delete/{task_id}", 48);
        assert!(
            workload.begin(route("/api/delete")).is_err(),
            "there are places that no deletion takes"
        );
        let pauses = begin(&workload, "/api/pause", 10);
        let alive = begin(&workload, "/api", 100);
        drop((deletions, pauses, alive));
        runs.pop();
        let more = begin(&workload, run, 1);
        assert!(workload.begin(route(run)).is_err());
        drop((runs, lists, more));
        assert!(workload.is_idle());
    }
}
