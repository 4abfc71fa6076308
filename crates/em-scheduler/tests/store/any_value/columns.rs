//! Every column that the store reads, and what it holds.

/// What a column holds, or why it is not tried here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Integer,
    Text,
    /// A naive time.
    Wall,
    /// Nothing here reads it.
    Unread,
    /// It speaks for the whole scheduler, and has a test of its own.
    Whole,
}
use Holds::{Integer, Text, Unread, Wall, Whole};

/// Every column that is read of em_web's tables, in the order of the tables. Of those that are only written none can be in
/// the way.
pub(super) const EM_WEBS: [(&str, &str, Holds); 36] = [
    ("project", "id", Integer),
    ("project", "name", Text),
    ("project", "cron", Integer),
    ("project", "cron_year", Integer),
    ("project", "cron_month", Integer),
    ("project", "cron_week", Integer),
    ("project", "cron_day", Integer),
    ("project", "cron_week_day", Integer),
    ("project", "cron_hour", Integer),
    ("project", "cron_min", Integer),
    ("project", "cron_sec", Integer),
    ("project", "cron_start_date", Wall),
    ("project", "cron_end_date", Wall),
    ("project", "intv", Integer),
    ("project", "intv_type", Text),
    ("project", "intv_value", Integer),
    ("project", "intv_start_date", Wall),
    ("project", "intv_end_date", Wall),
    ("project", "ooff", Integer),
    ("project", "ooff_date", Wall),
    ("task", "id", Integer),
    ("task", "name", Text),
    ("task", "project_id", Integer),
    ("task", "status_id", Integer),
    ("task", "enabled", Integer),
    ("task", "next_run", Wall),
    ("task", "last_run_job_id", Text),
    ("task", "est_duration", Integer),
    ("task_log", "id", Unread),
    ("task_log", "task_id", Unread),
    ("task_log", "status_id", Unread),
    ("task_log", "job_id", Unread),
    ("task_log", "message", Unread),
    ("task_log", "error", Unread),
    ("task_log", "status_date", Unread),
    ("task_status", "id", Whole),
];

/// Every column of our tables.
pub(super) const OURS: [(&str, &str, Holds); 51] = [
    ("scheduler_deleted", "deleted_at", Integer),
    ("scheduler_deleted", "task_id", Integer),
    ("scheduler_due", "job_key", Integer),
    ("scheduler_due", "next_run_at", Integer),
    ("scheduler_event", "at", Integer),
    ("scheduler_event", "detail", Unread),
    ("scheduler_event", "job_id", Unread),
    ("scheduler_event", "key", Unread),
    ("scheduler_event", "kind", Unread),
    ("scheduler_event", "run_key", Unread),
    ("scheduler_event", "task_id", Unread),
    ("scheduler_instance", "acknowledged", Integer),
    ("scheduler_instance", "id", Text),
    ("scheduler_instance", "lease_until", Integer),
    ("scheduler_instance", "notice", Integer),
    ("scheduler_instance", "place", Text),
    ("scheduler_job", "created_at", Integer),
    ("scheduler_job", "definition", Text),
    ("scheduler_job", "id", Text),
    ("scheduler_job", "key", Integer),
    ("scheduler_job", "kind", Text),
    ("scheduler_job", "listed", Integer),
    ("scheduler_job", "name", Text),
    ("scheduler_job", "project_id", Integer),
    ("scheduler_job", "task_id", Integer),
    ("scheduler_reported", "definition", Text),
    ("scheduler_reported", "task_id", Integer),
    ("scheduler_run", "attempt", Integer),
    ("scheduler_run", "coalesced", Integer),
    ("scheduler_run", "coalesced_since", Integer),
    ("scheduler_run", "decided_at", Integer),
    ("scheduler_run", "fence", Integer),
    ("scheduler_run", "finished_at", Integer),
    ("scheduler_run", "job_id", Text),
    ("scheduler_run", "key", Integer),
    ("scheduler_run", "kind", Text),
    ("scheduler_run", "muted", Integer),
    ("scheduler_run", "not_before", Integer),
    ("scheduler_run", "owner", Text),
    ("scheduler_run", "reason", Text),
    ("scheduler_run", "scheduled_for", Integer),
    ("scheduler_run", "sent_at", Integer),
    ("scheduler_run", "state", Text),
    ("scheduler_run", "task_id", Integer),
    ("scheduler_run", "withdrawn", Integer),
    ("scheduler_schema", "applied_at", Unread),
    ("scheduler_schema", "version", Whole),
    ("scheduler_setting", "name", Whole),
    ("scheduler_setting", "value", Whole),
    ("scheduler_state", "name", Text),
    ("scheduler_state", "value", Whole),
];

/// On PostgreSQL alone; only statements read them.
pub(super) const DEFERRED: [&str; 6] = ["error", "job_id", "key", "message", "status_date", "task_id"];
