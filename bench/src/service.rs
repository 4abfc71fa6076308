//! The service under test, as a process of its own: the release binary, started as anybody would start it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
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
    /// Starts it with its defaults and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be run, ended at once, or was not ready in time.
    pub fn start(binary: &Path, database: &Database, runner: &Runner) -> anyhow::Result<Self> {
        Self::start_with(binary, database, runner, &[])
    }

    /// The same, with settings of its own.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_with(
        binary: &Path,
        database: &Database,
        runner: &Runner,
        arguments: &[String],
    ) -> anyhow::Result<Self> {
        let mut service = Self::launch(&Launch {
            arguments: arguments.to_vec(),
            binary: binary.to_owned(),
            database: &database.url,
            runner: runner.url(),
            ..Launch::default()
        })?;
        service.wait_ready(LONGEST_START)?;
        Ok(service)
    }

    /// Starts it and does not wait.
    ///
    /// # Errors
    /// It cannot be run, or its log cannot be written.
    pub fn launch(launch: &Launch<'_>) -> anyhow::Result<Self> {
        let watch = Stopwatch::start();
        let words = || {
            launch
                .under
                .iter()
                .map(OsString::from)
                .chain([launch.binary.clone().into()])
        };
        let mut command = Command::new(words().next().context("nothing to run")?);
        let mut process = command
            .args(words().skip(1))
            .arg("serve")
            .args(["--database-url", launch.database, "--runner-host", &launch.runner])
            .args([
                "--bind",
                "127.0.0.1:0",
                "--timezone",
                "UTC",
                "--log-format",
                "json",
            ])
            .args(&launch.arguments)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("the service cannot be run")?;
        let stderr = process
            .stderr
            .take()
            .context("the service has no standard error")?;
        let log = launch.log.as_ref().map(|path| {
            let opened = OpenOptions::new().create(true).append(true).open(path);
            opened.with_context(|| format!("{} cannot be written", path.display()))
        });
        // From here on dropping it ends the process.
        let mut service = Self {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready: Mutex::new(channel().1),
            log: None,
            watch,
            start_up: 0.0,
        };
        let (ready, log) = listen(stderr, log.transpose()?)?;
        (service.ready, service.log) = (Mutex::new(ready), Some(log));
        Ok(service)
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// It ended, or was not ready within the limit.
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
    ///
    /// # Errors
    /// What the system refused.
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
    ///
    /// # Errors
    /// What the system refused.
    pub fn wait_end(&mut self, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let watch = Stopwatch::start();
        loop {
            let status = self.ended()?;
            if status.is_some() || watch.seconds() > limit.as_secs_f64() {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(self.process.id().cast_signed()).context("no process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Kills it with SIGKILL, wherever it is, and waits for its end.
    ///
    /// # Errors
    /// What the system refused.
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
        process::cpu(self.pid())
    }

    /// Stops it gracefully.
    ///
    /// # Errors
    /// It did not end by itself in time, or with an error.
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

/// Reads the service's log to its end: the address when it is ready, warnings and errors on to our own unless there is
/// a file for it.
fn listen(stderr: ChildStderr, log: Option<File>) -> anyhow::Result<(Receiver<SocketAddr>, JoinHandle<()>)> {
    let (tell, told) = channel();
    let reading = std::thread::Builder::new().name("log".into()).spawn(move || {
        let mut log = log;
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            // A log that cannot be written is no reason to leave the service with a full pipe.
            let kept = log.as_mut().is_some_and(|log| writeln!(log, "{line}").is_ok());
            hear((&line, kept), &tell);
        }
    })?;
    Ok((told, reading))
}

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

/// How the service is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As it is shipped.
    Release,
    /// With debug assertions and crash points.
    Debug,
}

/// The service's binary beside our own, built if need be.
///
/// # Errors
/// Cargo cannot be run, or the service does not compile.
pub fn build(profile: Profile) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("the program is in no folder")?;
    let target = folder.parent().context("the program is in no target folder")?;
    eprintln!("building the service …");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([
        "build",
        "-p",
        "em-scheduler",
        "--bin",
        "em-scheduler",
        "--target-dir",
    ]);
    command.arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    let folder = match profile {
        Profile::Release => {
            command.arg("--release");
            "release"
        }
        Profile::Debug => "debug",
    };
    let status = command
        .status()
        .context("cargo cannot be run; --binary names a service that is built already")?;
    ensure!(status.success(), "the service cannot be built");
    Ok(target.join(folder).join("em-scheduler"))
}
