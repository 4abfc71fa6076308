//! The machine and the programs measured on it, as a row: numbers without it mean little.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::fs::statfs;

use crate::World;
use crate::rows::Row;

/// The file systems that are no disk.
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

pub fn run(world: &mut World<'_>) -> anyhow::Result<()> {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes: u64 = memory
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    let postgres = world.server.run_sql("postgres", "SHOW server_version")?;
    let revision = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let revision = revision.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    });
    warn_of_memory(world.folder);
    warn_of_memory(&std::env::temp_dir());
    world.results.add(
        Row::new("machine")
            .with("processor", processor)
            .with("cores", cores)
            .with("memory GB", kilobytes / 1_000_000)
            .with("kernel", kernel.trim())
            .with("SQLite", rusqlite::version())
            .with("PostgreSQL", postgres.trim())
            .with("load before", load.split(' ').next().unwrap_or(""))
            .with("revision", revision)
            .with("quick", world.quick),
    )
}

/// A database in memory knows no durable commit.
fn warn_of_memory(folder: &Path) {
    if statfs(folder).is_ok_and(|system| IN_MEMORY.contains(&system.f_type)) {
        eprintln!(
            "warning: {} is no disk; the numbers are too good",
            folder.display()
        );
    }
}
