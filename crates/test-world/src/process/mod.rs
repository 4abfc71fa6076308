//! The real program as a process: [`Program`] is how it is started, [`Running`] one that is talked to through its pipes,
//! [`Service`] one that serves and is measured or broken. All are killed when dropped, by process id.

mod cost;
mod running;
mod service;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

pub use self::cost::{cpu, cpu_with_children, descriptors, memory};
pub use self::running::Running;
pub use self::service::{Launch, Service};

/// Only a fault takes so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that serves as the home of the processes started in it.
pub struct Home {
    folder: tempfile::TempDir,
    binary: &'static str,
}

impl Home {
    /// A new one for processes of this binary.
    pub fn of(binary: &'static str) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            binary,
        }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file in the temporary folder");
        path
    }

    /// The binary with these arguments, at home here, and without the environment of the machine.
    pub fn program(&self, arguments: &[&str]) -> Program {
        let mut command = Command::new(self.binary);
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("TZ", "UTC");
        Program(command).args(arguments)
    }

    /// The same, with the arguments in one line.
    pub fn line(&self, arguments: &str) -> Program {
        self.program(&arguments.split(' ').collect::<Vec<_>>())
    }

    /// `serve` on a free port, logging JSON.
    pub fn service(&self, database: &str) -> Program {
        self.line(&format!(
            "serve --bind 127.0.0.1:0 --log-format json --database-url {database}"
        ))
    }

    /// The URL of an SQLite file here.
    pub fn sqlite(&self, name: &str) -> String {
        format!("sqlite://{}", self.path(name).display())
    }
}

/// A program that is yet to be started.
pub struct Program(Command);

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// What it said on standard output.
    pub out: String,
    /// What it said on standard error.
    pub err: String,
}

impl Program {
    /// This binary, in the environment of the caller.
    pub fn new(binary: impl AsRef<Path>) -> Self {
        Self(Command::new(binary.as_ref()))
    }

    /// With one more variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.0.args(arguments);
        self
    }

    /// The same, started by a shell that has this umask.
    #[must_use]
    pub fn under_umask(mut self, umask: &str) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
            .arg(self.0.get_program())
            .args(self.0.get_args())
            .env_clear();
        for (name, value) in self.0.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        self.0 = shell;
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Ended {
        let output = self.0.stdin(Stdio::null()).output().expect("the binary runs");
        Ended {
            code: output.status.code().expect("it ends by itself"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Starts it with pipes to all that it reads and says.
    pub fn start(mut self) -> Running {
        self.0
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Running::of(self.0.spawn().expect("the binary runs"))
    }
}

/// Reads lines to the end, on a thread of their own.
fn each_line(
    pipe: impl Read + Send + 'static,
    mut take: impl FnMut(String) + Send + 'static,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            take(line);
        }
    })
}

/// Sends a signal to a process that was started here.
fn signal(process: &Child, signal: Signal) -> anyhow::Result<()> {
    let pid = Pid::from_raw(process.id().cast_signed()).context("no process")?;
    Ok(kill_process(pid, signal)?)
}

/// Looks until a process has ended; none where it has not within the limit.
fn wait_end(
    mut look: impl FnMut() -> anyhow::Result<Option<ExitStatus>>,
    limit: Duration,
) -> anyhow::Result<Option<ExitStatus>> {
    let watch = crate::clock::Stopwatch::start();
    loop {
        let status = look()?;
        if status.is_some() || watch.seconds() > limit.as_secs_f64() {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
