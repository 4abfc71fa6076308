//! I6 and rule S1: what the API has acknowledged is in the database when it is acknowledged, and only what may undo it
//! undoes it.

use std::collections::{HashMap, HashSet};

use super::{Carried, Checker, Doing, Job, Receipt, Verdict, Violation, runs};
use crate::operation::Op;
use test_world::rows::Run as RunRow;

/// What a caller of the API asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Add(i32),
    Delete(i32),
    DeleteAll,
    DeleteOrphans,
    Run(i32),
    RunLater(i32),
    Pause,
    Resume,
    /// Shutdown or kill.
    Stop,
    List,
}

/// A task as em_web has it.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub enabled: bool,
    /// Where all tasks are of one project: whether that is a sequence, and the order of this one in it.
    pub place: Option<(bool, i64)>,
    /// Active triggers of its project.
    pub triggers: usize,
    /// When em_web last touched it, in time passed.
    pub edited: i64,
}

#[derive(Debug)]
struct Effect {
    asked: Asked,
    process: String,
    /// The last run there was.
    run: i64,
}

#[derive(Debug, Default)]
pub(super) struct Promises {
    shapes: HashMap<i32, Shape>,
    gone: HashSet<i32>,
    effects: Vec<Effect>,
    /// When a pause was acknowledged that nobody has asked to end.
    paused: Option<i64>,
    /// When the deletion of runs up to this one was acknowledged, by task.
    deleted: HashMap<i32, (i64, i64)>,
    deleted_all: Option<(i64, i64)>,
    stopped: HashMap<String, i64>,
}

impl Promises {
    pub(super) fn is_gone(&self, task: i32) -> bool {
        self.gone.contains(&task)
    }

    /// Whether an enabled task comes before this one in a sequence. All names are equal.
    pub(super) fn follows(&self, task: i32) -> bool {
        let there = |task: &i32| !self.gone.contains(task);
        let Some((true, order)) = self.shapes.get(&task).and_then(|shape| shape.place) else {
            return false;
        };
        let mut others = self.shapes.iter().filter(|(other, _)| there(other));
        others.any(|(other, shape)| {
            shape.enabled
                && shape
                    .place
                    .is_some_and(|(_, of_other)| (of_other, *other) < (order, task))
        })
    }

    /// A task of a project that has several was changed at this time: what the project is, it is for all of them.
    fn spread(&mut self, changed: Option<Shape>, passed: i64) {
        for shape in self.shapes.values_mut() {
            let Some((_, order)) = shape.place else { continue };
            shape.edited = passed;
            if let Some(Shape {
                place: Some((flag, _)),
                triggers,
                ..
            }) = changed
            {
                shape.place = Some((flag, order));
                shape.triggers = triggers;
            }
        }
    }

    /// The task was added, which enables it.
    pub(super) fn added(&mut self, task: i32, passed: i64) {
        if self.is_gone(task) {
            return;
        }
        if let Some(shape) = self.shapes.get_mut(&task) {
            shape.enabled = true;
            if shape.place.is_some() {
                self.spread(None, passed);
            }
        }
    }

    /// A request that is no manual run leaves; those that left in the same instant may have been on their way.
    pub(super) fn judge_send(&self, receipt: &Receipt, row: &RunRow) -> Verdict {
        let after = |since: &i64| receipt.passed > *since;
        let told = |what: &str| Err(Violation::new("S1", format!("{receipt:?} leaves after {what}")));
        if self.stopped.get(&receipt.process).is_some_and(after) {
            return told("the stop");
        }
        // These bind every process, whichever was asked.
        if self.paused.as_ref().is_some_and(after) {
            return told("the pause");
        }
        let deleted = [self.deleted.get(&row.task_id), self.deleted_all.as_ref()];
        let mut deleted = deleted.iter().flatten();
        if deleted.any(|(since, last)| after(since) && row.key <= *last) {
            return told("the deletion");
        }
        Ok(())
    }
}

impl Checker {
    /// em_web has changed a task; none: it is gone.
    pub fn edited(&mut self, (task, passed): (i32, i64), shape: Option<Shape>) {
        match shape {
            Some(shape) => {
                self.promises.gone.remove(&task);
                self.promises.shapes.insert(task, shape);
            }
            None => {
                self.promises.gone.insert(task);
            }
        }
        self.promises.spread(shape, passed);
    }

    /// The API is asked. Returns the place from which the effect is to be looked for.
    pub fn asked(&mut self, asked: Asked) -> usize {
        if asked == Asked::Resume {
            self.promises.paused = None;
        }
        self.promises.effects.len()
    }

    /// The API has answered that it is done.
    pub fn acknowledged(&mut self, asked: Asked, since: usize, (process, passed): (&str, i64)) -> Verdict {
        let promises = &mut self.promises;
        if matches!(asked, Asked::List) {
            return Ok(());
        }
        if asked == Asked::Stop {
            promises.stopped.insert(process.to_owned(), passed);
            return Ok(());
        }
        let mut found = promises.effects[since..].iter();
        let Some(effect) = found.rfind(|effect| effect.asked == asked && effect.process == process) else {
            return Err(Violation::new(
                "I6",
                format!("{process} answers that {asked:?} is done, and the database knows nothing of it"),
            ));
        };
        let last = (passed, effect.run);
        match asked {
            // A resume that was asked for meanwhile may have come first or will come last.
            Asked::Pause if self.paused => promises.paused = Some(passed),
            Asked::Delete(task) => {
                promises.deleted.insert(task, last);
            }
            Asked::DeleteAll => promises.deleted_all = Some(last),
            _ => {}
        }
        Ok(())
    }

    /// Notes what has taken effect of what may be asked for.
    pub(super) fn note_effects(&mut self, carried: Carried<'_>, doing: &Doing) {
        let of_task = |task: i32| self.jobs.values().filter(move |job| job.row.task_id == task);
        let waits = |task: Option<i32>| {
            let mut open = self.open.iter().map(|key| &self.runs[key].row);
            open.any(|row| row.state == "queued" && task.is_none_or(|task| row.task_id == task))
        };
        let asked = match *carried.op {
            Op::Replace(task) => {
                let new = of_task(task).all(|job| doing.jobs.contains(&job.row.key));
                let shape = self.promises.shapes.get(&task);
                let wanted = shape
                    .filter(|_| !self.promises.follows(task))
                    .map_or(0, |shape| shape.triggers);
                let done = new && of_task(task).count() == wanted;
                // Of a task that is gone just then nobody is told an error; it may be back when the answer comes.
                (done || self.promises.is_gone(task)).then_some(Asked::Add(task))
            }
            Op::Add(task) => (!doing.jobs.is_empty()).then_some(Asked::RunLater(task)),
            Op::Remove(task) => {
                (of_task(task).next().is_none() && !waits(Some(task))).then_some(Asked::Delete(task))
            }
            Op::RemoveAll => (self.jobs.is_empty() && !waits(None)).then_some(Asked::DeleteAll),
            Op::RemoveOrphans => {
                let orphans = self
                    .jobs
                    .values()
                    .any(|job| self.promises.is_gone(job.row.task_id));
                (!orphans).then_some(Asked::DeleteOrphans)
            }
            Op::Pause(true) => self.paused.then_some(Asked::Pause),
            Op::Pause(false) => {
                self.promises.paused = None;
                (!self.paused).then_some(Asked::Resume)
            }
            Op::Manual(task) => (!doing.runs.is_empty()).then_some(Asked::Run(task)),
            _ => None,
        };
        if let Some(asked) = asked {
            self.promises.effects.push(Effect {
                asked,
                process: carried.process.to_owned(),
                run: self.runs.keys().next_back().copied().unwrap_or(0),
            });
        }
    }

    /// Whether an operation other than a decision may remove a job.
    pub(super) fn may_remove(&self, carried: Carried<'_>, job: &Job) -> Verdict {
        let row = &job.row;
        let may = match *carried.op {
            Op::Replace(task) | Op::Remove(task) => row.task_id == task,
            Op::RemoveAll => true,
            Op::RemoveOrphans => self.promises.is_gone(row.task_id),
            // `job_sync` follows em_web, and leaves alone what em_web did not touch.
            Op::Sync => {
                let shape = self.promises.shapes.get(&row.task_id);
                let touched = shape.is_none_or(|shape| !shape.enabled || shape.edited >= job.born);
                row.kind != "delayed" && touched
            }
            _ => false,
        };
        if may {
            return Ok(());
        }
        Err(Violation::new(
            "I6",
            format!("{} removes job {}", carried.op, row.id),
        ))
    }

    /// Open runs, in words: for the trace.
    pub fn waiting(&self) -> String {
        let open = self.open.iter().map(|key| &self.runs[key].row);
        let names: Vec<String> = open
            .map(|row| format!("{} {}", runs::name(row), row.state))
            .collect();
        names.join(", ")
    }
}
