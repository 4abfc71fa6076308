//! `test-postgres run`: what it hands to the command, what it hands back, and what it leaves behind.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

fn run(script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_test-postgres"));
    // These tests may themselves run beside a shared server.
    command
        .env_remove("TEST_POSTGRES_URL")
        .args(["run", "--", "sh", "-c", script]);
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("run")
}

#[test]
fn the_command_finds_a_server_and_its_status_is_handed_back() {
    let mut command = run(r#"echo "$TEST_POSTGRES_URL"; exit 7"#);
    let output = output(&mut command);
    assert_eq!(output.status.code(), Some(7));
    let url = String::from_utf8(output.stdout).expect("text");
    assert!(
        url.starts_with("postgres://postgres@127.0.0.1:") && url.ends_with("/postgres\n"),
        "{url}"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(
        TcpStream::connect(address(&url)).is_err(),
        "the server still runs"
    );
}

#[test]
fn a_server_that_is_given_is_used() {
    let mut command = run(r#"echo "$TEST_POSTGRES_URL""#);
    let output = output(command.env("TEST_POSTGRES_URL", "postgres://somebody@example.com"));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "postgres://somebody@example.com\n"
    );
    assert!(output.status.success());
}

#[test]
fn a_command_ended_by_a_signal_gives_128_and_its_number() {
    assert_eq!(output(&mut run("kill -KILL $$")).status.code(), Some(128 + 9));
}

#[test]
fn a_command_that_does_not_exist_gives_127() {
    let output =
        output(Command::new(env!("CARGO_BIN_EXE_test-postgres")).args(["run", "--", "/no/such/program"]));
    assert_eq!(output.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/program"));
}

#[test]
fn nothing_to_run_is_a_usage_error() {
    for arguments in [
        &[][..],
        &["run"],
        &["run", "--"],
        &["run", "true"],
        &["walk", "--", "true"],
    ] {
        let output = output(Command::new(env!("CARGO_BIN_EXE_test-postgres")).args(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

/// Says where its server is, then lives until its standard input ends.
const LINGER: &str = r#"
trap 'exit 3' TERM
echo "$TEST_POSTGRES_URL"
while read -r _; do :; done
"#;

fn linger() -> (Child, BufReader<ChildStdout>, String) {
    linger_in(&std::env::temp_dir())
}

fn linger_in(folder: &Path) -> (Child, BufReader<ChildStdout>, String) {
    let mut command = run(LINGER);
    command
        .env("TMPDIR", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().expect("run");
    let mut stdout = BufReader::new(child.stdout.take().expect("output"));
    let mut url = String::new();
    stdout.read_line(&mut url).expect("read");
    (child, stdout, url)
}

fn send(signal: Signal, child: &Child) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("positive");
    kill_process(pid, signal).expect("send");
}

#[test]
fn a_request_to_stop_reaches_the_command_and_the_server_is_stopped() {
    let (mut child, _stdout, url) = linger();
    // Kept from `wait`, which would close it and so end the command in another way.
    let _stdin = child.stdin.take();
    send(Signal::TERM, &child);
    assert_eq!(child.wait().expect("wait").code(), Some(3));
    assert!(
        TcpStream::connect(address(&url)).is_err(),
        "the server still runs"
    );
}

#[test]
fn ctrl_c_is_left_to_the_command() {
    let (mut child, _stdout, _) = linger();
    send(Signal::INT, &child);
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("wait").code(), Some(0));
}

#[test]
fn killing_the_owner_leaves_neither_server_nor_folder() {
    let folder = std::env::temp_dir().join(format!("test-postgres-killed-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("create");
    let files = || std::fs::read_dir(&folder).expect("list").count();
    let (mut child, _stdout, url) = linger_in(&folder);
    assert_eq!(files(), 1);
    // A connection ends when the server does: the signal to wait for.
    let mut connection = TcpStream::connect(address(&url)).expect("connect");
    connection
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("set");
    send(Signal::KILL, &child);
    child.wait().expect("wait");
    match connection.read(&mut [0]) {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    // The guard removes the folder a moment later and tells nobody: it has nobody left to tell.
    let gone = (0..6000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        files() == 0
    });
    assert!(gone, "{} still holds the server's folder", folder.display());
    std::fs::remove_dir(&folder).expect("remove");
}

fn address(url: &str) -> &str {
    let (_, place) = url.split_once('@').expect("a user");
    place.split_once('/').expect("a database").0
}
