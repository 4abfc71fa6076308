//! `check`: whether the service would start with this configuration and find everything well. It is for people and for
//! deployment scripts, may run beside the service, and changes nothing.

mod database;
mod finding;
mod surroundings;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use self::finding::{Finding, Level};
use super::flags::Flags;
use super::start::on_runtime;
use crate::config::{Config, ConfigError, Sources};
use crate::logging::Escaped;

pub(super) const EXAMPLES: &str = "\
Exit code 0: all is well (warnings may be there). 1: something is wrong. 2: the configuration itself is wrong.
It may run beside the service and changes nothing: of an SQLite file a copy is checked, and of tables that a start would \
create or migrate it says so (`migrate` does it).

Examples:
  em-scheduler check --config /etc/em-scheduler.toml
  em-scheduler check --json | jq -r '.findings[] | select(.level == \"error\") | .text'";

#[derive(Args)]
pub(super) struct CheckArguments {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    findings: Vec<Finding>,
}

pub(super) fn run(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let read = arguments.flags.sources().and_then(|sources| {
        let config = Config::read(&sources)?;
        Ok((config, sources))
    });
    let (findings, code) = match read {
        Ok((config, sources)) => (on_runtime(async { Ok(findings(&config, &sources).await) })?, 1),
        Err(error) => (vec![of_configuration(&error)], 2),
    };
    let ok = findings.iter().all(|finding| finding.level != Level::Error);
    let report = Report { ok, findings };
    if arguments.json {
        let mut line = serde_json::to_string(&report)?;
        line.push('\n');
        io::stdout().write_all(line.as_bytes())?;
    } else {
        print(&report)?;
    }
    Ok(if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(code)
    })
}

fn of_configuration(error: &ConfigError) -> Finding {
    Finding::new("configuration", Level::Error, error.to_string())
}

async fn findings(config: &Config, sources: &Sources) -> Vec<Finding> {
    let mut findings = vec![Finding::new("configuration", Level::Ok, "every value is allowed")];
    let hints = config.hints.iter();
    findings.extend(hints.map(|hint| Finding::new("configuration", Level::Warning, hint.clone())));
    findings.push(surroundings::zone(config));
    let database = database::look(config, sources).await;
    findings.push(surroundings::address(config, database.served));
    findings.push(surroundings::runner(config).await);
    findings.extend(database.findings);
    findings
}

fn print(report: &Report) -> io::Result<()> {
    let mut out = io::stdout();
    for Finding { subject, level, text } in &report.findings {
        let level = match level {
            Level::Ok => "ok     ",
            Level::Warning => "warning",
            Level::Error => "ERROR  ",
        };
        writeln!(out, "{level}  {subject}: {}", Escaped(text))?;
    }
    writeln!(
        out,
        "{}",
        if report.ok {
            "all is well"
        } else {
            "not all is well"
        }
    )
}
