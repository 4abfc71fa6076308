//! The one reader of a clock in here: how long a piece of work takes.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Runs of each measurement; the median of them counts.
pub const RUNS: usize = 9;
/// Each run repeats its work until about so long has passed.
const RUN: Duration = Duration::from_millis(12);

#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch is not a clock of the service"
)]
fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds that the work takes: the median of the runs, each of which repeats it.
pub fn nanos<T>(mut work: impl FnMut() -> T) -> f64 {
    let mut repeat = |times: u32| {
        let begun = now();
        for _ in 0..times {
            black_box(work());
        }
        begun.elapsed()
    };
    let mut times = 1;
    let mut took = repeat(times);
    while took < RUN / 4 {
        times *= 2;
        took = repeat(times);
    }
    let times = (f64::from(times) * RUN.as_secs_f64() / took.as_secs_f64()).ceil() as u32;
    let mut runs = [0.0; RUNS];
    for run in &mut runs {
        *run = repeat(times).as_secs_f64() * 1e9 / f64::from(times);
    }
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}
