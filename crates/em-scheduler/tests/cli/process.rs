//! The program as these tests start it, and SQL on the files of its home.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;

pub use test_world::process::{Ended, PATIENCE, Program, Running};
use test_world::{Database, client};

/// A folder that serves as the home of the processes started in it.
pub struct Home(test_world::process::Home);

impl Home {
    pub fn new() -> Self {
        Self(test_world::process::Home::of(env!("CARGO_BIN_EXE_em-scheduler")))
    }
}

impl Deref for Home {
    type Target = test_world::process::Home;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The body of an answer of the API.
pub fn get(address: SocketAddr, path: &str) -> String {
    client::get(address, path, PATIENCE).expect("it answers").body
}

/// Makes the tables in a file and runs SQL on it.
pub fn database_with(home: &Home, name: &str, sql: &str) -> String {
    let url = home.sqlite(name);
    let ended = home.program(&["migrate", "--database-url", &url]).run();
    assert_eq!(ended.code, 0, "{ended:?}");
    run_sql(&home.path(name), sql);
    url
}

pub fn run_sql(path: &Path, sql: &str) {
    Database::file_at(path).sql(sql);
}
