//! The lease of this process. It is renewed before anything else is done; the other chores come after it.

use async_trait::async_trait;
use triggers::UtcMicros;

use super::chore::Chore;
use crate::dispatch::LeaseStart;
use crate::engine::notices;
use crate::engine::parts::EngineParts;
use crate::store::Result;

#[derive(Debug, Default)]
pub(super) struct OwnLease {
    at: i64,
    /// Whether this process has been registered.
    known: bool,
    /// It was, and was not any more: the others had forgotten it, or the tables were made again by a process that does not fill
    /// them (a stopped one).
    pub(super) forgotten: bool,
}

#[async_trait]
impl Chore for OwnLease {
    /// At once where it has lapsed: a process that was stopped for long may have been given up by the others.
    fn due_at(&mut self, parts: &EngineParts) -> i64 {
        if parts.dispatcher.holds_lease() {
            self.at
        } else {
            0
        }
    }

    /// Tells the other processes on the database that this one lives, and heeds what they have changed before anything
    /// more leaves: a process that was given up for dead is posted no notices.
    async fn step(&mut self, parts: &EngineParts) -> Result<()> {
        let times = parts.lease_times();
        self.at = parts.passed() + times.renew_every();
        if parts.settings.alone {
            return Ok(());
        }
        let (since, now) = (LeaseStart::now(), parts.store.now());
        let lease_until = now.saturating_add(times.length());
        let registered = parts.store.renew_lease(now, lease_until).await?;
        self.forgotten |= self.known && !registered;
        self.known = true;
        notices::heed(&parts.store, &parts.dispatcher, true).await?;
        parts.dispatcher.renew_lease(since, times.own());
        Ok(())
    }
}

/// Lets others take over at once what this process leaves behind.
pub(super) async fn give_up(parts: &EngineParts) {
    let store = &parts.store;
    if !parts.settings.alone
        && let Err(error) = store.renew_lease(store.now(), UtcMicros::new(0)).await
    {
        tracing::warn!(%error, "the lease could not be given up; it ends by itself");
    }
}
