//! What a command starts with: its log and its runtime.

use std::time::Duration;

use crate::config::Config;
use crate::logging;

/// Begins to log as the configuration says, with the hints that were found while it was read.
pub(super) fn start_logging(config: &Config) {
    logging::start(&config.log);
    for hint in &config.hints {
        tracing::warn!("{hint}");
    }
}

/// Threads for blocking work: more than the SQLite store has permits for reads, so that none waits for another. The default
/// of 512 would let them pile up under load, each with memory of its own.
const BLOCKING: usize = 12;

/// Runs the future on a runtime made for it. What it leaves behind is not waited for.
pub(super) fn on_runtime<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(future);
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}
