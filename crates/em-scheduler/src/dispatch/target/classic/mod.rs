//! The classic target: em_web's runner, asked by `GET <base>/<task_id>`.
//!
//! `client` is one attempt; `address` says where the runner is, `connect` how it is reached, `idle` keeps connections for the next
//! request; `answer` says what a status and a body mean.

mod address;
mod answer;
mod client;
mod connect;
mod idle;

pub use self::address::RunnerAddress;
pub use self::client::{RunnerClient, RunnerTimeouts};
pub use self::connect::{Connection, Dial};
