//! `/api`, `/api/jobs`, `/api/scheduled`, `/api/details`: what there is, in the order the store lists it.

use serde::Serialize;
use triggers::UtcMicros;

use super::reply::{HandlerResult, Reply};
use crate::api::context::Context;
use crate::model::{JobKind, ListedJob};

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

#[derive(Serialize)]
struct Detail {
    /// A text, where the other lists have numbers.
    id: String,
    job_id: String,
    name: String,
    next_run_time: Option<String>,
}

/// Says that the process answers. It does not touch the database.
pub(super) async fn alive(_: Context) -> HandlerResult {
    Reply::json(&Status { status: "alive" })
}

pub(super) async fn jobs(Context { api, .. }: Context) -> HandlerResult {
    Reply::list(api.store.job_pages(false), |job| Some(job.task_id)).await
}

pub(super) async fn scheduled(Context { api, .. }: Context) -> HandlerResult {
    let due = |job: ListedJob| job.next_run_at.map(|_| job.task_id);
    Reply::list(api.store.job_pages(false), due).await
}

pub(super) async fn details(Context { api, .. }: Context) -> HandlerResult {
    Reply::list(api.store.job_pages(false), |job| Some(detail(job))).await
}

fn detail(job: ListedJob) -> Detail {
    Detail {
        id: job.task_id.to_string(),
        name: format!("{} {}", label(job.kind), job.name),
        job_id: job.id,
        next_run_time: job.next_run_at.and_then(http_date),
    }
}

/// What stands before a job's name on this API, the original's misspelling included: em_web looks for it.
fn label(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Cron => "(cron)",
        JobKind::Interval => "(inverval)",
        JobKind::OneOff => "(one off)",
        JobKind::Delayed => "(one off delay)",
        // Never stored as a job, so never listed.
        JobKind::Manual => "(manual)",
    }
}

/// `Mon, 23 Nov 2026 16:12:15 GMT`: whole seconds, what is beyond them cut off.
fn http_date(at: UtcMicros) -> Option<String> {
    let seconds = jiff::SignedDuration::from_secs(at.get().div_euclid(1_000_000));
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    let second = epoch.checked_add(seconds).ok()?;
    Some(second.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates() {
        for (at, text) in [
            ("2026-11-23T16:12:15Z", "Mon, 23 Nov 2026 16:12:15 GMT"),
            ("2026-11-23T16:12:15.999999Z", "Mon, 23 Nov 2026 16:12:15 GMT"),
            ("2027-01-04T07:02:06Z", "Mon, 04 Jan 2027 07:02:06 GMT"),
            ("1969-12-31T23:59:59.500000Z", "Wed, 31 Dec 1969 23:59:59 GMT"),
            ("9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let at: UtcMicros = at.parse().expect("an instant");
            assert_eq!(http_date(at).as_deref(), Some(text));
        }
    }
}
