//! The life of a run and of the job it comes from: every transition, as pure functions. A store loads a row, asks here
//! what becomes of it, and writes that down; it decides nothing itself.
//!
//! ```text
//!  decide        begin         first byte about to leave     settle
//!    ├──▶ queued ──────────────▶ sending ───────────────────▶ delivered | failed | unknown
//!    │      │  ▲                    │
//!    │      │  └── nothing left, or to be repeated (D4, D5, D6)
//!    │      └──▶ missed | skipped                    late after an absence (F8), or deleted (S2)
//!    └──▶ missed | skipped | sending                 decided (F3, F5, F6); sending if a permit is free (D1)
//! ```
//! `claimed` stands between `queued` and `sending` in the table's vocabulary: what another process took and has not begun.
//! No transition leaves a final state (delivered, failed, unknown, missed, skipped), and none is made under an old fence.
//!
//! Not in here: which run times are due and what the rule says of them (`engine::plan`).

mod absence;
mod attempt;
mod begin;
mod decide;
mod grace;
mod removal;
mod settle;
mod take_over;
#[cfg(test)]
mod tests;

pub use absence::{left_behind, missed_meanwhile, unknown_here};
pub use attempt::{attempt_ended, manual_ended};
pub use begin::{begin, is_waiting, manual};
pub use decide::{JobAfter, NewRun, decided, decided_before, job_after};
pub use grace::{is_late, lateness_reason, outlasts};
pub use removal::{Removal, remove};
pub use settle::{Ending, Held, Settling, settle};
pub use take_over::{TakeOver, Taken, take_over};

use super::Delivery;

/// What decides about a run once it is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryRules {
    /// What happens where a request may have arrived.
    pub delivery: Delivery,
    /// Microseconds after its run time in which a run may still be sent.
    pub grace: i64,
    /// Requests per run at most, in the delivery mode at least once.
    pub attempts: u32,
}
