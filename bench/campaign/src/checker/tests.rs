//! A check that cannot fail is worth nothing: each kind of damage is done to a sound history, and must be named.

mod pairs;

use std::collections::BTreeMap;

use triggers::{Interval, Trigger, UtcMicros};

use super::*;

/// 2026-11-23T16:12:00Z.
const START: i64 = 1_795_450_320_000_000;
const SECOND: i64 = 1_000_000;
const JOB: &str = "7-7-intv";

fn at(seconds: i64) -> i64 {
    START + seconds * SECOND
}

fn run(seconds: i64, state: &str) -> Run {
    Run {
        key: seconds,
        job_id: JOB.into(),
        task_id: 7,
        kind: "interval".into(),
        scheduled_for: at(seconds),
        state: state.into(),
        decided_at: at(seconds) + 1_000,
        coalesced: 0,
        coalesced_since: None,
        attempt: 1,
        owner: "one".into(),
        fence: 1,
        finished_at: Some(at(seconds) + 5_000),
        withdrawn: false,
        muted: false,
        reason: None,
    }
}

fn receipt(seconds: i64, attempt: u32) -> Receipt {
    Receipt {
        left: at(seconds) + 2_000,
        at: at(seconds) + 2_500,
        path: "/api/7".into(),
        task: 7,
        key: format!("{JOB}@{}", UtcMicros::new(at(seconds))),
        job_id: JOB.into(),
        scheduled_for: at(seconds),
        attempt,
        answered: test_world::runner::Answered::Taken,
    }
}

fn event(message: &str) -> Event {
    Event {
        task: 7,
        at: START,
        message: message.into(),
    }
}

/// Every ten seconds: delivered at 0, two coalesced into the run at 30, missed at 40, next at 50.
fn sound() -> History {
    let interval = Interval::new(10 * SECOND, UtcMicros::new(START), None);
    let coalesced = Run {
        coalesced: 2,
        coalesced_since: Some(at(10)),
        ..run(30, "delivered")
    };
    let missed = Run {
        decided_at: at(71),
        finished_at: Some(at(71)),
        ..run(40, "missed")
    };
    let job = Job {
        id: JOB.into(),
        task: 7,
        kind: "interval".into(),
        created: at(-1),
        listed: true,
        next: Some(at(50)),
    };
    History {
        delivery: Delivery::AtMostOnce,
        schedules: vec![Schedule {
            job: JOB.into(),
            task: 7,
            trigger: Trigger::Interval(interval),
            created: at(-1),
            windows: None,
        }],
        runs: vec![run(0, "delivered"), coalesced, missed],
        jobs: BTreeMap::from([(JOB.to_owned(), job)]),
        events: vec![
            event("Job added. Scheduled for: Mon, Nov 23, 2026 16:12:00"),
            event("Job submitted."),
            event("Job executed in 0:00:00.002000."),
            event("Job submitted."),
            event("Job executed in 0:00:00.002000."),
            event("Job missed. Scheduled for: Mon, Nov 23, 2026 16:12:40. Missed by: 0:00:31.000000"),
        ],
        receipts: vec![receipt(0, 1), receipt(30, 1)],
        changes: Vec::new(),
        paused: false,
        horizon: at(45),
        grace: 30 * SECOND,
        one_clock: true,
        restored: false,
        strictness: Strictness::default(),
    }
}

/// Damages the sound history, and expects that exactly this invariant is named, with these words.
#[track_caller]
fn names(invariant: Invariant, words: &str, damage: impl FnOnce(&mut History)) {
    let mut history = sound();
    damage(&mut history);
    let found = check(&history);
    assert!(
        found
            .iter()
            .any(|violation| violation.invariant == invariant && violation.what.contains(words)),
        "{invariant} {words:?} is not in {found:#?}"
    );
}

#[test]
fn a_sound_history_violates_nothing() {
    assert_eq!(check(&sound()), []);
}

#[test]
fn a_lost_decision_is_named() {
    names(
        Invariant::I1,
        "7-7-intv of 2026-11-23T16:12:00Z: no decision",
        |history| {
            history.runs.remove(0);
        },
    );
    names(Invariant::I1, "16:12:40Z: no decision", |history| {
        history.runs.pop();
        if let Some(job) = history.jobs.get_mut(JOB) {
            job.next = Some(at(40));
        }
    });
}

#[test]
fn a_due_time_lost_between_coalesced_ones_is_named() {
    names(Invariant::I1, "16:12:10Z: no decision", |history| {
        history.runs[1].coalesced = 1;
        history.runs[1].coalesced_since = Some(at(20));
    });
    names(Invariant::I1, "answers for 2 due times", |history| {
        history.runs[1].coalesced = 1;
    });
}

#[test]
fn a_decision_about_what_another_answered_for_is_named() {
    names(Invariant::I1, "for what was decided up to", |history| {
        history.runs.push(run(20, "delivered"));
    });
}

#[test]
fn a_decision_that_was_never_due_is_named() {
    names(Invariant::I1, "is no due time of it", |history| {
        history.runs[0].scheduled_for += 1;
    });
}

#[test]
fn a_next_run_that_did_not_advance_with_its_decision_is_named() {
    names(Invariant::I1, "its next run is 2026-11-23T16:12:40Z", |history| {
        if let Some(job) = history.jobs.get_mut(JOB) {
            job.next = Some(at(40));
        }
    });
}

#[test]
fn a_run_missed_in_time_and_one_sent_too_late_are_named() {
    names(Invariant::I1, "missed, though only", |history| {
        history.runs[2].decided_at = at(70);
        history.runs[2].finished_at = Some(at(70));
    });
    names(Invariant::I1, "decided to be sent", |history| {
        history.runs[0].decided_at = at(31);
    });
}

#[test]
fn a_doubled_decision_is_named() {
    names(Invariant::I2, "has two rows", |history| {
        history.runs.push(run(0, "delivered"));
    });
}

#[test]
fn a_run_that_did_not_end_is_named() {
    names(Invariant::I3, "has not ended: sending", |history| {
        history.runs[0].state = "sending".into();
    });
}

#[test]
fn two_keys_of_one_run_are_named() {
    names(Invariant::I3, "came with 2 keys", |history| {
        history.delivery = Delivery::AtLeastOnce;
        history.receipts.push(Receipt {
            key: "another".into(),
            ..receipt(0, 2)
        });
    });
    names(Invariant::I3, "came for 2 runs", |history| {
        history.receipts[1].key = history.receipts[0].key.clone();
    });
}

#[test]
fn a_run_sent_twice_is_named_unless_it_may_be() {
    names(Invariant::I3, "came 2 times", |history| {
        history.receipts.push(receipt(0, 2));
    });
    let mut history = sound();
    history.delivery = Delivery::AtLeastOnce;
    history.receipts.push(receipt(0, 2));
    assert_eq!(check(&history), []);
    history.receipts.push(receipt(0, 2));
    assert_eq!(
        check(&history).len(),
        1,
        "one attempt is one request, in any mode"
    );
}

#[test]
fn a_request_that_does_not_fit_its_run_is_named() {
    names(Invariant::I3, "without a decision", |history| {
        history.receipts.push(receipt(50, 1));
    });
    names(Invariant::I3, "(missed): was sent", |history| {
        history.receipts.push(receipt(40, 1));
    });
    names(Invariant::I3, "never reached a runner", |history| {
        history.receipts.remove(0);
    });
    names(Invariant::I3, "the runner took it", |history| {
        history.runs[0].state = "failed".into();
    });
}

#[test]
fn an_early_request_and_an_early_decision_are_named() {
    names(Invariant::I5, "came 1 µs before", |history| {
        history.receipts[0].left = START - 1;
    });
    names(Invariant::I5, "decided before its time", |history| {
        history.runs[0].decided_at = START - 1;
    });
}

#[test]
fn a_missing_or_doubled_event_is_named() {
    for place in 0..sound().events.len() {
        names(Invariant::I7, "events of", |history| {
            history.events.remove(place);
        });
        names(Invariant::I7, "events of", |history| {
            history.events.push(history.events[place].clone());
        });
    }
    names(Invariant::I7, "missed Mon, Nov 23, 2026 16:12:40", |history| {
        history.events.pop();
        history.events.push(event(
            "Job missed. Scheduled for: Mon, Nov 23, 2026 16:12:30. Missed by: 1",
        ));
    });
}

fn change(verb: Verb, task: i32, (asked, acknowledged): (i64, bool)) -> Change {
    Change {
        verb,
        task,
        asked: at(asked),
        acknowledged: acknowledged.then(|| at(asked) + 1_000),
        over: at(asked) + 1_000,
        status: None,
        port: 1,
    }
}

#[test]
fn an_acknowledged_change_that_is_gone_is_named() {
    names(Invariant::I6, "paused is false", |history| {
        history.changes.push(change(Verb::Pause, 0, (44, true)));
    });
    names(Invariant::I6, "task 9 has no job", |history| {
        history.changes.push(change(Verb::Add, 9, (1, true)));
    });
    names(Invariant::I6, "task 7 has a job", |history| {
        history.changes.push(change(Verb::Delete, 7, (44, true)));
    });
    names(Invariant::I6, "0 delayed runs", |history| {
        history.changes.push(change(Verb::Delay, 9, (1, true)));
    });
    names(Invariant::I6, "0 manual runs", |history| {
        history.changes.push(change(Verb::Run, 9, (1, true)));
    });
}

#[test]
fn a_request_after_an_acknowledged_pause_or_delete_is_named() {
    names(Invariant::I6, "after Pause was acknowledged", |history| {
        history.changes.push(change(Verb::Pause, 0, (20, true)));
        history.changes.push(change(Verb::Resume, 0, (35, true)));
    });
    names(Invariant::I6, "after Delete was acknowledged", |history| {
        history.changes.push(change(Verb::Delete, 7, (20, true)));
        history.changes.push(change(Verb::Add, 7, (35, true)));
    });
}

#[test]
fn a_change_without_answer_may_have_taken_effect_or_not() {
    for paused in [false, true] {
        let mut history = sound();
        history.changes.push(change(Verb::Pause, 0, (44, false)));
        history.paused = paused;
        assert_eq!(check(&history), []);
    }
}

#[test]
fn what_a_stale_owner_changes_is_named() {
    let before = vec![run(0, "delivered"), run(10, "sending")];
    assert_eq!(compare(&before, &before), []);
    type Damage = fn(&mut Vec<Run>);
    let damages: [(&str, Damage); 4] = [
        ("had ended and was changed", |runs| {
            runs[0].state = "unknown".into();
        }),
        ("is gone", |runs| drop(runs.remove(0))),
        ("its fence went from 1 to 0", |runs| runs[1].fence = 0),
        ("its owner changed under the fence", |runs| {
            runs[1].owner = "two".into();
        }),
    ];
    for (words, damage) in damages {
        let mut after = before.clone();
        damage(&mut after);
        let found = compare(&before, &after);
        assert_eq!(found.len(), 1, "{words}: {found:#?}");
        assert_eq!(found[0].invariant, Invariant::I4);
        assert!(found[0].what.contains(words), "{words}: {found:#?}");
    }
    let mut after = before.clone();
    after[1] = Run {
        fence: 2,
        owner: "two".into(),
        ..run(10, "unknown")
    };
    assert_eq!(compare(&before, &after), [], "a take-over is no theft");
}
