//! What the handlers work with: the parts of the service, and what the handlers share among themselves.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::control::Control;
use crate::dispatch::Dispatcher;
use crate::model::{ScheduleRules, WireDialect};
use crate::peers::{self, LeaseTimes};
use crate::store::{Store, StoreError};
use crate::wakeup::Bell;

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// Jobs and runs.
    pub store: Arc<dyn Store>,
    /// Sends what is asked for now, and must hear of pauses, stops and deletions.
    pub dispatcher: Dispatcher,
    /// Rung after each write that may change what is due.
    pub bell: Bell,
    /// Stops the engine.
    pub control: Control,
    /// The zone and the policy at clock changes.
    pub rules: ScheduleRules,
    /// Whose clients are answered: those of whom the runner is (rule S14).
    pub dialect: WireDialect,
    /// The leases of the other processes on the database; none: there can be no other.
    pub peers: Option<LeaseTimes>,
}

impl Api {
    /// Returns when a change that is committed binds the other processes, too (rule S1).
    pub(super) async fn bind_peers(&self) -> Result<(), StoreError> {
        match self.peers {
            Some(lease) => peers::tell(self.store.as_ref(), lease).await,
            None => Ok(()),
        }
    }
}

/// What every handler gets.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) api: Api,
    /// Held while pausing or resuming: each writes the state down and then tells the dispatcher, and two of them
    /// interleaved would leave the two disagreeing.
    pub(super) switching: Arc<Mutex<()>>,
}
