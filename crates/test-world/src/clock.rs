//! The only reader of clocks in this crate.

use std::time::{Duration, Instant};

/// Microseconds since 1970 on the wall clock, the one that due times are told in.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the wall clock"
)]
pub fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// Sleeps until the wall clock shows `at`.
pub fn sleep_until(at: i64) {
    let left = at.saturating_sub(now());
    std::thread::sleep(Duration::from_micros(u64::try_from(left).unwrap_or(0)));
}

/// The next whole second at least `seconds` away, in microseconds.
pub fn whole_second_after(seconds: i64) -> i64 {
    (now() / 1_000_000 + seconds + 1) * 1_000_000
}

/// A time as em_web writes it, in UTC.
pub fn wall(at: i64) -> String {
    jiff::Timestamp::from_microsecond(at)
        .map(|at| at.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string())
        .unwrap_or_default()
}

/// Measures how long something takes.
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
    pub fn micros(self) -> i64 {
        i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    /// Seconds since the start.
    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
