//! Each transition of a run as a row, and those that there are not.

use triggers::UtcMicros;

use super::*;
use crate::model::{
    Action, Decision, Delivered, Delivery, DueJob, Event, JobKind, Next, OpenRun, Outcome, RunState,
    SendableRun, Settlement, SkipReason, TargetRefusal,
};
use RunState::{Claimed, Failed, Missed, Queued, Sending, Skipped, Unknown};

const AT: UtcMicros = UtcMicros::new(1_000_000);
const LATER: UtcMicros = UtcMicros::new(3_000_000);

fn run() -> SendableRun {
    SendableRun {
        key: 5,
        job_id: "3-7-cron".into(),
        task_id: 7,
        kind: JobKind::Cron,
        scheduled_for: AT,
        fence: 4,
        attempt: 1,
        not_before: Some(LATER),
        sending: false,
    }
}

fn job(kind: JobKind, has_run: bool) -> DueJob {
    DueJob {
        id: "3-7-x".into(),
        task_id: 7,
        kind,
        definition: String::new(),
        created_at: AT,
        next_run_at: AT,
        instances: 0,
        has_run,
        task_enabled: Some(true),
    }
}

fn settlement(outcome: Outcome) -> Settlement {
    Settlement {
        key: 5,
        fence: 4,
        task_id: 7,
        scheduled_for: AT,
        outcome,
    }
}

fn held(state: RunState) -> Held {
    Held {
        state: Some(state),
        fence: 4,
        attempt: 1,
        withdrawn: false,
        muted: false,
    }
}

/// Every outcome, with the final state that it means; none: the run is queued again.
fn outcomes() -> Vec<(Outcome, Option<RunState>)> {
    let reason = || "why".to_owned();
    vec![
        (Outcome::Delivered { took: 9 }, Some(RunState::Delivered)),
        (Outcome::Failed { reason: reason() }, Some(Failed)),
        (Outcome::Unknown { reason: reason() }, Some(Unknown)),
        (Outcome::Missed { late: 31_000_001 }, Some(Missed)),
        (Outcome::Skipped(SkipReason::TaskDisabled), Some(Skipped)),
        (requeued(true), None),
        (requeued(false), None),
        (Outcome::Repeat { not_before: LATER }, None),
    ]
}

fn requeued(attempted: bool) -> Outcome {
    Outcome::Requeued {
        not_before: LATER,
        attempted,
    }
}

#[test]
fn the_grace_is_exact() {
    for (late, grace, too_late) in [
        (0, 0, false),
        (1, 0, true),
        (30, 30, false),
        (31, 30, true),
        (-5, 0, false),
        (i64::MAX - 1_000_000, i64::MAX, false),
    ] {
        let now = AT.saturating_add(late);
        assert_eq!(is_late(AT, now, grace), too_late, "{late} of {grace}");
        assert_eq!(outlasts(late, grace), too_late, "{late} of {grace}");
    }
    assert_eq!(lateness_reason(31_000_001), "late by 31.000001 s");
}

#[test]
fn what_a_decision_writes() {
    let missed = Action::Missed { late: 2_000_000 };
    let full = SkipReason::MaxInstances(2);
    let table = [
        (Action::Send, true, Sending, None, Event::RunSubmitted),
        (Action::Send, false, Queued, None, Event::RunSubmitted),
        (
            missed,
            true,
            Missed,
            Some("late by 2.000000 s"),
            Event::RunMissed(AT, 2_000_000),
        ),
        (
            Action::Skipped(full),
            true,
            Skipped,
            Some("2 runs of this job have not ended (max instances)"),
            Event::RunSkipped(AT, full),
        ),
    ];
    for (outcome, permit, state, reason, event) in table {
        let decision = Decision {
            scheduled_for: AT,
            action: outcome.clone(),
            coalesced: 0,
            coalesced_since: None,
        };
        let mut asked = 0;
        let new = decided(&job(JobKind::Cron, false), &decision, || {
            asked += 1;
            permit
        });
        let new = new.expect("a cron is decided however often");
        assert_eq!((new.state, new.reason.as_deref()), (state, reason), "{outcome:?}");
        assert_eq!(new.event, event);
        assert_eq!(
            asked,
            usize::from(outcome == Action::Send),
            "no permit for what is not sent"
        );
        let sendable = new.sendable(5, &job(JobKind::Cron, false), AT);
        let facts = sendable.map(|run| (run.key, run.fence, run.attempt, run.sending));
        let expected = match state {
            Sending => Some((5, 1, 1, true)),
            Queued => Some((5, 1, 0, false)),
            _ => None,
        };
        assert_eq!(facts, expected);
        // Whatever is decided about it, the only run of a one-off is decided once.
        assert_eq!(
            decided(&job(JobKind::OneOff, true), &decision, || panic!(
                "no permit is taken"
            )),
            None
        );
        for kind in [JobKind::Cron, JobKind::Interval, JobKind::Delayed] {
            assert!(decided(&job(kind, true), &decision, || false).is_some());
        }
    }
    let before = decided_before(&job(JobKind::Cron, false), AT);
    assert_eq!(before, Event::AlreadyDecided("3-7-x".into(), AT));
}

#[test]
fn what_becomes_of_a_job() {
    for kind in [JobKind::Cron, JobKind::Interval, JobKind::OneOff] {
        assert_eq!(job_after(Next::At(LATER), kind), JobAfter::Due(LATER));
        assert_eq!(job_after(Next::Finished, kind), JobAfter::Tombstone, "{kind:?}");
        assert_eq!(job_after(Next::Removed, kind), JobAfter::Gone);
    }
    assert_eq!(job_after(Next::Finished, JobKind::Delayed), JobAfter::Gone);
    assert_eq!(JobAfter::Due(LATER).event(), None);
    for end in [JobAfter::Tombstone, JobAfter::Gone] {
        assert_eq!(end.event(), Some(Event::JobEnded));
    }
}

#[test]
fn only_a_queued_run_begins_and_only_under_its_fence() {
    for state in RunState::ALL {
        assert_eq!(is_waiting(Some(state)), state == Queued, "{state:?}");
    }
    assert!(!is_waiting(None));
    assert_eq!(begin(run(), 3), None);
    assert_eq!(begin(run(), 5), None);
    let begun = begin(run(), 4).unwrap();
    assert_eq!((begun.fence, begun.attempt, begun.sending), (5, 2, true));
    assert_eq!(begun.not_before, None);
}

#[test]
fn only_final_states_have_no_way_out() {
    for state in RunState::ALL {
        let is_final = [RunState::Delivered, Failed, Unknown, Missed, Skipped].contains(&state);
        assert_eq!(state.is_final(), is_final, "{state:?}");
        let (mut ends, mut removed) = (0, 0);
        for (outcome, _) in outcomes() {
            ends += usize::from(settle(&settlement(outcome), &held(state)) != Settling::Nothing);
        }
        removed += usize::from(remove(state, AT).is_some());
        assert_eq!((ends == 0, removed == 0), (is_final, is_final), "{state:?}");
    }
}

#[test]
fn what_settling_does() {
    for state in [Queued, Claimed, Sending] {
        for (outcome, end) in outcomes() {
            let settling = settle(&settlement(outcome.clone()), &held(state));
            let attempted = outcome != requeued(false);
            match (settling, end) {
                (Settling::Ends(ending), Some(end)) => {
                    assert_eq!(ending.state, end);
                    assert_eq!(ending.marks_task, end == Failed, "D8: {end:?}");
                    assert_eq!(ending.reason.is_none(), end == RunState::Delivered);
                    assert!(ending.event.is_some());
                }
                // A run that is not `sending` was requeued before.
                (Settling::Nothing, None) => assert_ne!(state, Sending),
                (Settling::Requeues { not_before, attempt }, None) => {
                    assert_eq!((state, not_before), (Sending, LATER));
                    assert_eq!(attempt, i64::from(attempted), "{outcome:?}");
                }
                (settling, end) => panic!("{state:?}, {outcome:?}: {settling:?}, not {end:?}"),
            }
        }
    }
}

#[test]
fn an_old_fence_an_unknown_state_and_a_settled_run_change_nothing() {
    for (outcome, _) in outcomes() {
        let stale = Held {
            fence: 5,
            ..held(Sending)
        };
        let unreadable = Held {
            state: None,
            ..held(Sending)
        };
        for held in [stale, unreadable, held(RunState::Delivered), held(Skipped)] {
            assert_eq!(
                settle(&settlement(outcome.clone()), &held),
                Settling::Nothing,
                "{outcome:?}"
            );
        }
    }
}

#[test]
fn a_muted_run_ends_without_a_word() {
    for (outcome, end) in outcomes() {
        let muted = Held {
            muted: true,
            ..held(Sending)
        };
        if let (Settling::Ends(ending), Some(end)) = (settle(&settlement(outcome), &muted), end) {
            assert_eq!(
                (ending.state, ending.event, ending.marks_task),
                (end, None, false)
            );
        }
    }
}

#[test]
fn a_withdrawn_run_is_skipped_instead_of_queued_again() {
    for (outcome, end) in outcomes() {
        for state in [Queued, Sending] {
            let withdrawn = Held {
                withdrawn: true,
                ..held(state)
            };
            let Settling::Ends(ending) = settle(&settlement(outcome.clone()), &withdrawn) else {
                panic!("{outcome:?} of a withdrawn run is an end");
            };
            assert_eq!(ending.state, end.unwrap_or(Skipped));
            if end.is_none() {
                assert_eq!(ending.reason.as_deref(), Some("deleted"));
                assert_eq!(ending.event, Some(Event::RunSkipped(AT, SkipReason::Deleted)));
            }
        }
    }
}

/// What is stored may be any number (F12).
#[test]
fn attempts_are_counted_from_one() {
    for (stored, attempted, not_attempted) in [(-3, 1, 0), (0, 1, 0), (1, 1, 0), (7, 7, 6)] {
        for (tried, expected) in [(true, attempted), (false, not_attempted)] {
            let held = Held {
                attempt: stored,
                ..held(Sending)
            };
            let requeues = Settling::Requeues {
                not_before: LATER,
                attempt: expected,
            };
            assert_eq!(settle(&settlement(requeued(tried)), &held), requeues, "{stored}");
        }
    }
}

#[test]
fn what_the_removal_of_a_job_does_to_its_runs() {
    let reason = SkipReason::Deleted;
    for state in [Queued, Claimed] {
        let skips = Removal::Skips(reason, Event::RunSkipped(AT, reason));
        assert_eq!(remove(state, AT), Some(skips), "{state:?}");
    }
    assert_eq!(remove(Sending, AT), Some(Removal::Withdraws));
}

#[test]
fn what_is_taken_over() {
    let found = |withdrawn| OpenRun {
        run: run(),
        owner: "gone".into(),
        withdrawn,
    };
    let missed = Outcome::Missed { late: 1 };
    for withdrawn in [false, true] {
        assert_eq!(take_over(TakeOver::Leave, found(withdrawn)), Taken::Left);
        let settled = take_over(TakeOver::Settle(missed.clone()), found(withdrawn));
        assert_eq!(settled, Taken::Settled(run().settlement(missed.clone())));
    }
    let Taken::Adopted(adopted) = take_over(TakeOver::Adopt, found(false)) else {
        panic!("nobody has deleted its job");
    };
    assert_eq!((adopted.fence, adopted.attempt, adopted.sending), (5, 1, false));
    let skipped = run().settlement(Outcome::Skipped(SkipReason::Deleted));
    assert_eq!(take_over(TakeOver::Adopt, found(true)), Taken::Settled(skipped));
}

/// F8, D6: seconds after the run time, attempts, whether its request may have left; at most once, at least once.
#[test]
fn what_an_absence_does_to_a_run() {
    let rules = |delivery| DeliveryRules {
        delivery,
        grace: 30_000_000,
        attempts: 3,
    };
    let table = [
        (30, 0, false, "adopted", "adopted"),
        (31, 0, false, "missed", "missed"),
        (31, 1, false, "missed", "adopted"),
        (0, 1, true, "unknown", "adopted"),
        (31, 1, true, "unknown", "adopted"),
    ];
    for (late, attempt, sending, once, least) in table {
        let open = OpenRun {
            run: SendableRun {
                attempt,
                sending,
                ..run()
            },
            owner: "gone".into(),
            withdrawn: false,
        };
        let now = AT.saturating_add(late * 1_000_000);
        for (delivery, expected) in [(Delivery::AtMostOnce, once), (Delivery::AtLeastOnce, least)] {
            let found = match left_behind(&open, now, rules(delivery)) {
                TakeOver::Adopt => "adopted",
                TakeOver::Settle(Outcome::Missed { .. }) => "missed",
                TakeOver::Settle(Outcome::Unknown { .. }) => "unknown",
                other => panic!("{other:?}"),
            };
            assert_eq!(
                found, expected,
                "{late} s late, attempt {attempt}, {sending}, {delivery}"
            );
            if !sending {
                let missed = missed_meanwhile(&open.run, now, rules(delivery)).is_some();
                assert_eq!(missed, expected == "missed");
                assert_eq!(
                    unknown_here(&open, now, rules(delivery)),
                    left_behind(&open, now, rules(delivery))
                );
            }
        }
    }
}

#[test]
fn a_run_asked_for_now_is_never_sent_again() {
    let at_least = DeliveryRules {
        delivery: Delivery::AtLeastOnce,
        grace: 30_000_000,
        attempts: 3,
    };
    let open = OpenRun {
        run: manual(5, "3-7-run-x".into(), 7, AT),
        owner: "us".into(),
        withdrawn: false,
    };
    let is_unknown = |said| matches!(said, TakeOver::Settle(Outcome::Unknown { .. }));
    assert!(is_unknown(left_behind(&open, AT, at_least)));
    // One that was begun just now may be about to be known.
    for (seconds, unknown) in [(0, false), (30, false), (31, true), (-31, true)] {
        let now = AT.saturating_add(seconds * 1_000_000);
        assert_eq!(
            is_unknown(unknown_here(&open, now, at_least)),
            unknown,
            "{seconds} s"
        );
    }
    let refused = Delivered::Refused(TargetRefusal {
        reason: "500".into(),
        message: String::new(),
        temporary: true,
    });
    for (delivered, state) in [
        (Delivered::Accepted { took: 1 }, RunState::Delivered),
        (refused, Failed),
        (Delivered::NotSent("x".into()), Failed),
        (Delivered::Ambiguous("x".into()), Unknown),
        (Delivered::Held, Skipped),
        (Delivered::Withdrawn, Skipped),
    ] {
        let ended = settle(&settlement(manual_ended(&delivered)), &held(Sending));
        let Settling::Ends(ending) = ended else {
            panic!("{delivered:?}: {ended:?}");
        };
        assert_eq!(ending.state, state, "{delivered:?}");
    }
}
