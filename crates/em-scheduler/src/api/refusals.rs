//! Requests that were refused for want of something of ours: the database, or room. Each kind is said in the log when it begins,
//! with the verb and the reason, then counted, and said again once a minute and when it is over.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tracing::{info, warn};

use crate::repeated::Repeated;
use crate::store::Store;

/// How often it is looked whether a kind of refusal is over: when none has come since, and its cause is gone.
const LOOK: Duration = Duration::from_secs(5);

/// Why requests are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The database is unavailable.
    Database,
    /// Too many are at work.
    Busy,
}

/// Cheap to clone: all clones count together.
#[derive(Clone)]
pub(super) struct Refusals(Arc<Counters>);

struct Counters {
    store: Arc<dyn Store>,
    database: Mutex<Repeated>,
    busy: Mutex<Repeated>,
}

impl Refusals {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self(Arc::new(Counters {
            store,
            database: Mutex::default(),
            busy: Mutex::default(),
        }))
    }

    /// A request was refused. To be called on the runtime of the API.
    pub(super) fn note(&self, cause: Cause, verb: &str, reason: &impl Display) {
        let mut refused = self.0.refused(cause);
        let begins = refused.tally().is_none();
        let said = refused.failed();
        drop(refused);
        if let Some(tally) = said {
            let (requests, seconds) = (tally.count, tally.seconds);
            match cause {
                Cause::Database => warn!(
                    verb, %reason, requests, seconds, "requests are refused, for the database is unavailable"
                ),
                Cause::Busy => warn!(
                    verb, %reason, requests, seconds, "requests are refused, for too many are at work"
                ),
            }
        }
        if begins {
            tokio::spawn(until_over(Arc::downgrade(&self.0), cause));
        }
    }
}

impl Counters {
    fn refused(&self, cause: Cause) -> MutexGuard<'_, Repeated> {
        let refused = match cause {
            Cause::Database => &self.database,
            Cause::Busy => &self.busy,
        };
        refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what the refusals came from is gone.
    async fn is_well(&self, cause: Cause) -> bool {
        match cause {
            Cause::Database => self.store.ping().await.is_ok(),
            Cause::Busy => true,
        }
    }
}

/// Waits until none is refused any more, and says so; or until the service ends, which must not wait for this.
async fn until_over(shared: Weak<Counters>, cause: Cause) {
    let mut before = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(shared) = shared.upgrade() else { return };
        let well = shared.is_well(cause).await;
        let mut refused = shared.refused(cause);
        let count = refused.tally().map(|tally| tally.count);
        if well && count == before {
            if let Some(tally) = refused.over() {
                let (requests, seconds) = (tally.count, tally.seconds);
                info!(requests, seconds, ?cause, "requests are no longer refused");
            }
            return;
        }
        before = count;
    }
}
