//! Sends runs: the target is asked to deliver one under its gate, and what came of it goes to the settler. Called by the pump, and by
//! the dispatcher for runs that hold a permit already or are asked for now.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::gate::{AlwaysOpen, Gate, GateAnswer};
use super::lease::Era;
use super::parts::{DispatcherParts, EndedRun};
use crate::chance;
use crate::model::life;
use crate::model::{Delivered, RunKey, SendableRun};
use crate::store::StoreError;

/// Whoever asked for a run waits no longer for its outcome to be written down.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);

/// Sends a run whose row is `sending` and whose permit is held. The row was asked for in this era of the lease.
pub(super) fn launch(parts: &Arc<DispatcherParts>, run: SendableRun, era: Era) {
    parts.runtime.spawn(send(Arc::clone(parts), run, era));
}

async fn send(parts: Arc<DispatcherParts>, run: SendableRun, era: Era) {
    let gate = RunGate {
        parts: Arc::clone(&parts),
        run: run.key,
        era,
    };
    let delivered = parts.target.deliver(&run, Arc::new(gate)).await;
    crate::crash::point("dispatch.answered");
    parts.runs().answer(run.key, delivered.is_answer());
    let rules = (parts.policy.rules, parts.now());
    let outcome = life::attempt_ended(&run, &delivered, rules, chance::below);
    parts.settle(run, outcome, true);
}

/// Sends a run outside the permits and whatever the gate says, and waits until it is written down how it ended.
///
/// # Errors
/// The outcome could not be written down within the time a caller waits.
pub(super) async fn send_now(parts: &DispatcherParts, run: &SendableRun) -> Result<Delivered, StoreError> {
    parts.runs().begin_outside(run);
    let delivered = parts.target.deliver(run, Arc::new(AlwaysOpen)).await;
    let (written, told) = oneshot::channel();
    let ended = EndedRun {
        run: run.clone(),
        outcome: life::manual_ended(&delivered),
        permit: false,
        written: Some(written),
    };
    let late = || StoreError::Unavailable("the outcome of the run is not written down yet".into());
    parts.to_settle.send(ended).map_err(|_| late())?;
    match tokio::time::timeout(WRITTEN_WITHIN, told).await {
        Ok(Ok(())) => Ok(delivered),
        _ => Err(late()),
    }
}

/// The gate of a decided run.
struct RunGate {
    parts: Arc<DispatcherParts>,
    run: RunKey,
    era: Era,
}

impl Gate for RunGate {
    fn pass(&self, write: &mut dyn FnMut()) -> GateAnswer {
        crate::crash::point("dispatch.gate");
        let _passing = self.parts.passing();
        if self.parts.check_lease() != self.era {
            // Given up and taken over meanwhile: by whom, and whether it was deleted since, only its row knows.
            return GateAnswer::Hold;
        }
        let said = self.parts.runs().may_leave(self.run);
        if said == GateAnswer::Go {
            write();
        }
        said
    }
}
