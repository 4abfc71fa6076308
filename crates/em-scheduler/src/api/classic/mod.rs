//! The handlers of the classic API: what em_web and em_runner call, answer for answer. The messages are
//! the contract; the reasons of errors are ours.

mod add;
mod delete;
mod dialect;
mod lists;
mod run;
mod schedule;
mod sequence;
mod switch;

pub(super) use add::add;
pub(super) use delete::{delete, delete_all, delete_orphans};
pub(super) use lists::{alive, details, jobs, scheduled};
pub(super) use run::{run, run_later};
pub(super) use schedule::schedule;
pub(super) use switch::{kill, pause, resume, shutdown};
