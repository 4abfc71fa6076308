//! Sequences of tasks (rule F11), which em_web's later models know: `project.sequence_tasks` says that a project is one,
//! `task.order` in which order its tasks run. Which task comes first is worked out in the database, by the same words on
//! both engines, and only for projects that are sequences.

use std::fmt;

/// What em_web's model knows of sequences, as it was found when the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Sequences {
    /// Nothing: there is no `project.sequence_tasks`.
    #[default]
    Unknown,
    /// There is no `task.order`: tasks of a sequence go by their names.
    ByName,
    /// They go by `task.order`, then by name.
    ByOrder,
}

impl fmt::Display for Sequences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "without sequences (no project.sequence_tasks)",
            Self::ByName => "with sequences (project.sequence_tasks; no task.order)",
            Self::ByOrder => "with sequences (project.sequence_tasks, task.order)",
        })
    }
}

impl Sequences {
    /// By which of the two columns there are.
    pub(crate) fn found(sequence_tasks: bool, order: bool) -> Self {
        match (sequence_tasks, order) {
            (false, _) => Self::Unknown,
            (true, false) => Self::ByName,
            (true, true) => Self::ByOrder,
        }
    }

    /// Whether project `p` is a sequence, as an expression.
    pub(crate) fn is_sequence(self) -> &'static str {
        match self {
            Self::Unknown => "false",
            Self::ByName | Self::ByOrder => "coalesce(p.sequence_tasks = 1, false)",
        }
    }

    /// Whether an enabled task of the same project comes before task `t`, `sequence` telling whether the project is one:
    /// asked only then.
    pub(crate) fn follows(self, sequence: &str) -> String {
        let (of_one, of_other) = match self {
            Self::Unknown => return "false".into(),
            Self::ByName => (by_name("f"), by_name("t")),
            Self::ByOrder => (by_order("f"), by_order("t")),
        };
        format!(
            "CASE WHEN {sequence} THEN EXISTS (SELECT 1 FROM task f WHERE f.project_id = t.project_id AND f.enabled = 1
               AND f.id <> t.id AND ({of_one}) < ({of_other})) ELSE false END"
        )
    }
}

/// Nulls come last, as PostgreSQL sorts them; the id decides between equals.
fn by_name(task: &str) -> String {
    format!("{task}.name IS NULL, coalesce({task}.name, ''), {task}.id")
}

fn by_order(task: &str) -> String {
    format!(
        "{task}.\"order\" IS NULL, coalesce({task}.\"order\", 0), {}",
        by_name(task)
    )
}
