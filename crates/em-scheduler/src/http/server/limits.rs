//! What one listener takes on: how many connections, and how long each may go without asking for anything.

use std::time::Duration;

use crate::http::workload::REMOVALS;

/// The limits of one listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A request's header must be complete within this time, and the next request must begin within it.
    pub header: Duration,
    /// So long a connection may go without a request being carried out on it and without a part of an answer being taken.
    pub idle: Duration,
    /// Connections at a time: more than there may be requests at work, so that switches are read when no other request is
    /// carried out (S15). For one more the one that has waited longest for a request has to go; where all are at work, it waits.
    pub connections: u32,
}

/// The usual number of connections.
const CONNECTIONS: u32 = 320;
const _: () = assert!(CONNECTIONS as usize > REMOVALS);

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            connections: CONNECTIONS,
        }
    }
}
