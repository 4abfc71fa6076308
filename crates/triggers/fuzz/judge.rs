//! Any bytes as a trigger and the questions asked of it: nothing may panic, loop, or contradict itself.
//!
//! The input begins with what the text is set in: a byte for the zone, one for policy and dialect, one for the width of
//! the buckets, then two instants of eight bytes each. The rest is text: a JSON definition, or a crontab line, or the
//! fields of a cron, divided by `|`.
//!
//! The target `definition` feeds it what the fuzzer finds; the test `fuzz_corpus` of the crate, what is committed.

use triggers::cron::{Expression, Field};
use triggers::{
    Case, Context, Definition, Dialect, DstPolicy, GapEffect, Hazard, Kind, Trigger, UtcMicros, Zone,
};

/// Changes of all sizes, at all times of day, and none.
const ZONES: [&str; 16] = [
    "UTC",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Caracas",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kwajalein",
];
const DAY: i64 = 86_400_000_000;
/// Fires that are walked to be compared with what is counted.
const WALKED: usize = 300;

/// Panics where an answer is wrong.
pub fn judge(data: &[u8]) {
    let Some((&[zone, mode, width], rest)) = data.split_first_chunk::<3>() else {
        return;
    };
    let Some((first, rest)) = rest.split_first_chunk::<8>() else {
        return;
    };
    let Some((second, text)) = rest.split_first_chunk::<8>() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let (a, b) = (instant(*first, mode), instant(*second, mode));
    let dst = if mode & 1 == 0 {
        DstPolicy::Once
    } else {
        DstPolicy::Literal
    };
    let context = Context {
        zone: Zone::named(ZONES[usize::from(zone) % ZONES.len()]).expect("a zone"),
        dst,
        created: a,
    };
    alone(text);
    let definition = match serde_json::from_str(text) {
        Ok(definition) => definition,
        Err(_) if mode & 2 != 0 => fields(text),
        Err(_) if mode & 4 != 0 => Definition::crontab(text),
        Err(_) => Definition::aps_crontab(text),
    };
    print(&definition, &context);
    let Ok(trigger) = definition.compile(&context) else {
        return;
    };
    search(&trigger, a, b);
    count(&trigger, a, 1 + i64::from(width) * 977_000_000);
    tell(&trigger, a);
    let range = a..a.saturating_add(800 * DAY);
    let hazards = definition
        .hazards(&context, range.clone())
        .expect("it means a trigger");
    assert!(hazards.ends_with(&trigger.hazards(range)));
    let notes = definition.notes(&context).expect("it means a trigger");
    assert!(notes.iter().all(|note| !note.to_string().is_empty()));
}

/// Any instant; mostly one between 1902 and 2106, where there are dated changes.
fn instant(bytes: [u8; 8], mode: u8) -> UtcMicros {
    let number = i64::from_le_bytes(bytes);
    UtcMicros::new(if mode & 8 == 0 { number >> 11 } else { number })
}

/// A cron whose fields stand in their order, divided by `|`; an empty one is not given.
fn fields(text: &str) -> Definition {
    let mut definition = Definition::new(Kind::Cron);
    for (field, text) in Field::ALL
        .into_iter()
        .zip(text.split('|'))
        .filter(|(_, text)| !text.is_empty())
    {
        if let Ok(expression) = Expression::parse(field, text) {
            let again =
                Expression::parse(field, &expression.to_string()).expect("what is printed is read back");
            assert_eq!(again, expression);
        }
        definition = definition.with(field.name(), text);
    }
    definition
}

/// The readers of texts.
fn alone(text: &str) {
    if let Ok(case) = Case::parse(text) {
        let line = serde_json::to_string(&case).expect("a case is JSON");
        assert_eq!(Case::parse(&line).as_ref(), Ok(&case));
    }
    let _ = (
        Zone::named(text),
        text.parse::<UtcMicros>(),
        text.parse::<triggers::WallMicros>(),
    );
}

/// Printing and reading give the same definition and the same trigger; errors have words.
fn print(definition: &Definition, context: &Context) {
    let line = serde_json::to_string(definition).expect("a definition is JSON");
    let again: Definition = serde_json::from_str(&line).expect("what is printed is read back");
    assert_eq!(&again, definition);
    match definition.compile(context) {
        Ok(trigger) => assert_eq!(again.compile(context).as_ref(), Ok(&trigger)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let (Some(line), Some(Dialect::Crontab)) = (&definition.crontab, definition.dialect) {
        // White space around a line means nothing.
        let mut padded = definition.clone();
        padded.crontab = Some(format!(" {line}\t"));
        assert_eq!(padded.compile(context).ok(), definition.compile(context).ok());
    }
}

fn search(trigger: &Trigger, a: UtcMicros, b: UtcMicros) {
    let next = trigger.next_fire(Some(a), a.max(b));
    assert!(next.is_none_or(|next| next > a && next <= UtcMicros::LAST));
    let first = trigger.next_fire(None, a);
    let is_date = matches!(trigger, Trigger::Date(_));
    assert!(first.is_none_or(|first| is_date || first >= a));
    if let Some(first) = first.filter(|_| !is_date) {
        assert_eq!(trigger.last_fire(first), Some(first));
        assert_eq!(trigger.next_fire(None, first), Some(first));
    }
    let last = trigger.last_fire(b);
    assert!(last.is_none_or(|last| last <= b));
    let advance = trigger.advance(a, b);
    assert!(advance.count >= 1 && advance.last >= a);
    assert!(advance.next.is_none_or(|next| next > advance.last));
    let window = trigger.jitter_window(a);
    assert!(window.min <= window.max);
}

/// Counts and histograms against a walk.
fn count(trigger: &Trigger, a: UtcMicros, width: i64) {
    let bounds: [UtcMicros; 25] = std::array::from_fn(|i| a.saturating_add(width * i as i64));
    let mut buckets = [0; 24];
    let Some(first) = trigger.next_fire(None, a) else {
        return;
    };
    trigger.histogram(first, &bounds, &mut buckets);
    let total: u64 = buckets.iter().sum();
    assert_eq!(total, trigger.count(first, bounds[0]..bounds[24]));
    let fires = trigger.fires(None, a).take_while(|fire| *fire < bounds[24]);
    let walked = fires.filter(|fire| *fire >= a).take(WALKED).count();
    assert!(
        walked == WALKED || walked as u64 == total,
        "{walked} are walked, {total} counted"
    );
    assert!(walked as u64 <= total);
}

/// Words and hazards, the effects of the latter against the engine.
fn tell(trigger: &Trigger, a: UtcMicros) {
    assert!(!trigger.describe().is_empty());
    for hazard in trigger.hazards(a..a.saturating_add(800 * DAY)) {
        assert!(!hazard.to_string().is_empty());
        match hazard {
            Hazard::Gap {
                effect: GapEffect::MadeUp(fire),
                ..
            } => {
                assert_eq!(trigger.next_fire(None, fire), Some(fire));
            }
            Hazard::NeverFires => assert_eq!(trigger.next_fire(None, a), None),
            _ => {}
        }
    }
}
