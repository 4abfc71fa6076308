//! HTTP itself: connections, who may ask, how many at a time, and what a route is. It has no route of its own.
//!
//! A request goes through it in this order:
//!
//! ```text
//!  server (a slot, a whole head in time) ─▶ guard (long? host? foreign page? token? body?) ─▶ service (route, method,
//!  room) ─▶ the handler of an application's route ─▶ server (each part of the response that is taken keeps the slot)
//! ```
//! What a route may do stands in its table (`routes`): the guard and the service ask the table, never the path, and what is
//! in no table is denied. Not in here: routes, handlers, their responses (`api`). Called by `api` for its tables, by
//! `cli` for the listeners.

mod guard;
mod path;
mod refusal;
mod response;
mod routes;
mod server;
mod service;
#[cfg(test)]
mod tests;
mod workload;

pub use self::guard::{Guard, Hosts, Token};
pub use self::path::PathValues;
pub use self::refusal::Refusal;
pub use self::response::error;
pub use self::routes::{Access, Class, Classification, Classify, Route, Table, Urgency};
pub use self::server::{Limits, Listener, Socket, serve};
pub use self::service::{Application, Call, Unserved, router};
pub use self::workload::Busy;
