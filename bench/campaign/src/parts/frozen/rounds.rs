//! The life of one pair: again and again one of the two is caught in a transaction and silent for a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use test_world::Backend;
use test_world::clock::{self, Stopwatch};

use super::asking::{Asking, Noted};
use super::calls::{self, Led, Turn};
use super::catch::{WANTED, When, catch};
use super::host::{Fault, Hosts};
use super::load::{self, Load};
use super::{LATEST, Tally, Trial};
use crate::api;
use crate::backends::Stuck;
use crate::checker::{self, Invariant, Verb, Violation};
use crate::dice::Dice;
use crate::pair::Pair;
use crate::runner::Manners;
use crate::schedules::SECOND;
use crate::world::{Plan, World};

/// A round with all that belongs to it takes this long, most of the time.
const ROUND: i64 = 27;
/// The API is called for so many microseconds before the process is caught.
const CALLED_BEFORE: i64 = 300_000;
/// Until what went on answers again, in seconds.
const RECOVERED: f64 = 20.0;

/// A pair and what is known of it.
struct Frozen<'w> {
    pair: Pair<'w>,
    hosts: Hosts,
    led: Led,
    trial: Trial,
}

pub fn all(world: &World, trial: &Trial, (number, rounds): (usize, usize)) -> anyhow::Result<Tally> {
    let mut dice = world.dice("frozen").apart(number as u64);
    let mut schedules = trial.load.schedules(20 + rounds as i64 * ROUND);
    let led = Led::new(&mut schedules);
    let mut site = world.site(Plan {
        name: format!("frozen-{number}"),
        delivery: trial.delivery,
        manners: Manners::thinking(0..20_000),
        dice: dice.apart(1),
        ..world.plan("frozen", Backend::Postgres, &schedules)
    })?;
    site.grace = trial.grace * SECOND;
    for planned in &mut site.planned {
        if led.is_called(planned.task) {
            planned.windows = Some(Vec::new());
        }
    }
    let hosts = Hosts::new(world.server.port());
    let pair = Pair::start(world, site, |site, place| {
        hosts.start(site, (place, trial.faults))
    })?;
    let frozen = Frozen {
        pair,
        hosts,
        led,
        trial: *trial,
    };
    let (mut tally, mut violations) = (Tally::default(), Vec::new());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..calls::CALLERS)
            .map(|caller| {
                let (frozen, mut dice) = (&frozen, dice.apart(2 + caller as u64));
                scope.spawn(move || calls::call(&frozen.pair, &frozen.led, (caller, &mut dice)))
            })
            .collect();
        let outcome = (0..rounds)
            .try_for_each(|number| frozen.round((number, &mut dice), (&mut tally, &mut violations)));
        frozen.led.end();
        for thread in threads {
            thread.join().ok().context("a caller panicked")??;
        }
        outcome
    })?;
    let mut concluded = frozen.pair.conclude(LATEST)?;
    concluded.blame(violations);
    tally.latest = checker::latest_decision(&concluded.history);
    tally.figures = concluded.take()?;
    Ok(tally)
}

impl Frozen<'_> {
    fn round(
        &self,
        (number, dice): (usize, &mut Dice),
        (tally, violations): Noted<'_>,
    ) -> anyhow::Result<()> {
        std::thread::sleep(Duration::from_millis(1_000 + dice.below(2_000)));
        let (victim, fault) = (
            number % 2,
            self.trial.faults[number / 2 % self.trial.faults.len()],
        );
        let switching = dice.per_mille(125);
        let when = self.when(switching, dice);
        self.led.turn_to(if switching {
            Turn::Switches(victim)
        } else {
            Turn::Changes(victim)
        });
        if !matches!(when, When::At(_)) {
            std::thread::sleep(Duration::from_micros(CALLED_BEFORE.unsigned_abs()));
        }
        let caught = catch((&self.pair, &self.hosts), victim, (when, dice))?;
        self.led.turn_to(Turn::Nobody);
        let asking = Asking {
            pair: &self.pair,
            led: &self.led,
            place: 1 - victim,
            switches: number % 4 == 3,
        };
        if let Some(stuck) = &caught {
            self.hosts.strike(&self.pair, (victim, fault))?;
            note(tally, stuck);
            if switching {
                asking.change((Verb::Resume, 0), (tally, violations));
            }
            let silence = dice.exponential(
                Duration::from_secs(5),
                Duration::from_secs(9),
                Duration::from_secs(40),
            );
            self.silent((victim, fault), (&asking, silence), (tally, violations))?;
        } else {
            tally.uncaught += 1;
        }
        self.led.wait_quiet();
        if switching {
            // What was under way when it was caught may have paused. It reads abandoned calls when it
            // goes on; one that it is asked for now comes after them.
            self.pair
                .site
                .ledger
                .ask(self.pair.address(victim), (Verb::Resume, 0));
            asking.change((Verb::Resume, 0), (&mut Tally::default(), violations));
        }
        Ok(())
    }

    /// When to stop it. Waits until the API is to be called.
    fn when(&self, switching: bool, dice: &mut Dice) -> When {
        if switching {
            // While it is paused again and again nothing else is judged.
            return When::Seen;
        }
        if self.trial.load == Load::Bursts && dice.per_mille(600) {
            let burst = load::next_burst(clock::now() + CALLED_BEFORE);
            clock::sleep_until(burst - CALLED_BEFORE);
            // Some milliseconds after the jobs have fallen due they are being decided.
            return When::At(burst + dice.below(20_000).cast_signed());
        }
        if dice.per_mille(700) {
            let subject: &&str = dice.one_of(&WANTED);
            return When::SeenAbout(subject);
        }
        When::Seen
    }

    /// For so long the process is silent, and the other is asked for everything.
    fn silent(
        &self,
        (victim, fault): (usize, Fault),
        (asking, silence): (&Asking<'_>, Duration),
        (tally, violations): Noted<'_>,
    ) -> anyhow::Result<()> {
        tally.longest = tally.longest.max(silence.as_secs_f64());
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| asking.all(&over, (tally, violations)));
            std::thread::sleep(silence);
            over.store(true, Ordering::Relaxed);
            let ended = self.hosts.end(&self.pair, (victim, fault));
            asked.join().ok().context("the asking panicked")??;
            ended
        })?;
        let watch = Stopwatch::start();
        let answers = || api::get(self.pair.address(victim), "/api/scheduled");
        while answers() != Some(200) {
            if watch.seconds() > RECOVERED {
                violations.push(Violation::of(
                    Invariant::I8,
                    format!("a process that was {} does not recover", fault.name()),
                ));
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

fn note(tally: &mut Tally, stuck: &[Stuck]) {
    tally.frozen += 1;
    tally.holds_due += usize::from(stuck.iter().any(|stuck| stuck.holds_due));
    tally.holds_guard += usize::from(stuck.iter().any(|stuck| stuck.holds_guard));
    for stuck in stuck {
        *tally.subjects.entry(stuck.subject).or_default() += 1;
    }
}
