//! Our own nouns: schedules, jobs, runs, events, and what may become of a run (`life`). Plain data that every layer above
//! shares. No I/O, no clock, no SQL, and no column of em_web's.

mod corrupt;
mod dialect;
mod event;
mod job;
pub mod life;
mod rules;
mod run;
mod task;

pub use corrupt::Corrupt;
pub use dialect::WireDialect;
pub use event::{Event, EventRecord};
pub use job::{
    DueJob, JobKind, ListedJob, NewJob, Next, Outcome, Plan, SkipReason, StoredJob, UnreadableTrigger,
    Verdict,
};
pub use rules::ScheduleRules;
pub use run::{Delivery, OpenRun, RunKey, RunState, SendableRun, Settled, Settlement};
pub use task::TaskId;
