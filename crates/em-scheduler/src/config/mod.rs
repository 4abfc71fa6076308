//! The configuration: a plain value, read once by `cli` and handed down.
//!
//! Every setting is one entry of [`catalogue`]; its value comes from a flag, else from the environment, else from the
//! configuration file, else it is the default. Some are shared by all processes on a database, which then has a word in it
//! (`shared`). What is wrong is told with the setting's name, where the value came
//! from, the value and what is allowed. Nothing here reads the process environment by itself: see [`Environment`].

pub mod catalogue;
mod database;
mod error;
mod exposure;
mod file;
pub mod read;
mod settings;
mod shared;
mod source;
mod sources;
mod value;

pub use self::catalogue::{SHARED, SharedSettings};
pub use self::database::{DatabaseUrl, PostgresUrl};
pub use self::error::ConfigError;
pub use self::exposure::{Exposure, Secret};
pub use self::settings::Config;
pub use self::source::{Environment, Given, Source};
pub use self::sources::Sources;
