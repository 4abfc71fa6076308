//! Opens the database that the configuration names.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::chance;
use crate::clock::SystemClock;
use crate::config::{Config, DatabaseUrl, SharedSettings, Sources};
use crate::instance::Place;
use crate::model::WireDialect;
use crate::store::postgres::{PostgresOptions, PostgresStore};
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::store::{Catalog, SchemaStanding, Store};

/// An open store, and what it knows of this process.
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    /// The id of this process.
    pub(super) instance: String,
    /// Whether no other process can be at work on it.
    pub(super) alone: bool,
}

pub(super) fn sqlite_options(config: &Config, path: PathBuf, instance: &str) -> SqliteOptions {
    SqliteOptions {
        path,
        zone: config.zone.clone(),
        clock: Arc::new(SystemClock),
        instance: instance.to_owned(),
        place: Place::here().to_string(),
    }
}

/// Opens the database, which creates or migrates its tables.
pub(super) async fn open(config: &Config) -> anyhow::Result<Opened> {
    let instance = chance::instance_id();
    match &config.database {
        DatabaseUrl::Sqlite(path) => {
            prepare_folder(path, config.database_is_default)?;
            // The lock goes by the name: by whatever link the file is named, there is one.
            let file = path.canonicalize().unwrap_or_else(|_| path.clone());
            let options = sqlite_options(config, file, &instance);
            let store = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await??;
            Ok(Opened {
                store: Arc::new(store),
                instance,
                alone: true,
            })
        }
        DatabaseUrl::Postgres(url) => {
            let options = postgres_options(config, url.secret(), &instance);
            let store = PostgresStore::connect(options).await?;
            Ok(Opened {
                store: Arc::new(store),
                instance,
                alone: false,
            })
        }
    }
}

/// What a process of that id is told of a PostgreSQL database.
pub(super) fn postgres_options(config: &Config, url: &str, instance: &str) -> PostgresOptions {
    PostgresOptions {
        url: url.to_owned(),
        zone: config.zone.clone(),
        clock: Arc::new(SystemClock),
        instance: instance.to_owned(),
        place: Place::here().to_string(),
        grace: i64::from(config.misfire_grace) * 1_000_000,
    }
}

/// The shared settings that the database holds; none where it has no tables of ours yet, or older ones. Changes nothing.
///
/// # Errors
/// There is no such file, or the database cannot be used.
pub(super) async fn stored_settings(config: &Config) -> anyhow::Result<SharedSettings> {
    match &config.database {
        DatabaseUrl::Sqlite(path) => {
            if !path.is_file() {
                bail!("there is no database file {}", path.display());
            }
            Ok(SqliteStore::stored_settings(path)?)
        }
        DatabaseUrl::Postgres(url) => {
            let options = postgres_options(config, url.secret(), &chance::instance_id());
            let (store, standing, _) = PostgresStore::inspect(options).await?;
            match standing {
                SchemaStanding::Ready => Ok(store.settings().await?),
                _ => Ok(SharedSettings::new()),
            }
        }
    }
}

/// Opens the database to serve it, with the shared settings that it is served with. Those that it does not have yet are
/// stored.
///
/// # Errors
/// As [`open`]; and `ConfigError::Differs` where the sources of the configuration tell other settings. Nothing is stored then.
pub(super) async fn open_agreed(config: Config, sources: &Sources) -> anyhow::Result<(Config, Opened)> {
    let mut config = config;
    // Twice as a rule: where the database has other values than our defaults, it is opened again with those.
    loop {
        let opened = open(&config).await?;
        let mut agreed = config.clone().agree(sources, &opened.store.settings().await?)?;
        if agreed.shared() == config.shared() {
            // Another process may have been first.
            let stored = opened.store.agree_settings(agreed.shared()).await?;
            agreed = agreed.agree(sources, &stored)?;
            if agreed.shared() == config.shared() {
                return Ok((config, opened));
            }
        }
        config = agreed;
    }
}

/// Whose clients and runner are spoken with: as configured, else as the model in the database tells (rule S14).
pub(super) async fn dialect(config: &Config, opened: &Opened) -> anyhow::Result<WireDialect> {
    match config.dialect {
        Some(dialect) => Ok(dialect),
        None => Ok(WireDialect::of_model(opened.store.has_sequences().await?)),
    }
}

/// The folder of the default file is made where it is missing; a folder that somebody named must be there, since a
/// misspelt path shall not start an empty scheduler.
fn prepare_folder(path: &Path, is_default: bool) -> anyhow::Result<()> {
    if path.is_dir() {
        bail!("the database file {} is a folder", path.display());
    }
    if path.exists() && !path.is_file() {
        bail!("the database file {} is no regular file", path.display());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    if folder.is_dir() {
        return Ok(());
    }
    if !is_default {
        bail!(
            "the folder of the database file {} does not exist",
            path.display()
        );
    }
    // Schedules are nobody else's business.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| {
        format!(
            "the folder {} for the default database file cannot be made",
            folder.display()
        )
    })
}
