//! The only source of randomness: ids of instances and jobs, jitter of retries.

/// Ten random hexadecimal digits, as in the ids of delayed and manual runs.
pub fn ten_hex_digits() -> String {
    format!("{:010x}", random() & 0xff_ffff_ffff)
}

/// Sixteen random hexadecimal digits: the id of a process.
pub fn instance_id() -> String {
    format!("{:016x}", random())
}

/// A number from 0 up to but not including `end` (0 where `end` is 0).
pub fn below(end: u64) -> u64 {
    random().checked_rem(end).unwrap_or(0)
}

/// Makes this thread's numbers follow from `seed`, so that what depends on them can be repeated. Debug builds only:
/// the program that ships asks the system for each.
#[cfg(debug_assertions)]
pub fn seed(seed: u64) {
    seeded::SEED.set(Some(seed));
}

#[cfg(debug_assertions)]
mod seeded {
    use std::cell::Cell;

    thread_local! {
        pub(super) static SEED: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// The next number of a seeded thread (Steele, Lea and Flood's SplitMix).
    pub(super) fn next() -> Option<u64> {
        let state = SEED.get()?.wrapping_add(0x9e37_79b9_7f4a_7c15);
        SEED.set(Some(state));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ (mixed >> 31))
    }
}

fn random() -> u64 {
    #[cfg(debug_assertions)]
    if let Some(number) = seeded::next() {
        return number;
    }
    // The system's generator fails only where the system offers none at all: nothing sensible can run there.
    getrandom::u64().expect("the operating system gives random numbers")
}
