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
//! that ask for nothing (`server::slots`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::routes::Urgency;

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
pub(super) struct Admission {
    workload: Workload,
    pattern: &'static str,
}

/// What is at work, where it is too much for one more request: most first.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy(Vec<(&'static str, usize)>);

impl Workload {
    /// Lets a request of the route with this pattern in.
    pub(super) fn begin(&self, pattern: &'static str, urgency: Urgency) -> Result<Admission, Busy> {
        let limit = match urgency {
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
        *counts.entry(pattern).or_default() += 1;
        Ok(Admission {
            workload: self.clone(),
            pattern,
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

impl Drop for Admission {
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

    fn begin(
        workload: &Workload,
        (pattern, urgency): (&'static str, Urgency),
        count: usize,
    ) -> Vec<Admission> {
        let begun = (0..count).map(|_| workload.begin(pattern, urgency));
        begun.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn switches_and_health_are_let_in_beyond_the_limit() {
        let workload = Workload::default();
        let run = ("/run/{task}", Urgency::Ordinary);
        let mut runs = begin(&workload, run, 250);
        let lists = begin(&workload, ("/jobs", Urgency::Ordinary), 6);
        let busy = workload.begin(run.0, run.1).unwrap_err();
        assert_eq!(
            busy.to_string(),
            "256 requests are at work (250 of /run/{task}, 6 of /jobs)"
        );
        assert_eq!(workload.begin("/details", Urgency::Ordinary).unwrap_err(), busy);
        let deletions = begin(&workload, ("/delete/{task}", Urgency::Removal), 48);
        assert!(
            workload.begin("/delete", Urgency::Removal).is_err(),
            "there is room that no deletion takes"
        );
        let pauses = begin(&workload, ("/pause", Urgency::Switch), 10);
        let alive = begin(&workload, ("/alive", Urgency::Health), 100);
        drop((deletions, pauses, alive));
        runs.pop();
        let more = begin(&workload, run, 1);
        assert!(workload.begin(run.0, run.1).is_err());
        drop((runs, lists, more));
        assert!(workload.is_idle());
    }
}
