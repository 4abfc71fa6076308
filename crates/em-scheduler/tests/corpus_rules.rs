//! The firing rules' corpus: scripts of what a scheduler is told and what it must do (docs/semantics.md F2 to F5, F9).
//!
//! Every decision is the shipped code's: which run times count, which are skipped and what comes next is
//! [`plan`]'s, lateness is [`is_late`]'s, first and next times are the trigger's. The model here only holds jobs and
//! reads scripts. It stands where the corpus asks for things that the service has no use for: options per job, pausing
//! one job, waiting in a thread pool. `EM_CORPUS` names another folder; it need not have a `rules.jsonl`, but some case of the
//! corpus.
//!
//! The corpus lets the grace run out while a run waits for its turn, as the original does; the service judges when it
//! decides (F7). That is the same rule asked with another clock, so here it is asked with the clock the script names.

#![expect(clippy::unwrap_used, reason = "a malformed corpus fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use em_scheduler::engine::plan::{FiringRules, plan};
use em_scheduler::model::life::is_late;
use em_scheduler::model::{Action, Decision, DueJob, JobKind, Next, SkipReason};
use serde_json::{Map, Value, json};
use triggers::{Case, DstPolicy, Trigger, UtcMicros};

const SECOND: f64 = 1_000_000.0;

/// One job of a script.
struct Job {
    trigger: Trigger,
    /// None while it is paused, and where the trigger never fires.
    next_run: Option<UtcMicros>,
    rules: FiringRules,
}

/// The jobs of a script, and whether the scheduler itself is paused.
#[derive(Default)]
struct Model {
    jobs: BTreeMap<String, Job>,
    paused: bool,
}

/// The original's name of an error.
type Refusal = &'static str;
const UNKNOWN_JOB: Refusal = "JobLookupError";
const WRONG_OPTION: Refusal = "TypeError";
const KNOWN_JOB: Refusal = "ConflictingIdError";

fn instant(value: &Value) -> UtcMicros {
    value.as_str().unwrap().parse().unwrap()
}

fn seconds(step: &Value, key: &str) -> i64 {
    (step[key].as_f64().unwrap_or(0.0) * SECOND).round() as i64
}

fn trigger(said: &Value, now: UtcMicros) -> Trigger {
    let mut case = Case::parse(&said.to_string()).unwrap();
    case.created = Some(now);
    case.trigger(DstPolicy::Literal).unwrap()
}

/// Changes the rules as far as options are given. A wrong one changes nothing.
fn with_options(rules: FiringRules, options: &Map<String, Value>) -> Result<FiringRules, Refusal> {
    let mut rules = rules;
    if let Some(grace) = options.get("misfire_grace_time") {
        rules.grace = match grace {
            Value::Null => i64::MAX,
            grace => {
                let seconds = grace.as_i64().filter(|seconds| *seconds > 0);
                seconds.ok_or(WRONG_OPTION)?.saturating_mul(1_000_000)
            }
        };
    }
    if let Some(most) = options.get("max_instances") {
        let most = most.as_u64().filter(|most| *most > 0).ok_or(WRONG_OPTION)?;
        rules.max_instances = u32::try_from(most).unwrap_or(u32::MAX);
    }
    if let Some(coalesce) = options.get("coalesce") {
        rules.coalesce = coalesce.as_bool().ok_or(WRONG_OPTION)?;
    }
    Ok(rules)
}

impl Model {
    fn job(&mut self, step: &Value) -> Result<&mut Job, Refusal> {
        self.jobs.get_mut(step["id"].as_str().unwrap()).ok_or(UNKNOWN_JOB)
    }

    /// What the script sees of a job.
    fn seen(&self, id: &str) -> Value {
        match self.jobs.get(id) {
            Some(job) => json!({ "exists": true, "next_run_time": job.next_run }),
            None => json!({ "exists": false, "next_run_time": null }),
        }
    }

    /// Does one step of a script and answers in the words of the corpus.
    fn step(&mut self, step: &Value) -> Value {
        let now = instant(&step["now"]);
        match step["op"].as_str().unwrap() {
            "tick" => self.tick(step, now),
            op @ ("pause_scheduler" | "resume_scheduler") => {
                self.paused = op == "pause_scheduler";
                json!({})
            }
            op => match self.order(op, step, now) {
                Ok(()) if op == "remove" => json!({}),
                Ok(()) => self.seen(step["id"].as_str().unwrap()),
                Err(refusal) => json!({ "error": refusal }),
            },
        }
    }

    /// An order that concerns one job.
    fn order(&mut self, op: &str, step: &Value, now: UtcMicros) -> Result<(), Refusal> {
        match op {
            "add" => self.add(step, now),
            "remove" => {
                let removed = self.jobs.remove(step["id"].as_str().unwrap());
                removed.map(|_| ()).ok_or(UNKNOWN_JOB)
            }
            "pause" => {
                self.job(step)?.next_run = None;
                Ok(())
            }
            "resume" => {
                let job = self.job(step)?;
                job.next_run = job.trigger.next_fire(None, now);
                if job.next_run.is_none() {
                    self.jobs.remove(step["id"].as_str().unwrap());
                }
                Ok(())
            }
            "reschedule" => {
                let job = self.job(step)?;
                job.trigger = trigger(&step["trigger"], now);
                job.next_run = job.trigger.next_fire(None, now);
                Ok(())
            }
            "modify" => {
                let changes = step["changes"].as_object().unwrap();
                let job = self.job(step)?;
                job.rules = with_options(job.rules, changes)?;
                if let Some(time) = changes.get("next_run_time") {
                    job.next_run = (!time.is_null()).then(|| instant(time));
                }
                if let Some(changed) = changes.get("trigger") {
                    job.trigger = trigger(changed, now);
                }
                Ok(())
            }
            other => panic!("there is no step {other}"),
        }
    }

    fn add(&mut self, step: &Value, now: UtcMicros) -> Result<(), Refusal> {
        let defaults = FiringRules {
            grace: 1_000_000,
            coalesce: true,
            max_instances: 1,
        };
        let said = step.as_object().unwrap();
        let rules = with_options(defaults, said)?;
        let id = step["id"].as_str().unwrap();
        if self.jobs.contains_key(id) && step["replace_existing"] != json!(true) {
            return Err(KNOWN_JOB);
        }
        let trigger = trigger(&step["trigger"], now);
        let next_run = match said.get("next_run_time") {
            None => trigger.next_fire(None, now),
            Some(Value::Null) => None,
            Some(time) => Some(instant(time)),
        };
        let job = Job {
            trigger,
            next_run,
            rules,
        };
        self.jobs.insert(id.to_owned(), job);
        Ok(())
    }

    /// One round.
    fn tick(&mut self, step: &Value, now: UtcMicros) -> Value {
        let mut round = Round {
            now,
            delay: seconds(step, "exec_delay"),
            run: seconds(step, "run_seconds"),
            ..Round::default()
        };
        let mut due: Vec<(UtcMicros, String)> = Vec::new();
        for (id, job) in self.jobs.iter().filter(|_| !self.paused) {
            due.extend(
                job.next_run
                    .filter(|time| *time <= now)
                    .map(|time| (time, id.clone())),
            );
        }
        due.sort();
        for (_, id) in due {
            let running = step["running"][&id].as_u64().unwrap_or(0);
            let job = self.jobs.get_mut(&id).unwrap();
            job.next_run = round.decide(&id, job, u32::try_from(running).unwrap());
            if job.next_run.is_none() {
                self.jobs.remove(&id);
            }
        }
        let expected = step["expect"]["after"].as_object().unwrap();
        let after: Map<String, Value> = expected.keys().map(|id| (id.clone(), self.seen(id))).collect();
        let earliest = self.jobs.values().filter_map(|job| job.next_run).min();
        let wait = earliest.filter(|_| !self.paused);
        json!({
            "order": round.order,
            "submitted": round.submitted,
            "executed": round.executed,
            "missed": round.missed,
            "max_instances": round.max_instances,
            "after": after,
            "wait_seconds": wait.map(|time| time.since(now).max(0) as f64 / SECOND),
        })
    }
}

type Times = BTreeMap<String, Vec<UtcMicros>>;

/// What one round comes to.
struct Round {
    now: UtcMicros,
    /// From `now` until the first run of a list has its turn.
    delay: i64,
    /// How long each run takes; those of one list follow each other.
    run: i64,
    order: Vec<String>,
    submitted: Times,
    executed: Times,
    missed: Times,
    max_instances: Times,
}

impl Default for Round {
    fn default() -> Self {
        Self {
            now: UtcMicros::new(0),
            delay: 0,
            run: 0,
            order: Vec::new(),
            submitted: Times::new(),
            executed: Times::new(),
            missed: Times::new(),
            max_instances: Times::new(),
        }
    }
}

impl Round {
    /// Decides one due job: the next run time, none where it has ended.
    fn decide(&mut self, id: &str, job: &Job, instances: u32) -> Option<UtcMicros> {
        let mut next_run = job.next_run;
        let mut decisions: Vec<Decision> = Vec::new();
        // One round of the service bounds how many run times it decides without coalescing; the next goes on.
        while let Some(next_run_at) = next_run.filter(|time| *time <= self.now) {
            let due = DueJob {
                id: id.to_owned(),
                task_id: 1,
                kind: JobKind::Cron,
                definition: String::new(),
                created_at: UtcMicros::new(0),
                next_run_at,
                instances,
                has_run: false,
                task_enabled: Some(true),
            };
            let decided = plan(&due, &job.trigger, &job.rules, self.now);
            decisions.extend(decided.decisions);
            next_run = match decided.next {
                Next::At(time) => Some(time),
                Next::Finished => None,
                Next::Removed => panic!("{id}: the task is there and enabled"),
            };
        }
        let skipped = |decision: &Decision| matches!(decision.action, Action::Skipped(SkipReason::MaxInstances(most)) if most == job.rules.max_instances);
        let times = decisions.iter().map(|decision| decision.scheduled_for).collect();
        if decisions.iter().all(skipped) {
            self.max_instances.insert(id.to_owned(), times);
            return next_run;
        }
        assert!(!decisions.iter().any(skipped), "{id}: one list, two fates");
        self.order.push(id.to_owned());
        self.submitted.insert(id.to_owned(), times);
        let mut clock = self.now.saturating_add(self.delay);
        for decision in decisions {
            let time = decision.scheduled_for;
            let late = if clock == self.now {
                // Its turn comes when it is decided, as always in the service: then the plan says it.
                match decision.action {
                    Action::Send => false,
                    Action::Missed { late } => {
                        assert_eq!(late, self.now.since(time), "{id}");
                        true
                    }
                    Action::Skipped(reason) => panic!("{id}: {reason}"),
                }
            } else {
                is_late(time, clock, job.rules.grace)
            };
            let list = if late {
                &mut self.missed
            } else {
                clock = clock.saturating_add(self.run);
                &mut self.executed
            };
            list.entry(id.to_owned()).or_default().push(time);
        }
        next_run
    }
}

/// A step agrees where everything that is expected is said; a removal answers nothing but errors.
fn agrees(expected: &Value, said: &Value) -> bool {
    expected.get("error") == said.get("error")
        && expected
            .as_object()
            .unwrap()
            .iter()
            .all(|(key, expected)| said.get(key) == Some(expected))
}

/// The files of a corpus. Only the last concerns this test, but a folder with none of them is a mistake.
const FILES: [&str; 9] = [
    "cron.jsonl",
    "interval.jsonl",
    "date.jsonl",
    "dst.jsonl",
    "once.jsonl",
    "oddities.jsonl",
    "invalid.jsonl",
    "jitter.jsonl",
    "rules.jsonl",
];

fn has_a_case(folder: &Path) -> bool {
    FILES.iter().any(|file| {
        std::fs::read_to_string(folder.join(file))
            .is_ok_and(|text| text.lines().any(|line| !line.trim().is_empty()))
    })
}

#[test]
fn corpus_rules() {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../triggers/tests/corpus");
    let other = std::env::var_os("EM_CORPUS").map(PathBuf::from);
    let is_other = other.is_some();
    let folder = other.unwrap_or(own);
    assert!(
        has_a_case(&folder),
        "the folder {} (EM_CORPUS) has no case in any of the files {}",
        folder.display(),
        FILES.join(", ")
    );
    let path = folder.join("rules.jsonl");
    if is_other && !path.exists() {
        return;
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let scripts: Vec<Value> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        is_other || scripts.len() == 230,
        "the corpus has {} scripts",
        scripts.len()
    );
    let mut failures = Vec::new();
    for script in &scripts {
        let mut model = Model::default();
        for (place, step) in script["steps"].as_array().unwrap().iter().enumerate() {
            let said = model.step(step);
            if !agrees(&step["expect"], &said) {
                failures.push(format!("{} step {place}: got {said}\n    {step}", script["id"]));
                break;
            }
        }
    }
    let first: Vec<_> = failures.iter().take(5).cloned().collect();
    assert!(
        failures.is_empty(),
        "{} of {} scripts fail:\n{}",
        failures.len(),
        scripts.len(),
        first.join("\n")
    );
}
