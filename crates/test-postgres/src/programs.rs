//! Where the programs of PostgreSQL are.
//!
//! Debian keeps the server's programs out of `PATH`, one folder per major version, and puts a slow wrapper called `psql` into
//! it. So: the server of whoever arranged their `PATH`, else the newest version installed; and the `psql` beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Where distributions keep one folder per major version: the parent, and what follows the version's folder.
const VERSIONED: [(&str, &str); 2] = [("/usr/lib/postgresql", "bin"), ("/opt/homebrew/opt", "bin")];

/// The programs of one installation.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) initdb: PathBuf,
    pub(crate) postgres: PathBuf,
}

impl Programs {
    /// `initdb` and `postgres`, from the same folder so that their versions agree.
    pub(crate) fn find() -> Result<Self, Error> {
        Self::find_in(path().chain(versioned()).collect())
    }

    fn find_in(folders: Vec<PathBuf>) -> Result<Self, Error> {
        let complete =
            |folder: &&PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
        match folders.iter().find(complete) {
            Some(folder) => Ok(Self {
                initdb: folder.join("initdb"),
                postgres: folder.join("postgres"),
            }),
            None => Err(Error::NotInstalled {
                program: "initdb and postgres",
                folders,
            }),
        }
    }

    /// The `psql` that came with this server, else any.
    pub(crate) fn psql(&self) -> Result<PathBuf, Error> {
        let beside = self
            .postgres
            .canonicalize()
            .ok()
            .and_then(|real| Some(real.parent()?.join("psql")));
        beside.filter(|psql| psql.is_file()).map_or_else(psql, Ok)
    }
}

/// Any `psql`: enough where the server is somebody else's.
pub(crate) fn psql() -> Result<PathBuf, Error> {
    let folders: Vec<_> = versioned().chain(path()).collect();
    let found = folders
        .iter()
        .map(|folder| folder.join("psql"))
        .find(|psql| psql.is_file());
    found.ok_or(Error::NotInstalled {
        program: "psql",
        folders,
    })
}

/// A command that the developer's own PostgreSQL settings cannot bend, with messages in English.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C");
    command
}

fn path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .collect::<Vec<_>>()
        .into_iter()
}

fn versioned() -> impl Iterator<Item = PathBuf> {
    VERSIONED
        .into_iter()
        .flat_map(|(parent, rest)| newest_first(Path::new(parent), rest))
}

/// The folders below `parent` whose name ends in a number (`15`, `postgresql@17`), highest number first.
fn newest_first(parent: &Path, rest: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix("postgresql@").unwrap_or(&name).parse().ok()?;
            Some((version, entry.path().join(rest)))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    #[test]
    fn a_missing_server_is_an_error_that_says_what_to_install() {
        let error = Programs::find_in(vec!["/nowhere/bin".into(), "/elsewhere".into()]).expect_err("found");
        let said = error.to_string();
        for part in [
            "initdb and postgres",
            "/nowhere/bin, /elsewhere",
            "apt-get install postgresql",
        ] {
            assert!(said.contains(part), "{part:?} is not in {said:?}");
        }
    }

    #[test]
    fn half_an_installation_does_not_count() {
        let folder = Folder::create().expect("folder");
        std::fs::write(folder.path().join("initdb"), "").expect("write");
        assert!(Programs::find_in(vec![folder.path().into()]).is_err());
        std::fs::write(folder.path().join("postgres"), "").expect("write");
        assert!(Programs::find_in(vec!["/nowhere".into(), folder.path().into()]).is_ok());
    }

    #[test]
    fn version_10_is_newer_than_version_9() {
        let folder = Folder::create().expect("folder");
        for name in ["9", "17", "10", "postgresql@18", "notes", "9.6"] {
            std::fs::create_dir(folder.path().join(name)).expect("create");
        }
        let found = newest_first(folder.path(), "bin");
        let expected = ["postgresql@18", "17", "10", "9"].map(|name| folder.path().join(name).join("bin"));
        assert_eq!(found, expected);
    }
}
