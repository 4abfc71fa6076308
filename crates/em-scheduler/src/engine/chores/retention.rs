//! Removes final runs that are old enough, a part at a time.

use async_trait::async_trait;

use super::chore::{Chore, SECOND};
use crate::engine::parts::EngineParts;
use crate::store::Result;

const EVERY: i64 = 600 * SECOND;
/// Final runs removed in one step.
const PAGE: usize = 5_000;

#[derive(Debug)]
pub(super) struct Retention {
    at: i64,
}

impl Retention {
    /// Not among the first things that a process does.
    pub(super) fn new() -> Self {
        Self { at: 60 * SECOND }
    }
}

#[async_trait]
impl Chore for Retention {
    fn due_at(&mut self, _: &EngineParts) -> i64 {
        self.at
    }

    async fn step(&mut self, parts: &EngineParts) -> Result<()> {
        self.at = parts.passed() + SECOND;
        let before = parts.store.now().saturating_add(-parts.settings.retention);
        let deleted = parts.store.delete_old_runs(before, PAGE).await?;
        // What has removed something may find more.
        let pause = if deleted > 0 { SECOND } else { EVERY };
        self.at = parts.passed() + pause;
        Ok(())
    }

    fn is_urgent(&self) -> bool {
        true
    }
}
