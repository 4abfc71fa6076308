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

fn random() -> u64 {
    // The system's generator fails only where the system offers none at all: nothing sensible can run there.
    getrandom::u64().expect("the operating system gives random numbers")
}
