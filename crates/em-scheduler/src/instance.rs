//! Where a process runs: enough for another process on the same machine to prove that it is dead, so that a restart
//! need not wait for a lease to end. A proof only in one direction: whatever cannot be read proves nothing.

use std::fmt;
use std::fs;
use std::str::FromStr;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// A process of one boot of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    boot: String,
    pid_namespace: String,
    pid: u32,
    /// In clock ticks since the boot: tells a process from a later one of the same number.
    started: String,
}

impl Place {
    /// This process. Where the system tells nothing of itself, a place that proves nothing.
    pub fn here() -> Self {
        Self::of(std::process::id())
    }

    fn of(pid: u32) -> Self {
        Self {
            boot: boot().unwrap_or_default(),
            pid_namespace: pid_namespace().unwrap_or_default(),
            pid,
            started: started(pid).unwrap_or_default(),
        }
    }

    /// True only where the process ran on this boot of this machine, in this namespace of processes, and is gone.
    pub fn is_dead_for_certain(&self) -> bool {
        let complete = !self.boot.is_empty() && !self.pid_namespace.is_empty() && !self.started.is_empty();
        let here =
            boot().as_ref() == Some(&self.boot) && pid_namespace().as_ref() == Some(&self.pid_namespace);
        complete && here && (is_gone(self.pid) || is_another(self.pid, &self.started))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {}",
            self.boot, self.pid_namespace, self.pid, self.started
        )
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse =
            || format!("{text:?} is not a place: boot, pid namespace, pid and start time, by blanks");
        let parts: Vec<&str> = text.split(' ').collect();
        let [boot, pid_namespace, pid, started] = parts[..] else {
            return Err(refuse());
        };
        Ok(Self {
            boot: boot.into(),
            pid_namespace: pid_namespace.into(),
            pid: pid.parse().map_err(|_| refuse())?,
            started: started.into(),
        })
    }
}

fn boot() -> Option<String> {
    Some(
        fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()?
            .trim()
            .to_owned(),
    )
}

fn pid_namespace() -> Option<String> {
    Some(
        fs::read_link("/proc/self/ns/pid")
            .ok()?
            .to_string_lossy()
            .into_owned(),
    )
}

fn started(pid: u32) -> Option<String> {
    stat(pid).map(|stat| stat.started)
}

/// Whether there is no process of this number. The kernel is asked, not `/proc`: that may hide the processes of other
/// users, and reading it may fail for want of file descriptors, which must not pass for a proof.
fn is_gone(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// Whether the process of this number is a later one, or has ended and only waits to be reaped.
fn is_another(pid: u32, started: &str) -> bool {
    stat(pid).is_some_and(|stat| stat.ended || stat.started != started)
}

/// What a process's stat tells.
struct Stat {
    ended: bool,
    /// Field 22.
    started: String,
}

fn stat(pid: u32) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold blanks and parentheses itself; what follows the last one is plain.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let ended = matches!(fields.next()?, "Z" | "X");
    let started = fields.nth(18)?.to_owned();
    Some(Stat { ended, started })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_living_process_is_not_dead_and_a_killed_one_is() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let place: Place = Place::of(child.id()).to_string().parse().unwrap();
        assert!(!place.is_dead_for_certain());
        // The same number at another time is another process.
        let earlier = Place {
            started: "1".into(),
            ..place.clone()
        };
        assert!(earlier.is_dead_for_certain());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(place.is_dead_for_certain());
        assert!(!Place::here().is_dead_for_certain());
    }

    #[test]
    fn a_process_that_only_waits_to_be_reaped_is_dead() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let place = Place::of(child.id());
        // The end of its output is the end of the process, but for the last steps of dying.
        drop(child.stdin.take());
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        while !place.is_dead_for_certain() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(place.is_dead_for_certain());
    }

    #[test]
    fn another_machine_proves_nothing() {
        let here = Place::here();
        let elsewhere = Place {
            boot: "another".into(),
            started: "1".into(),
            ..here.clone()
        };
        assert!(!elsewhere.is_dead_for_certain());
        let unknown = Place {
            started: String::new(),
            ..here
        };
        assert!(!unknown.is_dead_for_certain());
        assert!("x".parse::<Place>().is_err());
    }
}
