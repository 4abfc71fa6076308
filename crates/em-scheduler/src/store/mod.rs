//! The store: the only place that knows SQL, and the truth about jobs and runs.
//!
//! [`Store`] is the list of operations, named by the domain, a trait for each subject. **Each operation is one transaction, and
//! each takes `now` as a value.** Two engines serve them, [`sqlite`] and [`postgres`], by files of the same names; one
//! conformance suite runs on both. Operations that must read, think and write without anybody in between take the thinking as
//! a closure and run it inside the transaction.
//!
//! What it is not: it makes no decision of its own (see `engine::plan` and `model::life`), reads no clock but the database's,
//! and knows nothing of HTTP.

mod catalog;
mod cluster;
mod codec;
mod em_web;
mod error;
mod firing;
mod migrations;
mod pages;
mod passed_over;
pub mod postgres;
mod runs;
mod schedules;
pub mod sqlite;

pub use catalog::Catalog;
pub use cluster::{Cluster, Instance, Notice};
pub use em_web::{EmWeb, SyncRange, SyncedPage};
pub use error::{Result, StoreError};
pub use firing::{DecidedBatch, Decider, Firing};
pub use migrations::SchemaStanding;
pub use pages::{ListLimits, Pages};
pub use runs::{JobNamer, Runs, TakeOverJudge};
pub use schedules::{JobPlanner, NextRun, Replaced, Schedules};

/// All operations. Held as `Arc<dyn Store>`.
pub trait Store: Catalog + Schedules + Firing + Runs + Cluster + EmWeb {}

impl<T: Catalog + Schedules + Firing + Runs + Cluster + EmWeb> Store for T {}
