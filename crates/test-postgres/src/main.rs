//! `test-postgres run -- COMMAND …`: runs a command beside a throw-away server that all its tests share.
//!
//! Silent unless something fails, so that the command's last words stay the last; ends as the command ended.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use test_postgres::{Server, URL_VARIABLE};

const USAGE: &str = "usage: test-postgres run -- COMMAND [ARGUMENT...]

Starts a throw-away PostgreSQL, runs COMMAND with its address in TEST_POSTGRES_URL, stops it, and exits with
COMMAND's status (128 + n if signal n ended it). If TEST_POSTGRES_URL is set already, that server is used.";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    match words.iter().map(AsRef::as_ref).collect::<Vec<&str>>().as_slice() {
        ["--help" | "-h"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        ["run", "--", _, ..] => {
            let mut command = Command::new(&arguments[2]);
            command.args(&arguments[3..]);
            run(command)
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(mut command: Command) -> ExitCode {
    let given = std::env::var_os(URL_VARIABLE).is_some_and(|url| !url.is_empty());
    let server = match (!given).then(Server::start).transpose() {
        Ok(server) => server,
        Err(error) => return fail(&error),
    };
    if let Some(server) = &server {
        command.env(URL_VARIABLE, server.url("postgres"));
    }
    // From here on the command decides when to end. Until here a signal ends us, and the server's guard cleans up.
    let signals = match signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => return fail(&error),
    };
    let status = command.spawn().and_then(|mut child| {
        forward(signals, &child);
        child.wait()
    });
    drop(server);
    match status {
        Ok(status) => ExitCode::from(code(status)),
        Err(error) => {
            eprintln!(
                "test-postgres: cannot run {}: {error}",
                command.get_program().display()
            );
            ExitCode::from(127)
        }
    }
}

/// Passes requests to stop on to the command. Those from the keyboard it has got already, as a member of the same group; a second
/// Ctrl-C means "at once" to most test runners, so they are not repeated.
fn forward(mut signals: signal_hook::iterator::Signals, child: &Child) {
    let child = Pid::from_raw(child.id().cast_signed());
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let signal = match signal {
                SIGHUP => Signal::HUP,
                SIGTERM => Signal::TERM,
                _ => continue,
            };
            if let Some(child) = child {
                let _ = kill_process(child, signal);
            }
        }
    });
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("test-postgres: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        eprintln!("  because: {inner}");
        cause = inner.source();
    }
    ExitCode::FAILURE
}
