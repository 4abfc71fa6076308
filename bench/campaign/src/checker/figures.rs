//! What a history amounts to, in numbers.

use std::collections::HashSet;

use bench::rows::Row;

use super::History;

/// Counted over one or several histories.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Due times that were decided, the coalesced ones among them.
    pub due: i64,
    /// Of these, coalesced into a later one.
    pub coalesced: i64,
    pub missed: usize,
    pub unknown: usize,
    pub failed: usize,
    pub receipts: usize,
    /// Receipts beyond the first of a run.
    pub again: usize,
    pub violations: usize,
}

impl Figures {
    /// The numbers of one history.
    pub fn of(history: &History, violations: usize) -> Self {
        let state = |state: &str| history.runs.iter().filter(|run| run.state == state).count();
        let runs: HashSet<(&str, i64)> = history
            .receipts
            .iter()
            .map(|receipt| (receipt.job_id.as_str(), receipt.scheduled_for))
            .collect();
        Self {
            due: history.runs.iter().map(|run| 1 + run.coalesced).sum(),
            coalesced: history.runs.iter().map(|run| run.coalesced).sum(),
            missed: state("missed"),
            unknown: state("unknown"),
            failed: state("failed"),
            receipts: history.receipts.len(),
            again: history.receipts.len() - runs.len(),
            violations,
        }
    }

    /// Adds another history's.
    pub fn add(&mut self, other: Self) {
        self.due += other.due;
        self.coalesced += other.coalesced;
        self.missed += other.missed;
        self.unknown += other.unknown;
        self.failed += other.failed;
        self.receipts += other.receipts;
        self.again += other.again;
        self.violations += other.violations;
    }

    /// Puts them behind what a row says already.
    pub fn into_row(self, row: Row) -> Row {
        row.with("due", self.due)
            .with("coalesced", self.coalesced)
            .with("missed", self.missed)
            .with("unknown", self.unknown)
            .with("failed", self.failed)
            .with("receipts", self.receipts)
            .with("sent again, same key", self.again)
            .with("violations", self.violations)
    }
}
