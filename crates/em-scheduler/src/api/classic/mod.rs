//! The classic API: what em_web and em_runner call, byte for byte as they expect it. The messages are the contract; the
//! reasons of errors are ours. The route table is in `routes`, each handler in a file of its own.

mod add;
mod delete;
mod dialect;
mod failure;
mod ids;
mod lists;
mod reply;
mod response;
mod routes;
mod run;
mod schedule;
mod sequence;
mod service;
mod switch;

pub use self::routes::table;
pub use self::service::router;
