//! SQL on one database of a server, for callers that outlive the server's restarts or work beside its owner.

use std::path::PathBuf;

use crate::{Error, psql};

/// Runs scripts in one database. It holds no connection, so the server may go away and come back meanwhile.
#[derive(Debug, Clone)]
pub struct Console {
    psql: PathBuf,
    url: String,
}

impl Console {
    pub(crate) fn new(psql: PathBuf, url: String) -> Self {
        Self { psql, url }
    }

    /// Runs a script; see [`Server::run_sql`](crate::Server::run_sql).
    ///
    /// # Errors
    /// [`Error::Command`] with what the server said, or that it cannot be reached.
    pub fn run_sql(&self, sql: &str) -> Result<String, Error> {
        psql::run(&self.psql, &self.url, sql)
    }

    /// Where to connect.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
