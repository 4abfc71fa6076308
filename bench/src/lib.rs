//! The players of whole-system runs, shared by the benchmark (this package's program) and the crash campaign: the service
//! as a process, databases of both kinds, a recording runner, and results as rows, tables and sections of a document.
//!
//! `service`, `runner`, `database` and `client` are the players, `statistics` and `rows` make numbers of what they saw,
//! `report` puts those into a document. What is measured and what is broken on purpose is not in here.

pub mod client;
pub mod clock;
pub mod database;
pub mod process;
pub mod report;
pub mod request;
pub mod rows;
pub mod runner;
pub mod service;
pub mod statistics;
