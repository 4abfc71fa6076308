//! Before anything is timed: do they answer the same?
//!
//! Ours under `literal` is the measure, as that is what crontab's wall clock says word by word. Around clock changes
//! the crates have rules of their own; such answers are told, not hidden.

use crate::mix::{EXPRESSIONS, FROM, ZONES};
use crate::peers::{PEERS, Peer};
use triggers::UtcMicros;

/// Fires compared per expression.
pub const FIRES: usize = 1000;

/// One crate whose answers differ for an expression in a zone.
pub struct Difference {
    pub peer: &'static str,
    pub zone: &'static str,
    pub line: &'static str,
    /// The first instant that only one of the two has, and whose it is.
    pub first: String,
    /// How many of the instants, up to the earlier of both ends, only one of the two has.
    pub instants: usize,
}

/// Compares all crates, and says how many of the comparisons agreed.
pub fn differences() -> (usize, Vec<Difference>) {
    let (mut agreeing, mut differing) = (0, Vec::new());
    let measure = &PEERS[1];
    for zone in ZONES {
        for line in EXPRESSIONS {
            let expected = fires(measure, line, zone).unwrap_or_default();
            for peer in &PEERS {
                let Some(got) = fires(peer, line, zone).filter(|_| !std::ptr::eq(peer, measure)) else {
                    continue;
                };
                let until = expected.last().min(got.last()).copied().unwrap_or(i64::MIN);
                let lacks = |these: &[i64], others: &[i64]| -> Vec<i64> {
                    let within = these.iter().filter(|fire| **fire <= until);
                    within
                        .filter(|fire| others.binary_search(fire).is_err())
                        .copied()
                        .collect()
                };
                let (missing, added) = (lacks(&expected, &got), lacks(&got, &expected));
                let at = |second: i64| UtcMicros::new(second * 1_000_000);
                let first = match (missing.first(), added.first()) {
                    (None, None) => {
                        agreeing += 1;
                        continue;
                    }
                    (Some(missing), added) if added.is_none_or(|added| missing < added) => {
                        format!("lacks {}", at(*missing))
                    }
                    (_, added) => format!("adds {}", at(added.copied().unwrap_or_default())),
                };
                let (peer, instants) = (peer.name, missing.len() + added.len());
                differing.push(Difference {
                    peer,
                    zone,
                    line,
                    first,
                    instants,
                });
            }
        }
    }
    (agreeing, differing)
}

fn fires(peer: &Peer, line: &str, zone: &str) -> Option<Vec<i64>> {
    (peer.compile)(line, zone).map(|compiled| compiled.first(FROM, FIRES))
}
