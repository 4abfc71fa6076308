//! Steady firing: jobs that fire each second, and what came of a window of it. Used by the workloads `sustained`,
//! `lateness` and `mixed`.

use crate::World;
use crate::rows::Row;
use crate::statistics::Delivered;
use test_world::clock::{self, wall};
use test_world::database::{Backend, Database, Filling};
use test_world::process::Service;

const SECOND: i64 = 1_000_000;
/// Distinct instants within a second that spread jobs fire at.
const INSTANTS: usize = 1_000;

/// How the fires of a second lie in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A thousandth of them each millisecond: intervals of one second with different starts.
    Spread,
    /// All at the full second, as crons do: a burst each second.
    Aligned,
}

impl Shape {
    pub fn name(self) -> &'static str {
        match self {
            Self::Spread => "over the second",
            Self::Aligned => "at the full second",
        }
    }
}

/// So many fires a second in this shape, and so many tasks more that are not enabled.
pub fn filling(rate: usize, shape: Shape, more: usize) -> Filling {
    let instants = match shape {
        Shape::Spread => INSTANTS.min(rate),
        Shape::Aligned => 1,
    };
    let started = (clock::now() / SECOND - 10) * SECOND;
    let starts = (0..instants).map(|place| started + (place * 1_000_000 / instants) as i64);
    Filling {
        columns: "intv, intv_type, intv_value, intv_start_date",
        projects: starts.map(|at| format!("1, 's', 1, '{}'", wall(at))).collect(),
        tasks: rate + more,
        run_length: 1,
        disabled_from: Some(rate + 1),
    }
}

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Steady {
    pub engine: Backend,
    pub rate: usize,
    pub shape: Shape,
    /// The length of the window.
    pub seconds: usize,
    /// The setting `concurrency`: how many requests may be in flight.
    pub permits: usize,
}

/// What `concurrency` is unless it is set.
pub const PERMITS: usize = 100;
/// More than that.
pub const MANY: usize = 500;

/// What was measured.
pub struct Measured {
    pub delivered: Delivered,
    /// Runs of the window that never arrived.
    pub missing: usize,
    /// Processor time per fire, service and database.
    pub cpu: (f64, f64),
}

impl Measured {
    /// Nothing missed, nothing twice, 99 of 100 within a second.
    pub fn held(&self) -> bool {
        self.missing == 0 && self.delivered.twice == 0 && self.delivered.p99 < 1_000.0
    }

    /// Its row.
    pub fn row(&self, workload: &'static str, steady: &Steady) -> Row {
        Row::new(workload)
            .with("database", steady.engine.name())
            .with("fires", steady.shape.name())
            .with("permits", steady.permits)
            .with("fires/s", steady.rate)
            .with("seconds", steady.seconds)
            .with("arrived", self.delivered.arrived)
            .with("missing", self.missing)
            .with("twice", self.delivered.twice)
            .with("early", self.delivered.early)
            .number("p50 ms", self.delivered.p50)
            .number("p99 ms", self.delivered.p99)
            .number("max ms", self.delivered.last)
            .number("CPU µs/fire", self.cpu.0)
            .number("database CPU µs/fire", self.cpu.1)
    }
}

/// Fires steadily on a fresh database and measures a window of it.
pub fn measure(world: &World<'_>, steady: &Steady) -> anyhow::Result<Measured> {
    let filling = filling(steady.rate, steady.shape, 0);
    let database = world.database(steady.engine, &filling)?;
    let settings = ["--concurrency".to_owned(), steady.permits.to_string()];
    let service = world.serve(&database, &settings)?;
    let measured = window(world, (&service, &database), steady);
    service.stop()?;
    measured
}

/// Measures a window of a service that fires.
pub fn window(
    world: &World<'_>,
    (service, database): (&Service, &Database),
    steady: &Steady,
) -> anyhow::Result<Measured> {
    // Whatever the start left to do is done by then, or the service cannot keep up anyway.
    let from = clock::whole_second_after(2);
    let to = from + i64::try_from(steady.seconds)? * SECOND;
    clock::sleep_until(from);
    let before = (service.cpu(), database.cpu());
    clock::sleep_until(to);
    let after = (service.cpu(), database.cpu());
    // What is due in the window may come a little later.
    clock::sleep_until(to + 2 * SECOND);
    let arrivals = world.runner.take();
    let of_window = arrivals
        .into_iter()
        .filter(|arrival| (from..to).contains(&arrival.scheduled_for))
        .map(|arrival| (arrival, arrival.scheduled_for));
    let delivered = Delivered::of(of_window);
    let expected = steady.rate * steady.seconds;
    let each = |before: i64, after: i64| (after - before) as f64 / expected as f64;
    Ok(Measured {
        missing: expected.saturating_sub(delivered.arrived),
        delivered,
        cpu: (each(before.0, after.0), each(before.1, after.1)),
    })
}
