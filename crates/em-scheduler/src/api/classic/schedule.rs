//! `/api/schedule`: how much fires in each of the hours ahead. em_web draws it as a chart.
//!
//! Counted in closed form, trigger by trigger, so a job that fires every second costs as little as a daily one.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use tracing::debug;
use triggers::{Context as TriggerContext, Definition, Trigger, UtcMicros, Zone};

use super::failure::Failure;
use super::reply::{HandlerResult, Reply};
use crate::api::context::Context;
use crate::model::ScheduleRules;
use crate::store::NextRun;

const HOUR: i64 = 3_600_000_000;
/// The hour that has begun, and the starts of those within the next day.
const ROWS: usize = 25;

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Row {
    case: String,
    count: u64,
}

/// Triggers with different next runs that are kept apart while the list is read. Beyond, they are counted, and begun anew.
const GROUPS: usize = 20_000;

pub(super) async fn schedule(Context { api, .. }: Context) -> HandlerResult {
    let now = api.store.now();
    let mut pages = api.store.next_runs();
    let mut tally = HourCounts::new(now, api.rules.clone());
    while let Some(page) = pages.next().await? {
        // Pure arithmetic, but over every job there is: not on the threads that answer everybody else.
        let counted = tokio::task::spawn_blocking(move || {
            tally.add(page);
            tally
        });
        tally = counted
            .await
            .map_err(|error| Failure::Fault(format!("counting ended: {error}")))?;
    }
    Reply::json(&tally.rows())
}

/// How many jobs share each trigger and next run: the tasks of a project do, and each is worked out once.
type Groups = HashMap<Arc<str>, HashMap<UtcMicros, u64>>;

/// The counts so far.
struct HourCounts {
    now: UtcMicros,
    rules: ScheduleRules,
    bounds: [UtcMicros; ROWS + 1],
    counts: [u64; ROWS],
    groups: Groups,
    different: usize,
}

impl HourCounts {
    fn new(now: UtcMicros, rules: ScheduleRules) -> Self {
        Self {
            now,
            bounds: bounds(now, &rules.zone),
            rules,
            counts: [0; ROWS],
            groups: Groups::new(),
            different: 0,
        }
    }

    fn add(&mut self, runs: Vec<NextRun>) {
        for NextRun { definition, at } in runs {
            let jobs = self.groups.entry(definition).or_default().entry(at).or_default();
            self.different += usize::from(*jobs == 0);
            *jobs += 1;
        }
        if self.different > GROUPS {
            self.count();
        }
    }

    fn count(&mut self) {
        self.different = 0;
        for (definition, next_runs) in self.groups.drain() {
            let Some(trigger) = compiled(&definition, self.now, &self.rules) else {
                continue;
            };
            for (next_run, jobs) in next_runs {
                let mut fires = [0; ROWS];
                // A next run before the first bound is overdue: only what comes after it is counted.
                trigger.histogram(next_run, &self.bounds, &mut fires);
                for (count, fires) in self.counts.iter_mut().zip(fires) {
                    *count += fires * jobs;
                }
            }
        }
    }

    fn rows(mut self) -> Vec<Row> {
        self.count();
        let case = |(place, start): (usize, &UtcMicros)| match place {
            0 => "now".to_owned(),
            _ => format!("{}:00", local_hour(*start, &self.rules.zone)),
        };
        let cases = self.bounds.iter().enumerate().map(case);
        cases
            .zip(self.counts)
            .map(|(case, count)| Row { case, count })
            .collect()
    }
}

/// Where the rows begin, and where the last one ends: now, each clock hour after it, a day from now.
///
/// The hours are absolute: on a day when the clocks change a label comes twice or not at all, but no hour is longer
/// than another.
fn bounds(now: UtcMicros, zone: &Zone) -> [UtcMicros; ROWS + 1] {
    let next_hour = now.saturating_add(HOUR - zone.to_wall(now).get().rem_euclid(HOUR));
    let mut bounds = [now; ROWS + 1];
    let mut start = next_hour;
    for bound in &mut bounds[1..ROWS] {
        *bound = start;
        start = start.saturating_add(HOUR);
    }
    bounds[ROWS] = now.saturating_add(24 * HOUR);
    bounds
}

fn local_hour(at: UtcMicros, zone: &Zone) -> i64 {
    zone.to_wall(at).get().div_euclid(HOUR).rem_euclid(24)
}

/// None for what cannot be read: the engine reports such a job, here it merely does not count.
fn compiled(definition: &str, now: UtcMicros, rules: &ScheduleRules) -> Option<Trigger> {
    let context = TriggerContext {
        zone: rules.zone.clone(),
        dst: rules.dst,
        // Only a first run depends on when the trigger was created, and the jobs know theirs.
        created: now,
    };
    let parsed: Result<Definition, _> = serde_json::from_str(definition);
    let trigger = parsed
        .map_err(|error| error.to_string())
        .and_then(|parsed| parsed.compile(&context).map_err(|error| error.to_string()));
    trigger
        .map_err(|error| debug!(definition, error, "a stored trigger is not counted"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use triggers::DstPolicy;

    fn at(text: &str) -> UtcMicros {
        text.parse().expect("an instant")
    }

    fn rules(zone: &str) -> ScheduleRules {
        ScheduleRules {
            zone: Zone::named(zone).expect("a zone"),
            dst: DstPolicy::default(),
        }
    }

    fn run(definition: &str, at: UtcMicros) -> NextRun {
        NextRun {
            definition: definition.into(),
            at,
        }
    }

    fn rows(runs: &[NextRun], now: UtcMicros, rules: &ScheduleRules) -> Vec<Row> {
        let mut tally = HourCounts::new(now, rules.clone());
        // In two pages, the first of them counted before the second comes.
        let (first, second) = runs.split_at(runs.len() / 2);
        tally.add(first.to_vec());
        tally.count();
        tally.add(second.to_vec());
        tally.rows()
    }

    /// Walks the fires one by one: slow and simple.
    fn walked(runs: &[NextRun], now: UtcMicros, rules: &ScheduleRules) -> Vec<u64> {
        let bounds = bounds(now, &rules.zone);
        let mut counts = vec![0; ROWS];
        for run in runs {
            let Some(trigger) = compiled(&run.definition, now, rules) else {
                continue;
            };
            let mut fire = Some(run.at);
            while let Some(run) = fire.filter(|run| *run < bounds[ROWS]) {
                if let Some(place) = bounds[..ROWS].iter().rposition(|start| *start <= run) {
                    // An empty last row would catch what belongs to none.
                    counts[place] += 1;
                }
                fire = trigger.next_fire(Some(run), run);
            }
        }
        counts
    }

    const EVERY_SECOND: &str = r#"{"kind":"cron","tz":"Europe/Berlin"}"#;
    const QUARTERS: &str = r#"{"kind":"cron","fields":{"minute":"*/15","second":0},"tz":"Asia/Kathmandu"}"#;
    const NIGHTLY: &str =
        r#"{"kind":"cron","fields":{"hour":2,"minute":30,"second":0},"tz":"Europe/Berlin"}"#;
    const SEVEN_MINUTES: &str = r#"{"kind":"interval","fields":{"minutes":7},"end":"2026-10-25 20:00:00"}"#;

    #[test]
    fn counts_are_those_of_walking_all_fires() {
        for (zone, now) in [
            ("UTC", "2026-11-23T16:12:15.250000Z"),
            ("UTC", "2026-11-23T16:00:00Z"),
            ("Asia/Kolkata", "2026-11-23T16:12:15Z"),
            ("Asia/Kathmandu", "2026-11-23T16:15:00Z"),
            // The day before the clocks go back, the hour that comes twice, and the day they go forward.
            ("Europe/Berlin", "2026-10-24T18:20:00Z"),
            ("Europe/Berlin", "2026-10-25T00:30:00Z"),
            ("Europe/Berlin", "2027-03-27T23:10:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T14:50:00Z"),
        ] {
            let (now, rules) = (at(now), rules(zone));
            let mut runs = vec![run("{}", now)];
            for definition in [EVERY_SECOND, QUARTERS, NIGHTLY, SEVEN_MINUTES] {
                let trigger = compiled(definition, now, &rules).expect("a trigger");
                // One that has ended by then stands in the lists no more.
                let Some(next) = trigger.next_fire(None, now) else {
                    continue;
                };
                // Twice the same, one that is overdue, one that waits till later.
                runs.extend([run(definition, next), run(definition, next)]);
                runs.push(run(definition, now.saturating_add(-90_000_001)));
                runs.push(run(definition, now.saturating_add(5 * HOUR)));
            }
            let date = r#"{"kind":"date","fields":{"run_date":"2020-01-01T00:00:00Z"}}"#;
            for minutes in [-1, 0, 47, 1439, 1440] {
                runs.push(run(date, now.saturating_add(minutes * 60_000_000)));
            }
            let counted: Vec<u64> = rows(&runs, now, &rules).iter().map(|row| row.count).collect();
            assert_eq!(counted, walked(&runs, now, &rules), "{zone} {now}");
        }
    }

    #[test]
    fn rows_begin_at_the_clock_hours_of_the_zone() {
        for (zone, now, first, labels) in [
            (
                "UTC",
                "2026-11-23T16:12:15Z",
                "2026-11-23T17:00:00Z",
                "now 17:00 18:00 19:00 … 15:00 16:00",
            ),
            (
                "UTC",
                "2026-11-23T16:00:00Z",
                "2026-11-23T17:00:00Z",
                "now 17:00 18:00 19:00 … 15:00 16:00",
            ),
            (
                "UTC",
                "2026-11-23T23:59:59.999999Z",
                "2026-11-24T00:00:00Z",
                "now 0:00 1:00 2:00 … 22:00 23:00",
            ),
            (
                "Asia/Kolkata",
                "2026-11-23T16:12:15Z",
                "2026-11-23T16:30:00Z",
                "now 22:00 23:00 0:00 … 20:00 21:00",
            ),
            // Clocks go back: 2:00 comes twice and the day ends an hour of the clock earlier.
            (
                "Europe/Berlin",
                "2026-10-24T23:30:00Z",
                "2026-10-25T00:00:00Z",
                "now 2:00 2:00 3:00 … 23:00 0:00",
            ),
            // Clocks go forward: no 2:00.
            (
                "Europe/Berlin",
                "2027-03-28T00:30:00Z",
                "2027-03-28T01:00:00Z",
                "now 3:00 4:00 5:00 … 1:00 2:00",
            ),
        ] {
            let rules = rules(zone);
            assert_eq!(bounds(at(now), &rules.zone)[1], at(first), "{zone} {now}");
            let rows = rows(&[], at(now), &rules);
            assert_eq!(rows.len(), ROWS);
            let cases: Vec<&str> = rows.iter().map(|row| row.case.as_str()).collect();
            let shown = format!("{} … {}", cases[..4].join(" "), cases[ROWS - 2..].join(" "));
            assert_eq!(shown, labels, "{zone} {now}");
        }
    }
}
