//! Tasks: what a job runs.

/// Names a task. That of an em_web task is `task.id`; the API accepts 1 to 2³¹−1.
pub type TaskId = i32;
