//! Connections: where they come from (`listener`, `socket`), how many there are and which has to go (`limits`, `slots`,
//! `watched`), and HTTP/1 on each (`serve`). Not in here: what is served, and to whom (`guard`). Called by `cli`, and by the
//! service for the slot of a request.

mod limits;
mod listener;
mod serve;
mod slots;
mod socket;
mod watched;

pub(super) use self::slots::ConnectionSlot;

pub use self::limits::Limits;
pub use self::listener::Listener;
pub use self::serve::serve;
pub use self::socket::Socket;
