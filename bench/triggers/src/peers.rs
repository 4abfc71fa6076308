//! The crates that are compared, each asked in the way that is fastest for it.
//!
//! None but ours can count without walking, so a peer's histogram is a walk. saffron is asked from each fire anew,
//! as its iterator consumes the expression; so is croner, whose iterator copies it. cron and jiff-cron iterate.

use chrono::{DateTime, Utc};
use jiff_0_2::{Timestamp, Zoned, tz::TimeZone};
use std::str::FromStr;
use triggers::{Context, Definition, DstPolicy, Trigger, UtcMicros, Zone};

/// An expression in a zone, ready to be asked. Instants are seconds.
pub trait Compiled {
    /// Walks the fires after `from` up to and with the first that is not before `until`, and counts them.
    fn walk(&self, from: i64, until: i64) -> u64;
    /// The first fires after `from`.
    fn first(&self, from: i64, count: usize) -> Vec<i64>;
    /// The fires of the 24 hours from `from` on, by hour.
    fn histogram(&self, from: i64) -> [u64; 24];
}

/// Reads an expression in a zone; none where the crate has no zones.
pub type Compile = fn(&str, &str) -> Option<Box<dyn Compiled>>;

/// One line of the tables.
pub struct Peer {
    pub name: &'static str,
    pub compile: Compile,
    /// Reading alone, without the zone. The result is dropped at once.
    pub parse: fn(&str) -> bool,
}

/// Ours first.
pub const PEERS: [Peer; 7] = [
    Peer {
        name: "**triggers**, `once`",
        compile: |line, zone| ours(line, zone, DstPolicy::Once),
        parse: |line| parse_ours(line, DstPolicy::Once),
    },
    Peer {
        name: "**triggers**, `literal`",
        compile: |line, zone| ours(line, zone, DstPolicy::Literal),
        parse: |line| parse_ours(line, DstPolicy::Literal),
    },
    Peer {
        name: "saffron 0.1.0",
        compile: |line, zone| (zone == "UTC").then(|| Box::new(Saffron(must(line.parse()))) as Box<_>),
        parse: |line| line.parse::<saffron::Cron>().is_ok(),
    },
    Peer {
        name: "cron 0.17.0",
        compile: |line, zone| match zone {
            "UTC" => Some(Box::new(CronCrate(must(six(line).parse()), Utc))),
            zone => Some(Box::new(CronCrate(must(six(line).parse()), chrono_zone(zone)))),
        },
        parse: |line| cron::Schedule::from_str(line).is_ok(),
    },
    Peer {
        name: "croner 4.0.3 (chrono)",
        compile: |line, zone| match zone {
            "UTC" => Some(Box::new(CronerChrono(must(line.parse()), Utc))),
            zone => Some(Box::new(CronerChrono(must(line.parse()), chrono_zone(zone)))),
        },
        parse: |line| croner::Cron::from_str(line).is_ok(),
    },
    Peer {
        name: "croner 4.0.3 (jiff)",
        compile: |line, zone| {
            Some(Box::new(CronerJiff(
                must(line.parse()),
                must(TimeZone::get(zone)),
            )))
        },
        parse: |line| croner::Cron::from_str(line).is_ok(),
    },
    Peer {
        name: "jiff-cron 0.3.0",
        compile: |line, zone| {
            Some(Box::new(JiffCron(
                must(six(line).parse()),
                must(TimeZone::get(zone)),
            )))
        },
        parse: |line| jiff_cron::Schedule::from_str(line).is_ok(),
    },
];

/// Whether a peer wants the seconds as a field of their own.
pub fn wants_seconds(peer: &Peer) -> bool {
    peer.name.starts_with("cron ") || peer.name.starts_with("jiff-cron ")
}

/// The same expression with a field for the seconds.
pub fn six(line: &str) -> String {
    format!("0 {line}")
}

/// The mix is fixed: what a crate cannot read there is a mistake in here.
fn must<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("the mix does not suit this crate: {error}"))
}

fn hour_of(second: i64, from: i64) -> usize {
    ((second - from) / 3600) as usize
}

struct Ours(Trigger);

fn parse_ours(line: &str, dst: DstPolicy) -> bool {
    let mut setting = triggers::cron::Setting::of(Zone::utc());
    setting.dst = dst;
    triggers::Cron::from_crontab(triggers::Dialect::Crontab, line, setting).is_ok()
}

fn ours(line: &str, zone: &str, dst: DstPolicy) -> Option<Box<dyn Compiled>> {
    let context = Context {
        zone: must(Zone::named(zone)),
        dst,
        created: UtcMicros::new(0),
    };
    Some(Box::new(Ours(must(Definition::crontab(line).compile(&context)))))
}

fn micros(second: i64) -> UtcMicros {
    UtcMicros::new(second * 1_000_000)
}

impl Compiled for Ours {
    fn walk(&self, from: i64, until: i64) -> u64 {
        let until = micros(until);
        let (mut count, mut last) = (0, micros(from));
        while let Some(fire) = self.0.next_fire(Some(last), last) {
            count += 1;
            last = fire;
            if fire >= until {
                break;
            }
        }
        count
    }

    fn first(&self, from: i64, count: usize) -> Vec<i64> {
        let from = micros(from);
        self.0
            .fires(Some(from), from)
            .take(count)
            .map(|fire| fire.get() / 1_000_000)
            .collect()
    }

    fn histogram(&self, from: i64) -> [u64; 24] {
        let mut bounds = [UtcMicros::new(0); 25];
        for (hour, bound) in bounds.iter_mut().enumerate() {
            *bound = micros(from + 3600 * hour as i64);
        }
        let mut out = [0; 24];
        if let Some(first) = self.0.next_fire(None, bounds[0]) {
            self.0.histogram(first, &bounds, &mut out);
        }
        out
    }
}

struct Saffron(saffron::Cron);

impl Compiled for Saffron {
    fn walk(&self, from: i64, until: i64) -> u64 {
        let until = chrono_at(&Utc, until);
        let (mut count, mut last) = (0, chrono_at(&Utc, from));
        while let Some(fire) = self.0.next_after(last) {
            count += 1;
            last = fire;
            if fire >= until {
                break;
            }
        }
        count
    }

    fn first(&self, from: i64, count: usize) -> Vec<i64> {
        let next = |last: &DateTime<Utc>| self.0.next_after(*last);
        std::iter::successors(next(&chrono_at(&Utc, from)), next)
            .take(count)
            .map(|fire| fire.timestamp())
            .collect()
    }

    fn histogram(&self, from: i64) -> [u64; 24] {
        let mut out = [0; 24];
        let mut next = self.0.next_from(chrono_at(&Utc, from));
        while let Some(fire) = next.filter(|fire| fire.timestamp() < from + 86_400) {
            out[hour_of(fire.timestamp(), from)] += 1;
            next = self.0.next_after(fire);
        }
        out
    }
}

fn chrono_zone(name: &str) -> chrono_tz::Tz {
    must(name.parse())
}

fn chrono_at<Z: chrono::TimeZone>(zone: &Z, second: i64) -> DateTime<Z> {
    zone.timestamp_opt(second, 0)
        .single()
        .unwrap_or_else(|| panic!("{second} is an instant"))
}

struct CronCrate<Z>(cron::Schedule, Z);

impl<Z: chrono::TimeZone> Compiled for CronCrate<Z> {
    fn walk(&self, from: i64, until: i64) -> u64 {
        let until = chrono_at(&self.1, until);
        let mut count = 0;
        for fire in self.0.after(&chrono_at(&self.1, from)) {
            count += 1;
            if fire >= until {
                break;
            }
        }
        count
    }

    fn first(&self, from: i64, count: usize) -> Vec<i64> {
        self.0
            .after(&chrono_at(&self.1, from))
            .take(count)
            .map(|fire| fire.timestamp())
            .collect()
    }

    fn histogram(&self, from: i64) -> [u64; 24] {
        let mut out = [0; 24];
        let fires = self
            .0
            .after(&chrono_at(&self.1, from - 1))
            .map(|fire| fire.timestamp());
        for fire in fires.take_while(|fire| *fire < from + 86_400) {
            out[hour_of(fire, from)] += 1;
        }
        out
    }
}

struct CronerChrono<Z>(croner::Cron, Z);

impl<Z: chrono::TimeZone> Compiled for CronerChrono<Z>
where
    DateTime<Z>: croner::CronDateTime,
{
    fn walk(&self, from: i64, until: i64) -> u64 {
        let until = chrono_at(&self.1, until);
        let (mut count, mut last) = (0, chrono_at(&self.1, from));
        while let Ok(fire) = self.0.find_next_occurrence(&last, false) {
            count += 1;
            last = fire;
            if last >= until {
                break;
            }
        }
        count
    }

    fn first(&self, from: i64, count: usize) -> Vec<i64> {
        let next = |last: &DateTime<Z>| self.0.find_next_occurrence(last, false).ok();
        let from = chrono_at(&self.1, from);
        std::iter::successors(next(&from), next)
            .take(count)
            .map(|fire| fire.timestamp())
            .collect()
    }

    fn histogram(&self, from: i64) -> [u64; 24] {
        let mut out = [0; 24];
        let mut next = self.0.find_next_occurrence(&chrono_at(&self.1, from), true);
        while let Some(fire) = next.ok().filter(|fire| fire.timestamp() < from + 86_400) {
            out[hour_of(fire.timestamp(), from)] += 1;
            next = self.0.find_next_occurrence(&fire, false);
        }
        out
    }
}

fn jiff_at(zone: &TimeZone, second: i64) -> Zoned {
    must(Timestamp::from_second(second)).to_zoned(zone.clone())
}

struct CronerJiff(croner::Cron, TimeZone);

impl Compiled for CronerJiff {
    fn walk(&self, from: i64, until: i64) -> u64 {
        let until = jiff_at(&self.1, until);
        let (mut count, mut last) = (0, jiff_at(&self.1, from));
        while let Ok(fire) = self.0.find_next_occurrence(&last, false) {
            count += 1;
            last = fire;
            if last >= until {
                break;
            }
        }
        count
    }

    fn first(&self, from: i64, count: usize) -> Vec<i64> {
        let next = |last: &Zoned| self.0.find_next_occurrence(last, false).ok();
        let from = jiff_at(&self.1, from);
        std::iter::successors(next(&from), next)
            .take(count)
            .map(|fire| fire.timestamp().as_second())
            .collect()
    }

    fn histogram(&self, from: i64) -> [u64; 24] {
        let mut out = [0; 24];
        let mut next = self.0.find_next_occurrence(&jiff_at(&self.1, from), true);
        while let Some(fire) = next
            .ok()
            .filter(|fire| fire.timestamp().as_second() < from + 86_400)
        {
            out[hour_of(fire.timestamp().as_second(), from)] += 1;
            next = self.0.find_next_occurrence(&fire, false);
        }
        out
    }
}

struct JiffCron(jiff_cron::Schedule, TimeZone);

impl Compiled for JiffCron {
    fn walk(&self, from: i64, until: i64) -> u64 {
        let until = jiff_at(&self.1, until);
        let mut count = 0;
        for fire in self.0.after(jiff_at(&self.1, from)) {
            count += 1;
            if fire >= until {
                break;
            }
        }
        count
    }

    fn first(&self, from: i64, count: usize) -> Vec<i64> {
        self.0
            .after(jiff_at(&self.1, from))
            .take(count)
            .map(|fire| fire.timestamp().as_second())
            .collect()
    }

    fn histogram(&self, from: i64) -> [u64; 24] {
        let mut out = [0; 24];
        let fires = self
            .0
            .after(jiff_at(&self.1, from - 1))
            .map(|fire| fire.timestamp().as_second());
        for fire in fires.take_while(|fire| *fire < from + 86_400) {
            out[hour_of(fire, from)] += 1;
        }
        out
    }
}
