//! The chores beside firing: taking over what dead processes left, `job_sync`, publishing next runs (see `publish`),
//! the lease of this process, retention. Each is one short step, so that no chore makes a run late.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use triggers::{Context, Definition, Kind, Trigger, UtcMicros, Zone};

use super::Engine;
use super::earlier::Earlier;
use super::notices;
use super::plan::is_late;
use super::publish::Publisher;
use super::sync::Pass;
use super::syncing::Syncing;
use crate::clock::Stopwatch;
use crate::dispatch::LeaseStart;
use crate::model::{Delivery, JobKind, OpenRun, SendableRun, Settled, TaskId};
use crate::peers::{self, LeaseTimes};
use crate::repeated::Repeated;
use crate::store::{Instance, Result, StoreError, TakeOver};

/// Microseconds per second.
const SECOND: i64 = 1_000_000;
/// How often rows are looked for that are ours and that nobody here knows of, even if no write has failed: a commit
/// may take effect after its caller has given up.
const FIND_UNCERTAIN_EVERY: i64 = 60 * SECOND;
/// A run asked for now that nobody knows of for so long will not be sent any more.
const ABANDONED: i64 = 30 * SECOND;
const RETENTION_EVERY: i64 = 600 * SECOND;
/// Final runs removed in one step.
const OLD_RUNS: usize = 5_000;

/// When each chore is due next, and what is left of those that take several steps. All but `job_sync`, which has its
/// minute on the wall, go by the time that has passed, so that no step of the clock delays them.
#[derive(Debug)]
pub(super) struct Chores {
    running: Stopwatch,
    renew_at: i64,
    take_over_at: i64,
    find_uncertain_at: i64,
    uncertain_again_at: i64,
    retention_at: i64,
    sync_at: Option<UtcMicros>,
    /// The last time seen: a clock that shows less was set back.
    seen: UtcMicros,
    syncing: Option<Syncing>,
    /// Its next step: at once, or where one has failed after a pause.
    sync_step_at: i64,
    publisher: Publisher,
    sync_times: Trigger,
    leases: Leases,
    failing: Repeated,
}

/// The leases of the others as they were last seen, and since when (in microseconds of our own time) each is as it
/// is. A lease ends by the database's clock; where that was set back it would go on for as long, so one that nobody
/// has renewed for a whole lease while we looked has ended, too.
#[derive(Debug)]
struct Leases {
    /// Microseconds.
    length: i64,
    seen: HashMap<String, (UtcMicros, i64)>,
}

/// Processes that are taken for dead, by id.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ended {
    /// What they hold may be taken over.
    all: Vec<String>,
    /// Those that cannot be alive, whatever the database's clock was stepped by: the others are still told of changes.
    certain: Vec<String>,
}

impl Leases {
    /// Takes in what is seen now; returns those whose lease has ended.
    fn ended(&mut self, others: &[Instance], now: UtcMicros, passed: i64) -> Ended {
        let before = std::mem::take(&mut self.seen);
        let mut ended = Ended::default();
        for other in others {
            let unchanged = before
                .get(&other.id)
                .filter(|(until, _)| *until == other.lease_until);
            let since = unchanged.map_or(passed, |(_, since)| *since);
            self.seen.insert(other.id.clone(), (other.lease_until, since));
            let given_up = other.lease_until.get() == 0 || peers::is_dead(&other.place);
            if given_up || passed - since > self.length {
                ended.certain.push(other.id.clone());
                ended.all.push(other.id.clone());
            } else if other.lease_until < now {
                ended.all.push(other.id.clone());
            }
        }
        ended
    }
}

impl Chores {
    pub(super) fn new(engine: &Engine) -> Self {
        Self {
            running: Stopwatch::start(),
            renew_at: 0,
            take_over_at: 0,
            find_uncertain_at: FIND_UNCERTAIN_EVERY,
            uncertain_again_at: 0,
            retention_at: 60 * SECOND,
            sync_at: None,
            seen: engine.store.now(),
            syncing: None,
            sync_step_at: 0,
            publisher: Publisher::default(),
            sync_times: sync_times(engine),
            leases: Leases {
                length: engine.lease_times().length(),
                seen: HashMap::new(),
            },
            failing: Repeated::default(),
        }
    }

    /// Notes tasks whose next run is to be published.
    pub(super) fn publish(&mut self, tasks: Vec<TaskId>) {
        self.publisher.note(tasks);
    }

    /// Ends what goes on beside the loop.
    pub(super) async fn end(&mut self) {
        self.publisher.end().await;
        self.end_pass().await;
    }

    /// Gives up the pass under way, if there is one.
    async fn end_pass(&mut self) {
        if let Some(syncing) = self.syncing.take() {
            syncing.end().await;
        }
    }

    /// Whether the lease must be renewed before anything else: a process that was stopped for long may have been
    /// given up by its neighbours.
    pub(super) fn lease_is_old(&self, engine: &Engine) -> bool {
        self.renew_at <= self.running.micros() || !engine.dispatcher.holds_lease()
    }

    /// Whether the chores have waited long enough to come even before due jobs.
    pub(super) fn urgent(&self) -> bool {
        self.take_over_at.min(self.retention_at) <= self.running.micros()
    }

    /// After a chore has failed: the loop comes back for what is left, but not without a pause.
    pub(super) fn put_off(&mut self, error: &StoreError) {
        if let Some(tally) = self.failing.failed() {
            let (failures, seconds) = (tally.count, tally.seconds);
            tracing::warn!(%error, failures, seconds, "a chore could not be done; it is tried again");
        }
        let later = self.running.micros() + SECOND;
        self.publisher.put_off(later);
        self.sync_step_at = self.sync_step_at.max(later);
    }

    /// In how many microseconds the loop must come back for a chore at the latest.
    pub(super) fn next_in(&self) -> i64 {
        let now = self.running.micros();
        let syncing = self.syncing.as_ref().filter(|syncing| syncing.has_page());
        let syncing = syncing.map(|_| self.sync_step_at);
        let chores = syncing.into_iter().chain(self.publisher.wants());
        let next = chores.min().unwrap_or(i64::MAX).min(self.renew_at);
        (next - now).clamp(0, SECOND)
    }

    /// The minute of `job_sync` has come. After the clock was set back its next minute is found anew.
    fn sync_is_due(&mut self, now: UtcMicros) -> bool {
        if now < self.seen {
            self.sync_at = self.sync_times.next_fire(None, now);
        }
        self.seen = now;
        self.syncing.is_none() && self.sync_at.is_some_and(|at| at <= now)
    }
}

/// 19 minutes past each hour, on the wall of the scheduler's zone (S3).
fn sync_times(engine: &Engine) -> Trigger {
    let mut definition = Definition::new(Kind::Cron);
    definition.fields.insert("minute".into(), 19.into());
    let context = Context::new(engine.settings.rules.zone.clone(), UtcMicros::new(0));
    definition.compile(&context).expect("minute 19 is a trigger")
}

impl Engine {
    /// Before the first decision, a step at a time: the lease, the runs of dead processes, one whole `job_sync`. A scheduler
    /// that was stopped does without, for nothing will be decided. Answers whether all of it is done; a page that failed is
    /// done again by the next step.
    pub(super) async fn begin(&self, chores: &mut Chores) -> Result<bool> {
        if self.control.is_stopped() {
            chores.end_pass().await;
            return Ok(true);
        }
        if chores.syncing.is_none() {
            self.renew_lease(chores).await?;
            if self.store.paused().await? {
                self.dispatcher.pause();
            }
            self.take_over_dead(chores).await?;
            self.start_pass(chores, self.store.now()).await?;
        } else if chores.lease_is_old(self) {
            self.renew_lease(chores).await?;
        }
        self.sync_step(chores).await?;
        Ok(chores.syncing.is_none())
    }

    /// After the tables were made again: this process is registered anew, and every task gets its jobs.
    pub(super) async fn begin_again(&self, chores: &mut Chores) -> Result<()> {
        chores.end_pass().await;
        self.renew_lease(chores).await?;
        if !self.control.is_stopped() {
            self.start_pass(chores, self.store.now()).await?;
        }
        Ok(())
    }

    /// The chores that are due, one step of each.
    pub(super) async fn housekeeping(&self, chores: &mut Chores) -> Result<()> {
        let now = self.store.now();
        let passed = chores.running.micros();
        let stopped = self.control.is_stopped();
        if stopped {
            // Nobody goes on with it, and the loop must not come back for it.
            chores.end_pass().await;
        }
        let look_at_once = chores.uncertain_again_at <= passed && self.dispatcher.take_uncertain();
        if look_at_once || chores.find_uncertain_at <= passed {
            chores.find_uncertain_at = passed + FIND_UNCERTAIN_EVERY;
            // Where it fails it asks for another look; the other chores have their turn before that.
            chores.uncertain_again_at = passed + SECOND;
            self.find_uncertain(now).await?;
        }
        if chores.take_over_at <= passed {
            if stopped {
                self.release_queued(chores, now).await?;
            } else {
                self.take_over_dead(chores).await?;
            }
        }
        chores.publisher.look(passed, &self.store, &self.dispatcher).await;
        if chores.sync_is_due(now) && !stopped {
            self.start_pass(chores, now).await?;
        }
        if chores.syncing.is_some() && chores.sync_step_at <= passed && !stopped {
            self.sync_step(chores).await?;
        }
        if chores.retention_at <= passed {
            self.retention_step(chores, now).await?;
        }
        Ok(())
    }

    /// Tells the other processes on the database that this one lives, and heeds what they have changed before anything
    /// more leaves: a process that was given up for dead is posted no notices.
    pub(super) async fn renew_lease(&self, chores: &mut Chores) -> Result<()> {
        let times = self.lease_times();
        chores.renew_at = chores.running.micros() + times.renew_every();
        if self.settings.alone {
            return Ok(());
        }
        let (since, now) = (LeaseStart::now(), self.store.now());
        let lease_until = now.saturating_add(times.length());
        self.store.renew_lease(now, lease_until).await?;
        notices::heed(&self.store, &self.dispatcher, true).await?;
        self.dispatcher.renew_lease(since, times.own());
        Ok(())
    }

    pub(super) fn lease_times(&self) -> LeaseTimes {
        LeaseTimes::of(self.settings.firing.grace)
    }

    /// A scheduler that was stopped sends nothing any more: what waits is for the others on the database (rule S8).
    async fn release_queued(&self, chores: &mut Chores, now: UtcMicros) -> Result<()> {
        chores.take_over_at = chores.running.micros() + self.lease_times().look_every();
        if self.settings.alone {
            return Ok(());
        }
        let released = self.store.release_queued(now).await?;
        if released > 0 {
            tracing::info!(
                runs = released,
                "stopped: runs that wait are left to other processes"
            );
        }
        Ok(())
    }

    /// Lets others take over at once what this process leaves behind.
    pub(super) async fn end_lease(&self) {
        if !self.settings.alone
            && let Err(error) = self.store.renew_lease(self.store.now(), UtcMicros::new(0)).await
        {
            tracing::warn!(%error, "the lease could not be given up; it ends by itself");
        }
    }

    async fn take_over_dead(&self, chores: &mut Chores) -> Result<()> {
        let now = self.store.now();
        // Alone on the database, every other owner is dead: one look at the start is enough.
        chores.take_over_at = if self.settings.alone {
            i64::MAX
        } else {
            chores.running.micros() + self.lease_times().look_every()
        };
        let others = self.store.other_instances().await?;
        let mut ended = chores.leases.ended(&others, now, chores.running.micros());
        if self.settings.alone {
            let all: Vec<String> = others.into_iter().map(|other| other.id).collect();
            ended = Ended {
                certain: all.clone(),
                all,
            };
        }
        let (grace, delivery) = (self.settings.firing.grace, self.settings.delivery);
        let judge = move |open: &OpenRun| judge_left_behind(open, now, grace, delivery);
        let adopted = self.store.take_over(now, ended.all, true, Arc::new(judge)).await;
        // What took effect although it failed is ours, and nobody knows of it.
        let adopted = adopted.inspect_err(|_| self.dispatcher.report_uncertain())?;
        if !adopted.is_empty() {
            tracing::info!(
                runs = adopted.len(),
                "took over runs that an ended process left waiting"
            );
        }
        self.dispatcher.accept(adopted);
        if !ended.certain.is_empty() {
            self.store.forget_instances(ended.certain).await?;
        }
        Ok(())
    }

    /// After a write of which it is not known whether it took effect: rows that are ours but that nobody here knows
    /// of. Nothing was sent for them.
    async fn find_uncertain(&self, now: UtcMicros) -> Result<()> {
        let known = self.dispatcher.known();
        let (grace, delivery) = (self.settings.firing.grace, self.settings.delivery);
        let judge = move |open: &OpenRun| {
            if known.contains_key(&open.run.key) {
                TakeOver::Leave
            } else if open.run.kind == JobKind::Manual {
                judge_abandoned(&open.run, now)
            } else {
                adopt_or_miss(open, now, (grace, delivery))
            }
        };
        let found = self
            .store
            .take_over(now, vec![self.settings.instance.clone()], false, Arc::new(judge))
            .await;
        match found {
            Ok(runs) => {
                self.dispatcher.accept(runs);
                Ok(())
            }
            Err(error) => {
                self.dispatcher.report_uncertain();
                Err(error)
            }
        }
    }

    async fn start_pass(&self, chores: &mut Chores, now: UtcMicros) -> Result<()> {
        let served_before = if self.store.synced_before().await? {
            None
        } else {
            Some(self.earlier().await?)
        };
        let pass = Pass {
            now,
            rules: self.settings.rules.clone(),
            grace: self.settings.firing.grace,
            served_before,
        };
        chores.syncing = Some(Syncing::begin(pass, &self.store, self.bell()));
        chores.sync_at = chores.sync_times.next_fire(None, now.saturating_add(1));
        Ok(())
    }

    /// In which zone another scheduler wrote the next runs of tasks (rule S4); what the logs say is read page by page.
    async fn earlier(&self) -> Result<Earlier> {
        let ours = &self.settings.rules.zone;
        let zone = match self.store.earlier_zone().await? {
            None => ours.clone(),
            Some(name) => Zone::named(&name).unwrap_or_else(|error| {
                tracing::warn!(
                    %error,
                    "the database's default TimeZone is unknown here; the next runs it holds are read in the scheduler's zone"
                );
                ours.clone()
            }),
        };
        if zone.name() != ours.name() {
            tracing::info!(
                zone = zone.name(),
                "the next runs that another scheduler left are read in the database's default TimeZone"
            );
        }
        Ok(Earlier {
            zone,
            announced: BTreeMap::new(),
        })
    }

    async fn sync_step(&self, chores: &mut Chores) -> Result<()> {
        if let Some(syncing) = &mut chores.syncing
            && syncing.step(&self.store).await?
        {
            chores.syncing = None;
        }
        Ok(())
    }

    async fn retention_step(&self, chores: &mut Chores, now: UtcMicros) -> Result<()> {
        let before = now.saturating_add(-self.settings.retention);
        let deleted = self.store.delete_old_runs(before, OLD_RUNS).await?;
        // What has removed something may find more.
        let pause = if deleted > 0 { SECOND } else { RETENTION_EVERY };
        chores.retention_at = chores.running.micros() + pause;
        Ok(())
    }
}

/// A run asked for now that nobody here knows of: its caller was told that the database failed, and sends nothing. But
/// one that was begun just now may be about to be known.
fn judge_abandoned(run: &SendableRun, now: UtcMicros) -> TakeOver {
    if now.since(run.scheduled_for).abs() <= ABANDONED {
        return TakeOver::Leave;
    }
    let reason = "the database failed as the run was begun".to_owned();
    TakeOver::Settle(Settled::Unknown { reason })
}

/// A run whose process is gone: what had not left is judged by its grace, what may have left by the delivery mode.
fn judge_left_behind(open: &OpenRun, now: UtcMicros, grace: i64, delivery: Delivery) -> TakeOver {
    if !open.run.sending {
        return adopt_or_miss(open, now, (grace, delivery));
    }
    if delivery == Delivery::AtLeastOnce && open.run.kind != JobKind::Manual {
        return TakeOver::Adopt;
    }
    let reason = "the scheduler ended while the request was on its way".to_owned();
    TakeOver::Settle(Settled::Unknown { reason })
}

/// Nothing was sent, so the grace decides; but a run that is repeated at least once may have been sent before.
fn adopt_or_miss(open: &OpenRun, now: UtcMicros, (grace, delivery): (i64, Delivery)) -> TakeOver {
    let repeated = delivery == Delivery::AtLeastOnce && open.run.attempt > 0;
    if is_late(open.run.scheduled_for, now, grace) && !repeated {
        TakeOver::Settle(Settled::Missed {
            late: now.since(open.run.scheduled_for),
        })
    } else {
        TakeOver::Adopt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the other's lease has ended, and for certain.
    fn seen(leases: &mut Leases, until: i64, now: i64, passed: i64) -> (bool, bool) {
        let other = Instance {
            id: "other".into(),
            place: String::new(),
            lease_until: UtcMicros::new(until * SECOND),
            notice: 0,
            acknowledged: 0,
        };
        let ended = leases.ended(&[other], UtcMicros::new(now * SECOND), passed * SECOND);
        (!ended.all.is_empty(), !ended.certain.is_empty())
    }

    #[test]
    fn a_lease_ends_by_the_clock_or_where_the_clock_was_set_back_by_not_being_renewed() {
        let mut leases = Leases {
            length: 10 * SECOND,
            seen: HashMap::new(),
        };
        for (until, now, passed, ended) in [
            (110, 100, 0, (false, false)),
            // The clock may have been set forward: the other may live.
            (110, 111, 1, (true, false)),
            // Set back by an hour: the lease is far ahead.
            (3_710, 105, 5, (false, false)),
            (3_710, 110, 10, (false, false)),
            (3_710, 116, 16, (true, true)),
            // And renewed after all.
            (127, 117, 17, (false, false)),
            (132, 122, 28, (false, false)),
            // It has ended by its own word.
            (0, 122, 29, (true, true)),
        ] {
            assert_eq!(seen(&mut leases, until, now, passed), ended, "{until} at {now}");
        }
    }
}
