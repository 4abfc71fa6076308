//! The line: whose runs wait for a permit, in order of their turn. Keys of one standing have an order of their own, so that
//! thousands that may have no permit just now are passed over at once (D7, D10).

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::key::FairnessKey;
use super::permits::Permits;
use super::standing::Standing;
use crate::model::SendableRun;

/// The number of a turn: the lower, the earlier.
type Turn = u64;

#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: HashMap<FairnessKey, WaitingRuns>,
    /// By standing. Each key that waits is once in one of them.
    turns: [BTreeMap<Turn, FairnessKey>; Standing::ALL.len()],
    last_turn: Turn,
}

/// The runs of a key that wait, at least one, and where the key stands in line.
#[derive(Debug)]
struct WaitingRuns {
    runs: VecDeque<SendableRun>,
    turn: Turn,
    standing: Standing,
}

impl Line {
    /// Whether a run waits.
    pub(super) fn any(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a key waits that is not kept back by its standing.
    pub(super) fn any_may_go(&self, permits: &Permits) -> bool {
        Standing::ALL
            .iter()
            .any(|standing| !self.turns[standing.place()].is_empty() && !permits.is_full(*standing))
    }

    /// How many runs wait.
    pub(super) fn runs(&self) -> usize {
        self.waiting.values().map(|waiting| waiting.runs.len()).sum()
    }

    /// Takes a run. Where its key waits already that keeps its place, else it takes the last one.
    pub(super) fn push(&mut self, run: SendableRun, permits: &Permits) {
        let key = FairnessKey::of_task(run.task_id);
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.runs.push_back(run);
        } else {
            self.take_place(key, VecDeque::from([run]), permits.standing(key));
        }
    }

    fn take_place(&mut self, key: FairnessKey, runs: VecDeque<SendableRun>, standing: Standing) {
        self.last_turn += 1;
        let turn = self.last_turn;
        self.turns[standing.place()].insert(turn, key);
        self.waiting.insert(key, WaitingRuns { runs, turn, standing });
    }

    /// The key stands so from now on. If it waits it keeps its turn among those.
    pub(super) fn move_to(&mut self, standing: Standing, key: FairnessKey) {
        if let Some(waiting) = self.waiting.get_mut(&key) {
            self.turns[waiting.standing.place()].remove(&waiting.turn);
            waiting.standing = standing;
            self.turns[standing.place()].insert(waiting.turn, key);
        }
    }

    /// The run whose turn it is, with its key and how that stands: of the first key below its share, or where none is below it, of the
    /// first in turn. A key passed over keeps its place.
    pub(super) fn next(&mut self, permits: &Permits) -> Option<(SendableRun, FairnessKey, Standing)> {
        let (turn, standing) = self.first(permits, false).or_else(|| self.first(permits, true))?;
        let key = self.turns[standing.place()].remove(&turn)?;
        let mut runs = self.waiting.remove(&key)?.runs;
        let run = runs.pop_front()?;
        if !runs.is_empty() {
            // The run that goes makes no difference to the standing yet.
            self.take_place(key, runs, standing);
        }
        Some((run, key, standing))
    }

    /// The earliest turn of those that may take a permit.
    fn first(&self, permits: &Permits, alone: bool) -> Option<(Turn, Standing)> {
        let of_standing = |standing: Standing| {
            let turns = &self.turns[standing.place()];
            // At most ten keys can be at their share, so this looks at few. Where none is below it, all are alike.
            let looked_at = if alone { 1 } else { turns.len() };
            let may = |key: FairnessKey| permits.may_take((key, standing), alone);
            let found = turns.iter().take(looked_at).find(|(_, key)| may(**key));
            found.map(|(turn, _)| (*turn, standing))
        };
        let ready = |standing: Standing| (!permits.is_full(standing)).then(|| of_standing(standing))?;
        let known = ready(Standing::Recent).into_iter().chain(ready(Standing::Proven));
        // Slow ones share their permits with the unproven and come after them: most of those are well.
        let other = ready(Standing::Unproven).or_else(|| ready(Standing::Slow));
        known.chain(other).min()
    }

    /// Takes out all of them.
    pub(super) fn drain(&mut self) -> Vec<SendableRun> {
        self.turns = Default::default();
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().flat_map(|waiting| waiting.runs).collect()
    }
}
