//! What a process has cost so far, as `/proc` tells it.

use std::fs;

/// The kernel counts processor time in hundredths of a second on every platform that Rust's `std` runs on with `/proc`.
const TICK_MICROS: i64 = 10_000;

/// Processor time of a process in microseconds, its threads included; 0 where there is no such process.
pub fn cpu(pid: u32) -> i64 {
    stat(pid).map_or(0, |stat| stat.own * TICK_MICROS)
}

/// Processor time of a process and of all its children, those that ended included.
pub fn cpu_with_children(pid: u32) -> i64 {
    let own = stat(pid).map_or(0, |stat| stat.own + stat.ended_children);
    let children: i64 = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(stat)
        .filter(|stat| stat.parent == pid)
        .map(|stat| stat.own)
        .sum();
    (own + children) * TICK_MICROS
}

/// Resident memory in bytes: now, and the most there ever was.
pub fn memory(pid: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.trim_end_matches("kB").trim().parse::<u64>().ok())
            .map_or(0, |kilobytes| kilobytes * 1024)
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Open descriptors of a process; 0 where there is no such process.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

struct Stat {
    parent: u32,
    /// In ticks.
    own: i64,
    ended_children: i64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold blanks and parentheses itself; what follows the last one is plain.
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |place: usize| fields.get(place).and_then(|text| text.parse::<i64>().ok());
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: number(11)? + number(12)?,
        ended_children: number(13)? + number(14)?,
    })
}
