//! `backup`: one file with everything that was committed when it began, made while the service runs.
//!
//! The copy is written under a temporary name in the same folder, flushed and renamed: under its own name it is whole.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueHint};
use tempfile::NamedTempFile;

use super::flags::Flags;
use super::start::{on_runtime, start_logging};
use super::usage::Usage;
use crate::config::DatabaseUrl;
use crate::lifecycle::Signals;
use crate::store::sqlite::Copying;

pub(super) const EXAMPLES: &str = "\
It needs no pause: the service goes on, and what was acknowledged before the command began is in the copy. To restore \
one, stop the service, put the copy in the place of the database, remove the files beside it that end in -wal and -shm, \
and start the service. Of a PostgreSQL database pg_dump makes such a copy.

Examples:
  em-scheduler backup /var/backups/em-2026-11-29.db
  em-scheduler backup em-copy.db --database-url sqlite:////var/lib/em-scheduler/em-scheduler.db";

/// Files that belong to a database of this name.
const BESIDE: [&str; 4] = ["-wal", "-shm", "-journal", ".lock"];

#[derive(Args)]
pub(super) struct BackupArguments {
    /// Where the copy goes. A file that is there already is never written over.
    #[arg(value_hint = ValueHint::FilePath)]
    path: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(arguments: &BackupArguments) -> anyhow::Result<()> {
    let config = arguments.flags.read()?;
    start_logging(&config);
    let database = match &config.database {
        DatabaseUrl::Sqlite(path) => path,
        postgres @ DatabaseUrl::Postgres(_) => {
            return Err(Usage(format!(
                "backup copies SQLite files; of {postgres} PostgreSQL's own program makes a copy while the service runs: \
                 pg_dump --format=custom --file=FILE URL, with the password in ~/.pgpass (pg_restore brings it back)"
            ))
            .into());
        }
    };
    let target = target(&arguments.path, database)?;
    let bytes = on_runtime(copy(database, &target))?;
    writeln!(
        io::stdout(),
        "{}: {:.1} MB, a copy of {}",
        target.display(),
        bytes as f64 / 1e6,
        database.display()
    )?;
    Ok(())
}

/// Where the copy goes, looked at before anything is done.
fn target(path: &Path, database: &Path) -> anyhow::Result<PathBuf> {
    if !database.is_file() {
        bail!("there is no database file {} to copy", database.display());
    }
    let path = std::path::absolute(path)?;
    let shown = path.display();
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        bail!("{shown} names no file");
    };
    let folder = folder
        .canonicalize()
        .with_context(|| format!("the folder {} of the copy cannot be used", folder.display()))?;
    // Also a link that leads nowhere.
    if path.symlink_metadata().is_ok() {
        bail!(
            "{shown} is there already, and a backup writes over nothing: name another file, or move that one away"
        );
    }
    let database = database.canonicalize()?;
    let belongs = |ending: &&str| {
        let mut other = database.file_name().unwrap_or_default().to_owned();
        other.push(ending);
        other == name
    };
    if database.parent() == Some(&folder) && BESIDE.iter().any(belongs) {
        bail!("{shown} is a name that the database itself uses: name another file");
    }
    let ends_so = |ending: &&str| name.as_encoded_bytes().ends_with(ending.as_bytes());
    if let Some(ending) = BESIDE.iter().find(|ending| ends_so(ending)) {
        bail!(
            "{shown} ends in {ending}: SQLite would take it for a part of another database; name another file"
        );
    }
    // SQLite would play what they hold into the copy.
    for ending in BESIDE {
        let mut beside = folder.join(name).into_os_string();
        beside.push(ending);
        let beside = Path::new(&beside);
        if beside.symlink_metadata().is_ok() {
            bail!(
                "{} belongs to a database that was named {shown}: remove it, or name another file",
                beside.display()
            );
        }
    }
    Ok(folder.join(name))
}

/// Makes the copy; returns its size in bytes. After an error or a signal nothing of it is left.
async fn copy(database: &Path, target: &Path) -> anyhow::Result<u64> {
    let mut signals = Signals::listen().context("signals cannot be received")?;
    let of_database = || format!("the database file {} cannot be copied", database.display());
    let folder = target.parent().unwrap_or(Path::new("/"));
    // For its owner alone; removed when dropped.
    let unfinished = tempfile::Builder::new()
        .prefix(".em-scheduler-backup-")
        .tempfile_in(folder)
        .with_context(|| format!("nothing can be written in {}", folder.display()))?;
    let copying = Copying::of(database).with_context(of_database)?;
    let (stop, to) = (copying.stopper(), unfinished.path().to_owned());
    let mut working = tokio::task::spawn_blocking(move || copying.write(&to));
    tokio::select! {
        done = &mut working => done?.with_context(of_database)?,
        signal = signals.first() => {
            stop();
            // It may have ended just before; it was not wanted any more.
            let _ = working.await;
            bail!("stopped by {}; no copy was made", signal.name());
        }
    }
    keep(unfinished, target)
}

/// Flushes the copy and gives it its name.
fn keep(unfinished: NamedTempFile, target: &Path) -> anyhow::Result<u64> {
    let shown = target.display();
    unfinished
        .as_file()
        .sync_all()
        .with_context(|| format!("the copy {shown} cannot be flushed"))?;
    let file = unfinished.persist_noclobber(target).map_err(|failed| {
        // Dropped with it, the copy goes.
        anyhow!("the copy cannot be named {shown}: {}", failed.error)
    })?;
    // The name as well is to survive a loss of power.
    File::open(target.parent().unwrap_or(Path::new("/")))
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("the folder of {shown} cannot be flushed"))?;
    Ok(file.metadata()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_takes_no_name_that_is_taken_or_belongs_to_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("em.db");
        let refused = |name: &str| {
            target(&folder.path().join(name), &database)
                .unwrap_err()
                .to_string()
        };
        assert!(refused("copy.db").contains("no database file"), "not there yet");
        std::fs::write(&database, "").unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
        for name in ["em.db", "file", "link", "."] {
            assert!(refused(name).contains("is there already"), "{name}");
        }
        for name in ["em.db-wal", "em.db-shm", "em.db-journal", "em.db.lock"] {
            assert!(refused(name).contains("the database itself"), "{name}");
        }
        assert!(refused("missing/copy.db").contains("missing"));
        let good = target(&folder.path().join("em.db-copy"), &database).unwrap();
        assert_eq!(good.file_name().unwrap(), "em.db-copy");
    }
}
