//! One round of deciding: what is due is planned and committed in one transaction, and the runs that come of it are
//! handed to dispatch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use triggers::UtcMicros;

use super::compiled::Compiled;
use super::parts::EngineParts;
use super::plan::{self, FiringRules};
use crate::dispatch::Dispatcher;
use crate::model::{DueJob, Plan, TaskId, UnreadableTrigger};
use crate::store::{DecidedBatch, Decider, Result};

/// Due jobs decided in one transaction, at most: enough to fill a commit, few enough to let others in between.
const BATCH: usize = 1_000;

/// Thinks inside the deciding transaction, and remembers the permits it took there.
struct Round {
    now: UtcMicros,
    rules: FiringRules,
    compiled: Arc<Compiled>,
    dispatcher: Dispatcher,
    permits: Mutex<HashMap<TaskId, usize>>,
}

impl Decider for Round {
    fn plan(&self, job: &DueJob) -> Result<Plan, UnreadableTrigger> {
        let trigger = self.compiled.get(&job.definition, job.created_at, self.now)?;
        Ok(plan::plan(job, &trigger, &self.rules, self.now))
    }

    fn admit(&self, task: TaskId) -> bool {
        let admitted = self.dispatcher.admit(task, self.now);
        if admitted {
            *self
                .permits
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(task)
                .or_default() += 1;
        }
        admitted
    }
}

impl Round {
    /// Gives back the permits that no run handed over makes use of.
    fn give_back(&self, used: &DecidedBatch) {
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        for run in used.runs.iter().filter(|run| run.sending) {
            if let Some(left) = permits.get_mut(&run.task_id) {
                *left = left.saturating_sub(1);
            }
        }
        for (task, left) in permits.drain().filter(|(_, left)| *left > 0) {
            self.dispatcher.give_back(task, left);
        }
    }
}

/// What a round left behind; nothing where none was done.
#[derive(Debug, Default)]
pub(super) struct Ticked {
    /// How many jobs were handled.
    pub(super) jobs: usize,
    /// Whether more is due already.
    pub(super) more: bool,
    /// When something is due next.
    pub(super) next_due: Option<UtcMicros>,
    /// The tasks whose next run changed.
    pub(super) tasks: Vec<TaskId>,
}

/// Decides what is due now. Nothing once the scheduler is stopped.
pub(super) async fn tick(parts: &EngineParts) -> Result<Ticked> {
    let Some(_deciding) = parts.control.deciding().await else {
        return Ok(Ticked::default());
    };
    let now = parts.store.now();
    let round = Arc::new(Round {
        now,
        rules: parts.settings.firing,
        compiled: Arc::clone(&parts.compiled),
        dispatcher: parts.dispatcher.clone(),
        permits: Mutex::default(),
    });
    let (pauses, era) = (parts.dispatcher.pauses(), parts.dispatcher.era());
    let decided = parts
        .store
        .decide(now, BATCH, Arc::clone(&round) as Arc<dyn Decider>)
        .await;
    let decided = decided.inspect_err(|_| round.give_back(&DecidedBatch::default()))?;
    round.give_back(&decided);
    crate::crash::point("engine.decided");
    if decided.paused {
        parts.dispatcher.pause();
        return Ok(Ticked::default());
    }
    // Another process may have resumed what this one knows as paused.
    parts.dispatcher.resume_if(pauses);
    parts.dispatcher.accept_of(era, decided.runs);
    let more = decided.next_due.is_some_and(|at| at <= now);
    Ok(Ticked {
        jobs: decided.jobs,
        more,
        next_due: decided.next_due,
        tasks: decided.tasks,
    })
}
