//! What stands around the service in tests, fuzz targets, benchmark and campaign: the runner it sends to, the databases it
//! works on, the process it is, and the client that calls it. One implementation of each; every consumer takes what it needs.
//!
//! | module | what |
//! |---|---|
//! | [`runner`] | a recording HTTP runner: fast for the benchmark, programmable for tests, with every fault for the campaign |
//! | [`database`], [`session`] | a database of either kind, filled and read from beside the service |
//! | [`rows`] | the service's rows with types |
//! | [`process`] | the real program with flags and environment, its log, its signals |
//! | [`client`] | HTTP over any connection, raw bytes too |
//! | [`clock`], [`request`] | times as they are written, and requests to the runner as they are read |
//!
//! Not in here: anything of `em-scheduler` itself, so that this crate is no part of a circle. Tests that run parts of the service in
//! their own process put them together by themselves. Nor is anything judged here: what must hold is for each consumer to say.
//!
//! What a long run must survive returns an error: what the database, the server or the system said. What is there for tests panics
//! with it.

pub mod client;
pub mod clock;
pub mod database;
pub mod process;
pub mod request;
pub mod rows;
pub mod runner;
pub mod session;

pub use database::{Backend, Database};
