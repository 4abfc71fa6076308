//! `migrate`: opens the database, which creates or migrates its tables, and says what is there.

use std::io::Write;

use super::database;
use super::flags::Flags;
use super::start::{on_runtime, start_logging};
use crate::config::Config;
use crate::store::{Store, StoreError};

pub(super) const EXAMPLES: &str = "\
`serve` does the same at its start; this is for those who want it done before, or by another database user.

Examples:
  em-scheduler migrate --database-url sqlite:///var/lib/em-scheduler/em.db
  DATABASE_URL=postgres://owner:word@db/em em-scheduler migrate";

pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let sources = flags.sources()?;
    let config = Config::read(&sources)?;
    start_logging(&config);
    on_runtime(async {
        let store = database::open(&config).await?.store;
        // What is said here is stored as by the first start; what is not said is left to that.
        config.clone().agree(&sources, &store.settings().await?)?;
        store.agree_settings(config.told(&sources)?).await?;
        let (jobs, paused) = content(store.as_ref()).await?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", config.database)?;
        writeln!(
            out,
            "{}: the tables are complete and up to date",
            store.describe()
        )?;
        writeln!(
            out,
            "{jobs} jobs are scheduled{}",
            if paused { "; the scheduler is paused" } else { "" }
        )?;
        Ok(())
    })
}

async fn content(store: &dyn Store) -> Result<(usize, bool), StoreError> {
    Ok((store.list_jobs(false).await?.len(), store.paused().await?))
}
