//! Tests of desk, lines, permits and standings together: whose run goes next (D7, D10).

use std::ops::RangeInclusive;

use triggers::UtcMicros;

use super::desk::Desk;
use super::desk::tests::{NOW, keys, run};
use crate::model::TaskId;

const LATER: UtcMicros = UtcMicros::new(NOW.get() + 500_000);

/// A desk of so many permits, at which these tasks have just been answered in time.
fn known(permits: usize, tasks: RangeInclusive<TaskId>) -> Desk {
    let mut desk = Desk::new(permits);
    for task in tasks {
        desk.push(run(-i64::from(task), task));
        let asked = desk.take_ready(NOW, 1).remove(0);
        desk.answer(&asked, true);
        desk.end(&asked);
        desk.forget(&asked);
    }
    assert_eq!(desk.remembered(), 0);
    desk
}

/// Hands over one run of each task; its key is the task's number.
fn push_each(desk: &mut Desk, tasks: RangeInclusive<TaskId>) {
    tasks.for_each(|task| desk.push(run(task.into(), task)));
}

#[test]
fn tasks_take_turns() {
    let mut desk = Desk::new(100);
    for (key, task) in [(1, 7), (2, 7), (3, 7), (4, 8), (5, 9)] {
        desk.push(run(key, task));
    }
    assert_eq!(keys(&desk.take_ready(NOW, 100)), [1, 4, 5, 2, 3]);
}

#[test]
fn a_task_holds_a_tenth_while_others_wait_and_never_the_last_tenth() {
    let mut desk = known(20, 7..=9);
    (1..=30).for_each(|key| desk.push(run(key, 7)));
    desk.push(run(99, 8));
    let first = desk.take_ready(NOW, 4);
    assert_eq!(
        keys(&first),
        [1, 99, 2, 3],
        "two are its tenth; the third only once nobody else waits"
    );
    assert_eq!(
        desk.take_ready(NOW, 100).len(),
        14,
        "two of twenty stay free for whoever comes"
    );
    desk.push(run(100, 9));
    assert_eq!(keys(&desk.take_ready(NOW, 100)), [100]);
}

#[test]
fn a_task_that_hangs_alone_leaves_room_for_those_never_asked() {
    let mut desk = Desk::new(10);
    (1..=30).for_each(|key| desk.push(run(key, 7)));
    assert_eq!(desk.take_ready(NOW, 100).len(), 7, "of eight");
    for now in [NOW, LATER] {
        let key = now.get();
        desk.push(run(key, 8));
        let next = desk.take_ready(now, 100);
        assert_eq!(keys(&next), [key]);
        desk.end(&next[0]);
    }
}

/// Tasks that were never asked, and more of them than there are permits (D10).
#[test]
fn tasks_that_hang_for_the_first_time_hold_up_none_that_was_answered() {
    let mut desk = known(20, 1..=8);
    push_each(&mut desk, 1_001..=2_000);
    let hanging = desk.take_ready(NOW, 100);
    assert_eq!(keys(&hanging), (1_001..=1_015).collect::<Vec<_>>());
    for now in [NOW, LATER] {
        push_each(&mut desk, 1..=4);
        let healthy = desk.take_ready(now, 100);
        assert_eq!(keys(&healthy), [1, 2, 3, 4], "they pass those that wait");
        assert!(desk.admit(5, now), "and so does one that is being decided");
        assert!(!desk.admit(6, now), "all twenty are in use");
        desk.release(5);
        assert!(!desk.admit(2_001, now), "a task that was never asked does not");
        for run in &healthy {
            desk.answer(run, true);
            desk.end(run);
            desk.forget(run);
        }
    }
    // The first gives up: the next that was never asked has its permit, before those known to be slow.
    push_each(&mut desk, 1_001..=1_005);
    desk.end(&hanging[0]);
    assert_eq!(keys(&desk.take_ready(LATER, 100)), [1_016]);
}

/// The same of tasks that were answered, but not lately.
#[test]
fn tasks_that_were_answered_once_and_hang_hold_up_none_that_was_answered_lately() {
    let mut desk = known(16, 1..=4);
    desk.trust((1_001..=2_000).collect());
    push_each(&mut desk, 1_001..=2_000);
    assert_eq!(desk.take_ready(NOW, 100).len(), 14);
    for now in [NOW, LATER] {
        push_each(&mut desk, 1..=2);
        let healthy = desk.take_ready(now, 100);
        assert_eq!(keys(&healthy), [1, 2]);
        healthy.iter().for_each(|run| desk.end(run));
    }
}

#[test]
fn a_task_that_waits_goes_into_the_line_of_its_standing_and_keeps_its_turn() {
    let mut desk = known(20, 1..=1);
    push_each(&mut desk, 101..=115);
    push_each(&mut desk, 101..=103);
    push_each(&mut desk, 116..=118);
    let hanging = desk.take_ready(NOW, 15);
    push_each(&mut desk, 1..=1);
    // The second answers: its next run waits no longer behind those of the others, and there is room for one of them.
    desk.answer(&hanging[1], true);
    let next = desk.take_ready(NOW, 2);
    assert_eq!(keys(&next), [116, 102]);
    desk.answer(&next[1], true);
    // What is written down of a task lets it pass the other one, and not wait for whose turn comes later.
    desk.trust(vec![118]);
    let next = desk.take_ready(NOW, 100);
    assert_eq!(keys(&next), [118, 1]);
    next.iter().for_each(|run| desk.answer(run, true));
    // Half a second later those that hang are known to be slow, and one that was never asked comes before them.
    desk.end(&hanging[14]);
    assert_eq!(keys(&desk.take_ready(LATER, 100)), [117]);
    assert!(desk.anybody_waits());
}
