//! Why a run is not sent on purpose.

/// Why a run was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// As many runs of the job as allowed are not final yet.
    MaxInstances(u32),
    /// The task was disabled when its trigger job came due.
    TaskDisabled,
    /// The task no longer exists.
    TaskGone,
    /// The job was deleted while the run waited.
    Deleted,
}

impl std::fmt::Display for SkipReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MaxInstances(limit) => write!(f, "{limit} runs of this job have not ended (max instances)"),
            Self::TaskDisabled => f.write_str("the task is disabled"),
            Self::TaskGone => f.write_str("the task no longer exists"),
            Self::Deleted => f.write_str("deleted"),
        }
    }
}
