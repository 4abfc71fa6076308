//! What happened, in order: printed where a seed fails, and condensed to a number by which two runs of a seed can be
//! compared.

use std::collections::VecDeque;
use std::fmt::{self, Display};

/// So many of the last events are printed.
const KEPT: usize = 2_000;

#[derive(Debug, Default)]
pub struct Trace {
    last: VecDeque<String>,
    events: u64,
    digest: u64,
    /// The last instant, and how many events were in it.
    instant: (i64, u64),
}

impl Trace {
    /// One event: at the simulation's time in microseconds, at or by whom, what.
    pub fn note(&mut self, at: i64, who: &str, what: impl Display) {
        let line = format!("{:>12.6} {who:<6} {what}", Seconds(at));
        for byte in line.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.events += 1;
        self.instant = if self.instant.0 == at {
            (at, self.instant.1 + 1)
        } else {
            (at, 1)
        };
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many events the last instant has had so far.
    pub fn at_once(&self) -> u64 {
        self.instant.1
    }

    /// Equal for equal histories.
    pub fn digest(&self) -> u64 {
        self.digest
    }
}

impl Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dropped = self.events - u64::try_from(self.last.len()).unwrap_or(0);
        if dropped > 0 {
            writeln!(f, "({dropped} earlier events)")?;
        }
        self.last.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Microseconds, shown as seconds.
struct Seconds(i64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!(
            "{}.{:06}",
            self.0.div_euclid(1_000_000),
            self.0.rem_euclid(1_000_000)
        );
        f.pad_integral(true, "", &text)
    }
}
