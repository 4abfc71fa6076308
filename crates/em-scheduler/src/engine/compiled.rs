//! Triggers that were compiled before, for `tick`: a definition is JSON to be read and rules to be worked out, and most jobs that
//! fire, fire again soon. It saves work and remembers nothing that matters.
//!
//! It must not grow with all that ever fired. Each delayed run and each interval added anew has a text of its own, so what has not
//! been used for a while is forgotten, and what fires once is not kept at all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use triggers::{Context, Definition, Kind, Trigger, UtcMicros, Zone};

use crate::model::UnreadableTrigger;

/// What was not used for so many microseconds is forgotten, at the latest after twice as long. A job that fires less often may
/// as well be compiled each time.
const REMEMBERED: i64 = 300_000_000;
/// Beyond so many texts in use it is forgotten sooner; with those of the time before there are at most twice as many.
const MOST: usize = 20_000;

/// Compiled triggers by the text they are stored as. Many jobs share a text, and a text never changes its meaning while the
/// process lives.
#[derive(Debug, Default)]
pub(super) struct Compiled(Mutex<Generations>);

#[derive(Debug)]
struct Generations {
    /// Used since `since`, and used in the time before.
    recent: HashMap<String, Arc<Trigger>>,
    older: HashMap<String, Arc<Trigger>>,
    since: UtcMicros,
}

impl Default for Generations {
    fn default() -> Self {
        Self {
            recent: HashMap::new(),
            older: HashMap::new(),
            since: UtcMicros::new(0),
        }
    }
}

impl Compiled {
    /// The trigger of a stored definition; `created` is when its job was.
    ///
    /// # Errors
    /// The text is no definition, or none that makes a trigger.
    pub(super) fn get(
        &self,
        text: &str,
        created: UtcMicros,
        now: UtcMicros,
    ) -> Result<Arc<Trigger>, UnreadableTrigger> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.age(now);
        if let Some(trigger) = known.find(text) {
            return Ok(trigger);
        }
        let definition: Definition = serde_json::from_str(text)?;
        // A stored definition names its zone and policy; the context gives only the creation.
        let context = Context::new(Zone::utc(), created);
        let trigger = Arc::new(definition.compile(&context)?);
        if definition.kind != Kind::Date {
            known.recent.insert(text.to_owned(), Arc::clone(&trigger));
        }
        Ok(trigger)
    }
}

impl Generations {
    /// Forgets the older ones when their time is over, or when there are too many. A clock set back counts as time passed.
    fn age(&mut self, now: UtcMicros) {
        if !(0..REMEMBERED).contains(&now.since(self.since)) || self.recent.len() >= MOST {
            self.older = std::mem::take(&mut self.recent);
            self.since = now;
        }
    }

    fn find(&mut self, text: &str) -> Option<Arc<Trigger>> {
        if let Some(trigger) = self.recent.get(text) {
            return Some(Arc::clone(trigger));
        }
        let (text, trigger) = self.older.remove_entry(text)?;
        self.recent.insert(text, Arc::clone(&trigger));
        Some(trigger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UtcMicros = UtcMicros::new(1_700_000_000_000_000);

    fn len(compiled: &Compiled) -> usize {
        let known = compiled.0.lock().unwrap();
        known.recent.len() + known.older.len()
    }

    fn interval(seconds: i64) -> String {
        format!(r#"{{"kind":"interval","fields":{{"seconds":{seconds}}}}}"#)
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_used_goes() {
        let compiled = Compiled::default();
        for minute in 0..60 {
            let now = START.saturating_add(minute * 60_000_000);
            let steady = compiled.get(&interval(1), START, now).unwrap();
            assert!(Arc::strong_count(&steady) > 1, "it is kept");
            // A job added anew each minute, with a text that never comes again.
            compiled.get(&interval(1_000 + minute), START, now).unwrap();
            assert!(len(&compiled) <= 12, "{} after minute {minute}", len(&compiled));
        }
    }

    #[test]
    fn what_fires_once_is_not_kept() {
        let compiled = Compiled::default();
        let date = r#"{"kind":"date","fields":{"run_date":"2030-01-01T00:00:00Z"}}"#;
        compiled.get(date, START, START).unwrap();
        assert_eq!(len(&compiled), 0);
    }

    #[test]
    fn there_are_never_more_than_twice_the_most() {
        let compiled = Compiled::default();
        for seconds in 1..50_000 {
            compiled.get(&interval(seconds), START, START).unwrap();
        }
        assert!(len(&compiled) <= 2 * MOST, "{}", len(&compiled));
    }
}
