//! Where an interval without start goes on, on a database that another scheduler served before (rule S4). Pure.
//!
//! All that is left of such an interval is `task.next_run`. It is read in the zone in which the other one wrote it, and it
//! may be the time of something else: a delayed run's, or that of another trigger of the same project.

use std::collections::BTreeMap;

use triggers::{UtcMicros, Zone};

use super::log::Announced;
use super::rows::TaskRow;
use crate::model::{JobKind, ScheduleRules, StoredJob, TaskId};

/// What another scheduler left.
#[derive(Debug, Clone)]
pub struct Earlier {
    /// The zone in which it wrote `task.next_run`.
    pub zone: Zone,
    /// The newest announcement of a next run in the log of each task; empty where the log cannot be read.
    pub announced: BTreeMap<TaskId, Announced>,
}

/// Between the time that a job is added and the row in the log that says so, in microseconds; and the fraction of a second
/// that the row leaves out.
const TOLERATED: i64 = 2_000_000;
const SECOND: i64 = 1_000_000;

impl Earlier {
    /// A run time of the task's interval, past or to come, if `task.next_run` is one. `several`: the project has other
    /// triggers.
    pub(super) fn run_of_interval(
        &self,
        (task, stored): (&TaskRow, &[StoredJob]),
        (period, several): (i64, bool),
        rules: &ScheduleRules,
    ) -> Option<UtcMicros> {
        let wall = task.next_run?;
        // A delayed run that was added to us before this pass: we write its time in our own zone.
        let ours = stored
            .iter()
            .filter(|job| job.kind == JobKind::Delayed)
            .any(|job| job.next_run_at.is_some_and(|at| rules.zone.to_wall(at) == wall));
        let known = self.zone.to_utc(wall);
        // A cron and a one-off run on whole seconds, an interval where it was added.
        let of_another = several && known.get().rem_euclid(SECOND) == 0;
        let delayed = self
            .announced
            .get(&task.id)
            .is_some_and(|announced| announces_delayed(announced, known, (period, rules)));
        (!ours && !of_another && !delayed).then_some(known)
    }
}

/// Whether the run was announced by a row of the log that was not written one interval before it: an interval is
/// announced when it is added, one period ahead.
fn announces_delayed(announced: &Announced, run: UtcMicros, (period, rules): (i64, &ScheduleRules)) -> bool {
    let at = rules.zone.to_utc(announced.run_at);
    let ahead = at.since(rules.zone.to_utc(announced.written_at));
    let same = run.get().div_euclid(SECOND) == at.get().div_euclid(SECOND);
    same && ahead.abs_diff(period) > TOLERATED.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use triggers::{DstPolicy, WallMicros};

    use super::*;

    const HOUR: i64 = 3_600 * SECOND;

    fn rules() -> ScheduleRules {
        ScheduleRules {
            zone: Zone::named("America/Chicago").unwrap(),
            dst: DstPolicy::Once,
        }
    }

    fn wall(text: &str) -> WallMicros {
        text.parse().unwrap()
    }

    /// Task 7, whose next run was written so.
    fn task(next_run: &str) -> TaskRow {
        TaskRow {
            id: 7,
            name: None,
            enabled: true,
            next_run: Some(wall(next_run)),
            has_estimate: false,
            follows: false,
            project: None,
        }
    }

    /// On a server in UTC, with this in the log.
    fn earlier(log: Option<(&str, &str)>) -> Earlier {
        let announced = log.map(|(written_at, run_at)| {
            let announced = Announced {
                written_at: wall(written_at),
                run_at: wall(run_at),
            };
            (7, announced)
        });
        Earlier {
            zone: Zone::utc(),
            announced: announced.into_iter().collect(),
        }
    }

    fn found(earlier: &Earlier, next_run: &str, several: bool) -> Option<String> {
        let run = earlier.run_of_interval((&task(next_run), &[]), (HOUR, several), &rules());
        run.map(|run| run.to_string())
    }

    #[test]
    fn the_next_run_is_read_in_the_zone_of_the_database() {
        let known = found(&earlier(None), "2026-11-23 22:32:04.150220", false);
        assert_eq!(known.as_deref(), Some("2026-11-23T22:32:04.150220Z"));
    }

    #[test]
    fn a_delayed_run_is_no_rhythm() {
        // 16:07:04 in Chicago is 22:07:04 in UTC.
        let next_run = "2026-11-23 22:07:04.150220";
        for (name, written, run_at, delayed) in [
            (
                "in five minutes",
                "2026-11-23 16:02:04.17",
                "2026-11-23 16:07:04",
                true,
            ),
            ("at once", "2026-11-23 16:07:04.19", "2026-11-23 16:07:04", true),
            (
                "one period ahead",
                "2026-11-23 15:07:04.17",
                "2026-11-23 16:07:04",
                false,
            ),
            (
                "of another run",
                "2026-11-23 16:02:04.17",
                "2026-11-23 16:07:05",
                false,
            ),
        ] {
            let known = found(&earlier(Some((written, run_at))), next_run, false);
            assert_eq!(known.is_none(), delayed, "{name}");
        }
    }

    #[test]
    fn a_delayed_run_that_was_added_to_us_is_no_rhythm() {
        let at = rules().zone.to_utc(wall("2026-11-23 16:07:04.150220"));
        let job = StoredJob {
            id: "3-7-0123456789".into(),
            kind: JobKind::Delayed,
            definition: String::new(),
            name: String::new(),
            next_run_at: Some(at),
            listed: true,
        };
        let task = task("2026-11-23 16:07:04.150220");
        let run = earlier(None).run_of_interval((&task, &[job]), (HOUR, false), &rules());
        assert_eq!(run, None);
    }

    #[test]
    fn the_time_of_another_trigger_is_no_rhythm() {
        let whole = "2026-11-23 22:07:00";
        assert_eq!(found(&earlier(None), whole, true), None);
        assert!(found(&earlier(None), whole, false).is_some());
        assert!(found(&earlier(None), "2026-11-23 22:07:00.000001", true).is_some());
    }
}
