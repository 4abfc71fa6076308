//! The only reader of the wall clock and of the monotonic clock. Everything else takes time as an argument; the
//! lints refuse `now()` anywhere but here.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::Instant;
use triggers::UtcMicros;

/// Tells the time of this process.
pub trait Clock: Send + Sync + Debug {
    /// The wall clock.
    fn now(&self) -> UtcMicros;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    fn now(&self) -> UtcMicros {
        UtcMicros::new(jiff::Timestamp::now().as_microsecond())
    }
}

/// Microseconds by which the wall clock is ahead of the monotonic one. Constant while both run. It grows where the wall
/// clock steps forward, and with it all time in which the machine stood still without the monotonic clock noticing: a
/// suspend, or a virtual machine that was paused.
#[cfg(target_os = "linux")]
pub fn wall_lead() -> i64 {
    use rustix::time::{ClockId, clock_gettime};
    let micros = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(time.tv_nsec / 1_000)
    };
    micros(ClockId::Realtime).saturating_sub(micros(ClockId::Monotonic))
}

/// Not known on this system: a suspend is noticed by the time limits of the database alone.
#[cfg(not(target_os = "linux"))]
pub fn wall_lead() -> i64 {
    0
}

/// A clock that stands still until it is set: for tests and for questions about other times.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `at`.
    pub fn new(at: UtcMicros) -> Self {
        Self(AtomicI64::new(at.get()))
    }

    /// Moves the clock, forwards or backwards.
    pub fn set(&self, at: UtcMicros) {
        self.0.store(at.get(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UtcMicros {
        UtcMicros::new(self.0.load(Ordering::SeqCst))
    }
}

/// Measures how long something takes, untouched by steps of the wall clock.
///
/// It is the runtime's clock, the one that timers go by: the system's monotonic clock in the program, and in a test
/// that pauses its runtime the time that the test lets pass.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the monotonic clock"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Microseconds since the start.
    pub fn micros(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}
