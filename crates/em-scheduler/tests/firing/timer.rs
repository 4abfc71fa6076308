//! The loop's own timer: the one thing that is tested by sleeping.

use std::time::Duration;

use em_scheduler::clock::Stopwatch;
use em_scheduler::wakeup::Timer;

#[tokio::test]
async fn the_finest_timer_ends_no_sleep_early() {
    let (mut timer, mut other) = (Timer::finest(), Timer::finest());
    #[cfg(target_os = "linux")]
    assert!(matches!(timer, Timer::Kernel(_)), "{timer:?}");
    for micros in [0, 1, 300, 2_000] {
        // One that was given up and has ended unheard must not end the next.
        tokio::select! {
            biased;
            () = timer.sleep(Duration::from_micros(300)) => {}
            () = std::future::ready(()) => other.sleep(Duration::from_millis(1)).await,
        }
        let watch = Stopwatch::start();
        timer.sleep(Duration::from_micros(micros)).await;
        assert!(
            watch.micros().unsigned_abs() >= micros,
            "{} of {micros} µs",
            watch.micros()
        );
    }
}
