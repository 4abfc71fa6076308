//! A failure that comes again and again for as long as its cause lasts: what is said of it, and when. It is said when it begins,
//! then counted, and said again once a minute and when it is over. A database that is away must not fill the log with a line
//! for each call. The words are the caller's.

use crate::clock::Stopwatch;

/// Microseconds between two lines while it goes on. What has not failed for as long begins anew.
const EVERY: i64 = 60_000_000;

/// One kind of failure, for as long as it may come.
#[derive(Debug, Default)]
pub struct Repeated(Option<Series>);

/// The failures since it began.
#[derive(Debug)]
struct Series {
    count: u64,
    since: Stopwatch,
    said_at: i64,
    last_at: i64,
}

/// What there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How often it has failed since it began.
    pub count: u64,
    /// Whole seconds since it began.
    pub seconds: i64,
}

impl Repeated {
    /// It has failed once more, and whether that is to be said: the first time, and once a minute.
    pub fn failed(&mut self) -> Option<Tally> {
        self.0
            .take_if(|series| series.since.micros() - series.last_at > EVERY);
        let begins = self.0.is_none();
        let series = self.0.get_or_insert_with(|| Series {
            count: 0,
            since: Stopwatch::start(),
            said_at: 0,
            last_at: 0,
        });
        let passed = series.since.micros();
        series.count += 1;
        series.last_at = passed;
        if !begins && passed - series.said_at < EVERY {
            return None;
        }
        series.said_at = passed;
        Some(series.tally())
    }

    /// How often it has failed so far; none while it does not.
    pub fn tally(&self) -> Option<Tally> {
        self.0.as_ref().map(Series::tally)
    }

    /// It is over. How often it has failed, if it has.
    pub fn over(&mut self) -> Option<Tally> {
        self.0.take().map(|series| series.tally())
    }
}

impl Series {
    fn tally(&self) -> Tally {
        Tally {
            count: self.count,
            seconds: self.since.micros() / 1_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_said_when_it_begins_once_a_minute_and_when_it_is_over() {
        let mut repeated = Repeated::default();
        assert_eq!(repeated.over(), None);
        for _ in 0..2 {
            let mut said = Vec::new();
            // Four a second for two minutes and a half.
            for _ in 0..600 {
                said.extend(repeated.failed());
                tokio::time::advance(Duration::from_millis(250)).await;
            }
            let tally = |count, seconds| Tally { count, seconds };
            assert_eq!(said, [tally(1, 0), tally(241, 60), tally(481, 120)]);
            assert_eq!(repeated.tally(), Some(tally(600, 150)));
            assert_eq!(repeated.over(), Some(tally(600, 150)));
            assert_eq!(repeated.tally(), None);
        }
        // Without an end, a minute without a failure is one.
        for _ in 0..2 {
            assert_eq!(repeated.failed(), Some(Tally { count: 1, seconds: 0 }));
            assert_eq!(repeated.failed(), None);
            tokio::time::advance(Duration::from_millis(60_000 + 1)).await;
        }
    }
}
