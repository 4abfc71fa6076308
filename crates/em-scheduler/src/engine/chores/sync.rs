//! `job_sync`: when a pass begins, and with what. What a pass does, page by page, is in `sync_pass`; what changes is said in
//! `em_web::compare`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use triggers::{Context, Definition, Kind, Trigger, UtcMicros, Zone};

use super::chore::{Chore, NEVER, SECOND};
use super::sync_pass::Syncing;
use crate::em_web::{Earlier, Pass};
use crate::engine::parts::EngineParts;
use crate::store::Result;

/// The pass under way, and when the next begins: by its minute on the wall, not by the time that has passed.
#[derive(Debug)]
pub(super) struct JobSync {
    times: Trigger,
    at: Option<UtcMicros>,
    /// The last time seen: a clock that shows less was set back.
    seen: UtcMicros,
    under_way: Option<Syncing>,
    /// No step before: after one has failed there is a pause.
    step_at: i64,
}

impl JobSync {
    pub(super) fn new(parts: &EngineParts) -> Self {
        Self {
            times: times(parts),
            at: None,
            seen: parts.store.now(),
            under_way: None,
            step_at: 0,
        }
    }

    /// Whether a pass has begun and not ended.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Begins a pass, whatever the time is.
    pub(super) async fn start(&mut self, parts: &EngineParts) -> Result<()> {
        let now = parts.store.now();
        let served_before = if parts.store.synced_before().await? {
            None
        } else {
            Some(earlier(parts).await?)
        };
        let pass = Pass {
            now,
            rules: parts.settings.rules.clone(),
            grace: parts.settings.firing.grace,
            served_before,
        };
        self.under_way = Some(Syncing::begin(pass, &parts.store, parts.bell.clone()));
        self.at = self.times.next_fire(None, now.saturating_add(1));
        Ok(())
    }

    async fn go_on(&mut self, parts: &EngineParts) -> Result<()> {
        if !self.is_under_way() {
            self.start(parts).await?;
        }
        if let Some(pass) = &mut self.under_way
            && pass.step(&parts.store).await?
        {
            self.under_way = None;
        }
        Ok(())
    }

    /// When its minute comes, in microseconds. After the clock was set back its next minute is found anew.
    fn minute_in(&mut self, now: UtcMicros) -> Option<i64> {
        if now < self.seen {
            self.at = self.times.next_fire(None, now);
        }
        self.seen = now;
        self.at.map(|at| at.since(now).max(0))
    }
}

#[async_trait]
impl Chore for JobSync {
    fn due_at(&mut self, parts: &EngineParts) -> i64 {
        let minute_in = self.minute_in(parts.store.now());
        let at = match &self.under_way {
            _ if parts.control.is_stopped() => None,
            Some(pass) => pass.has_page().then_some(0),
            None => minute_in.map(|micros| parts.passed().saturating_add(micros)),
        };
        at.map_or(NEVER, |at| at.max(self.step_at))
    }

    async fn step(&mut self, parts: &EngineParts) -> Result<()> {
        let stepped = self.go_on(parts).await;
        // From now, not from before the step: it may have waited for a lock.
        self.step_at = stepped.as_ref().map_or(parts.passed() + SECOND, |()| 0);
        stepped
    }

    fn is_prompt(&self) -> bool {
        true
    }

    /// Gives up the pass under way.
    async fn end(&mut self) {
        if let Some(pass) = self.under_way.take() {
            pass.end().await;
        }
    }
}

/// 19 minutes past each hour, on the wall of the scheduler's zone (S3).
fn times(parts: &EngineParts) -> Trigger {
    let mut definition = Definition::new(Kind::Cron);
    definition.fields.insert("minute".into(), 19.into());
    let context = Context::new(parts.settings.rules.zone.clone(), UtcMicros::new(0));
    definition.compile(&context).expect("minute 19 is a trigger")
}

/// In which zone another scheduler wrote the next runs of tasks (rule S4); what the logs say is read page by page.
async fn earlier(parts: &EngineParts) -> Result<Earlier> {
    let ours = &parts.settings.rules.zone;
    let zone = match parts.store.earlier_zone().await? {
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
