//! The classic API: what em_web and em_runner call, answer for answer. The messages are the contract; the reasons of errors
//! are ours. The route table is in `routes`, each handler in a file of its own.

mod add;
mod answer;
mod delete;
mod dialect;
mod failure;
mod ids;
mod lists;
mod reply;
mod routes;
mod run;
mod schedule;
mod sequence;
mod service;
mod switch;

pub use self::routes::table;
pub use self::service::router;
