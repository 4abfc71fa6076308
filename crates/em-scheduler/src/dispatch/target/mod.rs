//! Targets: who a run is handed to. Each is a [`Deliver`]; the rest of dispatch knows no protocol.
//!
//! `deliver` is that interface; `gated` is the stream that asks the gate, for targets reached over a
//! connection; `classic` is the runner of em_web. A target decides nothing about runs: what its result means is said in
//! `model::life`.

pub(super) mod classic;
mod deliver;
mod gated;

pub use self::deliver::Deliver;
