//! Everything that can go wrong here, told so that the reader of a test log can act on it.

use std::path::PathBuf;
use std::process::ExitStatus;

/// Why there is no server, or no answer from it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program of the PostgreSQL distribution is nowhere to be found.
    #[error(
        "PostgreSQL is not installed: looked for {program} in {}. \
         On Debian or Ubuntu: apt-get install postgresql",
        list(folders)
    )]
    NotInstalled {
        /// The program or programs looked for.
        program: &'static str,
        /// The folders looked into, in order.
        folders: Vec<PathBuf>,
    },
    /// The operating system refused something.
    #[error("cannot {action}")]
    Io {
        /// What was attempted, as in "cannot …".
        action: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// PostgreSQL refuses to run as root, and there is no other user to run it as.
    #[error("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody")]
    NoAccount,
    /// `initdb` or `psql` ended with a failure.
    #[error("{program} failed ({status}): {output}")]
    Command {
        /// Which program.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to standard error.
        output: String,
    },
    /// The server ended while it was starting.
    #[error("the server ended while starting ({status}); the end of its log:\n{log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// The last lines of the server's log.
        log: String,
    },
    /// The server runs but did not accept connections in time.
    #[error("the server did not become ready in time; the end of its log:\n{log}")]
    NotReady {
        /// The last lines of the server's log.
        log: String,
    },
    /// `TEST_POSTGRES_URL` does not look like the address of a PostgreSQL server.
    #[error("not a PostgreSQL address (postgres://user@host:port/database): {url:?}")]
    Url {
        /// The value found.
        url: String,
    },
}

impl Error {
    /// For `map_err`: an [`Error::Io`] that says what was attempted.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io {
            action: action.into(),
            source,
        }
    }
}

fn list(folders: &[PathBuf]) -> String {
    let folders: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    if folders.is_empty() {
        "no folder at all (PATH is empty)".into()
    } else {
        folders.join(", ")
    }
}
