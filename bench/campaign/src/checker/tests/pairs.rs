//! What only a second process or another session's locks can damage.

use super::*;

#[test]
fn an_end_before_its_beginning_is_named() {
    names(Invariant::I7, "comes before what it ends", |history| {
        history.events.swap(1, 2);
    });
}

#[test]
fn an_event_written_behind_later_ones_is_named_where_every_event_is_judged() {
    let late = |history: &mut History| {
        for (event, seconds) in history.events.iter_mut().zip([-1, 0, 0, 30, 30, 71]) {
            event.at = at(seconds);
        }
        // The second run's submission comes behind what is later still.
        history.events[4].at = at(40);
        history.events[3].at = at(60);
    };
    let mut history = sound();
    late(&mut history);
    assert_eq!(check(&history), [], "elsewhere a stopped process may be late");
    names(Invariant::I7, "comes after an event of", |history| {
        late(history);
        history.strictness.every_event = true;
    });
}

#[test]
fn an_addition_without_its_event_is_named_where_every_event_is_judged() {
    let added = |history: &mut History, events: usize| {
        history.strictness.every_event = true;
        history.schedules[0].windows = Some(vec![(START, at(45))]);
        history.changes.push(change(Verb::Add, 7, (20, true)));
        let told = event("Job added. Scheduled for: Mon, Nov 23, 2026 16:12:30");
        history.events.extend(std::iter::repeat_n(told, events));
    };
    let mut history = sound();
    added(&mut history, 1);
    assert_eq!(check(&history), []);
    for events in [0, 2] {
        names(Invariant::I7, "1 calls, 1 acknowledged", |history| {
            added(history, events);
        });
    }
}

#[test]
fn nothing_is_told_of_a_task_that_is_gone() {
    let mut history = sound();
    history.events.clear();
    history.strictness.gone.insert(7);
    assert_eq!(check(&history), []);
}

#[test]
fn a_request_that_left_just_behind_the_answer_is_named() {
    let raced = |history: &mut History, after: i64| {
        history.strictness.carried = 500;
        history.changes = vec![
            change(Verb::Pause, 0, (20, true)),
            change(Verb::Resume, 0, (40, true)),
        ];
        let acknowledged = at(20) + 1_000;
        history.receipts[1].left = acknowledged + after;
        history.receipts[1].scheduled_for = acknowledged - 1;
    };
    let found = |after: i64| {
        let mut history = sound();
        raced(&mut history, after);
        broken_silences(&history).first().map(|broken| broken.after)
    };
    assert_eq!([found(-1), found(0), found(500)], [None; 3]);
    assert_eq!(found(501), Some(501));
    // When it was read does not count, nor what left once the resumption was asked for.
    assert_eq!(found(20 * SECOND - 1_000), None);
    names(Invariant::I6, "501 µs after Pause was acknowledged", |history| {
        raced(history, 501);
    });
}

#[test]
fn a_request_after_the_deletion_of_everything_is_named() {
    let deleted = |history: &mut History| {
        history.schedules[0].windows = Some(Vec::new());
        history.changes = vec![
            change(Verb::DeleteAll, 0, (20, true)),
            change(Verb::Add, 7, (35, true)),
        ];
    };
    names(Invariant::I6, "after DeleteAll was acknowledged", deleted);
    let mut history = sound();
    deleted(&mut history);
    history.changes[1].asked = at(25);
    assert!(broken_silences(&history).is_empty(), "it was added before");
}

#[test]
fn a_call_that_met_a_run_of_the_other_process_is_counted() {
    let owners = BTreeMap::from([(1, "one".to_owned()), (2, "two".to_owned())]);
    let met = |damage: &dyn Fn(&mut History)| {
        let mut history = sound();
        // Decided at 30 s and 1 ms, over at 30 s and 5 ms.
        history.changes.push(Change {
            asked: at(30) + 2_000,
            acknowledged: Some(at(30) + 3_000),
            port: 2,
            ..change(Verb::Pause, 0, (30, true))
        });
        damage(&mut history);
        raced(&history, &owners)
    };
    assert_eq!(met(&|_| ()), 1);
    assert_eq!(met(&|history| history.changes[0].port = 1), 0, "its own run");
    assert_eq!(met(&|history| history.changes[0].asked = at(30) + 5_000), 0);
    assert_eq!(
        met(&|history| history.changes[0].acknowledged = Some(at(30) + 1_000)),
        0
    );
    let deletes = |history: &mut History, task| {
        (history.changes[0].verb, history.changes[0].task) = (Verb::Delete, task);
    };
    assert_eq!(met(&|history| deletes(history, 7)), 1);
    assert_eq!(met(&|history| deletes(history, 8)), 0, "another task");
}

#[test]
fn a_late_decision_beside_a_process_that_is_well_is_named() {
    let judged = |history: &mut History, windows: &[(i64, i64)]| {
        history.strictness.punctual = Some(Punctual {
            windows: windows.to_vec(),
            latest: 6 * SECOND,
        });
    };
    // The run at 30 answers for two more since 10, and the one at 40 is missed at 71.
    names(Invariant::I8, "decided 20.001 s after", |history| {
        judged(history, &[(at(10), at(10))]);
    });
    names(
        Invariant::I8,
        "decided 31 s after 2026-11-23T16:12:40Z: missed",
        |history| {
            judged(history, &[(at(35), at(45))]);
        },
    );
    names(Invariant::I8, "decided in time and missed", |history| {
        judged(history, &[(at(0), at(0))]);
        history.runs[0].state = "missed".into();
        history.runs[0].finished_at = Some(at(40));
    });
    let mut history = sound();
    judged(
        &mut history,
        &[(at(-5), at(9)), (at(11), at(39)), (at(41), at(90))],
    );
    assert_eq!(check(&history), [], "outside of the windows nothing is judged");
    assert!((latest_decision(&history) - 0.001).abs() < 1e-9);
}

#[test]
fn what_may_have_been_paused_is_not_judged_by_its_lateness() {
    let unanswered = Change {
        over: at(60),
        ..change(Verb::Pause, 0, (50, false))
    };
    let changes = [
        change(Verb::Pause, 0, (10, true)),
        change(Verb::Resume, 0, (20, true)),
        // Asked for before the pause was over, so it may have come before it.
        unanswered,
        change(Verb::Resume, 0, (55, true)),
        change(Verb::Resume, 0, (70, true)),
    ];
    let punctual = Punctual::outside_pauses((at(0), at(100)), (&changes, &[]), SECOND);
    assert_eq!(
        punctual.windows,
        [
            (at(0), at(7)),
            (at(20) + 1_000, at(47)),
            (at(70) + 1_000, at(100))
        ]
    );
    let for_ever = Punctual::outside_pauses((at(0), at(100)), (&changes[..1], &[]), SECOND);
    assert_eq!(for_ever.windows, [(at(0), at(7))]);
    let seen = [at(59), at(61)];
    let punctual = Punctual::outside_pauses((at(0), at(100)), (&changes, &seen), SECOND);
    assert_eq!(punctual.windows[2..], [(at(61), at(100))], "not paused after all");
}
