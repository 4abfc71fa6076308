//! A deterministic simulation of the scheduler: the very engine, dispatcher, runner's client, API and stores that ship,
//! in a world made of a seed. Every failure names its seed, and the seed alone brings it back.
//!
//! ```text
//!  driver ── asks the API, edits em_web's rows, kills, freezes, steps the clock, spoils the database and the runner
//!    │
//!    ├── process (one paused runtime each: engine loop, pump, settler, API)
//!    │      ├── FaultyStore ── the real store ── SQLite or PostgreSQL, with triggers that note every changed row
//!    │      └── RunnerClient ── connections in memory ── a runner that refuses, hangs, drips, resets, answers late
//!    │
//!    └── checker ◀── what each operation changed, what each request to the runner says
//! ```
//! Nothing of what ships is imitated. The loops run as they are, on runtimes whose time passes only when they have
//! nothing left to do, so the order of things follows from the seed. An operation of the store is carried out at one
//! instant of that time; failing, stalling and dying happen before and after it, and the database itself tells what
//! took effect. What is not simulated: the inside of a transaction (each is the database's own promise; the crash tests of
//! `firing` kill the real program there), power loss, and the network below an HTTP connection.

#![expect(clippy::unwrap_used, reason = "a simulation that cannot go on says where")]

#[cfg(not(debug_assertions))]
compile_error!(
    "only a debug build can be given its random numbers: build the simulation with debug assertions"
);

#[path = "../opening/mod.rs"]
mod opening;

mod audit;
mod blocking;
mod checker;
mod clock;
mod database;
mod driver;
mod faulty;
mod found;
mod life;
mod operation;
mod process;
mod random;
mod sabotage;
mod scenario;
mod seeds;
mod trace;
mod wire;
mod world;
