//! The command line: what the program can be asked to do, and the only place that puts the layers together
//! ([`mod@serve`]). Errors end here, as one line each, and become exit codes: 0 done, 1 failed, 2 asked wrongly.

mod backup;
mod check;
mod database;
mod demo;
mod flags;
mod listeners;
mod migrate;
mod next;
pub mod serve;
mod settings;
mod start;
mod usage;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::flags::Flags;
use self::start::{on_runtime, start_logging};
use self::usage::Usage;
use crate::config::{Config, ConfigError};
use crate::logging::Escaped;

const EXAMPLES: &str = "\
Examples:
  em-scheduler demo                              see tasks fire, with nothing set up
  em-scheduler serve                             run the service on an SQLite file
  DATABASE_URL=postgres://em:word@db/em RUNNER_HOST=http://runner:5002/api em-scheduler serve
  em-scheduler check --config /etc/em-scheduler.toml
  em-scheduler next --cron 'hour=2 minute=30' --tz America/New_York -n 5";

/// Decides when tasks are due, each time exactly once, and tells the runner to run them.
#[derive(Parser)]
#[command(name = "em-scheduler", version, about, after_help = EXAMPLES, max_term_width = 110)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service: decide what is due, send it to the runner, answer the API.
    #[command(after_help = serve::EXAMPLES)]
    Serve(Flags),
    /// Show it all working in a temporary folder, with a small runner and three sample projects.
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::DemoArguments),
    /// Create or bring up to date the scheduler's tables, and end.
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(Flags),
    /// Copy the SQLite database into one file, also while the service runs.
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::BackupArguments),
    /// Verify the configuration, the database and the schedules in it; the exit code says whether all is well.
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArguments),
    /// Show the settings that all processes on the database share, or change them for all.
    #[command(after_help = settings::EXAMPLES)]
    Settings(settings::SettingsArguments),
    /// Say what a trigger means, when it fires next, and what clock changes do to it.
    #[command(after_help = next::EXAMPLES)]
    Next(next::NextArguments),
    /// Print a completion script for a shell.
    #[command(
        after_help = "Example:\n  em-scheduler completions bash > ~/.local/share/bash-completion/completions/em-scheduler"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(flags) => serve(&flags),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Migrate(flags) => migrate::run(&flags),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Check(arguments) => return ended(check::run(&arguments)),
        Command::Settings(arguments) => settings::run(&arguments),
        Command::Next(arguments) => next::run(&arguments),
        Command::Completions { shell } => completions(shell),
    };
    ended(outcome.map(|()| ExitCode::SUCCESS))
}

fn ended(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    let error = match outcome {
        Ok(code) => return code,
        Err(error) => error,
    };
    if error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    {
        // Whoever read the answer has read enough.
        return ExitCode::SUCCESS;
    }
    // There is nowhere left to report a failure of standard error to.
    let _ = writeln!(
        io::stderr(),
        "em-scheduler: {}",
        Escaped(format_args!("{error:#}"))
    );
    let asked_wrongly = error.is::<ConfigError>() || error.is::<Usage>();
    ExitCode::from(if asked_wrongly { 2 } else { 1 })
}

fn serve(flags: &Flags) -> anyhow::Result<()> {
    let sources = flags.sources()?;
    let config = Config::read(&sources)?;
    start_logging(&config);
    on_runtime(serve::run(config, &sources))
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "em-scheduler", &mut script);
    io::stdout().write_all(&script)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
