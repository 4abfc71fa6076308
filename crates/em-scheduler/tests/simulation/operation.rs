//! The operations of the store as the simulator names them: what a process asked for, in the terms in which it can be
//! judged whether what happened is what may happen.

use std::fmt::{self, Display};

use em_scheduler::model::RunKey;

#[derive(Debug, Clone)]
pub enum Op {
    Read(&'static str),
    Replace(i32),
    Add(i32),
    Remove(i32),
    RemoveAll,
    RemoveOrphans,
    Pause(bool),
    Manual(i32),
    /// At this time.
    Decide(i64),
    /// Runs with their fences.
    Begin(Vec<(RunKey, i64)>),
    /// Runs with their fences.
    Settle(Vec<(RunKey, i64)>),
    Publish,
    Sync,
    SetSynced,
    Settings,
    RenewLease,
    OtherInstances,
    PostNotice,
    Acknowledge,
    /// A stopped process gives up what waits.
    Release,
    TakeOver {
        owners: Vec<String>,
        unregistered: bool,
    },
    Forget,
    DeleteOld,
}

impl Op {
    /// Whether it may change jobs other than by deciding.
    pub fn stores_jobs(&self) -> bool {
        matches!(self, Self::Replace(_) | Self::Add(_) | Self::Sync)
    }

    pub fn removes_jobs(&self) -> bool {
        matches!(
            self,
            Self::Replace(_) | Self::Remove(_) | Self::RemoveAll | Self::RemoveOrphans | Self::Sync
        )
    }

    pub fn withdraws_runs(&self) -> bool {
        matches!(self, Self::Remove(_) | Self::RemoveAll | Self::RemoveOrphans)
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(what) => write!(f, "read {what}"),
            Self::Begin(runs) => write!(f, "begin {runs:?}"),
            Self::Settle(runs) => write!(f, "settle {runs:?}"),
            other => write!(f, "{other:?}"),
        }
    }
}
