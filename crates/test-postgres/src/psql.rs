//! Statements through `psql`: it comes with the server, and a client library would triple this crate's tree.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::{Error, programs};

/// Runs a script, stopping at its first error. Gives back what the statements returned: a line for each row, `|` between columns.
pub(crate) fn run(psql: &Path, url: &str, sql: &str) -> Result<String, Error> {
    let mut child = programs::command(psql)
        .args([
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--no-password",
        ])
        .args(["--set", "ON_ERROR_STOP=1", "--dbname", url, "--file", "-"])
        .env("PGCONNECT_TIMEOUT", "10")
        // What stands in a schema of its own is found by its bare name; the schema need not be there.
        .env("PGOPTIONS", "-c search_path=public,em_scheduler")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io(format!("run {}", psql.display())))?;
    let mut input = child.stdin.take().expect("standard input was asked for");
    // Written beside the reading: a long script whose answers fill the pipe must not block both sides. A `psql` that
    // stopped at an error does not read the rest, so a failed write says nothing that its status does not.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || drop(input.write_all(sql.as_bytes())));
        child.wait_with_output()
    });
    let output = output.map_err(Error::io("read from psql"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::Command {
            program: "psql",
            status: output.status,
            output: said,
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end_matches('\n')
        .to_owned())
}

/// A name as an SQL identifier, whatever is in it.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
