//! A process beside a test, which writes to it and waits for its lines.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::Signal;

use super::{PATIENCE, each_line};

/// See the module. Every method panics where the process does something else.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Running {
    pub(super) fn of(mut child: Child) -> Self {
        let (tell_out, out) = channel();
        let (tell_err, err) = channel();
        // Nobody listens any more where the test is over.
        each_line(child.stdout.take().expect("piped"), move |line| {
            drop(tell_out.send(line));
        });
        each_line(child.stderr.take().expect("piped"), move |line| {
            drop(tell_err.send(line));
        });
        Self {
            input: child.stdin.take(),
            child,
            out,
            err,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input.
    pub fn write(&mut self, text: &str) {
        let input = self.input.as_mut().expect("open");
        input.write_all(text.as_bytes()).expect("it reads");
        input.flush().expect("it reads");
    }

    /// The next line of standard output.
    pub fn line(&self) -> String {
        self.line_with("")
    }

    /// Reads standard output until a line has this in it.
    pub fn line_with(&self, part: &str) -> String {
        until(&self.out, part).1
    }

    /// Reads the log until a line has this in it.
    pub fn logged(&self, part: &str) -> String {
        until(&self.err, part).1
    }

    /// Everything in its log up to a line that has this in it.
    pub fn said_until(&self, part: &str) -> String {
        until(&self.err, part).0
    }

    /// Everything that it still says in its log, until it has ended.
    pub fn said_to_the_end(&mut self) -> String {
        drop(self.input.take());
        let mut said = String::new();
        // Its end closes its output; waiting for that has a time-out, waiting for a child has none.
        loop {
            match self.err.recv_timeout(PATIENCE) {
                Ok(line) => said.extend([line.as_str(), "\n"]),
                Err(RecvTimeoutError::Disconnected) => return said,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {said}"),
            }
        }
    }

    /// Waits until the service is ready, and returns where its API listens.
    pub fn ready(&self) -> SocketAddr {
        let line = self.logged("em-scheduler is ready");
        let line: serde_json::Value = serde_json::from_str(&line).expect("a JSON line");
        let bind = line["bind"].as_str().expect("the address");
        bind.parse().expect("an address")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        super::signal(&self.child, signal).expect("it is there");
    }

    /// Repeats a signal, as an impatient operator does (the first may count as an echo), until the end; returns the
    /// exit code.
    pub fn signalled_until_it_ends(&mut self, signal: Signal) -> i32 {
        while !matches!(
            self.err.recv_timeout(Duration::from_millis(50)),
            Err(RecvTimeoutError::Disconnected)
        ) {
            if self.has_ended().is_none() {
                self.signal(signal);
            }
        }
        self.ended()
    }

    /// How it ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is ours")
    }

    /// Kills it, and returns how it ended.
    pub fn kill(&mut self) -> ExitStatus {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours")
    }

    /// Waits for the end and returns the exit code.
    pub fn ended(&mut self) -> i32 {
        self.said_to_the_end();
        let status = self.child.wait().expect("it is ours");
        status.code().expect("it ends by itself")
    }
}

/// The end of a service as an operator has it.
impl Running {
    /// Stops it by SIGTERM, which it must take well.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.ended(), 0);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All lines up to one that has this in it, and that one.
fn until(lines: &Receiver<String>, part: &str) -> (String, String) {
    let mut said = String::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                said.extend([line.as_str(), "\n"]);
                if line.contains(part) {
                    return (said, line);
                }
            }
            Err(error) => panic!("no line with {part:?} ({error}) in {said}"),
        }
    }
}
