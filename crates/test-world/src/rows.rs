//! Rows as the databases return them, and those of runs with types. Times are microseconds since 1970.

use anyhow::anyhow;
use serde::{Deserialize, Deserializer, Serialize};

use crate::clock::wall;

/// A row: the names of its columns and their values as text, none where null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextRow(pub Vec<(String, Option<String>)>);

impl TextRow {
    /// Its values with `|` between them, and this for null.
    pub fn line(&self, null: &str) -> String {
        let cells: Vec<&str> = self
            .0
            .iter()
            .map(|(_, value)| value.as_deref().unwrap_or(null))
            .collect();
        cells.join("|")
    }

    /// Rows of a known width, null as nothing.
    /// Fails where a row has another width.
    pub fn cells<const N: usize>(rows: Vec<Self>) -> anyhow::Result<Vec<[String; N]>> {
        let rows = rows.into_iter().map(|row| {
            let cells: Vec<String> = row
                .0
                .into_iter()
                .map(|(_, value)| value.unwrap_or_default())
                .collect();
            cells
                .try_into()
                .map_err(|cells| anyhow!("{cells:?} has not {N} columns"))
        });
        rows.collect()
    }
}

impl<'row> IntoIterator for &'row TextRow {
    type Item = &'row (String, Option<String>);
    type IntoIter = std::slice::Iter<'row, (String, Option<String>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// A row of `scheduler_run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table, by their names")]
pub struct Run {
    pub key: i64,
    pub job_id: String,
    pub task_id: i32,
    pub kind: String,
    pub scheduled_for: i64,
    pub state: String,
    pub decided_at: i64,
    pub coalesced: i64,
    pub coalesced_since: Option<i64>,
    pub attempt: i64,
    pub owner: String,
    pub fence: i64,
    pub finished_at: Option<i64>,
    #[serde(deserialize_with = "flag")]
    pub withdrawn: bool,
    #[serde(deserialize_with = "flag")]
    pub muted: bool,
    pub reason: Option<String>,
}

impl Run {
    /// Whether its outcome is written down.
    pub fn is_final(&self) -> bool {
        !matches!(self.state.as_str(), "queued" | "claimed" | "sending")
    }

    /// The first due time that this row stands for.
    pub fn since(&self) -> i64 {
        self.coalesced_since.unwrap_or(self.scheduled_for)
    }

    /// Whether it was decided to be sent, whatever became of it.
    pub fn was_submitted(&self) -> bool {
        !matches!(self.state.as_str(), "missed" | "skipped") || self.finished_at > Some(self.decided_at)
    }

    /// For messages.
    pub fn name(&self) -> String {
        format!("{} of {}", self.job_id, wall(self.scheduled_for))
    }
}

/// For fields: a number that is 0 or 1.
pub fn flag<'de, D: Deserializer<'de>>(source: D) -> Result<bool, D::Error> {
    Ok(i64::deserialize(source)? != 0)
}
