//! The workloads, each on its own page.

pub mod burst;
pub mod churn;
pub mod floor;
pub mod held;
pub mod lateness;
pub mod mixed;
pub mod peers;
pub mod sustained;
