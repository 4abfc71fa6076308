//! I8, while one process is well: what is due is decided within seconds, whatever happens to another.

use std::collections::HashSet;

use super::changes::{Change, Verb};
use super::history::{History, Run, instant};
use super::{Found, Invariant};

/// A run that was decided in time and whose process fell silent is taken over within this, so with a longer grace it
/// must not be missed, in microseconds.
const TAKEN_OVER: i64 = 20_000_000;

/// How late a decision may be, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Punctual {
    /// In these stretches (both ends included) a process was well, and nothing was paused.
    pub windows: Vec<(i64, i64)>,
    /// In microseconds.
    pub latest: i64,
}

/// What is due so shortly before a pause, in microseconds, may wait for its end: a process that stopped may hold it for two
/// seconds.
const BEFORE: i64 = 3_000_000;

impl Punctual {
    /// All the time from one moment to another, but for what was paused, or may have been. `running` are times at which
    /// the database was seen not to be paused.
    pub fn outside_pauses(
        (from, to): (i64, i64),
        (changes, running): (&[Change], &[i64]),
        latest: i64,
    ) -> Self {
        let mut pauses: Vec<(i64, i64)> = changes
            .iter()
            .filter(|change| change.verb == Verb::Pause)
            .map(|pause| {
                let ends = ends(pause, (changes, running)).unwrap_or(to);
                (pause.asked - BEFORE, ends)
            })
            .collect();
        pauses.sort_unstable();
        let (mut windows, mut well) = (Vec::new(), from);
        for (begins, ends) in pauses {
            if begins > well {
                windows.push((well, begins.min(to)));
            }
            well = ends.max(well);
        }
        if well < to {
            windows.push((well, to));
        }
        Self { windows, latest }
    }
}

/// When a pause had certainly ended, or had never begun: a resumption was acknowledged that was asked for when the pause was
/// over, or the database was not paused then.
fn ends(pause: &Change, (changes, running): (&[Change], &[i64])) -> Option<i64> {
    let resumed = changes
        .iter()
        .filter(|change| change.verb == Verb::Resume && change.asked >= pause.over)
        .filter_map(|change| change.acknowledged);
    let seen = running.iter().copied().filter(|at| *at >= pause.over);
    resumed.chain(seen).min()
}

pub fn check(history: &History, found: &mut Found) {
    let Some(punctual) = &history.strictness.punctual else {
        return;
    };
    for run in judged(history, punctual) {
        let late = run.decided_at - run.since();
        if late > punctual.latest {
            let what = format!(
                "{} was decided {} s after {}: {}, though a process was well",
                run.name(),
                seconds(late),
                instant(run.since()),
                run.state
            );
            found.add(Invariant::I8, what);
        } else if run.state == "missed" && history.grace > TAKEN_OVER {
            let what = format!(
                "{} was decided in time and missed, though a process was well",
                run.name()
            );
            found.add(Invariant::I8, what);
        }
    }
}

/// How late the latest of these decisions was, in seconds.
pub fn latest_decision(history: &History) -> f64 {
    let punctual = history.strictness.punctual.as_ref();
    let late = punctual
        .into_iter()
        .flat_map(|punctual| judged(history, punctual));
    seconds(late.map(|run| run.decided_at - run.since()).max().unwrap_or(0))
}

/// The runs of schedules that nobody adds or deletes by hand, first due in one of the stretches.
fn judged<'h>(history: &'h History, punctual: &'h Punctual) -> impl Iterator<Item = &'h Run> {
    let steady: HashSet<&str> = history
        .schedules
        .iter()
        .filter(|schedule| schedule.windows.is_none())
        .map(|schedule| schedule.job.as_str())
        .collect();
    history.runs.iter().filter(move |run| {
        steady.contains(run.job_id.as_str())
            && punctual
                .windows
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&run.since()))
    })
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}
