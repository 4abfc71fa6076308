//! How fast the triggers are, beside other crates in the same run: `cargo run --release -p bench-triggers`.
//!
//! First the answers are compared, then the clock runs. `-- --write` puts the result into docs/performance.md. The
//! same rows for Python's libraries come from `peers.py` beside this.

mod check;
mod measure;
mod mix;
mod peers;
mod report;
mod stopwatch;
mod wide;

use std::process::ExitCode;

fn main() -> ExitCode {
    let write = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--write") => true,
        Some(other) => {
            eprintln!("bench-triggers: unknown argument {other}; the only one is --write");
            return ExitCode::from(2);
        }
    };
    if cfg!(debug_assertions) {
        eprintln!("bench-triggers: built without optimisation, so these numbers mean nothing; use --release");
    }
    let (agreeing, differing) = check::differences();
    let rows: Vec<measure::Row> = peers::PEERS.iter().map(measure::row).collect();
    let text = report::text(&rows, agreeing, &differing) + &report::wide(&wide::rows(), &wide::huge());
    print!("{text}");
    if write && let Err(error) = report::write(&text) {
        eprintln!("bench-triggers: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
