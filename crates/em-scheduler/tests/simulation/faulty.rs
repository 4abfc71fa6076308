//! The store as a process meets it: the real one, with whatever a database can do between a caller and its answer.
//!
//! Before and after each operation it may stall, fail or see the process die. A failure before it: nothing took effect.
//! A failure after it: it took effect, and the caller is told that it did not. The operation itself is the real one,
//! carried out at one instant.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use em_scheduler::em_web::{Announced, Sequences, SyncPlan, SyncPlanner, SyncTask, TaskRow};
use em_scheduler::model::{Corrupt, ListedJob, RunKey, ScheduleRules, SendableRun, Settlement, TaskId};
use em_scheduler::store::{
    Catalog, Cluster, DecidedBatch, Decider, EmWeb, Firing, Instance, JobNamer, JobPlanner, NextRun, Notice,
    Pages, Replaced, Result, Runs, Schedules, StoreError, SyncRange, SyncedPage, TakeOverJudge,
};
use triggers::UtcMicros;

use crate::blocking::finish;
use crate::checker::Violation;
use crate::database::Opened;
use crate::life::Life;
use crate::operation::Op;
use crate::sabotage::Saboteur;
use crate::world::Health;

/// More events in one instant are a loop that goes round without a pause.
const TOO_BUSY: u64 = 20_000;

pub struct FaultyStore {
    inner: Opened,
    life: Arc<Life>,
    saboteur: Option<Saboteur>,
}

/// Before an operation takes effect, or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// What happens on one side of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Stall(i64),
    Fail,
    Die,
}

/// Calls the real store.
macro_rules! real {
    ($self:ident, $inner:ident => $call:expr) => {{
        let $inner = Arc::clone(&$self.inner.0);
        $self.real(async move { $call.await })
    }};
}

/// The real operation between its faults.
macro_rules! step {
    ($self:ident, $op:expr, $inner:ident => $call:expr) => {
        $self.step($op, async { real!($self, $inner => $call) }).await
    };
}

impl FaultyStore {
    pub fn new(inner: Opened, life: Arc<Life>, saboteur: Option<Saboteur>) -> Self {
        Self {
            inner,
            life,
            saboteur,
        }
    }

    /// An operation between its faults.
    async fn step<T>(&self, op: Op, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.pass(Side::Before, &op).await?;
        let outcome = work.await;
        self.carried_out(&op, &outcome);
        self.pass(Side::After, &op).await?;
        outcome
    }

    /// The real operation, at one instant.
    fn real<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        match &self.inner.1 {
            Some(runtime) => finish(runtime.spawn(work)).unwrap(),
            None => finish(work),
        }
    }

    fn all_tasks(&self, now: UtcMicros) -> Result<Vec<TaskId>> {
        let all: Arc<Mutex<Vec<TaskId>>> = Arc::default();
        let tell = Arc::clone(&all);
        let plan = Arc::new(move |task: &SyncTask| {
            tell.lock().unwrap().push(task.task_id);
            SyncPlan::default()
        });
        real!(self, inner => inner.sync_page(now, SyncRange::After(None, 10_000), plan))?;
        let mut all = all.lock().unwrap();
        Ok(std::mem::take(&mut *all))
    }

    fn carried_out<T>(&self, op: &Op, outcome: &Result<T>) {
        let mut core = self.life.world.core();
        core.carried_out(&self.life.name, op, self.life.clock.passed());
        if let Err(error) = outcome {
            // The database itself is always well here.
            core.hold(Err(Violation::new("store", format!("{op}: {error}"))));
        }
    }

    async fn pass(&self, side: Side, op: &Op) -> Result<()> {
        self.life.go_on().await;
        if self.life.world.core().trace.at_once() > TOO_BUSY {
            self.life.end("of business");
            let what = format!("{TOO_BUSY} events in one instant, the last of them {op}");
            self.life.world.core().hold(Err(Violation::new("I8", what)));
            self.life.go_on().await;
        }
        self.meet(self.life.fault(side), side, op).await
    }

    async fn meet(&self, fault: Fault, side: Side, op: &Op) -> Result<()> {
        if fault != Fault::None {
            self.life.world.core().figures.faults += 1;
            self.life.note(format_args!("{fault:?} {side:?} {op}"));
        }
        match fault {
            Fault::None => Ok(()),
            Fault::Stall(micros) => {
                tokio::time::sleep(Duration::from_micros(micros.unsigned_abs())).await;
                self.life.go_on().await;
                Ok(())
            }
            Fault::Fail => Err(StoreError::Unavailable(format!("simulated, {side:?} {op}"))),
            Fault::Die => {
                self.life.end(&format!("{side:?} {op}"));
                std::future::pending().await
            }
        }
    }
}

impl Life {
    /// What happens next to an operation of this process.
    fn fault(&self, side: Side) -> Fault {
        let mut core = self.world.core();
        let health = core.health;
        let random = &mut core.random;
        match health {
            Health::Well => Fault::None,
            Health::Away => Fault::Fail,
            Health::Forgetful if side == Side::After => Fault::Fail,
            Health::Forgetful => Fault::None,
            Health::Flaky => match random.below(1_000) {
                0..6 => Fault::Die,
                6..50 => Fault::Fail,
                50..200 => Fault::Stall(random.below(60_000)),
                200..206 => Fault::Stall(random.between(1_000_000, 15_000_000)),
                _ => Fault::None,
            },
        }
    }

    /// What happens to a statement that takes long, which meets more than others.
    fn long_fault(&self) -> Fault {
        let mut core = self.world.core();
        match core.health {
            Health::Flaky => match core.random.below(10) {
                0 | 1 => Fault::Fail,
                2..6 => Fault::Stall(core.random.between(1_000_000, 15_000_000)),
                _ => Fault::None,
            },
            _ => Fault::None,
        }
    }

    /// A point between two transactions of a sabotage, where the process may die.
    pub async fn between(&self, op: &Op) {
        let dies = {
            let mut core = self.world.core();
            core.health == Health::Flaky && core.random.chance(30)
        };
        if dies {
            self.end("between two transactions");
            self.world.core().carried_out(&self.name, op, self.clock.passed());
            self.go_on().await;
        }
    }

    /// A point at which the process may be held up.
    pub async fn held_up(&self) {
        if let Fault::Stall(micros) = self.fault(Side::Before) {
            tokio::time::sleep(Duration::from_micros(micros.unsigned_abs())).await;
            self.go_on().await;
        }
    }
}

#[async_trait]
impl Catalog for FaultyStore {
    fn engine(&self) -> String {
        self.inner.0.engine()
    }

    fn place(&self) -> String {
        self.inner.0.place()
    }

    fn now(&self) -> UtcMicros {
        UtcMicros::new(self.life.now() + self.saboteur.as_ref().map_or(0, Saboteur::ahead))
    }

    async fn ping(&self) -> Result<()> {
        step!(self, Op::Read("ping"), inner => inner.ping())
    }

    async fn restore_tables(&self, _paused: bool) -> Result<bool> {
        Ok(false)
    }

    async fn settings(&self) -> Result<BTreeMap<String, String>> {
        step!(self, Op::Read("settings"), inner => inner.settings())
    }

    async fn agree_settings(&self, ours: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        step!(self, Op::Settings, inner => inner.agree_settings(ours))
    }

    async fn change_settings(&self, new: BTreeMap<String, String>) -> Result<()> {
        step!(self, Op::Settings, inner => inner.change_settings(new))
    }
}

#[async_trait]
impl Schedules for FaultyStore {
    // At one instant: pages that are read by a thread beside the virtual clock would come when they like.
    fn job_pages(&self, with_definitions: bool) -> Pages<ListedJob> {
        let jobs = real!(self, inner => inner.list_jobs(with_definitions));
        jobs.expect("the lists are read").into()
    }

    async fn list_jobs(&self, with_definitions: bool) -> Result<Vec<ListedJob>> {
        step!(self, Op::Read("jobs"), inner => inner.list_jobs(with_definitions))
    }

    fn next_runs(&self) -> Pages<NextRun> {
        let inner = Arc::clone(&self.inner.0);
        let runs = self.real(async move { inner.next_runs().all().await });
        runs.expect("the next runs are read").into()
    }

    async fn listed_jobs(&self, task: TaskId) -> Result<Option<usize>> {
        step!(self, Op::Read("listed_jobs"), inner => inner.listed_jobs(task))
    }

    async fn replace_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        self.step(Op::Replace(task), async {
            if let Some(saboteur) = self.saboteur.as_ref().filter(|saboteur| saboteur.answers_early()) {
                return saboteur.replace_later(Arc::clone(&self.life), (now, task, plan), &self.inner);
            }
            let plan = match &self.saboteur {
                Some(saboteur) => saboteur.plan(plan),
                None => plan,
            };
            real!(self, inner => inner.replace_jobs(now, task, plan))
        })
        .await
    }

    async fn add_jobs(&self, now: UtcMicros, task: TaskId, plan: JobPlanner) -> Result<Replaced> {
        step!(self, Op::Add(task), inner => inner.add_jobs(now, task, plan))
    }

    async fn remove_jobs(&self, now: UtcMicros, task: TaskId) -> Result<Vec<RunKey>> {
        step!(self, Op::Remove(task), inner => inner.remove_jobs(now, task))
    }

    async fn remove_all_jobs(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        step!(self, Op::RemoveAll, inner => inner.remove_all_jobs(now))
    }

    async fn remove_orphans(&self, now: UtcMicros) -> Result<Vec<RunKey>> {
        step!(self, Op::RemoveOrphans, inner => inner.remove_orphans(now))
    }
}

#[async_trait]
impl Firing for FaultyStore {
    async fn paused(&self) -> Result<bool> {
        step!(self, Op::Read("paused"), inner => inner.paused())
    }

    async fn set_paused(&self, now: UtcMicros, paused: bool) -> Result<()> {
        step!(self, Op::Pause(paused), inner => inner.set_paused(now, paused))
    }

    async fn decide(&self, now: UtcMicros, limit: usize, decider: Arc<dyn Decider>) -> Result<DecidedBatch> {
        self.step(Op::Decide(now.get()), async {
            match &self.saboteur {
                Some(saboteur) if saboteur.decides() => {
                    saboteur.decide(&self.life, (now, limit), &*decider).await
                }
                _ => real!(self, inner => inner.decide(now, limit, decider)),
            }
        })
        .await
    }
}

#[async_trait]
impl Runs for FaultyStore {
    async fn begin_manual_run(
        &self,
        now: UtcMicros,
        task: TaskId,
        job_id: JobNamer,
    ) -> Result<Option<SendableRun>> {
        step!(self, Op::Manual(task), inner => inner.begin_manual_run(now, task, job_id))
    }

    async fn begin_sends(&self, now: UtcMicros, runs: Vec<(RunKey, i64)>) -> Result<Vec<SendableRun>> {
        self.step(Op::Begin(runs.clone()), async {
            if let Some(saboteur) = self.saboteur.as_ref().filter(|saboteur| saboteur.sends_early()) {
                return saboteur.begin_later(Arc::clone(&self.life), (now, runs), &self.inner);
            }
            real!(self, inner => inner.begin_sends(now, runs))
        })
        .await
    }

    async fn settle(&self, now: UtcMicros, settlements: Vec<Settlement>) -> Result<()> {
        let named = settlements.iter().map(|one| (one.key, one.fence)).collect();
        self.step(Op::Settle(named), async {
            match &self.saboteur {
                Some(saboteur) if saboteur.settles() => saboteur.settle(&self.life, now, &settlements).await,
                _ => real!(self, inner => inner.settle(now, settlements)),
            }
        })
        .await
    }

    async fn release_queued(&self, now: UtcMicros) -> Result<usize> {
        step!(self, Op::Release, inner => inner.release_queued(now))
    }

    async fn take_over(
        &self,
        now: UtcMicros,
        owners: Vec<String>,
        unregistered: bool,
        judge: TakeOverJudge,
    ) -> Result<Vec<SendableRun>> {
        let op = Op::TakeOver {
            owners: owners.clone(),
            unregistered,
        };
        self.step(op, async {
            if self.saboteur.as_ref().is_some_and(Saboteur::takes_nothing_over) {
                return Ok(Vec::new());
            }
            real!(self, inner => inner.take_over(now, owners, unregistered, judge))
        })
        .await
    }

    async fn answered_tasks(&self, newest: usize, within: i64) -> Result<Vec<TaskId>> {
        step!(self, Op::Read("answered tasks"), inner => inner.answered_tasks(newest, within))
    }

    async fn delete_old_runs(&self, before: UtcMicros, limit: usize) -> Result<usize> {
        step!(self, Op::DeleteOld, inner => inner.delete_old_runs(before, limit))
    }
}

#[async_trait]
impl Cluster for FaultyStore {
    async fn renew_lease(&self, now: UtcMicros, lease_until: UtcMicros) -> Result<bool> {
        step!(self, Op::RenewLease, inner => inner.renew_lease(now, lease_until))
    }

    async fn other_instances(&self) -> Result<Vec<Instance>> {
        step!(self, Op::OtherInstances, inner => inner.other_instances())
    }

    async fn post_notice(&self) -> Result<Vec<Instance>> {
        step!(self, Op::PostNotice, inner => inner.post_notice())
    }

    // A hint that comes in real time has no place here: notices are found by looking.
    async fn noticed(&self) {
        std::future::pending::<()>().await;
    }

    async fn notice(&self, always: bool) -> Result<Option<Notice>> {
        self.step(Op::Read("notice"), async {
            let notice = real!(self, inner => inner.notice(always))?;
            Ok(notice.map(|notice| match &self.saboteur {
                Some(saboteur) => saboteur.spoil(notice),
                None => notice,
            }))
        })
        .await
    }

    async fn acknowledge(&self, number: i64) -> Result<()> {
        step!(self, Op::Acknowledge, inner => inner.acknowledge(number))
    }

    async fn forget_instances(&self, ids: Vec<String>) -> Result<()> {
        step!(self, Op::Forget, inner => inner.forget_instances(ids))
    }
}

#[async_trait]
impl EmWeb for FaultyStore {
    fn sequences(&self) -> Sequences {
        self.inner.0.sequences()
    }

    async fn has_sequences(&self) -> Result<bool> {
        step!(self, Op::Read("has_sequences"), inner => inner.has_sequences())
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskRow>> {
        step!(self, Op::Read("task"), inner => inner.task(id))
    }

    fn enabled_tasks(&self) -> Pages<(TaskId, Result<TaskRow, Corrupt>)> {
        let inner = Arc::clone(&self.inner.0);
        let tasks = self.real(async move { inner.enabled_tasks().all().await });
        tasks.expect("the tasks are read").into()
    }

    async fn publish_next_runs(&self, now: UtcMicros, tasks: Vec<TaskId>) -> Result<Vec<TaskId>> {
        step!(self, Op::Publish, inner => inner.publish_next_runs(now, tasks))
    }

    async fn sync_page(&self, now: UtcMicros, range: SyncRange, plan: SyncPlanner) -> Result<SyncedPage> {
        step!(self, Op::Sync, inner => inner.sync_page(now, range, plan))
    }

    async fn find_differing(&self, now: UtcMicros, rules: ScheduleRules) -> Result<Option<Vec<TaskId>>> {
        let op = Op::Read("differing");
        self.meet(self.life.long_fault(), Side::Before, &op).await?;
        self.step(op, async {
            let found = real!(self, inner => inner.find_differing(now, rules))?;
            // More than what differs may be answered; where the real store never says, this is how the engine meets it.
            if self.life.world.core().random.chance(500) {
                return self.all_tasks(now).map(Some);
            }
            Ok(found)
        })
        .await
    }

    async fn synced_before(&self) -> Result<bool> {
        step!(self, Op::Read("synced"), inner => inner.synced_before())
    }

    async fn set_synced(&self, now: UtcMicros) -> Result<()> {
        step!(self, Op::SetSynced, inner => inner.set_synced(now))
    }

    async fn earlier_zone(&self) -> Result<Option<String>> {
        step!(self, Op::Read("earlier zone"), inner => inner.earlier_zone())
    }

    async fn announced(&self, range: &SyncRange) -> Result<BTreeMap<TaskId, Announced>> {
        let range = range.clone();
        step!(self, Op::Read("announced"), inner => inner.announced(&range))
    }
}
