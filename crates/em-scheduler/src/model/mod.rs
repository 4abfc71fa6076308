//! Our own nouns: schedules, jobs, runs, events, and what may become of a run (`life`). Plain data that every layer above
//! shares. No I/O, no clock, no SQL, and no column of em_web's.

mod attempt;
mod corrupt;
mod dialect;
mod event;
mod ids;
mod job;
pub mod life;
mod rules;
mod run;
mod skip;

pub use attempt::{Delivered, TargetRefusal};
pub use corrupt::Corrupt;
pub use dialect::WireDialect;
pub use event::{Event, EventRecord};
pub use ids::{RunKey, TaskId};
pub use job::{
    Action, Decision, DueJob, JobKind, ListedJob, NewJob, Next, Plan, StoredJob, UnreadableTrigger,
};
pub use rules::ScheduleRules;
pub use run::{Delivery, OpenRun, Outcome, RunState, SendableRun, Settlement};
pub use skip::SkipReason;
