//! Targets: who a run is handed to. Each is a [`Deliver`]; the rest of dispatch knows no protocol.
//!
//! `deliver` is that interface and its result; `gated` is the stream that asks the gate, for targets reached over a
//! connection; `classic` is the runner of em_web. A target decides nothing about runs: what its result means is said in
//! `outcome`.

pub(super) mod classic;
mod deliver;
mod gated;

pub use self::deliver::{Deliver, Delivered, TargetRefusal};
