//! The lines: which tasks have runs that wait for a permit, in order of their turn. Tasks of one standing wait in one
//! line, so that thousands that may have no permit just now are passed over at once (D7, D10).

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::permits::Permits;
use super::standing::Standing;
use crate::model::{SendableRun, TaskId};

/// The number of a turn: the lower, the earlier.
type Turn = u64;

#[derive(Debug, Default)]
pub(super) struct Lines {
    waiting: HashMap<TaskId, Waiting>,
    /// By standing. Each task that waits is once in one of them.
    lines: [BTreeMap<Turn, TaskId>; Standing::ALL.len()],
    last_turn: Turn,
}

/// The runs of a task that wait, at least one, and where the task stands in line.
#[derive(Debug)]
struct Waiting {
    runs: VecDeque<SendableRun>,
    turn: Turn,
    standing: Standing,
}

impl Lines {
    /// Whether a run waits.
    pub(super) fn any(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a task waits that is not kept back by its standing.
    pub(super) fn any_may_go(&self, permits: &Permits) -> bool {
        Standing::ALL
            .iter()
            .any(|standing| !self.lines[standing.place()].is_empty() && !permits.is_full(*standing))
    }

    /// How many runs wait.
    pub(super) fn runs(&self) -> usize {
        self.waiting.values().map(|waiting| waiting.runs.len()).sum()
    }

    /// Takes a run. Where its task waits already it keeps its place, else it takes the last one of its line.
    pub(super) fn push(&mut self, run: SendableRun, permits: &Permits) {
        let task = run.task_id;
        if let Some(waiting) = self.waiting.get_mut(&task) {
            waiting.runs.push_back(run);
        } else {
            self.take_place(task, VecDeque::from([run]), permits.standing(task));
        }
    }

    fn take_place(&mut self, task: TaskId, runs: VecDeque<SendableRun>, standing: Standing) {
        self.last_turn += 1;
        let turn = self.last_turn;
        self.lines[standing.place()].insert(turn, task);
        self.waiting.insert(task, Waiting { runs, turn, standing });
    }

    /// The task stands so from now on. If it waits it goes to that line, and keeps its turn.
    pub(super) fn move_to(&mut self, standing: Standing, task: TaskId) {
        if let Some(waiting) = self.waiting.get_mut(&task) {
            self.lines[waiting.standing.place()].remove(&waiting.turn);
            waiting.standing = standing;
            self.lines[standing.place()].insert(waiting.turn, task);
        }
    }

    /// The run whose turn it is, and how its task stands: of the first task below its share, or where none is below it, of the first in
    /// turn. A task passed over keeps its place.
    pub(super) fn next(&mut self, permits: &Permits) -> Option<(SendableRun, Standing)> {
        let (turn, standing) = self.first(permits, false).or_else(|| self.first(permits, true))?;
        let task = self.lines[standing.place()].remove(&turn)?;
        let mut runs = self.waiting.remove(&task)?.runs;
        let run = runs.pop_front()?;
        if !runs.is_empty() {
            // The run that goes makes no difference to the standing yet.
            self.take_place(task, runs, standing);
        }
        Some((run, standing))
    }

    /// The earliest turn of those that may take a permit.
    fn first(&self, permits: &Permits, alone: bool) -> Option<(Turn, Standing)> {
        let within_line = |standing: Standing| {
            let line = &self.lines[standing.place()];
            // At most ten tasks can be at their share, so this looks at few. Where none is below it, all are alike.
            let looked_at = if alone { 1 } else { line.len() };
            let may = |task: TaskId| permits.may_take((task, standing), alone);
            let found = line.iter().take(looked_at).find(|(_, task)| may(**task));
            found.map(|(turn, _)| (*turn, standing))
        };
        let ready = |standing: Standing| (!permits.is_full(standing)).then(|| within_line(standing))?;
        let known = ready(Standing::Recent).into_iter().chain(ready(Standing::Proven));
        // Slow ones share their permits with the unproven and come after them: most of those are well.
        let other = ready(Standing::Unproven).or_else(|| ready(Standing::Slow));
        known.chain(other).min()
    }

    /// Takes out all of them.
    pub(super) fn drain(&mut self) -> Vec<SendableRun> {
        self.lines = Default::default();
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().flat_map(|waiting| waiting.runs).collect()
    }
}
