//! The few rows and rules that the tests are made of.

use std::sync::Arc;

use em_scheduler::em_web::TaskRow;
use em_scheduler::model::{DueJob, JobKind, NewJob, Outcome, Plan, SendableRun, TaskId, UnreadableTrigger};
use em_scheduler::store::{DecidedBatch, Decider, Replaced, Result};
use triggers::UtcMicros;

use super::harness::{Harness, NOW, after, at};

/// A cron job of a task of project 3.
pub(crate) fn job(id: &str, task_id: TaskId, next_run_at: Option<UtcMicros>) -> NewJob {
    NewJob {
        id: id.into(),
        task_id,
        project_id: 3,
        kind: JobKind::Cron,
        name: format!("Project: Task {task_id}"),
        definition: format!("{{\"of\":\"{id}\"}}"),
        next_run_at,
        listed: true,
        hazards: Vec::new(),
    }
}

/// A rule from a function; `admits` says whether runs go out at once.
struct Rule<F> {
    plan: F,
    admits: bool,
}

impl<F: Fn(&DueJob) -> Result<Plan, UnreadableTrigger> + Send + Sync> Decider for Rule<F> {
    fn plan(&self, job: &DueJob) -> Result<Plan, UnreadableTrigger> {
        (self.plan)(job)
    }

    fn admit(&self, _: TaskId) -> bool {
        self.admits
    }
}

pub(crate) fn rule<F>(admits: bool, plan: F) -> Arc<dyn Decider>
where
    F: Fn(&DueJob) -> Result<Plan, UnreadableTrigger> + Send + Sync + 'static,
{
    Arc::new(Rule { plan, admits })
}

/// The runner did not take it.
pub(crate) fn refused() -> Outcome {
    Outcome::Failed {
        reason: "refused".into(),
    }
}

/// It waits again, for nine seconds from [`NOW`].
pub(crate) fn requeued(attempted: bool) -> Outcome {
    Outcome::Requeued {
        not_before: after(9),
        attempted,
    }
}

impl Harness {
    /// Begins to send a run; returns it as it is sent, if it is.
    pub(crate) async fn begin(&self, now: UtcMicros, run: &SendableRun) -> Vec<SendableRun> {
        let wanted = vec![(run.key, run.fence)];
        self.store.begin_sends(now, wanted).await.unwrap()
    }

    /// Replaces the task's jobs by these.
    pub(crate) async fn store_jobs(&self, task: TaskId, jobs: Vec<NewJob>) {
        let plan = Arc::new(move |_: &TaskRow| Ok(jobs.clone()));
        let replaced = self.store.replace_jobs(at(NOW), task, plan).await.unwrap();
        assert_eq!(replaced, Replaced::Done);
    }

    /// An enabled task with one job that is due at [`NOW`].
    pub(crate) async fn due_job(&self, task: TaskId, id: &str) {
        self.place.task(task, true).await;
        self.store_jobs(task, vec![job(id, task, Some(at(NOW)))]).await;
        self.place.run("DELETE FROM task_log").await;
    }

    /// Decides with a rule; runs stay queued.
    pub(crate) async fn decide<F>(&self, now: UtcMicros, plan: F) -> DecidedBatch
    where
        F: Fn(&DueJob) -> Result<Plan, UnreadableTrigger> + Send + Sync + 'static,
    {
        self.store.decide(now, 100, rule(false, plan)).await.unwrap()
    }

    /// A run of a task, decided and queued, and nothing in the log.
    pub(crate) async fn queued_run(&self, task: TaskId, id: &str) -> SendableRun {
        self.due_job(task, id).await;
        let mut runs = self
            .decide(at(NOW), |job| Ok(super::decide::send_then(job, after(60))))
            .await
            .runs;
        assert_eq!(runs.len(), 1);
        self.place.run("DELETE FROM task_log").await;
        runs.remove(0)
    }

    /// A run of a task whose request may have left.
    pub(crate) async fn sending_run(&self, task: TaskId, id: &str) -> SendableRun {
        let run = self.queued_run(task, id).await;
        self.begin(at(NOW), &run).await.remove(0)
    }
}
