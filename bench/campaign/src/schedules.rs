//! The schedules put into em_web's tables, and the same as definitions for the checker: written once, told to both.

use test_world::clock::{self, wall};
use test_world::database::Filling;
use triggers::{Definition, Kind, UtcMicros, Zone};

pub const SECOND: i64 = 1_000_000;

/// The end of a one-off's job id, which is a digest in truth: whoever knows the stored jobs puts the real id there.
pub const ONE_OFF: &str = "one-off";

/// A job that the service must come to by itself.
#[derive(Debug, Clone)]
pub struct Planned {
    pub job: String,
    pub task: i32,
    pub definition: Definition,
    /// See [`crate::checker::Schedule`].
    pub windows: Option<Vec<(i64, i64)>>,
}

/// A trigger of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// So many seconds apart, first at that instant (or when it is stored, where there is none).
    Every(i64, Option<i64>),
    /// At every second of the wall.
    EachSecond,
    /// Each minute at this second.
    AtSecond(i64),
    /// Once, at that instant.
    Once(i64),
    /// In a far year.
    Far,
}

/// One task for each timing, in its own project; ids count from 1.
#[derive(Debug, Clone, Default)]
pub struct Schedules(Vec<Timing>);

impl Schedules {
    /// Adds a task; answers its id.
    pub fn add(&mut self, timing: Timing) -> i32 {
        self.0.push(timing);
        i32::try_from(self.0.len()).unwrap_or(i32::MAX)
    }

    /// Adds so many, each by its place.
    pub fn add_all(&mut self, count: i64, timing: impl Fn(i64) -> Timing) {
        self.0.extend((0..count).map(timing));
    }

    /// What is put into the tables.
    pub fn filling(&self) -> Filling {
        Filling {
            columns: "cron, cron_year, cron_sec, intv, intv_type, intv_value, intv_start_date, ooff, ooff_date",
            projects: self.0.iter().map(values).collect(),
            tasks: self.0.len(),
            run_length: 1,
            disabled_from: None,
        }
    }

    /// What the checker expects of it.
    pub fn planned(&self) -> Vec<Planned> {
        (1..)
            .zip(&self.0)
            .map(|(task, timing)| planned(task, *timing))
            .collect()
    }
}

fn values(timing: &Timing) -> String {
    match timing {
        Timing::Every(seconds, start) => {
            let start = start.map_or("NULL".into(), |at| format!("'{}'", wall(at)));
            format!("0, NULL, NULL, 1, 's', {seconds}, {start}, 0, NULL")
        }
        Timing::EachSecond => "1, NULL, NULL, 0, NULL, NULL, NULL, 0, NULL".into(),
        Timing::AtSecond(second) => format!("1, NULL, {second}, 0, NULL, NULL, NULL, 0, NULL"),
        Timing::Once(at) => format!("0, NULL, NULL, 0, NULL, NULL, NULL, 1, '{}'", wall(*at)),
        Timing::Far => "1, 2090, NULL, 0, NULL, NULL, NULL, 0, NULL".into(),
    }
}

fn planned(task: i32, timing: Timing) -> Planned {
    let text = |at| Zone::utc().to_wall(UtcMicros::new(at)).to_string();
    let (end, definition) = match timing {
        Timing::Every(seconds, start) => {
            let mut definition = Definition::new(Kind::Interval).with("seconds", seconds);
            definition.start = start.map(text);
            ("intv", definition)
        }
        Timing::EachSecond => ("cron", Definition::new(Kind::Cron).with("second", "*")),
        Timing::AtSecond(second) => ("cron", Definition::new(Kind::Cron).with("second", second)),
        Timing::Once(at) => (ONE_OFF, Definition::new(Kind::Date).with("run_date", text(at))),
        Timing::Far => ("cron", Definition::new(Kind::Cron).with("year", "2090")),
    };
    Planned {
        job: format!("{task}-{task}-{end}"),
        task,
        definition,
        windows: None,
    }
}

/// The last whole second, so many seconds ago.
pub fn whole_second(ago: i64) -> i64 {
    (clock::now() / SECOND - ago) * SECOND
}
