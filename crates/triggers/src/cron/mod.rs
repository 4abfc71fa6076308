//! Cron triggers: eight fields, all of which must match, on the wall clock of a zone.
//!
//! `field` and `expression` are the grammar, `sets`, `years`, `clock`, `days` and `pattern` the plain calendar, `grid`,
//! `search` and `count` lay it over a zone, `compiled` is the trigger; `crontab` reads the two crontab dialects,
//! `words` and `hazards` tell people about it. Nothing in here reads definitions or
//! knows of intervals: that is `definition` and `trigger`.

mod clock;
mod compiled;
mod count;
mod crontab;
mod days;
mod expression;
mod field;
mod grid;
mod hazards;
mod pattern;
mod search;
mod sets;
mod shape;
mod words;
mod years;

pub use crate::dialect::Dialect;
pub use compiled::{Cron, Setting};
pub(crate) use crontab::{NICKNAMES, ORDER, nickname, reads_in_crontab};
pub use expression::{Expression, Item, Nth};
pub use field::{Field, Fields};
pub(crate) use field::{MONTHS, WEEKDAYS};
pub(crate) use words::weekday_words;
