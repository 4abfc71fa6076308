//! Races: pauses and deletions that one process answers, against runs that the other is about to send. When it has
//! answered, nothing leaves that it forbids, from either. On PostgreSQL, pairs of processes side by side.
//!
//! `handshake`, `everything`, `backlog`, `fires` and `stopped` are what is raced against.

mod backlog;
mod everything;
mod fires;
mod handshake;
mod stopped;

use std::sync::Mutex;
use std::sync::PoisonError;

use test_world::Backend;

use super::each_at_once;
use crate::checker::{self, Delivery, Figures, Invariant, Verb, Violation};
use crate::dice::Dice;
use crate::pair::Pair;
use crate::runner::Manners;
use crate::schedules::{SECOND, Schedules};
use crate::world::{GRACE, Plan, World};

/// A request left in time if its first byte arrived at most so many microseconds after the answer was read: the kernel
/// needs some ten to carry it, and notes the arrival itself.
const CARRIED: i64 = 500;
/// Of so many calls one may be answered 503.
const SELDOM: usize = 10;

/// What is raced against.
#[derive(Clone, Copy)]
struct Variant {
    name: &'static str,
    setup: fn(usize) -> Setup,
    rounds: fn(&Race<'_>, (usize, &mut Dice)) -> anyhow::Result<()>,
    /// Rounds in full, and with `--quick`.
    lengths: (usize, usize),
}

/// What the two processes have to do.
struct Setup {
    schedules: Schedules,
    manners: Manners,
    arguments: &'static [&'static str],
    /// Whether a task is deleted in the course of the races.
    is_deleted: fn(i32) -> bool,
}

const VARIANTS: [Variant; 5] = [
    handshake::VARIANT,
    everything::VARIANT,
    backlog::VARIANT,
    fires::VARIANT,
    stopped::VARIANT,
];

/// A pair at its races.
struct Race<'w> {
    pair: Pair<'w>,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    /// Pauses and deletions, those that met a run of the other process, those answered 503, the slowest answer.
    calls: usize,
    raced: usize,
    refused: usize,
    slowest: f64,
    /// Requests that left after the answer, and the farthest of them, in milliseconds.
    late: usize,
    farthest: f64,
    figures: Figures,
}

pub fn run(world: &mut World) -> anyhow::Result<()> {
    if !world.engines.contains(&Backend::Postgres) {
        return Ok(());
    }
    let pairs: Vec<(Variant, Delivery)> = VARIANTS
        .iter()
        .flat_map(|variant| Delivery::BOTH.map(|delivery| (*variant, delivery)))
        .collect();
    let done = each_at_once(&pairs, |(variant, delivery)| race(world, variant, *delivery))?;
    for ((variant, delivery), tally) in pairs.iter().zip(done) {
        let row = world
            .row("races", "PostgreSQL")
            .with("raced against", variant.name)
            .with("delivery", delivery.name())
            .with("pauses and deletions", tally.calls)
            .with("met runs of the other", tally.raced)
            .with("sent after the answer", tally.late)
            .number("farthest ms", tally.farthest)
            .with("answered 503", tally.refused)
            .number("slowest s", tally.slowest);
        world.results.add(tally.figures.into_row(row))?;
    }
    Ok(())
}

fn race(world: &World, variant: &Variant, delivery: Delivery) -> anyhow::Result<Tally> {
    let rounds = if world.quick {
        variant.lengths.1
    } else {
        variant.lengths.0
    };
    let mut dice = world.dice(variant.name).apart(delivery as u64);
    let setup = (variant.setup)(rounds);
    let mut site = world.site(Plan {
        name: format!("races-{}-{}", variant.name.replace(' ', "-"), delivery.name()),
        delivery,
        manners: setup.manners,
        dice: dice.apart(1),
        ..world.plan("races", Backend::Postgres, &setup.schedules)
    })?;
    site.arguments = setup
        .arguments
        .iter()
        .map(|argument| (*argument).to_owned())
        .collect();
    site.strictness.carried = CARRIED;
    for planned in &mut site.planned {
        if (setup.is_deleted)(planned.task) {
            planned.windows = Some(Vec::new());
        }
    }
    let race = Race {
        pair: Pair::start(world, site, |site, _| site.start())?,
        tally: Mutex::default(),
    };
    (variant.rounds)(&race, (rounds, &mut dice))?;
    race.conclude()
}

impl Race<'_> {
    /// Pauses and deletions count; the other calls only undo them.
    fn ask(&self, place: usize, (verb, task): (Verb, i32)) -> bool {
        let answer = self.pair.site.ledger.ask(self.pair.address(place), (verb, task));
        if matches!(verb, Verb::Pause | Verb::Delete | Verb::DeleteAll) {
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.calls += 1;
            tally.refused += usize::from(answer.status == Some(503));
            tally.slowest = tally.slowest.max(answer.seconds);
        }
        answer.succeeded
    }

    /// Asks one process for the same of many tasks at once.
    fn ask_for_all(&self, place: usize, (verb, tasks): (Verb, &[i32])) {
        std::thread::scope(|scope| {
            for task in tasks {
                scope.spawn(|| self.ask(place, (verb, *task)));
            }
        });
    }

    /// Deletes tasks as em_web does.
    fn delete(&self, place: usize, tasks: &[i32]) -> anyhow::Result<()> {
        self.pair.disable(tasks)?;
        self.ask_for_all(place, (Verb::Delete, tasks));
        Ok(())
    }

    /// Until it is done: what is paused for ever tells nothing more.
    fn resume(&self, place: usize) -> anyhow::Result<()> {
        let done = (0..20).any(|_| self.ask(place, (Verb::Resume, 0)));
        anyhow::ensure!(done, "resume is never acknowledged");
        Ok(())
    }

    /// The process that has decided about a job, once one has.
    fn decided_by(&self, job: &str, at: Option<i64>) -> anyhow::Result<usize> {
        let at = at
            .map(|at| format!("AND scheduled_for = {at}"))
            .unwrap_or_default();
        let query = format!("SELECT owner FROM scheduler_run WHERE job_id LIKE '{job}' {at}");
        let watch = test_world::clock::Stopwatch::start();
        loop {
            let rows = self.pair.session.rows::<1>(&query)?;
            if let Some([owner]) = rows.first() {
                return Ok(usize::from(*owner == self.pair.owner(1)));
            }
            anyhow::ensure!(watch.seconds() < 20.0, "nobody decided about {job}");
        }
    }

    fn conclude(self) -> anyhow::Result<Tally> {
        let mut tally = self.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Nothing that waits for the end of a pause may be missed.
        let mut concluded = self.pair.conclude(GRACE - SECOND)?;
        tally.raced = checker::raced(&concluded.history, &concluded.owners);
        for broken in checker::broken_silences(&concluded.history) {
            tally.late += 1;
            tally.farthest = tally.farthest.max(broken.after as f64 / 1_000.0);
        }
        let unanswered = concluded
            .history
            .changes
            .iter()
            .filter(|change| change.status.is_none());
        let mut wrong: Vec<String> = unanswered
            .map(|change| format!("{:?} of task {} was not answered", change.verb, change.task))
            .collect();
        if tally.refused * SELDOM > tally.calls {
            wrong.push(format!(
                "{} of {} calls were answered 503",
                tally.refused, tally.calls
            ));
        }
        let wrong = wrong.into_iter().map(|what| Violation::of(Invariant::I6, what));
        concluded.blame(wrong.collect());
        tally.figures = concluded.take()?;
        Ok(tally)
    }
}
