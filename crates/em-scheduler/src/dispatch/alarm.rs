//! Tells that a loop of dispatch has panicked: nothing is sent, or nothing written down, any more.

use std::sync::Arc;

use tokio::sync::Notify;

/// Rings when the loop it watches panics.
pub(super) struct Alarm(pub(super) Arc<Notify>);

impl Alarm {
    pub(super) async fn watch(self, work: impl Future<Output = ()>) {
        work.await;
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.notify_one();
        }
    }
}
