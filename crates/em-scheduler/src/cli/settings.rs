//! `settings`: the settings that all processes on the database share, shown, or changed while none of them runs.

use std::io::Write;

use anyhow::bail;

use super::database::{self, Opened};
use super::flags::Flags;
use super::start::{on_runtime, start_logging};
use super::usage::Usage;
use crate::config::{Config, SHARED, SharedSettings};
use crate::peers;

pub(super) const EXAMPLES: &str = "\
Which zone schedules are in, how late a run may be, and the like must be the same for every process on a database. The \
first start stores them; a start that says something else is refused. They are changed here, while no process runs.

Examples:
  em-scheduler settings --database-url sqlite:///var/lib/em-scheduler/em.db
  em-scheduler settings --set timezone=Europe/Berlin --set misfire-grace=60";

/// What `settings` is told.
#[derive(clap::Args)]
pub(super) struct SettingsArguments {
    /// A setting and its new value; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    flags: Flags,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("expected NAME=VALUE, such as timezone=Europe/Berlin".into());
    };
    let known = SHARED.iter().map(|setting| setting.name);
    if known.clone().any(|known| known == name) {
        return Ok((name.to_owned(), value.to_owned()));
    }
    let names: Vec<&str> = known.collect();
    Err(format!(
        "{name:?} is no setting that all processes share; these are: {}",
        names.join(", ")
    ))
}

pub(super) fn run(arguments: &SettingsArguments) -> anyhow::Result<()> {
    let sources = arguments.flags.sources()?;
    let config = Config::read(&sources)?;
    start_logging(&config);
    on_runtime(async {
        if arguments.set.is_empty() {
            show(&config, &database::stored_settings(&config).await?)?;
            return Ok(());
        }
        let opened = database::open(&config).await?;
        nobody_runs(&opened).await?;
        let changed = changed(arguments, &opened.store.settings().await?)?;
        opened.store.change_settings(changed).await?;
        show(&config, &opened.store.settings().await?)?;
        Ok(())
    })
}

/// The new values, each in the spelling in which it is stored.
fn changed(arguments: &SettingsArguments, stored: &SharedSettings) -> anyhow::Result<SharedSettings> {
    let mut wanted = stored.clone();
    wanted.extend(arguments.set.iter().cloned());
    // By the rules of every other source, and whatever this command was told of them.
    let read = Config::read(&arguments.flags.sources()?.only_stored(wanted))?.shared();
    let given = arguments.set.iter().map(|(name, _)| name);
    Ok(given
        .filter_map(|name| Some((name.clone(), read.get(name)?.clone())))
        .collect())
}

/// # Errors
/// A process is at work on the database; all are named.
async fn nobody_runs(opened: &Opened) -> anyhow::Result<()> {
    let now = opened.store.now();
    let others = opened.store.other_instances().await?;
    let living: Vec<String> = others
        .into_iter()
        .filter(|other| other.lease_until >= now && !peers::is_dead(&other.place))
        .map(|other| other.id)
        .collect();
    if living.is_empty() {
        return Ok(());
    }
    bail!(Usage(format!(
        "the settings are those of running processes: stop {} first (one that has just been killed counts for up to 10 s)",
        living.join(", ")
    )))
}

fn show(config: &Config, stored: &SharedSettings) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", config.database)?;
    for setting in SHARED {
        match stored.get(setting.name) {
            Some(value) => writeln!(out, "  {:<14} {value}", setting.name)?,
            None => writeln!(
                out,
                "  {:<14} not stored yet: the first start decides",
                setting.name
            )?,
        }
    }
    Ok(())
}
