//! What no other crate can express: ours alone, over everything the grammar has, in the harder zone and policy.
//!
//! The comparison in `peers` covers what all can say. Here the question is only how slow the slowest gets.

use crate::mix::{FROM, ZONES};
use crate::stopwatch::nanos;
use std::hint::black_box;
use triggers::{Context, Definition, DstPolicy, Kind, Trigger, UtcMicros, Zone};

/// One trigger's numbers, in nanoseconds.
pub struct Row {
    pub name: String,
    /// Per next fire, over at most so many of its fires as [`FIRES`] says.
    pub next: f64,
    /// Per histogram of the 24 hours of each of [`DAYS`].
    pub histogram: [f64; 4],
    /// Per definition compiled.
    pub parse: f64,
}

/// Fires walked.
const FIRES: usize = 400;
const DAY: i64 = 86_400;
/// Midnight in Chicago: days on which the clock changes (2025-03-09 and 2025-11-02), and a plain one. Before them
/// stands the day of the trigger's own first fire.
const DAYS: [i64; 3] = [1_741_500_000, 1_762_059_600, FROM + 14 * DAY + 21_600];

/// Fields of a cron, as in `name=value` parts divided by `;`.
const CRONS: [&str; 20] = [
    "day=last fri;hour=2;minute=30",
    "day=last;hour=18",
    "day=1st mon,3rd fri,last wed;hour=*/4",
    "day=5th sun,31",
    "week=53;day_of_week=fri",
    "week=*/2;day_of_week=mon;hour=6",
    "week=1-52/3,53;hour=*;minute=*/15",
    "second=*",
    "second=*/10",
    "second=0,7,13,29,31,59;minute=*/3",
    "hour=0-23/5;minute=1,2,3,5,8,13;second=21,34,55",
    "year=2025-2040/2;minute=*/5",
    "year=2020,2021,2023,2024,2025,2026,2028,2030,2031,2035,2040,2050;month=1-11/2;day=1-31/3;hour=*",
    "month=2;day=29",
    "month=2;day=29;day_of_week=mon",
    "hour=2;minute=0,15,30,45",
    "year=2025-2125/1;month=jan-dec;day=1st mon,2nd tue,3rd wed,4th thu,last fri,last,7;week=*/2;hour=1-3;minute=*;second=*/7",
    "year=2025,2026,2027,2028,2029,2030,2031,2032,2033,2034,2035,2036,2037,2038,2039,2040,2041,2042,2043,2044,\
     2045,2046,2047,2048,2049,2050,2051,2052,2053,2054,2055,2056,2057,2058,2059,2060,2061,2062,2063,2064,\
     2065",
    "year=2025,2026,2027,2028,2029,2030,2031,2032,2033,2034,2035,2036,2037,2038,2039,2040,2041,2042,2043,2044,\
     2045,2046,2047,2048,2049,2050,2051,2052,2053,2054,2055,2056,2057,2058,2059,2060,2061,2062,2063,2064,\
     2065;\
     week=1-52;day_of_week=0-5;day=1st mon,2nd tue,1-31;hour=2;minute=*",
    "year=2024/3;month=*/2;day=last,1-28/4;week=1-53/2,2,4;day_of_week=mon-fri;hour=*;minute=*/7;second=*",
];

const APS_LINES: [&str; 2] = ["*/5 8-18 * * mon-fri", "30 2 1-31/2 1,3,5-12/2 0-6/3"];

const LINES: [&str; 4] = [
    "@daily",
    "0 0 13 * fri",
    "*/7 1-23/2 1-15,31 jan,mar-dec/2 sun,tue",
    "0-59 0-22,23 1-30 1-12 1-6",
];

/// A field and its value.
const INTERVALS: [(&str, f64); 6] = [
    ("seconds", 0.25),
    ("seconds", 1.0),
    ("minutes", 7.0),
    ("hours", 6.0),
    ("days", 1.0),
    ("weeks", 520.0),
];

fn definitions() -> Vec<(String, Definition)> {
    let cron = |text: &'static str| {
        let fields = text.split(';').filter_map(|part| part.split_once('='));
        let definition = fields.fold(Definition::new(Kind::Cron), |definition, (name, value)| {
            definition.with(name, value)
        });
        (format!("`{}`", text.replace(';', "; ")), definition)
    };
    let interval = |(unit, number): (&str, f64)| {
        (
            format!("interval, {unit}={number}"),
            Definition::new(Kind::Interval).with(unit, number),
        )
    };
    let lines = APS_LINES
        .iter()
        .map(|line| (format!("aps-crontab `{line}`"), Definition::aps_crontab(*line)));
    let lines = lines.chain(
        LINES
            .iter()
            .map(|line| (format!("crontab `{line}`"), Definition::crontab(*line))),
    );
    CRONS
        .into_iter()
        .map(cron)
        .chain(lines)
        .chain(INTERVALS.into_iter().map(interval))
        .collect()
}

fn micros(second: i64) -> UtcMicros {
    UtcMicros::new(second * 1_000_000)
}

fn context() -> Context {
    Context {
        zone: Zone::named(ZONES[1]).unwrap_or_else(|error| panic!("{error}")),
        dst: DstPolicy::Once,
        created: micros(FROM),
    }
}

pub fn rows() -> Vec<Row> {
    let context = context();
    definitions()
        .into_iter()
        .map(|(name, definition)| row(name, &definition, &context))
        .collect()
}

/// Items of the huge list.
const HUGE: usize = 100_000;

/// A list that nobody writes: reading it takes time with its length, asking it must not.
pub fn huge() -> Row {
    let years: Vec<String> = (0..HUGE)
        .map(|item| (1970 + item * 7919 % 8000).to_string())
        .collect();
    let definition = Definition::new(Kind::Cron).with("year", years.join(","));
    row(
        format!("`year=`, a list of {HUGE} items"),
        &definition,
        &context(),
    )
}

fn row(name: String, definition: &Definition, context: &Context) -> Row {
    let compile = || definition.compile(black_box(context));
    let trigger = compile().unwrap_or_else(|error| panic!("{error}"));
    let from = micros(FROM);
    let walk = || trigger.fires(None, black_box(from)).take(FIRES).count();
    let fires = walk().max(1);
    let own_day = trigger
        .next_fire(None, from)
        .map_or(FROM, |first| first.get().div_euclid(1_000_000));
    let day = |start: i64| nanos(|| histogram(&trigger, black_box(start)));
    Row {
        next: nanos(walk) / fires as f64,
        histogram: [own_day, DAYS[0], DAYS[1], DAYS[2]].map(day),
        parse: nanos(compile),
        name,
    }
}

/// The fires of 24 hours by hour, as `/api/schedule` asks: of the chain that the next run begins.
fn histogram(trigger: &Trigger, from: i64) -> [u64; 24] {
    let bounds: [UtcMicros; 25] = std::array::from_fn(|hour| micros(from + 3600 * hour as i64));
    let mut out = [0; 24];
    trigger.histogram(bounds[0], &bounds, &mut out);
    out
}
