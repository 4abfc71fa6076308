//! Which other processes on the database are taken for dead. Plain data.

use std::collections::HashMap;

use triggers::UtcMicros;

use crate::peers;
use crate::store::Instance;

/// The leases of the others as they were last seen, and since when (in microseconds of our own time) each is as it
/// is. A lease ends by the database's clock; where that was set back it would go on for as long, so one that nobody
/// has renewed for a whole lease while we looked has ended, too.
#[derive(Debug)]
pub(super) struct OtherLeases {
    /// Microseconds.
    length: i64,
    seen: HashMap<String, (UtcMicros, i64)>,
}

/// Processes that are taken for dead, by id.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dead {
    /// What they hold may be taken over.
    pub(super) all: Vec<String>,
    /// Those that cannot be alive, whatever the database's clock was stepped by: the others are still told of changes.
    pub(super) certain: Vec<String>,
}

impl OtherLeases {
    /// None was seen yet. Each is of so many microseconds.
    pub(super) fn new(length: i64) -> Self {
        Self {
            length,
            seen: HashMap::new(),
        }
    }

    /// Takes in what is seen now; returns those whose lease has ended.
    pub(super) fn look(&mut self, others: &[Instance], now: UtcMicros, passed: i64) -> Dead {
        let before = std::mem::take(&mut self.seen);
        let mut dead = Dead::default();
        for other in others {
            let unchanged = before
                .get(&other.id)
                .filter(|(until, _)| *until == other.lease_until);
            let since = unchanged.map_or(passed, |(_, since)| *since);
            self.seen.insert(other.id.clone(), (other.lease_until, since));
            let given_up = other.lease_until.get() == 0 || peers::is_dead(&other.place);
            if given_up || passed - since > self.length {
                dead.certain.push(other.id.clone());
                dead.all.push(other.id.clone());
            } else if other.lease_until < now {
                dead.all.push(other.id.clone());
            }
        }
        dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::chores::chore::SECOND;

    /// Whether the other's lease has ended, and for certain.
    fn seen(leases: &mut OtherLeases, until: i64, now: i64, passed: i64) -> (bool, bool) {
        let other = Instance {
            id: "other".into(),
            place: String::new(),
            lease_until: UtcMicros::new(until * SECOND),
            notice: 0,
            acknowledged: 0,
        };
        let dead = leases.look(&[other], UtcMicros::new(now * SECOND), passed * SECOND);
        (!dead.all.is_empty(), !dead.certain.is_empty())
    }

    #[test]
    fn a_lease_ends_by_the_clock_or_where_the_clock_was_set_back_by_not_being_renewed() {
        let mut leases = OtherLeases::new(10 * SECOND);
        for (until, now, passed, ended) in [
            (110, 100, 0, (false, false)),
            // The clock may have been set forward: the other may live.
            (110, 111, 1, (true, false)),
            // Set back by an hour: the lease is far ahead.
            (3_710, 105, 5, (false, false)),
            (3_710, 110, 10, (false, false)),
            (3_710, 116, 16, (true, true)),
            // And renewed after all.
            (127, 117, 17, (false, false)),
            (132, 122, 28, (false, false)),
            // It has ended by its own word.
            (0, 122, 29, (true, true)),
        ] {
            assert_eq!(seen(&mut leases, until, now, passed), ended, "{until} at {now}");
        }
    }
}
