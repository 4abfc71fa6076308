//! `job_sync`: what must change so that the stored jobs are those the tasks ask for (S3). Pure: a task with
//! what is stored for it in, the changes out. A second pass over the same rows changes nothing.

use std::sync::Arc;

use triggers::UtcMicros;

use super::earlier::Earlier;
use super::jobs::{InvalidSchedule, WantedJob, jobs_of};
use super::rows::{ProjectRow, TaskRow};
use crate::model::life::is_late;
use crate::model::{Corrupt, JobKind, NewJob, ScheduleRules, StoredJob, TaskId};

/// Microseconds in which em_web may finish a deletion: it deletes or disables the task after the deletion of its jobs was
/// answered, and until then the task looks as if its jobs were missing (rule S12).
const DELETION: i64 = 60_000_000;

/// A task with what the store holds for it, as `job_sync` compares them.
#[derive(Debug, Clone)]
pub struct SyncTask {
    /// The task and its project. An unreadable row is an error that concerns this task alone.
    pub task: Result<TaskRow, Corrupt>,
    /// The task's id.
    pub task_id: TaskId,
    /// The jobs stored for it, tombstones included.
    pub jobs: Vec<StoredJob>,
    /// The definition whose error has been reported already.
    pub reported: Option<String>,
    /// When its jobs were deleted, if they have not been added since.
    pub deleted_at: Option<UtcMicros>,
}

impl SyncTask {
    /// A task of which nothing is stored yet.
    pub fn new(task_id: TaskId, task: Result<TaskRow, Corrupt>) -> Self {
        Self {
            task,
            task_id,
            jobs: Vec::new(),
            reported: None,
            deleted_at: None,
        }
    }

    /// Adds a job stored for the task. One that cannot be read makes the whole task unreadable: to compare only the
    /// others would be to store it a second time.
    pub fn take(&mut self, job: Result<StoredJob, Corrupt>) {
        match job {
            Ok(job) => self.jobs.push(job),
            Err(corrupt) => self.task = Err(corrupt),
        }
    }
}

/// What `job_sync` changes for one task. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncPlan {
    /// Jobs to remove, by id.
    pub remove: Vec<String>,
    /// Jobs to store; one of the same id is removed first by naming it in `remove`.
    pub add: Vec<NewJob>,
    /// New display names, by job id.
    pub rename: Vec<(String, String)>,
    /// Set `task.next_run` to the earliest next run of the task's jobs.
    pub publish: bool,
    /// Set `task.next_run` to null.
    pub clear_next_run: bool,
    /// Set `task.est_duration` to null.
    pub clear_estimate: bool,
    /// Report that this definition is invalid, for this reason, once.
    pub report: Option<(String, String)>,
    /// Forget the definition reported: the task is well again.
    pub forget_report: bool,
}

impl SyncPlan {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Thinks inside the transaction that synchronises one page of tasks.
pub type SyncPlanner = Arc<dyn Fn(&SyncTask) -> SyncPlan + Send + Sync>;

/// What a pass knows beside the rows.
#[derive(Debug, Clone)]
pub struct Pass {
    /// What is added is added now.
    pub now: UtcMicros,
    /// Zone and policy at clock changes.
    pub rules: ScheduleRules,
    /// Microseconds of grace.
    pub grace: i64,
    /// No pass has ever gone through on this database: another scheduler served these tasks before us, and left this.
    pub served_before: Option<Earlier>,
}

impl Pass {
    /// The changes to one task.
    pub fn plan(&self, stored: &SyncTask) -> SyncPlan {
        // It may have been committed while the page waited for it. One that lies far ahead was written before the clock was
        // set back, and says nothing.
        let lately = |at: UtcMicros| (-DELETION..DELETION).contains(&self.now.since(at));
        if stored.deleted_at.is_some_and(lately) {
            return SyncPlan::default();
        }
        match &stored.task {
            Err(corrupt) => report(stored, corrupt.to_string(), &corrupt.to_string()),
            Ok(task) if task.enabled => self.enabled(task, stored),
            Ok(task) => disabled(task, stored),
        }
    }

    fn enabled(&self, task: &TaskRow, stored: &SyncTask) -> SyncPlan {
        match self.changes(task, &stored.jobs) {
            // The old jobs go on; the reason is told once per changed definition.
            Err(invalid) => report(stored, fingerprint(task), &invalid.to_string()),
            Ok(mut plan) => {
                plan.publish = !plan.clear_next_run && self.next_run_differs(task, stored, &plan);
                plan.forget_report = stored.reported.is_some();
                plan
            }
        }
    }

    fn changes(&self, task: &TaskRow, stored: &[StoredJob]) -> Result<SyncPlan, InvalidSchedule> {
        let wanted = jobs_of(task, &self.rules)?;
        let several = wanted.len() > 1;
        let mut plan = SyncPlan::default();
        for job in stored.iter().filter(|job| job.kind.is_trigger()) {
            if !wanted.iter().any(|want| want.id == job.id) {
                plan.remove.push(job.id.clone());
            }
        }
        for want in &wanted {
            match stored.iter().find(|job| job.id == want.id) {
                // A one-off that had its turn stays over, also where zone or policy read it differently now.
                Some(job) if want.kind == JobKind::OneOff && !job.listed => {}
                Some(job) if job.definition == want.definition => {
                    if job.name != want.name {
                        plan.rename.push((want.id.clone(), want.name.clone()));
                    }
                }
                Some(_) => {
                    plan.remove.push(want.id.clone());
                    plan.add.push(want.first(self.now, &self.rules)?);
                }
                None => plan.add.push(self.newcomer((task, stored), (want, several))?),
            }
        }
        Ok(plan)
    }

    /// A job that is not stored. On a database that another scheduler served before, an interval keeps the rhythm
    /// it had, and a one-off long past has had its turn.
    fn newcomer(
        &self,
        of: (&TaskRow, &[StoredJob]),
        (want, several): (&WantedJob, bool),
    ) -> Result<NewJob, InvalidSchedule> {
        let mut job = want.first(self.now, &self.rules)?;
        if of.0.project.as_ref().is_some_and(|project| project.sequence) {
            job = job.taken_up(self.now);
        }
        if let Some(earlier) = &self.served_before {
            if want.starts_when_added()
                && let Some(period) = want.period(&self.rules)?
                && let Some(known) = earlier.run_of_interval(of, (period, several), &self.rules)
            {
                job = want.resumed(known, self.now, &self.rules)?;
            }
            let over = job
                .next_run_at
                .is_some_and(|at| is_late(at, self.now, self.grace));
            if want.kind == JobKind::OneOff && over {
                job = job.over();
            }
        }
        Ok(job)
    }

    fn next_run_differs(&self, task: &TaskRow, stored: &SyncTask, plan: &SyncPlan) -> bool {
        let kept = stored
            .jobs
            .iter()
            .filter(|job| !plan.remove.contains(&job.id))
            .filter_map(|job| job.next_run_at);
        let added = plan.add.iter().filter_map(|job| job.next_run_at);
        let earliest = kept.chain(added).min();
        earliest.is_some_and(|at| task.next_run != Some(self.rules.zone.to_wall(at)))
    }
}

fn disabled(task: &TaskRow, stored: &SyncTask) -> SyncPlan {
    let remove: Vec<String> = stored
        .jobs
        .iter()
        .filter(|job| job.kind.is_trigger())
        .map(|job| job.id.clone())
        .collect();
    let delayed = stored
        .jobs
        .iter()
        .any(|job| job.kind == JobKind::Delayed && job.next_run_at.is_some());
    SyncPlan {
        publish: delayed && !remove.is_empty(),
        remove,
        clear_next_run: !delayed && task.next_run.is_some(),
        clear_estimate: task.has_estimate,
        forget_report: stored.reported.is_some(),
        ..SyncPlan::default()
    }
}

fn report(stored: &SyncTask, fingerprint: String, reason: &str) -> SyncPlan {
    if stored.reported.as_ref() == Some(&fingerprint) {
        return SyncPlan::default();
    }
    SyncPlan {
        report: Some((fingerprint, reason.to_owned())),
        ..SyncPlan::default()
    }
}

/// The project's definition, whatever is wrong with it: a change of any part of it is a changed definition.
fn fingerprint(task: &TaskRow) -> String {
    let project = task.project.clone().map(|project| ProjectRow {
        name: None,
        ..project
    });
    format!("{project:?}")
}

#[cfg(test)]
mod tests {
    use triggers::{DstPolicy, Zone};

    use super::*;

    const NOW: UtcMicros = UtcMicros::new(1_795_450_324_000_000); // 2026-11-23T16:12:04Z

    fn pass(first_ever: bool) -> Pass {
        let rules = ScheduleRules {
            zone: Zone::utc(),
            dst: DstPolicy::Once,
        };
        Pass {
            now: NOW,
            rules,
            grace: 30_000_000,
            served_before: first_ever.then(|| Earlier {
                zone: Zone::utc(),
                announced: std::collections::BTreeMap::new(),
            }),
        }
    }

    fn task(project: ProjectRow) -> SyncTask {
        let task = TaskRow {
            id: 7,
            name: Some("t".into()),
            enabled: true,
            next_run: None,
            has_estimate: false,
            follows: false,
            project: Some(ProjectRow {
                id: 3,
                name: Some("p".into()),
                ..project
            }),
        };
        SyncTask {
            task: Ok(task),
            task_id: 7,
            jobs: Vec::new(),
            reported: None,
            deleted_at: None,
        }
    }

    fn delayed() -> StoredJob {
        StoredJob {
            id: "3-7-0123456789".into(),
            kind: JobKind::Delayed,
            definition: String::new(),
            name: String::new(),
            next_run_at: Some(NOW),
            listed: true,
        }
    }

    /// The rows as they are after the plan was carried out.
    fn carried_out(mut stored: SyncTask, plan: &SyncPlan) -> SyncTask {
        stored.jobs.retain(|job| !plan.remove.contains(&job.id));
        stored.jobs.extend(plan.add.iter().map(|job| StoredJob {
            id: job.id.clone(),
            kind: job.kind,
            definition: job.definition.clone(),
            name: job.name.clone(),
            next_run_at: job.next_run_at,
            listed: job.listed,
        }));
        if let Some((fingerprint, _)) = &plan.report {
            stored.reported = Some(fingerprint.clone());
        }
        let earliest = stored.jobs.iter().filter_map(|job| job.next_run_at).min();
        if let Ok(task) = &mut stored.task {
            if plan.publish {
                task.next_run = earliest.map(|at| Zone::utc().to_wall(at)).or(task.next_run);
            }
            if plan.clear_next_run {
                task.next_run = None;
            }
            task.has_estimate &= !plan.clear_estimate;
        }
        stored
    }

    fn all_three() -> ProjectRow {
        ProjectRow {
            cron: true,
            cron_fields: [None, None, None, None, None, Some(3), None, None],
            interval: true,
            interval_type: Some("h".into()),
            interval_value: Some(6),
            one_off: true,
            one_off_date: Some(Zone::utc().to_wall(NOW.saturating_add(3_600_000_000))),
            ..ProjectRow::default()
        }
    }

    #[test]
    fn a_second_pass_changes_nothing() {
        let bad_cron = ProjectRow {
            cron: true,
            cron_fields: [None, None, None, None, None, None, Some(99), None],
            ..ProjectRow::default()
        };
        let never = ProjectRow {
            cron: true,
            cron_fields: [Some(2020), None, None, None, None, None, None, None],
            ..ProjectRow::default()
        };
        let unreadable = SyncTask {
            task: Err(Corrupt {
                table: "task",
                row: "of task 7".into(),
                column: "next_run",
                found: "not a date".into(),
            }),
            ..task(ProjectRow::default())
        };
        let mut off = task(all_three());
        if let Ok(row) = &mut off.task {
            row.enabled = false;
            row.has_estimate = true;
            row.next_run = Some(Zone::utc().to_wall(NOW));
        }
        for (name, stored) in [
            ("all three", task(all_three())),
            ("no trigger", task(ProjectRow::default())),
            ("bad cron", task(bad_cron)),
            ("never fires", task(never)),
            ("unreadable", unreadable),
            ("disabled", off),
        ] {
            for first_ever in [true, false] {
                let plan = pass(first_ever).plan(&stored);
                let after = carried_out(stored.clone(), &plan);
                assert!(
                    pass(false).plan(&after).is_empty(),
                    "{name}: {:?}",
                    pass(false).plan(&after)
                );
            }
        }
    }

    #[test]
    fn a_changed_trigger_is_replaced_and_the_others_are_left() {
        let stored = task(all_three());
        let mut stored = carried_out(stored.clone(), &pass(false).plan(&stored));
        if let Ok(TaskRow {
            project: Some(project),
            ..
        }) = &mut stored.task
        {
            project.interval_value = Some(7);
            project.cron = false;
        }
        let plan = pass(false).plan(&stored);
        assert_eq!(plan.remove, ["3-7-cron", "3-7-intv"]);
        assert_eq!(
            plan.add.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(),
            ["3-7-intv"]
        );
    }

    #[test]
    fn a_task_that_follows_another_one_has_no_trigger_jobs_and_keeps_delayed_ones() {
        let stored = task(all_three());
        let mut stored = carried_out(stored.clone(), &pass(false).plan(&stored));
        stored.jobs.push(delayed());
        if let Ok(row) = &mut stored.task {
            row.follows = true;
        }
        let plan = pass(false).plan(&stored);
        assert_eq!((plan.remove.len(), plan.add.len()), (3, 0));
        let mut after = carried_out(stored, &plan);
        assert_eq!(after.jobs.len(), 1);
        assert!(pass(false).plan(&after).is_empty());
        // Once it is the first, it gets them.
        if let Ok(row) = &mut after.task {
            row.follows = false;
        }
        assert_eq!(pass(false).plan(&after).add.len(), 3);
    }

    #[test]
    fn a_one_off_that_is_past_is_over_for_the_first_of_a_sequence() {
        let past = |sequence| {
            task(ProjectRow {
                one_off_date: Some(Zone::utc().to_wall(NOW.saturating_add(-1_000_000))),
                sequence,
                ..all_three()
            })
        };
        let one_off = |plan: &SyncPlan| {
            let job = plan.add.iter().find(|job| job.kind == JobKind::OneOff);
            job.map(|job| (job.listed, job.next_run_at.is_some()))
        };
        assert_eq!(one_off(&pass(false).plan(&past(true))), Some((false, false)));
        assert_eq!(one_off(&pass(false).plan(&past(false))), Some((true, true)));
    }

    #[test]
    fn an_invalid_project_keeps_its_old_jobs_and_is_reported_once() {
        let stored = task(all_three());
        let mut stored = carried_out(stored.clone(), &pass(false).plan(&stored));
        if let Ok(TaskRow {
            project: Some(project),
            ..
        }) = &mut stored.task
        {
            project.cron_fields[6] = Some(99);
        }
        let plan = pass(false).plan(&stored);
        assert!(plan.remove.is_empty() && plan.add.is_empty());
        let (_, reason) = plan.report.clone().expect("a report");
        assert!(reason.contains("99") && reason.contains("59"), "{reason}");
        assert!(pass(false).plan(&carried_out(stored, &plan)).is_empty());
    }

    #[test]
    fn on_a_database_served_before_an_interval_keeps_its_rhythm_and_an_old_one_off_stays_over() {
        let mut stored = task(ProjectRow {
            one_off_date: Some(Zone::utc().to_wall(NOW.saturating_add(-86_400_000_000))),
            cron: false,
            ..all_three()
        });
        let known = NOW.saturating_add(600_000_001);
        if let Ok(row) = &mut stored.task {
            row.next_run = Some(Zone::utc().to_wall(known));
        }
        let plan = pass(true).plan(&stored);
        let next = |plan: &SyncPlan, kind| {
            plan.add
                .iter()
                .find(|job| job.kind == kind)
                .map(|job| job.next_run_at)
        };
        assert_eq!(next(&plan, JobKind::Interval), Some(Some(known)));
        assert_eq!(next(&plan, JobKind::OneOff), Some(None));
        let plan = pass(false).plan(&stored);
        assert_eq!(
            next(&plan, JobKind::Interval),
            Some(Some(NOW.saturating_add(6 * 3_600_000_000)))
        );
        assert_eq!(
            next(&plan, JobKind::OneOff),
            Some(Some(NOW.saturating_add(-86_400_000_000)))
        );
    }

    #[test]
    fn the_first_run_of_an_interval_is_after_now_and_no_later_than_one_period_from_now() {
        let (hour, day) = (3_600_000_000, 86_400_000_000);
        for (name, known, expected) in [
            ("to come", 600_000_000, 600_000_000),
            (
                "six hours too far, as in another zone",
                6 * hour + 600_000_000,
                600_000_000,
            ),
            ("now", 0, 6 * hour),
            ("past", -600_000_000, 6 * hour - 600_000_000),
            ("long past", -30 * day - 1, 6 * hour - 1),
        ] {
            let mut stored = task(ProjectRow {
                cron: false,
                one_off: false,
                ..all_three()
            });
            if let Ok(row) = &mut stored.task {
                row.next_run = Some(Zone::utc().to_wall(NOW.saturating_add(known)));
            }
            let plan = pass(true).plan(&stored);
            let next = plan.add.first().and_then(|job| job.next_run_at);
            assert_eq!(next, Some(NOW.saturating_add(expected)), "{name}");
        }
    }

    #[test]
    fn an_interval_that_has_ended_meanwhile_is_not_resumed() {
        let mut stored = task(ProjectRow {
            cron: false,
            one_off: false,
            interval_end: Some(Zone::utc().to_wall(NOW.saturating_add(500_000_000))),
            ..all_three()
        });
        if let Ok(row) = &mut stored.task {
            row.next_run = Some(Zone::utc().to_wall(NOW.saturating_add(600_000_000)));
        }
        let plan = pass(true).plan(&stored);
        assert_eq!(plan.add.first().map(|job| job.next_run_at), Some(None));
    }

    #[test]
    fn another_zone_runs_no_one_off_again_and_breaks_no_rhythm() {
        let stored = task(all_three());
        let mut stored = carried_out(stored.clone(), &pass(false).plan(&stored));
        for job in stored.jobs.iter_mut().filter(|job| job.kind == JobKind::OneOff) {
            (job.listed, job.next_run_at) = (false, None);
        }
        let mut elsewhere = pass(false);
        elsewhere.rules = ScheduleRules {
            zone: Zone::named("Asia/Tokyo").unwrap(),
            dst: DstPolicy::Literal,
        };
        let plan = elsewhere.plan(&stored);
        assert_eq!(plan.remove, ["3-7-cron"]);
        assert_eq!(plan.add.len(), 1);
    }

    #[test]
    fn what_was_deleted_a_moment_ago_is_left_alone() {
        for (ago, added) in [
            (0, false),
            (59, false),
            (60, true),
            (3_600, true),
            (-1, false),
            (-60, false),
            (-61, true),
        ] {
            let stored = SyncTask {
                deleted_at: Some(NOW.saturating_add(-ago * 1_000_000)),
                ..task(all_three())
            };
            let plan = pass(false).plan(&stored);
            assert_eq!(!plan.add.is_empty(), added, "{ago} s ago");
            assert_eq!(plan.is_empty(), !added);
        }
    }

    #[test]
    fn a_disabled_task_keeps_its_delayed_run() {
        let mut stored = task(all_three());
        stored = carried_out(stored.clone(), &pass(false).plan(&stored));
        stored.jobs.push(delayed());
        if let Ok(row) = &mut stored.task {
            row.enabled = false;
        }
        let plan = pass(false).plan(&stored);
        assert_eq!(plan.remove.len(), 3);
        assert!(plan.publish && !plan.clear_next_run);
        let after = carried_out(stored, &plan);
        assert_eq!(after.jobs.len(), 1);
        assert!(pass(false).plan(&after).is_empty());
    }
}
