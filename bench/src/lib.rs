//! What the benchmark (this package's program) and the crash campaign share beside the players of `test-world`: the service built
//! from this source, the client that measures its API, and results as rows, tables and sections of a document.
//!
//! `statistics` and `rows` make numbers of what was seen, `report` puts those into a document. What is measured and what is broken
//! on purpose is not in here.

pub mod build;
pub mod client;
pub mod report;
pub mod rows;
pub mod statistics;
