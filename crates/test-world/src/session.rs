//! Connections to PostgreSQL that stay open: for looks that must not take a connection each, and for transactions that hold
//! rows as em_web's do. [`Session`] is for async callers, [`BlockingSession`] for the others.

use std::ops::Deref;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::rows::TextRow;

/// See the module. The service's tables stand in a schema of their own; here they are found by their bare names.
pub struct Session(Client);

impl Session {
    /// Connects to a database by its URL, on the runtime that calls this.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let mut config: Config = url.parse()?;
        config.options("-c search_path=public,em_scheduler");
        let (client, connection) = config
            .connect(NoTls)
            .await
            .with_context(|| format!("no session on {url}"))?;
        // How it ended is told to the one who asks next.
        tokio::spawn(connection);
        Ok(Self(client))
    }

    /// Runs statements whose rows nobody needs.
    pub async fn run(&self, sql: &str) -> anyhow::Result<()> {
        let ran = self.0.batch_execute(sql).await;
        ran.with_context(|| sql.to_owned())
    }

    /// The rows that a query returns.
    pub async fn rows(&self, sql: &str) -> anyhow::Result<Vec<TextRow>> {
        let messages = self.0.simple_query(sql).await;
        let messages = messages.with_context(|| sql.to_owned())?;
        Ok(messages.iter().filter_map(row).collect())
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

fn row(message: &SimpleQueryMessage) -> Option<TextRow> {
    let SimpleQueryMessage::Row(row) = message else {
        return None;
    };
    let columns = row.columns().iter().enumerate();
    let cells = columns.map(|(place, column)| (column.name().to_owned(), row.get(place).map(str::to_owned)));
    Some(TextRow(cells.collect()))
}

/// A session whose thread waits for each answer. Not for threads of an async runtime.
pub struct BlockingSession {
    runtime: Runtime,
    session: Session,
}

impl BlockingSession {
    /// Connects to a database by its URL.
    pub fn open(url: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let session = runtime.block_on(Session::open(url))?;
        Ok(Self { runtime, session })
    }

    /// As [`Session::run`].
    pub fn run(&self, sql: &str) -> anyhow::Result<()> {
        self.runtime.block_on(self.session.run(sql))
    }

    /// The rows that a query returns, each column as text, null as nothing.
    pub fn rows<const N: usize>(&self, sql: &str) -> anyhow::Result<Vec<[String; N]>> {
        TextRow::cells(self.runtime.block_on(self.session.rows(sql))?)
    }
}
