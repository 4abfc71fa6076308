//! What becomes of a run whose owner is gone, or of which its owner knows nothing any more.

use crate::model::{OpenRun, Outcome, SendableRun, Settlement, SkipReason};

/// What is to become of such a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeOver {
    /// Leave it as it is.
    Leave,
    /// Nothing was sent, or it may be sent again: it is ours now, and `queued`.
    Adopt,
    /// It ends here.
    Settle(Outcome),
}

/// The same, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Nothing changes.
    Left,
    /// It is `queued` under our id and this new fence.
    Adopted(SendableRun),
    /// It is settled.
    Settled(Settlement),
}

/// Carries out what was said of a run. One whose job was deleted is not sent by anybody (S2).
pub fn take_over(said: TakeOver, found: OpenRun) -> Taken {
    let run = found.run;
    match said {
        TakeOver::Leave => Taken::Left,
        TakeOver::Adopt if found.withdrawn => {
            Taken::Settled(run.settlement(Outcome::Skipped(SkipReason::Deleted)))
        }
        TakeOver::Adopt => Taken::Adopted(SendableRun {
            fence: run.fence + 1,
            sending: false,
            ..run
        }),
        TakeOver::Settle(outcome) => Taken::Settled(run.settlement(outcome)),
    }
}
