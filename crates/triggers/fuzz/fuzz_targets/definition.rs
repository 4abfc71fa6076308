//! Any bytes as a definition and two instants: nothing may panic, loop, or go backwards.
//!
//! The input is two instants of eight bytes each, then text: a JSON definition, or else a crontab line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use triggers::{Case, Context, Definition, UtcMicros, Zone};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first_chunk::<8>() else { return };
    let Some((second, text)) = rest.split_first_chunk::<8>() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let (a, b) = (UtcMicros::new(i64::from_le_bytes(*first)), UtcMicros::new(i64::from_le_bytes(*second)));
    let context = Context::new(Zone::named("America/St_Johns").unwrap_or_else(|_| Zone::utc()), a);
    let _ = (Case::parse(text), Zone::named(text), text.parse::<UtcMicros>());
    let definitions = match serde_json::from_str(text) {
        Ok(definition) => vec![definition],
        Err(_) => vec![Definition::crontab(text), Definition::aps_crontab(text)],
    };
    for definition in definitions {
        let Ok(trigger) = definition.compile(&context) else { continue };
        if let Some(next) = trigger.next_fire(Some(a), a.max(b)) {
            assert!(next > a && next <= UtcMicros::LAST);
        }
        let advance = trigger.advance(a, b);
        assert!(advance.next.is_none_or(|next| next > advance.last));
        let _ = (trigger.last_fire(a), trigger.count(a, a..b), trigger.describe(), trigger.jitter_window(a));
        let _ = trigger.hazards(a..a.saturating_add(400 * 86_400_000_000));
    }
});
