//! How the processes on one database keep to each other's changes: a lease that says until when a process may act, and notices that
//! say that something was changed which binds all of them (a pause, removed jobs).
//!
//! ```text
//!  A: change committed ─▶ post a notice ─────────────▶ wait ──────────────────────────────▶ answer the caller
//!  B:                          └─▶ reads it ─▶ closes its gate for what the change forbids ─▶ acknowledges
//! ```
//! B need not be waited for once it is dead or has not renewed its lease for the length of one: its gate is closed by then
//! (`dispatch::lease`), and stays so until it has renewed the lease and read its notices. The price is paid by the rare
//! change; a run that fires asks no other process (docs/decisions/0009). Used by the API, which asks, and by the engine,
//! which renews and acknowledges.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::instance;
use crate::store::{Instance, Result, Store, StoreError};

/// Microseconds per second.
const SECOND: i64 = 1_000_000;
/// The longest and the shortest lease.
const LEASE: (i64, i64) = (3 * SECOND, 10 * SECOND);
/// The gate closes so long before the lease ends: the time in which a process that was stopped between the check and the
/// write would still be taken for a living one.
const MARGIN: i64 = SECOND / 2;

/// How long a process is believed to live that is not heard of, in microseconds.
///
/// A third of the misfire grace, so that the runs of a dead process are taken over well within it; but never so short
/// that an ordinary pause of the machine ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTimes {
    length: i64,
}

impl LeaseTimes {
    /// For runs with this misfire grace, in microseconds.
    pub fn of(grace: i64) -> Self {
        let (shortest, longest) = LEASE;
        Self {
            length: (grace / 3).clamp(shortest, longest),
        }
    }

    /// Of the row that the others read.
    pub fn length(self) -> i64 {
        self.length
    }

    /// Of what the process itself may do, counted from before the row was written.
    pub fn own(self) -> i64 {
        self.length - MARGIN
    }

    /// How often it is renewed.
    pub fn renew_every(self) -> i64 {
        self.length / 5
    }

    /// How often dead processes are looked for.
    pub fn look_every(self) -> i64 {
        self.length / 4
    }
}

/// The pauses between two looks for acknowledgements, in milliseconds: the first, and the longest.
const LOOK: (u64, u64) = (1, 50);
/// Longer than any lease: a process that renews its lease and acknowledges nothing is faulty, or of an older version.
const PATIENCE: i64 = 20 * SECOND;

/// Tells the other processes that a change was committed that binds them, and returns when each has acknowledged it, has
/// ended, or has lost its lease.
///
/// # Errors
/// The database fails, or a living process does not acknowledge. The change itself stands.
pub async fn tell(store: &dyn Store, lease: LeaseTimes) -> Result<()> {
    let mut waiting: HashMap<String, Waiting> = HashMap::new();
    let watch = Stopwatch::start();
    let mut pause = LOOK.0;
    // Of the last look: a process that has itself stood still for long looks once more.
    let mut waited = 0;
    for peer in store.post_notice().await? {
        waiting.insert(peer.id.clone(), Waiting::new(peer));
    }
    loop {
        waiting.retain(|_, peer| !peer.is_bound(lease));
        let Some(slowest) = waiting.values().next() else {
            return Ok(());
        };
        if waited > PATIENCE {
            return Err(StoreError::Unavailable(format!(
                "the change is stored, but process {} lives and has not acknowledged it",
                slowest.peer.id
            )));
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        pause = (pause * 2).min(LOOK.1);
        waited = watch.micros();
        let mut seen: HashMap<String, Instance> = HashMap::new();
        for peer in store.other_instances().await? {
            seen.insert(peer.id.clone(), peer);
        }
        // One that is not registered any more has ended, or has lost its lease and what it held.
        waiting.retain(|id, _| seen.contains_key(id));
        for (id, peer) in seen {
            if let Some(waiting) = waiting.get_mut(&id) {
                waiting.look(peer);
            }
        }
    }
}

/// A process whose acknowledgement is waited for.
struct Waiting {
    /// The notice that counts, or a later one.
    notice: i64,
    peer: Instance,
    /// Since when its lease is as it is.
    unchanged: Stopwatch,
}

impl Waiting {
    fn new(peer: Instance) -> Self {
        Self {
            notice: peer.notice,
            peer,
            unchanged: Stopwatch::start(),
        }
    }

    fn look(&mut self, peer: Instance) {
        if peer.lease_until != self.peer.lease_until {
            self.unchanged = Stopwatch::start();
        }
        self.peer = peer;
    }

    /// Whether nothing that the change forbids can leave it any more.
    fn is_bound(&self, lease: LeaseTimes) -> bool {
        let acknowledged = self.peer.acknowledged >= self.notice;
        let ended = self.peer.lease_until.get() == 0 || is_dead(&self.peer.place);
        // Given up, forgotten and registered anew, between two looks: it has read all since.
        let anew = self.peer.notice < self.notice;
        acknowledged || ended || anew || self.unchanged.micros() > lease.length()
    }
}

/// Whether a process that ran at this place is dead for certain.
pub fn is_dead(place: &str) -> bool {
    place
        .parse::<instance::Place>()
        .is_ok_and(|place| place.is_dead_for_certain())
}

#[cfg(test)]
mod tests {
    use triggers::UtcMicros;

    use super::*;

    #[test]
    fn a_lease_is_a_third_of_the_grace_within_bounds() {
        for (grace, length) in [(1, 3), (5, 3), (12, 4), (30, 10), (3_600, 10)] {
            let times = LeaseTimes::of(grace * SECOND);
            assert_eq!(times.length(), length * SECOND, "grace {grace} s");
            // Dead at the worst just after a renewal, and found at the worst just after a look.
            assert!(grace < 6 || times.length() + times.look_every() < grace * SECOND);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_bound_by_its_word_its_end_or_its_silence() {
        let lease = LeaseTimes::of(30 * SECOND);
        let peer = |acknowledged, lease_until| Instance {
            id: "other".into(),
            place: "elsewhere".into(),
            lease_until: UtcMicros::new(lease_until),
            notice: 3,
            acknowledged,
        };
        let mut waiting = Waiting::new(peer(2, 100));
        assert!(!waiting.is_bound(lease));
        waiting.look(peer(3, 100));
        assert!(waiting.is_bound(lease), "it has acknowledged");
        waiting.look(peer(2, 0));
        assert!(waiting.is_bound(lease), "it has ended");
        waiting.look(Instance {
            notice: 0,
            ..peer(0, 150)
        });
        assert!(
            waiting.is_bound(lease),
            "it was forgotten and has registered anew"
        );
        waiting.look(peer(2, 200));
        tokio::time::advance(Duration::from_secs(9)).await;
        waiting.look(peer(2, 300));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(!waiting.is_bound(lease), "it renewed its lease 9 s ago");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(waiting.is_bound(lease), "it is not heard of any more");
    }
}
