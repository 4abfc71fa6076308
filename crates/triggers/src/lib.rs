#![doc = include_str!("../README.md")]

mod bounds;
pub mod case;
mod civil;
pub mod cron;
mod date;
mod definition;
mod dst;
mod error;
mod hazards;
mod hints;
mod interval;
mod local;
mod notes;
mod object;
mod stretches;
mod text;
mod time;
mod trigger;
mod tzdb;
mod words;
mod zone;

pub use case::Case;
pub use cron::{Cron, Dialect};
pub use date::Date;
pub use definition::{Context, Definition, Kind};
pub use dst::DstPolicy;
pub use error::TriggerError;
pub use hazards::{GapEffect, Hazard, OverlapEffect};
pub use hints::interval_fields;
pub use interval::Interval;
pub use local::Local;
pub use notes::{Note, Surprise};
pub use time::{UtcMicros, WallMicros};
pub use trigger::{Advance, JitterWindow, Trigger};
pub use tzdb::{TzdbRelease, TzdbSource, choose_tzdb, tzdb_release};
pub use zone::Zone;
