//! The HTTP API: requests in, store operations and responses out. One folder per contract, each with its routes on one page:
//! `classic` is the frozen one that em_web and em_runner call.
//!
//! What all of them work with is in `context`, refusals that repeat are counted in `refusals`. It meets the engine only in the
//! store and by ringing the bell. Not in here: connections, who may call, how many at a time (`http`). Called by `cli`.

mod classic;
mod context;
mod refusals;

pub use self::classic::{router, table};
pub use self::context::Api;
