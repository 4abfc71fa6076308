//! Notes of each request when it came and for which due time, and takes it: the least that a runner can do, since it shares the
//! machine with what is measured. The benchmark's workload `floor` measures it by itself.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{ArrivalTimes, Notes, Reply};
use crate::clock::Stopwatch;
use crate::request::Request;

/// Room for a burst, so that noting an arrival seldom allocates.
const ROOM: usize = 1 << 19;

/// One request that came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// A digest of its path and idempotency key: equal for a run sent twice.
    pub key: u64,
    /// The number at the end of its path.
    pub task: u32,
    /// The due time it names, in microseconds since 1970; 0 where it names none.
    pub scheduled_for: i64,
}

/// See the module.
pub struct Arrivals(Mutex<Vec<Arrival>>);

impl Default for Arrivals {
    fn default() -> Self {
        Self(Mutex::new(Vec::with_capacity(ROOM)))
    }
}

impl Arrivals {
    fn noted(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests have come since they were last taken.
    pub fn count(&self) -> usize {
        self.noted().len()
    }

    /// What has come since this was last asked.
    pub fn take(&self) -> Vec<Arrival> {
        let fresh = Vec::with_capacity(ROOM);
        std::mem::replace(&mut *self.noted(), fresh)
    }

    /// Waits until so many have come, or so long. Returns whether they came.
    pub fn wait_for(&self, count: usize, limit: Duration) -> bool {
        let watch = Stopwatch::start();
        while self.count() < count {
            if watch.seconds() > limit.as_secs_f64() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl Notes for Arrivals {
    fn note(&self, request: &Request<'_>, came: ArrivalTimes) -> Reply {
        let mut digest = DefaultHasher::new();
        request.path.hash(&mut digest);
        request.key.hash(&mut digest);
        self.noted().push(Arrival {
            at: came.whole,
            key: digest.finish(),
            task: request.task,
            scheduled_for: request.scheduled_for,
        });
        Reply::TAKEN
    }
}
