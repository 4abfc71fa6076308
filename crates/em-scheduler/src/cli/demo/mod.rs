//! `demo`: the whole service in a temporary folder, with a small runner and three sample projects, so that somebody with
//! nothing but this program sees tasks fire. It is [`Running`] with made-up settings; nothing of it is special to `serve`.

mod runner;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::serve::Running;
use super::{database, on_runtime, start_logging};
use crate::config::catalogue::{BIND, DATABASE_URL, LOG_LEVEL, RUNNER_HOST, TIMEZONE};
use crate::config::{Config, Environment, Sources};
use crate::lifecycle::Signals;
use crate::store::sqlite::insert_samples;

pub(super) const EXAMPLES: &str = "\
Nothing is left behind: the database is in a temporary folder that goes with the demo.

Examples:
  em-scheduler demo
  em-scheduler demo --seconds 20 --timezone America/New_York";

#[derive(Args)]
pub(super) struct Arguments {
    /// End after so many seconds [default: only at Ctrl-C].
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Where the API listens [default: 127.0.0.1:5001, or a free port where that is taken].
    #[arg(long, value_name = "ADDRESS:PORT")]
    bind: Option<String>,
    /// The time zone of the sample schedules, by IANA name [default: the system's].
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// What is logged beside the receipts.
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log_level: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("em-scheduler-demo-")
        .tempdir()
        .context("no temporary folder can be made")?;
    let file = folder.path().join("demo.db");
    on_runtime(async {
        let mut signals = Signals::listen().context("signals cannot be received")?;
        let runner = runner::bind().await.context("the demo's runner cannot listen")?;
        let settings = [
            (DATABASE_URL.name, format!("sqlite://{}", file.display())),
            (RUNNER_HOST.name, format!("http://{}/api", runner.local_addr()?)),
            (BIND.name, arguments.bind.clone().unwrap_or_else(free_address)),
            (LOG_LEVEL.name, arguments.log_level.clone()),
        ];
        let timezone = arguments.timezone.clone().map(|zone| (TIMEZONE.name, zone));
        let flags: BTreeMap<_, _> = settings.into_iter().chain(timezone).collect();
        // The settings of a real service on this machine are none of the demo's business.
        let sources = Sources::new(flags, Environment::default(), None)?;
        let config = Config::read(&sources)?;
        start_logging(&config);

        // Opening the store once makes the tables that the samples go into.
        drop(database::open(&config).await?);
        let samples = insert_samples(&file, &config.zone).context("the samples cannot be written")?;
        tokio::spawn(runner::serve(runner, config.zone.clone()));

        let mut running = Running::start(config.clone(), &sources).await?;
        let address = running.address().context("the demo's API has an address")?;
        introduce(&config, address, &samples)?;
        running.ready().await;
        let end = async {
            match arguments.seconds {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = signals.first() => {}
            () = end => {}
        }
        running.stop().await;
        writeln!(io::stdout(), "\nThe demo has ended; its database is gone.")?;
        Ok(())
    })
}

/// The usual address, or a free one where that is taken.
fn free_address() -> String {
    let usual = BIND.default;
    match std::net::TcpListener::bind(usual) {
        Ok(_) => usual.to_owned(),
        Err(_) => "127.0.0.1:0".to_owned(),
    }
}

fn introduce(config: &Config, address: SocketAddr, samples: &[String]) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "em-scheduler {} is running.", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  database  {} (goes with the demo)", config.database)?;
    writeln!(
        out,
        "  runner    {} (in this process; prints what it receives below)",
        config.runner
    )?;
    writeln!(out, "  API       http://{address}/api")?;
    writeln!(
        out,
        "  zone      {}, time zone data {}",
        config.zone.name(),
        triggers::tzdb_release()
    )?;
    writeln!(out, "\nSample projects:")?;
    for sample in samples {
        writeln!(out, "  {sample}")?;
    }
    writeln!(out, "\nTry, in another terminal:")?;
    for (path, what) in [
        ("jobs", "the task of each job, by next run time"),
        ("details", "the jobs, with their next run times"),
        ("schedule", "how many runs fall into each of the next 24 hours"),
        ("run/1", "run task 1 now"),
        ("run/1/delay/1", "run task 1 once in a minute"),
        ("delete/2", "remove the jobs of task 2"),
        ("add/2", "and schedule them again"),
        ("pause", "nothing fires any more …"),
        ("resume", "… until now"),
    ] {
        writeln!(
            out,
            "  {:<56} # {what}",
            format!("curl http://{address}/api/{path}")
        )?;
    }
    writeln!(out, "\nCtrl-C ends the demo. What the runner receives:")
}
