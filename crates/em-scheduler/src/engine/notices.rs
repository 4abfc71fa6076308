//! Heeds what other processes on the database have changed that binds this one, too: a pause, removed jobs. Beside the
//! loop, so that a long round does not keep the process waiting that asked; also of a scheduler that is stopped.
//! What a notice is, and what is promised by it, is said in `crate::peers`.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::parts::EngineParts;
use crate::dispatch::Dispatcher;
use crate::store::{Result, Store};
use crate::wakeup::Bell;

/// A notice that was not heard of is found within this.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The task that heeds notices, if there can be any.
pub(super) struct Notices(Option<JoinHandle<()>>);

impl Notices {
    pub(super) fn start(parts: &EngineParts) -> Self {
        if parts.settings.alone {
            return Self(None);
        }
        let (store, dispatcher) = (Arc::clone(&parts.store), parts.dispatcher.clone());
        Self(Some(tokio::spawn(watch(store, dispatcher, parts.bell.clone()))))
    }

    /// Ends it, and waits until nothing of it holds the store.
    pub(super) async fn end(self) {
        if let Some(task) = self.0 {
            task.abort();
            let _ = task.await;
        }
    }
}

async fn watch(store: Arc<dyn Store>, dispatcher: Dispatcher, bell: Bell) {
    let mut failing = false;
    loop {
        match heed(&store, &dispatcher, false).await {
            Ok(heeded) => {
                failing = false;
                if heeded {
                    // Whatever it was about may be a reason to look.
                    bell.ring();
                }
            }
            Err(error) if !failing => {
                failing = true;
                tracing::debug!(%error, "notices of other processes cannot be read; trying again");
            }
            Err(_) => {}
        }
        // Whichever comes first, the next look is the same.
        let _ = tokio::time::timeout(LOOK_EVERY, store.noticed()).await;
    }
}

/// Acts by the notices that have not been acknowledged yet, or (`always`) by how things stand in any case, and
/// acknowledges them. Returns whether there was something.
pub(super) async fn heed(store: &Arc<dyn Store>, dispatcher: &Dispatcher, always: bool) -> Result<bool> {
    let Some(notice) = store.notice(always).await? else {
        return Ok(false);
    };
    if notice.paused {
        dispatcher.pause();
    }
    dispatcher.withdraw(&notice.withdrawn);
    if let Some(number) = notice.number {
        store.acknowledge(number).await?;
    }
    Ok(true)
}
