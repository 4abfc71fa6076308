//! One PostgreSQL server: its own folder, its own port on loopback, as long as the value lives.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::account::Account;
use crate::folder::Folder;
use crate::programs::{self, Programs};
use crate::{Console, Error, psql, random};

/// How often a starting or stopping server is looked at, and how many times. Together at least a minute: counted in looks, since
/// the clock is not this crate's business, and long, since a machine that compiles is slow.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOKS: u32 = 12_000;

/// Below the range from which the system picks ports for outgoing connections: one of those could otherwise sit on the
/// server's port while it is stopped for a [`Server::restart`].
const PORTS: std::ops::Range<u16> = 10_240..32_768;

/// What is gained is that nothing waits for the disk; what is lost is lost with the folder anyway.
const NOT_DURABLE: [&str; 3] = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];

/// A running server, stopped and removed when dropped. The superuser is `postgres`, without a password.
#[derive(Debug)]
pub struct Server {
    // Before `folder`: the process must be gone when the files go.
    process: Option<Child>,
    programs: Programs,
    psql: PathBuf,
    account: Account,
    port: u16,
    durable: bool,
    folder: Folder,
}

impl Server {
    /// A server for tests: durability off, so an abrupt end ([`Server::stop_immediate`]) may lose the last commits.
    ///
    /// # Errors
    /// [`Error::NotInstalled`], or whatever kept the server from accepting connections within about a minute.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(false)
    }

    /// A server that keeps what it committed, as in production: for benchmarks and for tests of crashes.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_durable() -> Result<Self, Error> {
        Self::start_with(true)
    }

    fn start_with(durable: bool) -> Result<Self, Error> {
        let programs = Programs::find()?;
        let psql = programs.psql()?;
        let account = Account::choose()?;
        let folder = Folder::create()?;
        folder.give_to(account)?;
        let mut server = Self {
            process: None,
            programs,
            psql,
            account,
            port: 0,
            durable,
            folder,
        };
        server.create_cluster()?;
        // Between finding a port free and binding it somebody else may take it. Rare, so a few attempts are plenty.
        let mut attempts = 5;
        loop {
            server.port = free_port()?;
            match server.launch() {
                Err(Error::Exited { log, .. }) if log.contains("could not bind") && attempts > 1 => {
                    attempts -= 1;
                }
                result => return result.map(|()| server),
            }
        }
    }

    fn create_cluster(&self) -> Result<(), Error> {
        let mut initdb = programs::command(&self.programs.initdb);
        initdb
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(self.folder.data())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        self.account.apply(&mut initdb);
        let output = initdb.output().map_err(Error::io("run initdb"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Command {
            program: "initdb",
            status: output.status,
            output: said,
        })
    }

    fn launch(&mut self) -> Result<(), Error> {
        let log = self.folder.path().join("server.log");
        let opened = File::options().create(true).append(true).open(&log);
        let opened = opened.map_err(Error::io(format!("open {}", log.display())))?;
        let mut postgres = programs::command(&self.programs.postgres);
        postgres
            .arg("-D")
            .arg(self.folder.data())
            .current_dir(self.folder.path())
            // Ctrl-C ends the tests, and they end the server: not the other way round.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(opened);
        let port = format!("port={}", self.port);
        let own = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=400",
        ];
        let settings = [port.as_str(), "timezone=Asia/Kathmandu"].into_iter().chain(own);
        for setting in settings.chain(NOT_DURABLE.into_iter().filter(|_| !self.durable)) {
            postgres.args(["-c", setting]);
        }
        self.account.apply(&mut postgres);
        self.process = Some(postgres.spawn().map_err(Error::io("run postgres"))?);
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> Result<(), Error> {
        for _ in 0..LOOKS {
            let Some(process) = &mut self.process else { break };
            if let Some(status) = process.try_wait().map_err(Error::io("look at the server"))? {
                self.process = None;
                return Err(Error::Exited {
                    status,
                    log: self.log(),
                });
            }
            let pid = process.id();
            // The server's own word first: whoever answers on the port might be somebody else.
            if self.says_ready(pid) && TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            sleep(LOOK_EVERY);
        }
        let log = self.log();
        self.end(Signal::QUIT);
        Err(Error::NotReady { log })
    }

    /// `postmaster.pid` holds the server's process id in its first line and its state in the eighth
    /// (`src/include/utils/pidfile.h` of PostgreSQL).
    fn says_ready(&self, pid: u32) -> bool {
        let file = std::fs::read_to_string(self.folder.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = file.lines().map(str::trim);
        lines.next() == Some(pid.to_string().as_str()) && lines.nth(6) == Some("ready")
    }

    fn log(&self) -> String {
        let log = std::fs::read(self.folder.path().join("server.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Where to connect: `postgres://postgres@127.0.0.1:port/database`. The name is taken as it is, so keep it plain.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The TCP port, the same before and after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's main process, `None` while it is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Stops in order: connections are ended, everything is written down (`pg_ctl stop -m fast`).
    pub fn stop(&mut self) {
        self.end(Signal::INT);
    }

    /// Stops as if it crashed: nothing is written down, the next start recovers from the log (`pg_ctl stop -m immediate`).
    pub fn stop_immediate(&mut self) {
        self.end(Signal::QUIT);
    }

    /// Starts again on the same port with the same data, after stopping in order if it still runs.
    ///
    /// # Errors
    /// As [`Server::start`]. The server is then stopped, and may be started again.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.stop();
        self.launch()
    }

    /// Creates a database: a copy of `template` (to which nobody may be connected), or an empty one.
    ///
    /// # Errors
    /// [`Error::Command`] with what the server said.
    pub fn create_database(&self, name: &str, template: Option<&str>) -> Result<(), Error> {
        // Not template1, the default: a look at it from anywhere would make this fail.
        let (name, template) = (
            psql::identifier(name),
            psql::identifier(template.unwrap_or("template0")),
        );
        self.run_sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .map(drop)
    }

    /// The `psql` that fits this server.
    pub(crate) fn psql(&self) -> &std::path::Path {
        &self.psql
    }

    /// Runs a script with `psql`, stopping at the first error; gives a line for each row returned, `|` between columns.
    ///
    /// # Errors
    /// [`Error::Command`] with what the server said.
    pub fn run_sql(&self, database: &str, sql: &str) -> Result<String, Error> {
        psql::run(&self.psql, &self.url(database), sql)
    }

    /// SQL on one of its databases without holding on to the server: also while it is stopped or started by its owner.
    #[must_use]
    pub fn console(&self, database: &str) -> Console {
        Console::new(self.psql.clone(), self.url(database))
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        // Not yet waited for, so its number is still its own.
        if let Some(pid) = Pid::from_raw(process.id().cast_signed()) {
            let _ = kill_process(pid, signal);
        }
        for _ in 0..LOOKS {
            if exit_status(&mut process).is_some() {
                return;
            }
            sleep(LOOK_EVERY);
        }
        let _ = process.kill();
        let _ = process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Signal::QUIT);
    }
}

fn exit_status(process: &mut Child) -> Option<ExitStatus> {
    process.try_wait().ok().flatten()
}

fn free_port() -> Result<u16, Error> {
    let mut refused = None;
    for _ in 0..100 {
        let offset = random::number() % u64::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(offset).expect("smaller than a range of ports");
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => refused = Some(error),
        }
    }
    let source = refused.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into());
    Err(Error::Io {
        action: "find a free port".into(),
        source,
    })
}
