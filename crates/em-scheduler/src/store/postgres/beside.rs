//! What goes on beside the operations, each second: the database's clock is looked at, due times are cleaned up, deferred
//! rows of `task_log` are moved, sessions that are stuck are ended. And other processes are listened to.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::connect::HoldLimits;
use super::deferred;
use super::link::Link;
use super::listener::NoticeListener;
use super::stuck::Stuck;

const EVERY: Duration = Duration::from_secs(1);

/// Goes on until it is dropped.
pub(super) struct Beside {
    pub(super) listener: NoticeListener,
    looking: JoinHandle<()>,
}

impl Beside {
    /// For runs with this misfire grace, in microseconds.
    pub(super) fn start(link: &Arc<Link>, grace: i64) -> Self {
        Self {
            listener: NoticeListener::start(link, link.tls()),
            looking: tokio::spawn(look(
                Arc::clone(link),
                Stuck::longer_than(HoldLimits::of(grace).idle),
            )),
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

/// Whatever fails here is tried again a second later; the operations will tell what is wrong with the database.
async fn look(link: Arc<Link>, mut stuck: Stuck) {
    loop {
        tokio::time::sleep(EVERY).await;
        // Without an answer the clock goes on from the last one.
        let _ = link.sample().await;
        if let Err(error) = deferred::settle(&link).await {
            tracing::debug!(%error, "rows of task_log stay deferred");
        }
        if let Err(error) = stuck.look(&link).await {
            tracing::debug!(%error, "sessions that are stuck could not be looked for");
        }
        if let Err(error) = link.clean().await {
            tracing::debug!(%error, "the due times could not be cleaned up; the server will do it");
        }
    }
}
