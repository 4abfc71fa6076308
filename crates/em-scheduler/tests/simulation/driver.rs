//! Plays a seed: chooses the next step, takes it, and looks whether an invariant broke; at the end makes everything
//! well again and sees whether the backlog goes.

use std::fmt::{self, Display};
use std::ops::ControlFlow;

use em_scheduler::model::TaskId;
use triggers::{UtcMicros, WallMicros};

use crate::checker::{Asked, Shape, Violation};
use crate::database::{Backend, Database};
use crate::process::{Birth, Process};
use crate::random::Random;
use crate::sabotage::{Sabotage, Saboteur};
use crate::scenario::{SECOND, Scenario};
use crate::world::{Figures, Health, Mood, World};

/// When in the hour `job_sync` comes (S3).
const JOB_SYNC: i64 = 19 * 60 * SECOND;

/// What is played beside the seed's number.
#[derive(Debug, Clone, Copy)]
pub struct Play {
    pub backend: Backend,
    pub processes: usize,
    pub sabotage: Option<Sabotage>,
}

/// A seed that failed.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub violation: Violation,
    pub trace: String,
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            violation,
            trace,
        } = self;
        writeln!(f, "{trace}")?;
        writeln!(f, "seed {seed} breaks {violation}")?;
        write!(
            f,
            "to see it again: SIMULATION_SEEDS={seed} (see CONTRIBUTING.md)"
        )
    }
}

/// What a seed came to, where it held.
#[derive(Debug)]
pub struct Played {
    pub figures: Figures,
    /// Equal for equal histories.
    pub digest: u64,
    pub trace: String,
}

/// A slot for a process, and what is in it.
struct Slot {
    process: Option<Process>,
    /// Not started again before so much time has passed.
    down_until: i64,
    /// Not allowed to run before so much time has passed.
    frozen_until: Option<i64>,
}

pub struct Driver {
    pub world: World,
    scenario: Scenario,
    play: Play,
    slots: Vec<Slot>,
    /// Time that has passed.
    passed: i64,
    lives: u32,
    random: Random,
    /// Whether everything is to be well.
    recovering: bool,
}

/// What may be done next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Ask,
    Edit,
    Kill,
    Freeze,
    Clock,
    Health,
    Mood,
    Race,
    Nothing,
}

/// Plays a seed.
pub fn play(seed: u64, play: Play) -> Result<Played, Box<Failure>> {
    Driver::new(seed, play).tell(seed, Driver::run)
}

pub type Flow = ControlFlow<Violation>;

impl Driver {
    pub fn new(seed: u64, play: Play) -> Self {
        let mut random = Random::new(seed);
        let database = Database::new(play.backend);
        if let Some(sabotage) = play.sabotage {
            Saboteur::prepare(sabotage, &database.file());
        }
        let mut scenario = Scenario::draw(&mut random, play.processes, database.is_sqlite());
        // Not drawn: seeds with sequences and those without are the same otherwise.
        scenario.sequence = match play.sabotage {
            None => seed % 4 == 3,
            Some(sabotage) => sabotage == Sabotage::AddAllOfASequence,
        };
        if scenario.sequence {
            database.execute(
                "ALTER TABLE project ADD COLUMN sequence_tasks INTEGER; ALTER TABLE task ADD COLUMN \"order\" INTEGER",
            );
        }
        let world = World::new(Random::new(random.next()), database, scenario.terms());
        world.core().trace.note(0, "world", format_args!("{scenario:?}"));
        let slots = (0..scenario.processes).map(|_| Slot {
            process: None,
            down_until: 0,
            frozen_until: None,
        });
        Self {
            slots: slots.collect(),
            world,
            scenario,
            play,
            passed: 0,
            lives: 0,
            random,
            recovering: false,
        }
    }

    /// Goes through with a story, and tells how it ended.
    pub fn tell(mut self, seed: u64, story: impl FnOnce(&mut Self) -> Flow) -> Result<Played, Box<Failure>> {
        match story(&mut self) {
            ControlFlow::Continue(()) => Ok(self.played()),
            ControlFlow::Break(violation) => {
                let trace = self.world.core().trace.to_string();
                Err(Box::new(Failure {
                    seed,
                    violation,
                    trace,
                }))
            }
        }
    }

    fn run(&mut self) -> Flow {
        for task in 1..=self.scenario.tasks {
            self.edit(task);
        }
        self.pass(SECOND)?;
        self.world.core().health = Health::Flaky;
        self.world.core().mood = Mood::Moody;
        for _ in 0..self.scenario.steps {
            self.step();
            let pause = self.random.weighted(&[
                (20, 1_000),
                (20, 20_000),
                (20, 150_000),
                (20, 700_000),
                (15, 2 * SECOND),
                (5, 8 * SECOND),
            ]);
            let pause = self.random.between(1_000, pause);
            self.pass(pause)?;
        }
        self.recover()
    }

    fn step(&mut self) {
        let two = self.scenario.processes > 1;
        let step = self.random.weighted(&[
            (40, Step::Ask),
            (12, Step::Edit),
            (8, Step::Kill),
            (if two { 10 } else { 2 }, Step::Freeze),
            (10, Step::Clock),
            (8, Step::Health),
            (8, Step::Mood),
            (if two { 12 } else { 2 }, Step::Race),
            (10, Step::Nothing),
        ]);
        let place = usize::from(two && self.random.chance(500));
        match step {
            Step::Ask => self.ask(place),
            Step::Edit => {
                let task = self.any_task();
                self.edit(task);
            }
            Step::Kill => {
                let down = self.random.pick(&[0, 0, SECOND, 40 * SECOND]);
                self.kill(place, down);
            }
            Step::Freeze => {
                let long = self.random.between(SECOND, 30 * SECOND);
                self.slots[place].frozen_until = Some(self.passed + long);
                self.note(format_args!("process {place} is frozen for {long} µs"));
            }
            Step::Clock => self.step_clock(),
            Step::Health => {
                let health = self.random.pick(&[
                    Health::Well,
                    Health::Flaky,
                    Health::Flaky,
                    Health::Flaky,
                    Health::Forgetful,
                    Health::Away,
                ]);
                self.world.core().health = health;
                self.note(format_args!("the database is {health:?}"));
            }
            Step::Mood => {
                let mood = self.random.pick(&[
                    Mood::Prompt,
                    Mood::Moody,
                    Mood::Moody,
                    Mood::Distant,
                    Mood::Refusing,
                    Mood::Hanging,
                ]);
                self.world.core().mood = mood;
                self.note(format_args!("the runner is {mood:?}"));
            }
            Step::Race => {
                // What was decided takes long to leave, wherever it is; and one process is told to let nothing leave.
                self.world.core().mood = Mood::Distant;
                let task = self.any_task();
                let asked = self
                    .random
                    .pick(&[Asked::Delete(task), Asked::DeleteAll, Asked::Pause]);
                self.ask_one(place, asked);
            }
            Step::Nothing => {}
        }
    }

    fn ask(&mut self, place: usize) {
        let task = self.any_task();
        let asked = self.random.weighted(&[
            (30, Asked::Add(task)),
            (15, Asked::Delete(task)),
            (3, Asked::DeleteAll),
            (5, Asked::DeleteOrphans),
            (20, Asked::Run(task)),
            (15, Asked::RunLater(task)),
            (8, Asked::Pause),
            (14, Asked::Resume),
            (2, Asked::Stop),
            (4, Asked::List),
        ]);
        self.ask_one(place, asked);
    }

    /// Asks the process in this place.
    pub fn ask_one(&mut self, place: usize, asked: Asked) {
        if let Some(process) = &mut self.slots[place].process {
            process.stopped |= asked == Asked::Stop;
            process.ask(asked);
        }
    }

    /// Kills the process in this place; another one comes after so long.
    pub fn kill(&mut self, place: usize, down: i64) {
        if let Some(process) = &self.slots[place].process {
            process.kill("by a signal");
        }
        self.slots[place].down_until = self.passed + down;
    }

    fn any_task(&mut self) -> TaskId {
        // One more than there are: tasks that nobody knows are asked for, too.
        TaskId::try_from(self.random.between(1, i64::from(self.scenario.tasks) + 1)).unwrap_or(1)
    }

    /// em_web changes a task and its project, or removes it.
    fn edit(&mut self, task: TaskId) {
        let removed = self.passed > 0 && self.random.chance(150);
        let mut sql =
            format!("DELETE FROM task_log WHERE task_id = {task}; DELETE FROM task WHERE id = {task};");
        let mut shape = None;
        let project = if self.scenario.sequence { 1 } else { task };
        if !removed {
            // A second of the minute, every few seconds, and once soon.
            let (cron, interval, once) = (
                self.random.chance(300),
                self.random.chance(600),
                self.random.chance(250),
            );
            let number = |flag: bool| i32::from(flag);
            let now = self.world.core().wall.at(self.passed);
            let date = wall(now + self.random.between(-20, 60) * SECOND);
            let end = if self.random.chance(200) {
                format!("'{}'", wall(now + self.random.between(1, 90) * SECOND))
            } else {
                "NULL".into()
            };
            let enabled = self.random.chance(850);
            let (second, seconds) = (self.random.below(60), self.random.pick(&[1, 2, 5, 7, 20]));
            sql = format!(
                "INSERT INTO project (id, name) SELECT {project}, 'p' WHERE NOT EXISTS
                   (SELECT 1 FROM project WHERE id = {project});
                 UPDATE project SET cron = {}, cron_sec = {second}, intv = {}, intv_type = 's', intv_value = {seconds},
                   intv_end_date = {end}, ooff = {}, ooff_date = '{date}' WHERE id = {project};
                 INSERT INTO task (id, name, project_id, enabled) SELECT {task}, 't', {project}, 0 WHERE NOT EXISTS
                   (SELECT 1 FROM task WHERE id = {task});
                 UPDATE task SET enabled = {} WHERE id = {task};",
                number(cron),
                number(interval),
                number(once),
                number(enabled),
            );
            let place = self.scenario.sequence.then(|| {
                let (flag, order) = (self.random.chance(850), self.random.between(0, 3));
                // No order comes last.
                let text = if order < 3 {
                    order.to_string()
                } else {
                    "NULL".into()
                };
                sql += &format!(
                    "UPDATE project SET sequence_tasks = {} WHERE id = {project};
                     UPDATE task SET \"order\" = {text} WHERE id = {task};",
                    number(flag)
                );
                (flag, order)
            });
            shape = Some(Shape {
                enabled,
                place,
                triggers: [cron, interval, once].into_iter().filter(|flag| *flag).count(),
                edited: self.passed,
            });
        }
        self.execute(task, &sql, shape);
    }

    /// What em_web does to a task, and what comes of it (none: it is gone).
    pub fn execute(&self, task: TaskId, sql: &str, shape: Option<Shape>) {
        let mut core = self.world.core();
        core.trace.note(self.passed, "em_web", sql);
        core.database.execute(sql);
        core.checker.edited((task, self.passed), shape);
    }

    fn step_clock(&mut self) {
        let far = if self.scenario.firing.coalesce { 3_600 } else { 120 };
        let size = self.random.pick(&[1, 1, 15, 15, 90, far]) * SECOND;
        let step = self.random.between(-size, size);
        self.world.core().wall.step(step);
        self.world.core().figures.steps_of_the_clock += 1;
        self.note(format_args!("the clock is stepped by {step} µs"));
    }

    fn note(&self, what: impl Display) {
        self.world.core().trace.note(self.passed, "world", what);
    }

    /// Lets time pass for everybody.
    pub fn pass(&mut self, micros: i64) -> Flow {
        // Two processes take turns often, so that one acts in the midst of what the other does.
        let slice = if self.scenario.processes > 1 {
            SECOND / 10
        } else {
            SECOND
        };
        let end = self.passed + micros.div_euclid(1_000) * 1_000;
        while self.passed < end {
            self.passed = (self.passed + slice).min(end);
            let first = usize::from(self.scenario.processes > 1 && self.random.chance(500));
            for place in [first, 1 - first].into_iter().take(self.scenario.processes) {
                self.live(place);
            }
            let broken = self.world.core().violation.clone();
            if let Some(violation) = broken {
                return ControlFlow::Break(violation);
            }
        }
        ControlFlow::Continue(())
    }

    /// Brings one process to the present: starts it, lets it run, buries it.
    fn live(&mut self, place: usize) {
        let before = self.slots[place].process.is_none();
        if before && self.slots[place].down_until <= self.passed {
            self.start(place);
        }
        let passed = self.passed;
        let slot = &mut self.slots[place];
        let Some(process) = &slot.process else { return };
        match slot.frozen_until {
            Some(until) if until > passed => {}
            frozen => {
                if frozen.is_some() {
                    process.wake_at(passed);
                }
                process.live_until(passed);
                slot.frozen_until = None;
            }
        }
        if process.life.is_dead() {
            slot.process = None;
            slot.frozen_until = None;
            let down = self.random.pick(&[0, 0, SECOND, 20 * SECOND]);
            if !self.recovering {
                slot.down_until = slot.down_until.max(passed + down);
            }
        }
    }

    fn start(&mut self, place: usize) {
        self.lives += 1;
        let birth = Birth {
            scenario: &self.scenario,
            sabotage: self.play.sabotage,
            place,
            name: format!("{}{}", ["a", "b"][place], self.lives),
            passed: self.passed,
        };
        self.slots[place].process = Process::start(&self.world, &birth);
    }

    /// Makes everything well and sees what remains.
    fn recover(&mut self) -> Flow {
        self.note("everything is well from now on");
        self.recovering = true;
        self.world.core().health = Health::Well;
        self.world.core().mood = Mood::Prompt;
        for slot in &mut self.slots {
            slot.down_until = 0;
            slot.frozen_until = slot.frozen_until.map(|_| 0);
            if let Some(process) = slot.process.as_ref().filter(|process| process.stopped) {
                process.kill("as it was told to stop");
            }
        }
        self.pass(3 * SECOND)?;
        self.ask_all(Asked::Resume);
        // Longer than a retry may wait after the clock was set back, which is the longest that anything waits.
        self.pass(155 * SECOND)?;
        let now = self.world.core().wall.at(self.passed);
        let judged = self
            .world
            .core()
            .checker
            .caught_up(now - 10 * SECOND, now - 2 * SECOND);
        self.judge(judged)?;
        // A job_sync in the midst of the end would bring back what is deleted here, as it should, and runs would go on.
        let into_the_hour = self.world.core().wall.at(self.passed).rem_euclid(3_600 * SECOND);
        if (JOB_SYNC - 10 * SECOND..=JOB_SYNC).contains(&into_the_hour) {
            self.pass(15 * SECOND)?;
        }
        self.ask_all(Asked::DeleteAll);
        self.pass(5 * SECOND)?;
        let judged = self.world.core().checker.all_ended();
        self.judge(judged)?;
        for process in self.slots.iter().filter_map(|slot| slot.process.as_ref()) {
            let remembered = process.dispatcher.remembered();
            if remembered > 0 {
                let what = format!(
                    "{} still remembers {remembered} things of runs that ended",
                    process.life.name
                );
                return ControlFlow::Break(Violation::new("I8", what));
            }
        }
        ControlFlow::Continue(())
    }

    fn ask_all(&self, asked: Asked) {
        for process in self.slots.iter().filter_map(|slot| slot.process.as_ref()) {
            process.ask(asked);
        }
    }

    pub fn judge(&self, judged: Result<(), Violation>) -> Flow {
        judged.map_or_else(ControlFlow::Break, ControlFlow::Continue)
    }

    fn played(&self) -> Played {
        let core = self.world.core();
        let (runs, receipts) = core.checker.counts();
        let mut figures = core.figures;
        figures.seeds = 1;
        figures.events = core.trace.events();
        figures.runs = u64::try_from(runs).unwrap_or(0);
        figures.receipts = u64::try_from(receipts).unwrap_or(0);
        Played {
            figures,
            digest: core.trace.digest(),
            trace: core.trace.to_string(),
        }
    }
}

/// The naive time of em_web, whole seconds, on walls in UTC.
fn wall(micros: i64) -> WallMicros {
    triggers::Zone::utc().to_wall(UtcMicros::new(micros - micros.rem_euclid(SECOND)))
}
