//! A database for one test, on a server shared with the others.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::{Error, Server, programs, psql, random, url};

/// The environment variable with the address of a running server whose user may create databases.
pub const URL_VARIABLE: &str = "TEST_POSTGRES_URL";

/// This process's own server, started by the first database and stopped with the last. A static that owned it would never be
/// dropped, hence the weak handle; every database holds a strong one.
static OURS: Mutex<Weak<Server>> = Mutex::new(Weak::new());

/// A fresh, empty database, dropped (connections and all) with this value.
#[derive(Debug)]
pub struct Database {
    url: String,
    name: String,
    admin_url: String,
    psql: PathBuf,
    /// `None` when the server is somebody else's.
    _server: Option<Arc<Server>>,
}

impl Database {
    /// Creates a database on the server that `TEST_POSTGRES_URL` names, else on one that the tests of this process share.
    ///
    /// # Errors
    /// As [`Server::start`]; [`Error::Url`] if the variable holds no address; [`Error::Command`] with what the server said.
    pub fn create() -> Result<Self, Error> {
        let given = std::env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty());
        Self::create_on(given.as_deref())
    }

    fn create_on(given: Option<&str>) -> Result<Self, Error> {
        let name = format!("test_{}_{:016x}", std::process::id(), random::number());
        let (base, psql, server) = match given {
            Some(base) => (base.to_owned(), programs::psql()?, None),
            None => {
                let server = ours()?;
                (server.url("postgres"), server.psql().to_owned(), Some(server))
            }
        };
        let (url, admin_url) = (
            url::with_database(&base, &name)?,
            url::with_database(&base, "postgres")?,
        );
        let create = format!("CREATE DATABASE {} TEMPLATE template0", psql::identifier(&name));
        psql::run(&psql, &admin_url, &create)?;
        Ok(Self {
            url,
            name,
            admin_url,
            psql,
            _server: server,
        })
    }

    /// Where to connect.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs a script in this database; see [`Server::run_sql`].
    ///
    /// # Errors
    /// [`Error::Command`] with what the server said.
    pub fn run_sql(&self, sql: &str) -> Result<String, Error> {
        psql::run(&self.psql, &self.url, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // FORCE: a pool that the test forgot is no reason to keep the database. A failure leaves an odd name on a server that
        // goes away soon, and a panic here would hide the test's own.
        let drop = format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            psql::identifier(&self.name)
        );
        let _ = psql::run(&self.psql, &self.admin_url, &drop);
    }
}

fn ours() -> Result<Arc<Server>, Error> {
    // Held while the server starts: the other tests of this process want that one, not one more.
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = ours.upgrade() {
        return Ok(server);
    }
    let server = Arc::new(Server::start()?);
    *ours = Arc::downgrade(&server);
    Ok(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn databases(admin: &str) -> String {
        let all = "SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%' ORDER BY 1";
        psql::run(&programs::psql().expect("psql"), admin, all).expect("list")
    }

    #[test]
    fn databases_share_one_server_that_goes_with_the_last() {
        let first = Database::create_on(None).expect("first");
        let second = Database::create_on(None).expect("second");
        let pid = |database: &Database| database._server.as_ref().and_then(|server| server.pid());
        assert!(pid(&first).is_some());
        assert_eq!(pid(&first), pid(&second));
        assert_ne!(first.url(), second.url());
        let server = Arc::downgrade(first._server.as_ref().expect("a server of our own"));
        drop(first);
        assert_eq!(second.run_sql("SELECT 1").expect("still there"), "1");
        drop(second);
        assert!(server.upgrade().is_none());
    }

    #[test]
    fn a_database_on_a_given_server_is_dropped_though_in_use() {
        let server = Server::start().expect("server");
        let database = Database::create_on(Some(&server.url(""))).expect("database");
        assert_eq!(databases(&server.url("postgres")), database.name);
        // Never finishes reading its script, so it stays connected.
        let mut forgotten = programs::command(&programs::psql().expect("psql"))
            .args([
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--dbname",
                database.url(),
            ])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("psql");
        let mut input = forgotten.stdin.take().expect("input");
        let mut output = std::io::BufReader::new(forgotten.stdout.take().expect("output"));
        let mut line = String::new();
        std::io::Write::write_all(&mut input, b"SELECT 'here';\n").expect("write");
        std::io::BufRead::read_line(&mut output, &mut line).expect("read");
        assert_eq!(line, "here\n");
        drop(database);
        assert_eq!(databases(&server.url("postgres")), "");
        drop(input);
        forgotten.wait().expect("wait");
    }

    #[test]
    fn an_address_of_something_else_is_an_error() {
        let error = Database::create_on(Some("mysql://root@localhost/")).expect_err("created");
        assert!(matches!(error, Error::Url { .. }), "{error}");
    }
}
