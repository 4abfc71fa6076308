//! em-scheduler: a job scheduler that decides every due time exactly once, on SQLite or PostgreSQL.
//!
//! The floors, from the ground up (a test reads the imports and holds this order): `clock`, `chance`, `crash` and
//! `repeated` know nobody; [`model`] is plain data over the `triggers` crate, [`em_web`] the adapter to em_web's tables; [`store`], [`dispatch`] and [`wakeup`] stand on
//! it, and [`peers`] on the store; [`engine`] and [`api`] stand on those and never meet; [`cli`] puts them together.

pub mod api;
pub mod chance;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod crash;
pub mod dispatch;
pub mod em_web;
pub mod engine;
pub mod instance;
pub mod lifecycle;
pub mod logging;
pub mod model;
pub mod peers;
pub mod repeated;
pub mod store;
pub mod wakeup;
