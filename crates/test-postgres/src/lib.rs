//! A throw-away PostgreSQL for tests, started from locally installed binaries.
//!
//! A [`Server`] listens on loopback only, keeps everything in one temporary folder and is gone, folder included, when it
//! is dropped, and also when its owner dies without a chance to drop anything. A [`Database`] is what most tests
//! want: a fresh, empty database on a server shared with the other tests, dropped at the end.
//!
//! Starting a server costs most of a second, creating a database some tens of milliseconds. Test runners that give each test a
//! process of its own therefore run under the binary of this crate, which starts one server for all of them:
//!
//! ```text
//! test-postgres run -- cargo nextest run
//! ```
//!
//! It exports `TEST_POSTGRES_URL`; whoever has a server already may set that variable instead.
//!
//! The server is hostile where that finds faults: its sessions start in the zone `Asia/Kathmandu` (+05:45), so code that
//! leans on the session's zone gives odd answers here rather than in production. Authentication is `trust`: any local user
//! can connect while the tests run.
//!
//! Not in here: any knowledge of what is stored, migrations, connection pools. A PostgreSQL that is not installed is an
//! error ([`Error::NotInstalled`]), never a reason to skip.
//!
//! ```
//! let database = test_postgres::Database::create()?;
//! assert_eq!(database.run_sql("SELECT 6 * 7")?, "42");
//! # Ok::<(), test_postgres::Error>(())
//! ```

mod account;
mod console;
mod database;
mod error;
mod folder;
mod programs;
mod psql;
mod random;
mod server;
mod url;

pub use console::Console;
pub use database::{Database, URL_VARIABLE};
pub use error::Error;
pub use server::Server;
