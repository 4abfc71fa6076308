//! The operations of the store on PostgreSQL: which connection, place and transaction each gets. What it does in there is
//! said by the module of its subject.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use triggers::UtcMicros;

use super::link::Patience;
use super::tx::Guard;
use super::{
    PAUSED, Portions, PostgresStore, RESTORED, SYNCED, answered, firing, instances, jobs, own, rows, runs,
    schema, set_state, settings, sync, tasks,
};
use crate::em_web::{Announced, Sequences, SyncPlanner, TaskRow};
use crate::model::{ListedJob, RunKey, ScheduleRules, SendableRun, Settlement, TaskId};
use crate::store::{
    Decided, Decider, Instance, JobNamer, JobPlanner, NextRun, Notice, Pages, Replaced, Result, Store,
    SyncRange, SyncedPage, TakeOverJudge, codec,
};

#[async_trait]
impl Store for PostgresStore {
    fn describe(&self) -> String {
        format!("PostgreSQL {} at {}", self.version, self.link.target)
    }

    fn sequences(&self) -> Sequences {
        self.reading().sequences
    }

    fn now(&self) -> UtcMicros {
        self.link.clock.now()
    }

    async fn ping(&self) -> Result<()> {
        self.link.sample().await
    }

    async fn restore_tables(&self, paused: bool) -> Result<bool> {
        let known = self.agreed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.write_much(self.now(), move |tx| {
            Box::pin(async move {
                if !own::restore(tx).await? {
                    return Ok(false);
                }
                settings::change(tx, known);
                set_state(tx, PAUSED, i64::from(paused));
                set_state(tx, RESTORED, 1);
                Ok(true)
            })
        })
        .await
    }

    async fn paused(&self) -> Result<bool> {
        self.flag(PAUSED).await
    }

    fn job_pages(&self, with_definitions: bool) -> Pages<ListedJob> {
        self.list(jobs::list(with_definitions), |row| {
            codec::readable(jobs::listed_job(row))
        })
    }

    fn next_runs(&self) -> Pages<NextRun> {
        self.list(jobs::NEXT_RUNS.into(), |row| codec::readable(jobs::next_run(row)))
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskRow>> {
        let _place = self.callers.place().await?;
        self.link
            .rows(&self.reading().one_task, &[&id])
            .await?
            .first()
            .map(rows::task_row)
            .transpose()
    }

    async fn listed_jobs(&self, task: TaskId) -> Result<Option<usize>> {
        let _place = self.switches.place().await?;
        jobs::listed(&self.link.rows(jobs::LISTED, &[&task]).await?)
    }

    async fn has_sequences(&self) -> Result<bool> {
        let found = self.link.rows(schema::SEQUENCES, &[]).await?;
        Ok(!found.is_empty())
    }

    async fn settings(&self) -> Result<BTreeMap<String, String>> {
        settings::read(&self.link.rows(settings::ALL, &[]).await?)
    }

    async fn agree_settings(&self, ours: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let agreed = self
            .write(self.now(), move |tx| Box::pin(settings::agree(tx, ours)))
            .await?;
        self.agreed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&agreed);
        Ok(agreed)
    }

    async fn change_settings(&self, new: BTreeMap<String, String>) -> Result<()> {
        self.write(self.now(), move |tx| {
            Box::pin(async move {
                settings::change(tx, new);
                Ok(())
            })
        })
        .await
    }

    async fn replace_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        self.write_when_free((&self.callers, Patience::Usual), now, || {
            let plan = Arc::clone(&plan);
            move |tx: &_| Box::pin(async move { jobs::replace(tx, task, &plan).await })
        })
        .await
    }

    async fn add_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        self.write_when_free((&self.callers, Patience::Usual), now, || {
            let plan = Arc::clone(&plan);
            move |tx: &_| Box::pin(async move { jobs::add(tx, task, &plan).await })
        })
        .await
    }

    async fn remove_jobs(&self, now: UtcMicros, task: TaskId) -> Result<Vec<RunKey>> {
        self.write_when_free((&self.switches, Patience::Usual), now, || {
            move |tx: &_| Box::pin(jobs::remove(tx, task))
        })
        .await
    }

    async fn remove_all_jobs(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        self.write_when_free((&self.switches, Patience::Long), now, || {
            move |tx: &_| Box::pin(jobs::remove_everything(tx))
        })
        .await
    }

    async fn remove_orphans(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        self.write_when_free((&self.switches, Patience::Long), now, || {
            move |tx: &_| Box::pin(jobs::remove_orphans(tx))
        })
        .await
    }

    async fn set_paused(&self, now: UtcMicros, paused: bool) -> Result<()> {
        self.write_when_free((&self.switches, Patience::Usual), now, || {
            move |tx: &_| {
                Box::pin(async move {
                    tx.hold(Guard::Paused).await?;
                    set_state(tx, PAUSED, i64::from(paused));
                    Ok(())
                })
            }
        })
        .await
    }

    async fn begin_manual_run(
        &self,
        now: UtcMicros,
        task: TaskId,
        job_id: JobNamer,
    ) -> Result<Option<SendableRun>> {
        self.write_when_free((&self.callers, Patience::Usual), now, || {
            let job_id = Arc::clone(&job_id);
            move |tx: &_| Box::pin(async move { jobs::begin_manual_run(tx, task, &job_id).await })
        })
        .await
    }

    async fn decide(&self, now: UtcMicros, limit: usize, decider: Arc<dyn Decider>) -> Result<Decided> {
        let decided = self
            .write(now, move |tx| {
                Box::pin(async move { firing::decide(tx, limit, &*decider).await })
            })
            .await?;
        self.link.wear(decided.jobs);
        Ok(decided)
    }

    async fn begin_sends(&self, now: UtcMicros, runs: Vec<(RunKey, i64)>) -> Result<Vec<SendableRun>> {
        self.write(now, move |tx| {
            Box::pin(async move { runs::begin_sends(tx, &runs).await })
        })
        .await
    }

    async fn settle(&self, now: UtcMicros, settlements: Vec<Settlement>) -> Result<()> {
        self.write(now, move |tx| {
            Box::pin(async move { runs::settle(tx, &settlements).await })
        })
        .await
    }

    async fn publish_next_runs(&self, now: UtcMicros, tasks: Vec<TaskId>) -> Result<Vec<TaskId>> {
        self.write(now, move |tx| {
            Box::pin(async move { tasks::publish_next_runs(tx, &tasks).await })
        })
        .await
    }

    async fn sync_page(&self, now: UtcMicros, range: SyncRange, plan: SyncPlanner) -> Result<SyncedPage> {
        // Asked for by a call of the API, which is not repeated where another process held the guard.
        if matches!(range, SyncRange::InProject(_)) {
            return self
                .write_when_free((&self.callers, Patience::Long), now, || {
                    let (range, plan) = (range.clone(), Arc::clone(&plan));
                    move |tx: &_| Box::pin(async move { sync::sync_page(tx, &range, &plan).await })
                })
                .await;
        }
        self.write_much(now, move |tx| {
            Box::pin(async move { sync::sync_page(tx, &range, &plan).await })
        })
        .await
    }

    async fn find_differing(&self, now: UtcMicros, rules: ScheduleRules) -> Result<Option<Vec<TaskId>>> {
        self.find_differing_in(now, rules, Portions::default())
            .await
            .map(Some)
    }

    async fn synced_before(&self) -> Result<bool> {
        self.flag(SYNCED).await
    }

    async fn earlier_zone(&self) -> Result<Option<String>> {
        // It was we who wrote them, in our own zone.
        if self.flag(RESTORED).await? {
            return Ok(None);
        }
        let rows = self.link.rows(sync::DEFAULT_ZONE, &[]).await?;
        rows.first().map(|row| Ok(row.try_get(0)?)).transpose()
    }

    async fn announced(&self, range: &SyncRange) -> Result<BTreeMap<TaskId, Announced>> {
        let range = range.clone();
        self.write_much(self.now(), move |tx| {
            Box::pin(async move { sync::announced(tx, &range).await })
        })
        .await
    }

    async fn set_synced(&self, now: UtcMicros) -> Result<()> {
        self.write(now, |tx| {
            Box::pin(async move {
                set_state(tx, SYNCED, 1);
                Ok(())
            })
        })
        .await
    }

    async fn renew_lease(&self, now: UtcMicros, lease_until: UtcMicros) -> Result<()> {
        let place = self.options.place.clone();
        self.write(now, move |tx| {
            Box::pin(async move {
                instances::renew_lease(tx, place, lease_until);
                Ok(())
            })
        })
        .await
    }

    async fn other_instances(&self) -> Result<Vec<Instance>> {
        let rows = self
            .link
            .rows(instances::OTHERS, &[&self.options.instance])
            .await?;
        rows.iter().map(instances::instance).collect()
    }

    async fn post_notice(&self) -> Result<Vec<Instance>> {
        self.write_when_free((&self.switches, Patience::Usual), self.now(), || {
            move |tx: &_| Box::pin(instances::post_notice(tx))
        })
        .await
    }

    async fn noticed(&self) {
        match &self.beside {
            Some(beside) => beside.listener.heard().await,
            None => std::future::pending().await,
        }
    }

    async fn notice(&self, always: bool) -> Result<Option<Notice>> {
        instances::notice(&self.link, &self.options.instance, always).await
    }

    async fn acknowledge(&self, number: i64) -> Result<()> {
        self.write(self.now(), move |tx| {
            Box::pin(async move {
                instances::acknowledge(tx, number);
                Ok(())
            })
        })
        .await
    }

    async fn release_queued(&self, now: UtcMicros) -> Result<usize> {
        self.write(now, |tx| Box::pin(instances::release_queued(tx)))
            .await
    }

    async fn take_over(
        &self,
        now: UtcMicros,
        owners: Vec<String>,
        strangers: bool,
        judge: TakeOverJudge,
    ) -> Result<Vec<SendableRun>> {
        self.write(now, move |tx| {
            Box::pin(async move { runs::take_over(tx, (&owners, strangers), &judge).await })
        })
        .await
    }

    async fn forget_instances(&self, ids: Vec<String>) -> Result<()> {
        self.write(self.now(), move |tx| {
            Box::pin(async move {
                instances::forget(tx, ids);
                Ok(())
            })
        })
        .await
    }

    async fn answered_tasks(&self, newest: usize, within: i64) -> Result<Vec<TaskId>> {
        answered::tasks(&self.link, (newest, within)).await
    }

    async fn delete_old_runs(&self, before: UtcMicros, limit: usize) -> Result<usize> {
        self.write(before, move |tx| {
            Box::pin(runs::delete_old_runs(tx, before, limit))
        })
        .await
    }
}
