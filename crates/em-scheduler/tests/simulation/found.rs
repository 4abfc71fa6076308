//! What the seeds have found in the program, told once more without chance: a seed finds something else when the
//! simulation changes, these do not.

use std::ops::ControlFlow;

use em_scheduler::model::TaskId;

use crate::checker::{Asked, Shape};
use crate::driver::{Driver, Flow, Play};
use crate::sabotage::Sabotage;
use crate::scenario::SECOND;
use crate::seeds::{ONE, TWO};
use crate::world::{Health, Mood};

fn tell(play: Play, story: impl FnOnce(&mut Driver) -> Flow) {
    if let Err(failure) = Driver::new(0, play).tell(0, story) {
        panic!("{failure}");
    }
}

/// An enabled task that runs each so many seconds (0: not by itself).
fn task(driver: &Driver, id: TaskId, seconds: i64) {
    let active = i64::from(seconds > 0);
    let sql = format!(
        "INSERT INTO project (id, name, intv, intv_type, intv_value) VALUES ({id}, 'p', {active}, 's', {seconds});
         INSERT INTO task (id, name, project_id, enabled) VALUES ({id}, 't', {id}, 1);"
    );
    let shape = Shape {
        enabled: true,
        place: None,
        triggers: usize::from(seconds > 0),
        edited: 0,
    };
    driver.execute(id, &sql, Some(shape));
}

/// With nothing left to decide, a chore that failed was tried again at once, and again: a loop without a pause.
#[test]
fn a_stopped_scheduler_leaves_a_database_that_is_away_in_peace() {
    tell(ONE, |driver| {
        task(driver, 1, 2);
        driver.pass(15 * SECOND / 10)?;
        task(driver, 2, 2);
        driver.ask_one(0, Asked::Add(2));
        // The first fires at 3.0 s and the second at 3.5 s, whose next run is published at 4.0 s at the earliest.
        driver.pass(22 * SECOND / 10)?;
        driver.world.core().health = Health::Away;
        driver.ask_one(0, Asked::Stop);
        let before = driver.world.core().figures.faults;
        driver.pass(20 * SECOND)?;
        let asked = driver.world.core().figures.faults - before;
        assert!((10..200).contains(&asked), "the database was asked {asked} times");
        ControlFlow::Continue(())
    });
}

/// The row was committed, the caller told that it was not: nobody sent it, and nobody ended it.
#[test]
fn a_run_asked_for_now_of_which_the_commit_is_unknown_ends() {
    tell(ONE, |driver| {
        task(driver, 1, 0);
        driver.pass(SECOND)?;
        driver.world.core().health = Health::Forgetful;
        driver.ask_one(0, Asked::Run(1));
        driver.pass(SECOND / 100)?;
        driver.world.core().health = Health::Well;
        assert_eq!(driver.world.core().checker.counts(), (1, 0));
        driver.pass(100 * SECOND)?;
        let judged = driver.world.core().checker.all_ended();
        driver.judge(judged)
    });
}

/// The lease that a dead process left went on for as long as the clock had been set back.
#[test]
fn what_a_dead_process_left_is_taken_over_also_where_the_clock_was_set_back() {
    tell(TWO, |driver| {
        task(driver, 1, 0);
        driver.pass(SECOND)?;
        driver.world.core().mood = Mood::Hanging;
        driver.ask_one(1, Asked::Run(1));
        driver.pass(SECOND)?;
        driver.kill(1, 3_600 * SECOND);
        driver.world.core().wall.step(-3_600 * SECOND);
        driver.pass(40 * SECOND)?;
        assert_eq!(driver.world.core().checker.counts(), (1, 1));
        let judged = driver.world.core().checker.all_ended();
        driver.judge(judged)
    });
}

/// A deletion and a pause that one process answered did not bind the others: what they had decided and not sent left.
#[test]
fn what_one_process_answers_binds_the_others() {
    let told = |sabotage| {
        Driver::new(0, Play { sabotage, ..TWO }).tell(0, |driver| {
            task(driver, 1, 1);
            driver.pass(3 * SECOND)?;
            for round in 0..40 {
                // Connections take up to four seconds: at any time some runs are decided and have not left.
                driver.world.core().mood = Mood::Distant;
                driver.pass(4 * SECOND)?;
                let (does, undoes) =
                    [(Asked::Delete(1), Asked::Add(1)), (Asked::Pause, Asked::Resume)][round % 2];
                driver.ask_one(round / 2 % 2, does);
                driver.pass(7 * SECOND)?;
                driver.ask_one(round / 2 % 2, undoes);
                driver.world.core().mood = Mood::Prompt;
                driver.pass(2 * SECOND)?;
            }
            ControlFlow::Continue(())
        })
    };
    if let Err(failure) = told(None) {
        panic!("{failure}");
    }
    let found = told(Some(Sabotage::AcknowledgeOnly))
        .err()
        .map(|failure| failure.violation.rule);
    assert_eq!(found, Some("S1"));
}
