//! The service under test, as a process of its own, started as anybody would start it: for measurements, and to be broken.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;

use super::each_line;
use crate::clock::Stopwatch;

/// With a million tasks the first start stores a million jobs.
const LONGEST_START: Duration = Duration::from_secs(900);
/// Longer than the service's own limit for requests in flight.
const LONGEST_STOP: Duration = Duration::from_secs(40);

/// How to start it.
#[derive(Debug, Clone, Default)]
pub struct Launch<'a> {
    /// The program.
    pub binary: PathBuf,
    /// The setting `database-url`.
    pub database: &'a str,
    /// The setting `runner-host`.
    pub runner: String,
    /// Arguments after those that every start has.
    pub arguments: Vec<String>,
    /// Variables of its environment.
    pub environment: Vec<(String, String)>,
    /// A program that becomes the service, with its arguments, such as `strace -D`; none: the service itself.
    pub under: Vec<String>,
    /// Where its log is added to; without one only warnings and errors are passed on to our own.
    pub log: Option<PathBuf>,
}

/// A running service, stopped when dropped.
pub struct Service {
    process: Child,
    address: SocketAddr,
    /// Behind a lock, so that several threads may look at one service.
    ready: Mutex<Receiver<SocketAddr>>,
    /// Writes its log down.
    log: Option<JoinHandle<()>>,
    watch: Stopwatch,
    /// Seconds from the start of the process to its word that it is ready.
    pub start_up: f64,
}

impl Service {
    /// Starts it and waits until it is ready.
    /// Fails where it cannot be run, ends at once, or is not ready in time.
    pub fn start(launch: &Launch<'_>) -> anyhow::Result<Self> {
        let mut service = Self::launch(launch)?;
        service.wait_ready(LONGEST_START)?;
        Ok(service)
    }

    /// Starts it and does not wait.
    pub fn launch(launch: &Launch<'_>) -> anyhow::Result<Self> {
        let watch = Stopwatch::start();
        let mut words = launch.under.clone();
        words.push(launch.binary.display().to_string());
        let mut process = Command::new(words.remove(0))
            .args(words)
            .args(["serve", "--bind", "127.0.0.1:0", "--timezone", "UTC"])
            .args(["--log-format", "json", "--database-url", launch.database])
            .args(["--runner-host", &launch.runner])
            .args(&launch.arguments)
            .envs(launch.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("the service cannot be run")?;
        let stderr = process
            .stderr
            .take()
            .context("the service has no standard error")?;
        // From here on dropping it ends the process.
        let mut service = Self {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready: Mutex::new(channel().1),
            log: None,
            watch,
            start_up: 0.0,
        };
        let mut log = None;
        if let Some(path) = &launch.log {
            let opened = OpenOptions::new().create(true).append(true).open(path);
            log = Some(opened.with_context(|| format!("{} cannot be written", path.display()))?);
        }
        let (tell, ready) = channel();
        service.ready = Mutex::new(ready);
        service.log = Some(each_line(stderr, move |line| {
            // A log that cannot be written is no reason to leave the service with a full pipe.
            let kept = log.as_mut().is_some_and(|log| writeln!(log, "{line}").is_ok());
            hear((&line, kept), &tell);
        }));
        Ok(service)
    }

    /// Waits until it is ready.
    /// Fails where it ended, or was not ready within the limit.
    pub fn wait_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let ready = self.ready.get_mut().unwrap_or_else(PoisonError::into_inner);
        match ready.recv_timeout(limit) {
            Ok(address) => self.address = address,
            Err(RecvTimeoutError::Timeout) => bail!("the service was not ready in time"),
            Err(RecvTimeoutError::Disconnected) => bail!("the service ended before it was ready"),
        }
        self.start_up = self.watch.seconds();
        Ok(())
    }

    /// How it ended, if it has. All of its log is written down by then.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let status = self.process.try_wait()?;
        if status.is_some()
            && let Some(log) = self.log.take()
        {
            log.join().ok().context("the thread of the log panicked")?;
        }
        Ok(status)
    }

    /// Waits until it has ended; nothing where it has not within the limit.
    pub fn wait_end(&mut self, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
        super::wait_end(|| self.ended(), limit)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        super::signal(&self.process, signal)
    }

    /// Kills it with SIGKILL, wherever it is, and waits for its end.
    pub fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        // It may just have ended by itself; then its own status is the answer.
        let _ = self.process.kill();
        Ok(self.process.wait()?)
    }

    /// Where its API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Processor time so far, in microseconds.
    pub fn cpu(&self) -> i64 {
        super::cpu(self.pid())
    }

    /// Stops it gracefully.
    /// Fails where it did not end by itself in time, or with an error.
    pub fn stop(mut self) -> anyhow::Result<()> {
        ensure!(self.end(), "the service had to be killed");
        Ok(())
    }

    /// Returns whether it ended by itself.
    fn end(&mut self) -> bool {
        // It may have ended already; then there is nothing to stop.
        let _ = self.signal(Signal::TERM);
        let ended = super::wait_end(|| Ok(self.process.try_wait()?), LONGEST_STOP);
        if let Ok(Some(status)) = ended {
            return status.success();
        }
        let _ = self.kill();
        false
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

/// Tells the address when it is ready; warnings and errors go on to our own log unless they are kept.
fn hear((line, kept): (&str, bool), tell: &Sender<SocketAddr>) {
    let entry: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    let field = |name: &str| entry[name].as_str().unwrap_or("");
    if field("message") == "em-scheduler is ready" {
        if let Ok(address) = field("bind").parse() {
            // Nobody listens only if the start was given up.
            let _ = tell.send(address);
        }
    } else if !kept && entry["level"].as_str() != Some("INFO") {
        eprintln!("the service: {line}");
    }
}
