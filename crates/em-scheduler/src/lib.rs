//! em-scheduler: a job scheduler that decides every due time exactly once, on SQLite or PostgreSQL.
//!
//! The layers are shown in docs/ARCHITECTURE.md, and a test reads the imports and holds them: [`model`] is plain data over the
//! `triggers` crate, [`em_web`] the adapter to em_web's tables; [`store`] stands on these, [`dispatch`] and [`peers`] on the
//! store; [`http`] knows none of them; [`engine`] and [`api`] stand on those and never meet; [`cli`] puts them together.

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
pub mod http;
pub mod instance;
pub mod lifecycle;
pub mod logging;
pub mod model;
pub mod peers;
pub mod repeated;
pub mod store;
pub mod wakeup;
