//! Finds runs that are ours by the table and that nobody here knows of: a write of which it is uncertain whether it took effect
//! may have left them. Nothing was sent for them.

use std::sync::Arc;

use async_trait::async_trait;

use super::chore::{Chore, SECOND};
use crate::engine::parts::EngineParts;
use crate::model::life::{self, TakeOver};
use crate::model::{JobKind, OpenRun};
use crate::store::Result;

/// How often is looked even if no write has failed: a commit may take effect after its caller has given up.
const EVERY: i64 = 60 * SECOND;

#[derive(Debug)]
pub(super) struct UncertainRuns {
    at: i64,
    /// Not before, also where a write has failed.
    again_at: i64,
}

impl UncertainRuns {
    pub(super) fn new() -> Self {
        Self {
            at: EVERY,
            again_at: 0,
        }
    }
}

#[async_trait]
impl Chore for UncertainRuns {
    fn due_at(&mut self, parts: &EngineParts) -> i64 {
        if parts.dispatcher.is_uncertain() {
            self.at.min(self.again_at)
        } else {
            self.at
        }
    }

    async fn step(&mut self, parts: &EngineParts) -> Result<()> {
        let passed = parts.passed();
        self.at = passed + EVERY;
        // Where it fails it asks for another look; the other chores have their turn before that.
        self.again_at = passed + SECOND;
        parts.dispatcher.take_uncertain();
        let (now, known) = (parts.store.now(), parts.dispatcher.known());
        let rules = parts.settings.delivery;
        let dispatcher = parts.dispatcher.clone();
        let judge = move |open: &OpenRun| {
            // One that was asked for now is known only once it is sent.
            let may_be_asked_for = open.run.kind == JobKind::Manual && dispatcher.is_asked();
            if known.contains_key(&open.run.key) || may_be_asked_for {
                TakeOver::Leave
            } else {
                life::unknown_here(open, now, rules)
            }
        };
        let ours = vec![parts.settings.instance.clone()];
        let found = parts.store.take_over(now, ours, false, Arc::new(judge)).await;
        let found = found.inspect_err(|_| parts.dispatcher.report_uncertain())?;
        parts.dispatcher.accept(found);
        Ok(())
    }
}
