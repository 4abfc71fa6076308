//! Sessions of the scheduler that hold rows or guards while their process reads nothing.
//!
//! The server itself ends a transaction whose client is silent between two statements (`connect`). It does not end one
//! that waits for its client in the midst of a statement: the answer does not fit into the socket's buffers, because the
//! process has been stopped. Over TCP the kernel gives such a connection up; over a unix socket nothing does. So
//! the process that notices first ends it, as every member of the role may.

use std::collections::HashSet;
use std::time::Duration;

use super::link::Link;
use super::url::APPLICATION;
use crate::store::Result;

/// The sessions of our role on this database that hold rows or guards and have waited for their client for so long, if that is
/// what they wait for just now.
const FIND: &str = "SELECT pid, (extract(epoch FROM state_change) * 1000000)::bigint FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name = $1
      AND pid <> pg_backend_pid() AND state = 'active' AND wait_event_type = 'Client'
      AND (backend_xid IS NOT NULL OR EXISTS (
        SELECT 1 FROM pg_locks l WHERE l.pid = pg_stat_activity.pid AND l.locktype = 'advisory' AND l.granted))
      AND state_change < clock_timestamp() - $2::float8 * interval '1 second'";

/// Ends those of them that are still there.
const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE pid = ANY($1::int4[]) AND application_name = $2 AND wait_event_type = 'Client'";

/// Looks for them, from time to time.
pub(super) struct Stuck {
    longer_than: Duration,
    /// What the last look found, by process id and the time since when it is at its statement.
    seen: HashSet<(i32, i64)>,
}

impl Stuck {
    pub(super) fn longer_than(longer_than: Duration) -> Self {
        Self {
            longer_than,
            seen: HashSet::new(),
        }
    }

    /// Ends the sessions that two looks have found at the same statement.
    pub(super) async fn look(&mut self, link: &Link) -> Result<()> {
        let rows = link
            .rows(FIND, &[&APPLICATION, &self.longer_than.as_secs_f64()])
            .await?;
        let mut found = HashSet::new();
        for row in &rows {
            found.insert((row.try_get(0)?, row.try_get(1)?));
        }
        let stuck: Vec<i32> = found.intersection(&self.seen).map(|(pid, _)| *pid).collect();
        self.seen = found;
        if !stuck.is_empty() {
            link.rows(END, &[&stuck, &APPLICATION]).await?;
            tracing::warn!(
                ended = stuck.len(),
                "sessions were ended whose process reads nothing: they held what others need"
            );
        }
        Ok(())
    }
}
