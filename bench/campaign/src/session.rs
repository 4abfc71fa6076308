//! A connection to PostgreSQL that stays open: for looks that must not take the tens of milliseconds of a program's start,
//! and for transactions that hold rows as em_web's do.

use anyhow::{Context, anyhow};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// See the module. Its thread waits for each answer.
pub struct Session {
    runtime: Runtime,
    client: Client,
}

impl Session {
    /// Connects to a database by its URL.
    ///
    /// # Errors
    /// What the server said.
    pub fn open(url: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            // How it ended is told to the one who asks next.
            tokio::spawn(connection);
            // The service's tables stand in a schema of their own; here they are found by their bare names.
            let path = "SET search_path = public, em_scheduler";
            client.batch_execute(path).await?;
            anyhow::Ok(client)
        });
        Ok(Self {
            client: client.with_context(|| format!("no session on {url}"))?,
            runtime,
        })
    }

    /// Runs statements whose rows nobody needs.
    ///
    /// # Errors
    /// What the server said.
    pub fn run(&self, sql: &str) -> anyhow::Result<()> {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .with_context(|| sql.to_owned())
    }

    /// The rows that a query returns, each column as text, null as nothing.
    ///
    /// # Errors
    /// What the server said, or a row of another width.
    pub fn rows<const N: usize>(&self, query: &str) -> anyhow::Result<Vec<[String; N]>> {
        let answer = self.runtime.block_on(self.client.simple_query(query));
        let mut rows = Vec::new();
        for message in answer.with_context(|| query.to_owned())? {
            if let SimpleQueryMessage::Row(row) = message {
                let cells: Vec<String> = (0..row.len())
                    .map(|place| row.get(place).unwrap_or("").to_owned())
                    .collect();
                let cells = cells.try_into();
                rows.push(cells.map_err(|cells| anyhow!("{query}: {cells:?} has not {N} columns"))?);
            }
        }
        Ok(rows)
    }
}
