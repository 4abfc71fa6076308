//! What is known of the tasks at a start: which of them were answered when they were asked last. Else all would be unproven
//! after a restart (D10), and a restart in the midst of a hang would put those that are well into one line with those that
//! hang.

use std::sync::Arc;

use super::flights::SLOW;
use super::key::FairnessKey;
use super::parts::DispatcherParts;

/// So many runs are looked at, the newest: some milliseconds' work. Of tasks that fire seldom less is known where others fire often.
const NEWEST: usize = 20_000;

/// Asks the table once, beside everything else. Until then every task is unproven.
pub(super) async fn run(parts: Arc<DispatcherParts>) {
    match parts.store.answered_tasks(NEWEST, SLOW).await {
        Ok(tasks) => {
            parts.runs().trust(tasks.into_iter().map(FairnessKey::of_task));
            parts.changed.notify_one();
        }
        Err(error) => {
            tracing::warn!(%error, "it cannot be read which tasks were answered before; all count as never asked");
        }
    }
}
