//! The one reader of a clock in here: how long a piece of work takes.
//!
//! It counts the processor's time of this thread, so that what else the machine does weighs less.

use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;

/// Runs of each measurement; the median of them counts.
pub const RUNS: usize = 15;
/// Each run repeats its work until about so many nanoseconds have passed.
const RUN: f64 = 5e6;

fn now() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Nanoseconds that the work takes: the median of the runs, each of which repeats it.
pub fn nanos<T>(mut work: impl FnMut() -> T) -> f64 {
    let mut repeat = |times: u32| {
        let begun = now();
        for _ in 0..times {
            black_box(work());
        }
        (now() - begun) as f64
    };
    let mut times = 1;
    let mut took = repeat(times);
    while took < RUN / 4.0 {
        times *= 2;
        took = repeat(times);
    }
    let times = (f64::from(times) * RUN / took).ceil() as u32;
    let mut runs = [0.0; RUNS];
    for run in &mut runs {
        *run = repeat(times) / f64::from(times);
    }
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}
