//! The switch between the two policies at clock changes; what they do is in `cron::search`.

use crate::error::TriggerError;
use crate::object;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a cron trigger does when the clocks change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DstPolicy {
    /// A wall time that does not exist is skipped, one that occurs twice fires twice.
    Literal,
    /// Clock changes neither lose nor double the runs of a trigger with fixed hours: what a gap skips is made up
    /// for once, right behind it, and of an overlap only the first pass fires. Triggers of every hour follow the
    /// clock.
    #[default]
    Once,
}

const ALLOWED: &str = "literal, once";

impl fmt::Display for DstPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Literal => "literal",
            Self::Once => "once",
        })
    }
}

impl FromStr for DstPolicy {
    type Err = TriggerError;

    fn from_str(text: &str) -> Result<Self, TriggerError> {
        match text {
            "literal" => Ok(Self::Literal),
            "once" => Ok(Self::Once),
            other => Err(TriggerError::no_such(
                "dst",
                other,
                "there is no such policy",
                ALLOWED,
            )),
        }
    }
}

impl<'de> Deserialize<'de> for DstPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object::named(deserializer, "dst", ALLOWED)
    }
}
