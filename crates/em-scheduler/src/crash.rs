//! Crash points: named steps of a fire at which a debug build kills its own process, so that the tests can prove
//! that dying there loses and doubles nothing. A release build compiles them to nothing.

/// Kills this process with SIGKILL if `EM_SCHEDULER_CRASH_AT` names this step (`step` or `step:n` for its n-th
/// passing, counted from 1). Debug builds only.
#[cfg(debug_assertions)]
pub fn point(step: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);

    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("EM_SCHEDULER_CRASH_AT").ok()?;
        Some(match text.split_once(':') {
            Some((step, count)) => (step.to_owned(), count.parse().unwrap_or(1)),
            None => (text, 1),
        })
    });
    if let Some((name, count)) = wanted
        && name == step
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        // A kill of ourselves cannot fail, and nothing runs after it.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// Release builds have no crash points.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_step: &str) {}
