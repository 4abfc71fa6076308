//! How long the arithmetic takes, in nanoseconds: `cargo run --release -p triggers --example speed`.
//!
//! Ten expressions, each walked through a year, in a zone without and one with clock changes. The comparison with
//! other crates is elsewhere; this is for working on this one.

use std::hint::black_box;
use std::time::Instant;
use triggers::{Context, Definition, DstPolicy, Kind, Trigger, TriggerError, UtcMicros, Zone};

/// A fast and a slow rhythm, hours, days, weekdays, months, and what is rare.
const EXPRESSIONS: [&str; 10] = [
    "* * * * *",
    "*/15 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "0 9-17 * * mon-fri",
    "0 0 1 * *",
    "*/10 8-18 1,15 * *",
    "15 3 * * sun",
    "0 12 1-7 * mon",
    "5 4 29 feb *",
];

#[expect(
    clippy::disallowed_methods,
    reason = "a stop watch is not a clock of the service"
)]
fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds of one of `count` repetitions, the best of seven.
fn best<T>(count: u64, mut work: impl FnMut() -> T) -> f64 {
    let mut times = Vec::new();
    for _ in 0..7 {
        let begun = now();
        black_box(work());
        times.push(begun.elapsed().as_nanos() as f64 / count as f64);
    }
    times.into_iter().fold(f64::INFINITY, f64::min)
}

fn main() -> Result<(), TriggerError> {
    let from: UtcMicros = "2025-01-01T00:00:00Z".parse()?;
    let until: UtcMicros = "2026-01-01T00:00:00Z".parse()?;
    for zone in ["UTC", "America/Chicago"] {
        for dst in [DstPolicy::Literal, DstPolicy::Once] {
            let context = Context {
                zone: Zone::named(zone)?,
                dst,
                created: from,
            };
            let compile = |line: &&str| Definition::aps_crontab(*line).compile(&context);
            let triggers: Vec<Trigger> = EXPRESSIONS.iter().map(compile).collect::<Result<_, _>>()?;
            println!("{zone}, {dst}");
            let mut sum = 0.0;
            for (line, trigger) in EXPRESSIONS.iter().zip(&triggers) {
                let walk = || {
                    let mut count = 0_u64;
                    let mut last = trigger.next_fire(None, from);
                    while let Some(fire) = last.filter(|fire| *fire < until) {
                        count += 1;
                        last = black_box(trigger).next_fire(Some(fire), fire);
                    }
                    count + 1
                };
                let count = walk();
                let rounds = (200_000 / count).max(1);
                let nanos = best(rounds * count, || (0..rounds).map(|_| walk()).sum::<u64>());
                sum += nanos;
                println!("  next {nanos:7.1}  {line} ({count})");
            }
            println!("  next {:7.1}  mean of the ten", sum / 10.0);
            let bounds: Vec<_> = (0..25)
                .map(|hour| from.saturating_add(hour * 3_600_000_000))
                .collect();
            let mut buckets = [0; 24];
            for (line, trigger) in EXPRESSIONS.iter().zip(&triggers) {
                let first = trigger.next_fire(None, from).unwrap_or(from);
                let day = best(1000, || {
                    for _ in 0..1000 {
                        black_box(trigger).histogram(first.min(from), &bounds, &mut buckets);
                    }
                });
                println!("  histogram of 24 h {day:7.1}  {line}");
            }
            let parse = best(10_000, || {
                for _ in 0..1000 {
                    for line in EXPRESSIONS {
                        let setting = triggers::cron::Setting::of(context.zone.clone());
                        let _ = black_box(triggers::Cron::from_crontab(
                            triggers::Dialect::ApsCrontab,
                            line,
                            setting,
                        ));
                    }
                }
            });
            println!("  parse {parse:7.1}");
        }
    }
    let definition = Definition::new(Kind::Cron)
        .with("day", "last fri")
        .with("hour", "*/2")
        .with("minute", "1-59/7");
    let context = Context::new(Zone::utc(), from);
    let parse = best(1000, || {
        (0..1000)
            .filter(|_| black_box(&definition).compile(&context).is_ok())
            .count()
    });
    println!("compile of a definition {parse:7.1}");
    Ok(())
}
