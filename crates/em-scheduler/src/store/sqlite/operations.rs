//! The operations of the store on SQLite: which of them the writer's thread carries out, and which a reader. What each does
//! there is said by the module of its subject.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Transaction};
use triggers::UtcMicros;

use super::{
    PAUSED, SYNCED, SYNCED_AT_ONCE, Scope, SqliteStore, answered, close, firing, instances, jobs, rows,
    schema, set_state, settings, state,
};
use crate::em_web::{Announced, Sequences, SyncPlanner, TaskRow};
use crate::model::{ListedJob, RunKey, ScheduleRules, SendableRun, Settlement, TaskId};
use crate::store::{
    Decided, Decider, Instance, JobNamer, JobPlanner, NextRun, Notice, Pages, Replaced, Result, Store,
    SyncRange, SyncedPage, TakeOverJudge,
};

#[async_trait]
impl Store for SqliteStore {
    fn describe(&self) -> String {
        format!(
            "SQLite {} at {}",
            rusqlite::version(),
            self.options.path.display()
        )
    }

    fn sequences(&self) -> Sequences {
        self.sequences
    }

    fn now(&self) -> UtcMicros {
        self.options.clock.now()
    }

    async fn ping(&self) -> Result<()> {
        self.readers
            .read(|connection| Ok(connection.query_row("SELECT 1", [], |_| Ok(()))?))
            .await
    }

    /// The file is ours alone: nothing vanishes from it.
    async fn restore_tables(&self, _paused: bool) -> Result<bool> {
        Ok(false)
    }

    async fn paused(&self) -> Result<bool> {
        self.readers
            .read(|connection| Ok(state(connection, PAUSED)? != 0))
            .await
    }

    fn job_pages(&self, with_definitions: bool) -> Pages<ListedJob> {
        self.list(move |connection, page| jobs::list(connection, with_definitions, page))
    }

    fn next_runs(&self) -> Pages<NextRun> {
        self.list(jobs::next_runs)
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskRow>> {
        let sequences = self.sequences;
        self.readers
            .read(move |connection| rows::task(connection, sequences, id))
            .await
    }

    async fn listed_jobs(&self, task: TaskId) -> Result<Option<usize>> {
        self.readers
            .read(move |connection| jobs::listed(connection, task))
            .await
    }

    async fn has_sequences(&self) -> Result<bool> {
        self.readers.read(schema::has_sequences).await
    }

    async fn settings(&self) -> Result<BTreeMap<String, String>> {
        self.readers.read(settings::all).await
    }

    async fn agree_settings(&self, ours: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        self.write(self.now(), move |transaction, _| {
            settings::agree(transaction, &ours)
        })
        .await
    }

    async fn change_settings(&self, new: BTreeMap<String, String>) -> Result<()> {
        self.write(self.now(), move |transaction, _| {
            settings::change(transaction, &new)
        })
        .await
    }

    async fn replace_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        self.write(now, move |transaction, scope| {
            jobs::replace(transaction, scope, task, &plan)
        })
        .await
    }

    async fn add_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        self.write(now, move |transaction, scope| {
            jobs::add(transaction, scope, task, &plan)
        })
        .await
    }

    async fn remove_jobs(&self, now: UtcMicros, task: TaskId) -> Result<Vec<RunKey>> {
        self.write(now, move |transaction, scope| {
            jobs::remove(transaction, scope, task)
        })
        .await
    }

    async fn remove_all_jobs(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        self.write(now, |transaction, scope| {
            jobs::remove_everything(transaction, scope)
        })
        .await
    }

    async fn remove_orphans(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        self.write(now, |transaction, scope| jobs::remove_orphans(transaction, scope))
            .await
    }

    async fn set_paused(&self, now: UtcMicros, paused: bool) -> Result<()> {
        self.write(now, move |transaction, _| {
            set_state(transaction, PAUSED, i64::from(paused))
        })
        .await
    }

    async fn begin_manual_run(
        &self,
        now: UtcMicros,
        task: TaskId,
        job_id: JobNamer,
    ) -> Result<Option<SendableRun>> {
        self.write(now, move |transaction, scope| {
            jobs::begin_manual_run(transaction, scope, task, &job_id)
        })
        .await
    }

    async fn decide(&self, now: UtcMicros, limit: usize, decider: Arc<dyn Decider>) -> Result<Decided> {
        self.write(now, move |transaction, scope| {
            firing::decide(transaction, scope, limit, &*decider)
        })
        .await
    }

    async fn begin_sends(&self, now: UtcMicros, runs: Vec<(RunKey, i64)>) -> Result<Vec<SendableRun>> {
        self.write(now, move |transaction, scope| {
            firing::begin_sends(transaction, scope, &runs)
        })
        .await
    }

    async fn settle(&self, now: UtcMicros, settlements: Vec<Settlement>) -> Result<()> {
        self.write(now, move |transaction, scope| {
            firing::settle(transaction, scope, &settlements)
        })
        .await
    }

    async fn publish_next_runs(&self, now: UtcMicros, tasks: Vec<TaskId>) -> Result<Vec<TaskId>> {
        self.write(now, move |transaction, scope| {
            tasks
                .iter()
                .try_for_each(|task| jobs::publish(transaction, scope, *task))?;
            Ok(Vec::new())
        })
        .await
    }

    async fn sync_page(&self, now: UtcMicros, range: SyncRange, plan: SyncPlanner) -> Result<SyncedPage> {
        let (tasks, last) = match range {
            SyncRange::After(after, limit) => self.differing_after(after, limit, &plan).await?,
            SyncRange::Of(tasks) => {
                let last = tasks.last().copied();
                (tasks, last)
            }
            SyncRange::InProject(project) => {
                let of_project = move |connection: &Connection| jobs::of_project(connection, project);
                let tasks = self.readers.read(of_project).await?;
                let last = tasks.last().copied();
                (tasks, last)
            }
        };
        let mut changed = 0;
        for tasks in tasks.chunks(SYNCED_AT_ONCE) {
            let (tasks, plan) = (tasks.to_vec(), Arc::clone(&plan));
            let sync = move |transaction: &Transaction<'_>, scope: &Scope| {
                jobs::sync(transaction, scope, &tasks, &plan)
            };
            changed += self.write(now, sync).await?;
        }
        Ok(SyncedPage { last, changed })
    }

    /// To look at all tasks takes little longer than to read them, so nothing is gained by two ways.
    async fn find_differing(&self, _: UtcMicros, _: ScheduleRules) -> Result<Option<Vec<TaskId>>> {
        Ok(None)
    }

    async fn synced_before(&self) -> Result<bool> {
        self.readers
            .read(|connection| Ok(state(connection, SYNCED)? != 0))
            .await
    }

    /// No session of SQLite has a zone.
    async fn earlier_zone(&self) -> Result<Option<String>> {
        Ok(None)
    }

    async fn announced(&self, range: &SyncRange) -> Result<BTreeMap<TaskId, Announced>> {
        let range = range.clone();
        self.readers
            .read(move |connection| jobs::announced(connection, &range))
            .await
    }

    async fn set_synced(&self, now: UtcMicros) -> Result<()> {
        self.write(now, |transaction, _| set_state(transaction, SYNCED, 1))
            .await
    }

    async fn renew_lease(&self, now: UtcMicros, lease_until: UtcMicros) -> Result<()> {
        let place = self.options.place.clone();
        self.write(now, move |transaction, scope| {
            instances::renew_lease(transaction, scope, (&place, lease_until))
        })
        .await
    }

    async fn other_instances(&self) -> Result<Vec<Instance>> {
        self.write(self.now(), |transaction, scope| {
            instances::others(transaction, scope)
        })
        .await
    }

    async fn post_notice(&self) -> Result<Vec<Instance>> {
        self.write(self.now(), |transaction, scope| {
            instances::post_notice(transaction, scope)
        })
        .await
    }

    /// No other process is at work on the file, so none wakes this one.
    async fn noticed(&self) {
        std::future::pending::<()>().await;
    }

    async fn notice(&self, always: bool) -> Result<Option<Notice>> {
        let owner = self.options.instance.clone();
        self.readers
            .read(move |connection| instances::notice(connection, &owner, always))
            .await
    }

    async fn acknowledge(&self, number: i64) -> Result<()> {
        self.write(self.now(), move |transaction, scope| {
            instances::acknowledge(transaction, scope, number)
        })
        .await
    }

    async fn release_queued(&self, now: UtcMicros) -> Result<usize> {
        self.write(now, |transaction, scope| {
            instances::release_queued(transaction, scope)
        })
        .await
    }

    async fn take_over(
        &self,
        now: UtcMicros,
        owners: Vec<String>,
        strangers: bool,
        judge: TakeOverJudge,
    ) -> Result<Vec<SendableRun>> {
        self.write(now, move |transaction, scope| {
            firing::take_over(transaction, scope, (&owners, strangers), &judge)
        })
        .await
    }

    async fn forget_instances(&self, ids: Vec<String>) -> Result<()> {
        self.write(self.now(), move |transaction, scope| {
            instances::forget(transaction, scope, &ids)
        })
        .await
    }

    async fn answered_tasks(&self, newest: usize, within: i64) -> Result<Vec<TaskId>> {
        let newest = i64::try_from(newest).unwrap_or(i64::MAX);
        self.readers
            .read(move |connection| answered::tasks(connection, (newest, within)))
            .await
    }

    async fn close(&self) {
        let (readers, writer) = (self.readers.clone(), Arc::clone(&self.writer));
        let closing = tokio::task::spawn_blocking(move || close(&readers, &writer));
        // A panic in it has been reported by its hook.
        let _ = closing.await;
    }

    async fn delete_old_runs(&self, before: UtcMicros, limit: usize) -> Result<usize> {
        self.write(before, move |transaction, _| {
            firing::delete_old_runs(transaction, before, limit)
        })
        .await
    }
}
