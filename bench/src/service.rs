//! The service under test, as a process of its own: the release binary, started as anybody would start it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::clock::Stopwatch;
use crate::database::Database;
use crate::process;
use crate::runner::Runner;

/// With a million tasks the first start stores a million jobs.
const LONGEST_START: Duration = Duration::from_secs(900);
/// Longer than the service's own limit for requests in flight.
const LONGEST_STOP: Duration = Duration::from_secs(40);

/// A running service, stopped when dropped.
pub struct Service {
    process: Child,
    address: SocketAddr,
    /// Seconds from the start of the process to its word that it is ready.
    pub start_up: f64,
}

impl Service {
    /// Starts it and waits until it is ready.
    pub fn start(binary: &Path, database: &Database<'_>, runner: &Runner) -> anyhow::Result<Self> {
        let watch = Stopwatch::start();
        let mut process = Command::new(binary)
            .arg("serve")
            .args(["--database-url", &database.url, "--runner-host", &runner.url()])
            .args([
                "--bind",
                "127.0.0.1:0",
                "--timezone",
                "UTC",
                "--log-format",
                "json",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("the service cannot be run")?;
        let stderr = process.stderr.take();
        // From here on dropping it ends the process.
        let mut service = Self {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            start_up: 0.0,
        };
        let ready = listen(stderr.context("the service has no standard error")?)?;
        match ready.recv_timeout(LONGEST_START) {
            Ok(address) => service.address = address,
            Err(RecvTimeoutError::Timeout) => bail!("the service was not ready in time"),
            Err(RecvTimeoutError::Disconnected) => bail!("the service ended at once"),
        }
        service.start_up = watch.seconds();
        Ok(service)
    }

    /// Where its API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Processor time so far, in microseconds.
    pub fn cpu(&self) -> i64 {
        process::cpu(self.pid())
    }

    /// Stops it gracefully.
    pub fn stop(mut self) -> anyhow::Result<()> {
        ensure!(self.end(), "the service had to be killed");
        Ok(())
    }

    /// Answers whether it ended by itself.
    fn end(&mut self) -> bool {
        let watch = Stopwatch::start();
        if let Some(pid) = Pid::from_raw(self.process.id().cast_signed()) {
            // It may have ended already; then there is nothing to stop.
            let _ = kill_process(pid, Signal::TERM);
        }
        while watch.seconds() < LONGEST_STOP.as_secs_f64() {
            match self.process.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Err(_) => break,
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
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

/// Reads the service's log to its end: the address when it is ready, warnings and errors on to our own.
fn listen(stderr: ChildStderr) -> anyhow::Result<Receiver<SocketAddr>> {
    let (tell, told) = channel();
    std::thread::Builder::new().name("log".into()).spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            hear(&line, &tell);
        }
    })?;
    Ok(told)
}

fn hear(line: &str, tell: &Sender<SocketAddr>) {
    let entry: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    let field = |name: &str| entry[name].as_str().unwrap_or("");
    if field("message") == "em-scheduler is ready" {
        if let Ok(address) = field("bind").parse() {
            // Nobody listens only if the start was given up.
            let _ = tell.send(address);
        }
    } else if entry["level"].as_str() != Some("INFO") {
        eprintln!("the service: {line}");
    }
}

/// The service's binary beside our own, built if need be.
pub fn build() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("the program is in no folder")?;
    let target = folder.parent().context("the program is in no target folder")?;
    eprintln!("building the service …");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--release",
            "-p",
            "em-scheduler",
            "--bin",
            "em-scheduler",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("cargo cannot be run; --binary names a service that is built already")?;
    ensure!(status.success(), "the service cannot be built");
    Ok(target.join("release/em-scheduler"))
}
