//! What names a task and a run.

/// Names a task. That of an em_web task is `task.id`; the API accepts 1 to 2³¹−1.
pub type TaskId = i32;

/// `scheduler_run.key`: names a run inside one database.
pub type RunKey = i64;
