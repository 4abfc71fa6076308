//! What this program has started and mounted, so that Ctrl-C and SIGTERM leave nothing behind. By process id, never by name.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static STARTED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
static MOUNTED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Notes a process that was started.
pub fn note(pid: u32) {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
}

/// Notes a folder that was mounted.
pub fn note_mount(folder: PathBuf) {
    MOUNTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(folder);
}

/// Unmounts a folder. Returns whether it is unmounted.
pub fn unmount(folder: &PathBuf) -> bool {
    let done = Command::new("umount").arg(folder).status();
    let done = done.is_ok_and(|status| status.success());
    if done {
        MOUNTED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(folder);
    }
    done
}

/// From now on SIGINT and SIGTERM end what was started, remove the folder, and then end this program.
pub fn watch(folder: PathBuf) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                end_all();
                // Whoever is in the middle of writing there may keep a part of it.
                let _ = std::fs::remove_dir_all(&folder);
                std::process::exit(128 + signal);
            }
        })?;
    Ok(())
}

/// Kills those of our processes that still run. A number may be another's by now: only our own children are killed.
pub fn end_all() {
    let own = std::process::id();
    for pid in STARTED.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        if parent(*pid) == Some(own)
            && let Some(pid) = Pid::from_raw(pid.cast_signed())
        {
            // It may end by itself at this moment.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    let mounted = MOUNTED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for folder in mounted.iter().rev() {
        unmount(folder);
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}
