//! Runs the binary, to its end or beside the test, in a folder of its own and without the environment of the machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Only a fault takes so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that serves as the home of the processes started in it.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file in the temporary folder");
        path
    }

    /// The binary with these arguments, at home here.
    pub fn program(&self, arguments: &[&str]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_em-scheduler"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.0.path())
            .env("TZ", "UTC");
        Program(command)
    }

    /// `serve` on a free port, logging JSON.
    pub fn service(&self, database: &str) -> Program {
        let arguments = [
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--log-format",
            "json",
            "--database-url",
            database,
        ];
        self.program(&arguments)
    }

    /// The URL of an SQLite file here.
    pub fn sqlite(&self, name: &str) -> String {
        format!("sqlite://{}", self.path(name).display())
    }
}

pub struct Program(Command);

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Program {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.0.args(arguments);
        self
    }

    /// The same, started by a shell that has this umask.
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

    pub fn run(mut self) -> Ended {
        let output = self.0.stdin(Stdio::null()).output().expect("the binary runs");
        Ended {
            code: output.status.code().expect("it ends by itself"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    pub fn start(mut self) -> Running {
        self.0
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.0.spawn().expect("the binary runs");
        let out = lines(child.stdout.take().expect("piped"));
        let err = lines(child.stderr.take().expect("piped"));
        Running {
            input: child.stdin.take(),
            child,
            out,
            err,
        }
    }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, lines): (Sender<String>, _) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { return };
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// A process beside the test; killed with it.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn write(&mut self, text: &str) {
        let input = self.input.as_mut().expect("open");
        input.write_all(text.as_bytes()).expect("it reads");
        input.flush().expect("it reads");
    }

    /// The next line of standard output.
    pub fn line(&self) -> String {
        self.out
            .recv_timeout(PATIENCE)
            .expect("a line on standard output in time")
    }

    /// Reads standard output until a line has this in it.
    pub fn line_with(&self, part: &str) -> String {
        until(&self.out, part)
    }

    /// Reads the log until a line has this in it.
    pub fn logged(&self, part: &str) -> String {
        until(&self.err, part)
    }

    /// Everything in its log up to a line that has this in it.
    pub fn said_until(&self, part: &str) -> String {
        let mut said = String::new();
        loop {
            match self.err.recv_timeout(PATIENCE) {
                Ok(line) => said.extend([line.as_str(), "\n"]),
                Err(error) => panic!("no line with {part:?} ({error}) in {said}"),
            }
            if said.contains(part) {
                return said;
            }
        }
    }

    /// Everything that it still says in its log, until it has ended.
    pub fn said_to_the_end(&mut self) -> String {
        drop(self.input.take());
        let mut said = String::new();
        loop {
            match self.err.recv_timeout(PATIENCE) {
                Ok(line) => said.extend([line.as_str(), "\n"]),
                Err(RecvTimeoutError::Disconnected) => return said,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {said}"),
            }
        }
    }

    /// Waits until the service is ready, and answers where its API listens.
    pub fn ready(&self) -> SocketAddr {
        let line = self.logged("em-scheduler is ready");
        let line: serde_json::Value = serde_json::from_str(&line).expect("a JSON line");
        line["bind"]
            .as_str()
            .expect("the address")
            .parse()
            .expect("an address")
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a pid");
        kill_process(pid, signal).expect("it is there");
    }

    /// Repeats a signal, as an impatient operator does (the first may count as an echo), until the end; answers the
    /// exit code.
    pub fn signalled_until_it_ends(&mut self, signal: Signal) -> i32 {
        while !matches!(
            self.err.recv_timeout(std::time::Duration::from_millis(50)),
            Err(RecvTimeoutError::Disconnected)
        ) {
            if self.child.try_wait().expect("it is ours").is_none() {
                self.signal(signal);
            }
        }
        self.ended()
    }

    /// Waits for the end and answers the exit code.
    pub fn ended(&mut self) -> i32 {
        drop(self.input.take());
        // Its end closes its output; waiting for that has a time-out, waiting for a child has none.
        loop {
            match self.err.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
        self.child
            .wait()
            .expect("it is ours")
            .code()
            .expect("it ends by itself")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(lines: &Receiver<String>, part: &str) -> String {
    let mut seen = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.contains(part) => return line,
            Ok(line) => seen.push(line),
            Err(error) => panic!("no line with {part:?} ({error}) among {seen:#?}"),
        }
    }
}

/// The body of an answer of the API.
pub fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the API listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
        .split_once("\r\n\r\n")
        .expect("a head and a body")
        .1
        .to_owned()
}

/// Makes the tables in a file and runs SQL on it.
pub fn database_with(home: &Home, name: &str, sql: &str) -> String {
    let url = home.sqlite(name);
    let ended = home.program(&["migrate", "--database-url", &url]).run();
    assert_eq!(ended.code, 0, "{ended:?}");
    run_sql(&home.path(name), sql);
    url
}

pub fn run_sql(path: &Path, sql: &str) {
    rusqlite::Connection::open(path)
        .expect("a database")
        .execute_batch(sql)
        .expect("good SQL");
}
