//! Hears other processes on the same database: a connection of its own that listens for the server's notifications.
//! A hint only. What was missed while it was not connected is found by looking; behind a pooler that passes no
//! notifications on, everything is.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::poll_fn;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::{self, Wire};
use super::link::Link;

/// Wakes every process that listens on this database, when the transaction commits.
pub(super) const RING: &str = "SELECT pg_notify('em_scheduler', '')";
const LISTEN: &str = "LISTEN em_scheduler";

/// The pauses between two attempts to connect: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// Listens until it is dropped.
pub(super) struct NoticeListener {
    heard: Arc<Notify>,
    task: JoinHandle<()>,
}

impl NoticeListener {
    pub(super) fn start(link: &Arc<Link>, tls: MakeRustlsConnect) -> Self {
        let heard = Arc::new(Notify::new());
        let task = tokio::spawn(listen(Arc::clone(link), tls, Arc::clone(&heard)));
        Self { heard, task }
    }

    /// Waits for a notification.
    pub(super) async fn heard(&self) {
        self.heard.notified().await;
    }
}

impl Drop for NoticeListener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(link: Arc<Link>, tls: MakeRustlsConnect, heard: Arc<Notify>) {
    let mut pause = PAUSE.0;
    loop {
        match connect::apart(&link.target, &tls).await {
            Ok((client, wire)) => {
                let ended = hear(&client, wire, &heard, || pause = PAUSE.0).await;
                tracing::debug!(?ended, "the connection that listens to PostgreSQL has ended");
            }
            Err(error) => tracing::debug!(%error, "no connection to listen to PostgreSQL"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Tells of each notification until the connection ends.
async fn hear(
    client: &Client,
    mut wire: Wire,
    heard: &Notify,
    mut connected: impl FnMut(),
) -> Result<(), Error> {
    let mut listening = std::pin::pin!(client.batch_execute(LISTEN));
    let mut asked = false;
    loop {
        let message = tokio::select! {
            listening = &mut listening, if !asked => {
                listening?;
                asked = true;
                connected();
                // What was told before it listened is looked for.
                heard.notify_one();
                continue;
            }
            message = poll_fn(|context| wire.poll_message(context)) => message,
        };
        match message {
            Some(Ok(AsyncMessage::Notification(_))) => heard.notify_one(),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error),
            None => return Ok(()),
        }
    }
}
