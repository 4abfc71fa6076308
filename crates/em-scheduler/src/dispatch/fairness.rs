//! Tests of the line, the permits and the standings together: whose run goes next (D7, D10).

use std::ops::RangeInclusive;

use triggers::UtcMicros;

use super::local_runs::LocalRuns;
use super::local_runs::tests::{NOW, key, keys, run};
use crate::model::TaskId;

const LATER: UtcMicros = UtcMicros::new(NOW.get() + 500_000);

/// So many permits, and these tasks have just been answered in time.
fn known(permits: usize, tasks: RangeInclusive<TaskId>) -> LocalRuns {
    let mut runs = LocalRuns::new(permits);
    for task in tasks {
        runs.push(run(-i64::from(task), task));
        let asked = runs.take_ready(NOW, 1).remove(0);
        runs.answer(asked.key, true);
        runs.permits.end(asked.key);
        runs.handles.forget(&asked);
    }
    assert_eq!(runs.remembered(), 0);
    runs
}

/// Hands over one run of each task; its key is the task's number.
fn push_each(runs: &mut LocalRuns, tasks: RangeInclusive<TaskId>) {
    tasks.for_each(|task| runs.push(run(task.into(), task)));
}

#[test]
fn tasks_take_turns() {
    let mut runs = LocalRuns::new(100);
    for (key, task) in [(1, 7), (2, 7), (3, 7), (4, 8), (5, 9)] {
        runs.push(run(key, task));
    }
    assert_eq!(keys(&runs.take_ready(NOW, 100)), [1, 4, 5, 2, 3]);
}

#[test]
fn a_task_holds_a_tenth_while_others_wait_and_never_the_last_tenth() {
    let mut runs = known(20, 7..=9);
    (1..=30).for_each(|key| runs.push(run(key, 7)));
    runs.push(run(99, 8));
    let first = runs.take_ready(NOW, 4);
    assert_eq!(
        keys(&first),
        [1, 99, 2, 3],
        "two are its tenth; the third only once nobody else waits"
    );
    assert_eq!(
        runs.take_ready(NOW, 100).len(),
        14,
        "two of twenty stay free for whoever comes"
    );
    runs.push(run(100, 9));
    assert_eq!(keys(&runs.take_ready(NOW, 100)), [100]);
}

#[test]
fn a_task_that_hangs_alone_leaves_room_for_those_never_asked() {
    let mut runs = LocalRuns::new(10);
    (1..=30).for_each(|key| runs.push(run(key, 7)));
    assert_eq!(runs.take_ready(NOW, 100).len(), 7, "of eight");
    for now in [NOW, LATER] {
        let key = now.get();
        runs.push(run(key, 8));
        let next = runs.take_ready(now, 100);
        assert_eq!(keys(&next), [key]);
        runs.permits.end(next[0].key);
    }
}

/// Tasks that were never asked, and more of them than there are permits (D10).
#[test]
fn tasks_that_hang_for_the_first_time_hold_up_none_that_was_answered() {
    let mut runs = known(20, 1..=8);
    push_each(&mut runs, 1_001..=2_000);
    let hanging = runs.take_ready(NOW, 100);
    assert_eq!(keys(&hanging), (1_001..=1_015).collect::<Vec<_>>());
    for now in [NOW, LATER] {
        push_each(&mut runs, 1..=4);
        let healthy = runs.take_ready(now, 100);
        assert_eq!(keys(&healthy), [1, 2, 3, 4], "they pass those that wait");
        assert!(runs.admit(key(5), now), "and so does one that is being decided");
        assert!(!runs.admit(key(6), now), "all twenty are in use");
        runs.permits.release(key(5));
        assert!(
            !runs.admit(key(2_001), now),
            "a task that was never asked does not"
        );
        for run in &healthy {
            runs.answer(run.key, true);
            runs.permits.end(run.key);
            runs.handles.forget(run);
        }
    }
    // The first gives up: the next that was never asked has its permit, before those known to be slow.
    push_each(&mut runs, 1_001..=1_005);
    runs.permits.end(hanging[0].key);
    assert_eq!(keys(&runs.take_ready(LATER, 100)), [1_016]);
}

/// The same of tasks that were answered, but not lately.
#[test]
fn tasks_that_were_answered_once_and_hang_hold_up_none_that_was_answered_lately() {
    let mut runs = known(16, 1..=4);
    runs.trust((1_001..=2_000).map(key));
    push_each(&mut runs, 1_001..=2_000);
    assert_eq!(runs.take_ready(NOW, 100).len(), 14);
    for now in [NOW, LATER] {
        push_each(&mut runs, 1..=2);
        let healthy = runs.take_ready(now, 100);
        assert_eq!(keys(&healthy), [1, 2]);
        healthy.iter().for_each(|run| runs.permits.end(run.key));
    }
}

#[test]
fn a_task_that_waits_goes_to_those_of_its_standing_and_keeps_its_turn() {
    let mut runs = known(20, 1..=1);
    push_each(&mut runs, 101..=115);
    push_each(&mut runs, 101..=103);
    push_each(&mut runs, 116..=118);
    let hanging = runs.take_ready(NOW, 15);
    push_each(&mut runs, 1..=1);
    // The second answers: its next run waits no longer behind those of the others, and there is room for one of them.
    runs.answer(hanging[1].key, true);
    let next = runs.take_ready(NOW, 2);
    assert_eq!(keys(&next), [116, 102]);
    runs.answer(next[1].key, true);
    // What is written down of a task lets it pass the other one, and not wait for whose turn comes later.
    runs.trust([key(118)]);
    let next = runs.take_ready(NOW, 100);
    assert_eq!(keys(&next), [118, 1]);
    next.iter().for_each(|run| runs.answer(run.key, true));
    // Half a second later those that hang are known to be slow, and one that was never asked comes before them.
    runs.permits.end(hanging[14].key);
    assert_eq!(keys(&runs.take_ready(LATER, 100)), [117]);
    assert!(runs.line.any());
}
