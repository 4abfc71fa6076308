//! The columns of em_web's `task` and `project` that are read, in one table. Statements list them in its order, rows are read
//! by these names, and what a database must have is checked against it.

use super::model::{Dialect, Family, family};
use super::sequences::Sequences;

macro_rules! fields {
    ($($field:ident = $table:literal . $name:literal,)*) => {
        /// A column that is read, or something that is worked out of several (the last two, and whether there is an estimate).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is the column that the table beside it names")]
        pub enum Field {
            $($field,)*
        }

        impl Field {
            /// All of them: those of `task`, those of `project`, whether the project is a sequence, whether the task
            /// follows another one in it.
            pub(super) const ALL: &[Self] = &[$(Self::$field,)*];

            /// The table it comes from.
            pub fn table(self) -> &'static str {
                match self { $(Self::$field => $table,)* }
            }

            /// The column's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* }
            }
        }
    };
}

fields! {
    TaskId = "task"."id",
    TaskName = "task"."name",
    Enabled = "task"."enabled",
    NextRun = "task"."next_run",
    HasEstimate = "task"."est_duration",
    ProjectId = "project"."id",
    ProjectName = "project"."name",
    Cron = "project"."cron",
    CronYear = "project"."cron_year",
    CronMonth = "project"."cron_month",
    CronWeek = "project"."cron_week",
    CronDay = "project"."cron_day",
    CronWeekDay = "project"."cron_week_day",
    CronHour = "project"."cron_hour",
    CronMinute = "project"."cron_min",
    CronSecond = "project"."cron_sec",
    CronStart = "project"."cron_start_date",
    CronEnd = "project"."cron_end_date",
    Interval = "project"."intv",
    IntervalType = "project"."intv_type",
    IntervalValue = "project"."intv_value",
    IntervalStart = "project"."intv_start_date",
    IntervalEnd = "project"."intv_end_date",
    OneOff = "project"."ooff",
    OneOffDate = "project"."ooff_date",
    IsSequence = "project"."sequence_tasks",
    Follows = "task"."order",
}

impl Field {
    /// The fields of a cron, in the order of [`ProjectRow::cron_fields`](super::ProjectRow::cron_fields).
    pub(super) const CRON: [Self; 8] = [
        Self::CronYear,
        Self::CronMonth,
        Self::CronWeek,
        Self::CronDay,
        Self::CronWeekDay,
        Self::CronHour,
        Self::CronMinute,
        Self::CronSecond,
    ];

    /// Where it stands in a row of a task and its project.
    pub fn in_task(self) -> usize {
        self as usize
    }

    /// Where a field of a project stands in a row of a project alone.
    pub fn in_project(self) -> usize {
        self as usize - Self::ProjectId as usize
    }

    /// Whether it stands in every model of em_web's.
    pub(super) fn is_in_all_models(self) -> bool {
        !matches!(self, Self::IsSequence | Self::Follows)
    }

    /// As statements on this engine write it; `t` and `p` are the tables. PostgreSQL casts make one type of what differs between
    /// databases: small and big integers, text of any length.
    fn expression(self, dialect: Dialect, sequences: Sequences) -> String {
        let sequence = sequences.is_sequence();
        let column = format!("{}.{}", &self.table()[..1], self.name());
        match self {
            Self::IsSequence => sequence.into(),
            Self::Follows => sequences.follows(sequence),
            Self::HasEstimate => format!("{column} IS NOT NULL"),
            _ => match (dialect, family(self.table(), self.name())) {
                (Dialect::Sqlite, _) | (_, Family::WallTime) => column,
                (Dialect::Postgres, Family::Integer) => column + "::int8",
                (Dialect::Postgres, Family::Text) => column + "::text",
            },
        }
    }
}

/// A statement for tasks and their projects as em_web's model has them, up to the condition that chooses tasks `t`.
pub(crate) fn tasks(dialect: Dialect, sequences: Sequences) -> String {
    let columns = list(Field::ALL, dialect, sequences);
    format!("SELECT {columns} FROM task t LEFT JOIN project p ON p.id = t.project_id WHERE ")
}

/// The columns of a project `p`, and whether it is a sequence.
pub(crate) fn of_project(dialect: Dialect, sequences: Sequences) -> String {
    let (first, last) = (Field::ProjectId as usize, Field::IsSequence as usize);
    list(&Field::ALL[first..=last], dialect, sequences)
}

fn list(fields: &[Field], dialect: Dialect, sequences: Sequences) -> String {
    let columns = fields.iter().map(|field| field.expression(dialect, sequences));
    columns.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_stands_where_the_statement_lists_it() {
        for (place, field) in Field::ALL.iter().enumerate() {
            assert_eq!(field.in_task(), place, "{field:?}");
        }
        assert_eq!(Field::ProjectId.in_project(), 0);
        let sequences = Sequences::Unknown;
        let listed = of_project(Dialect::Postgres, sequences);
        let columns: Vec<&str> = listed.split(", ").collect();
        assert_eq!(columns[Field::OneOffDate.in_project()], "p.ooff_date");
        assert_eq!(columns[Field::CronSecond.in_project()], "p.cron_sec::int8");
        assert_eq!(columns[Field::IsSequence.in_project()], "false");
        let listed = tasks(Dialect::Sqlite, sequences);
        assert!(
            listed
                .starts_with("SELECT t.id, t.name, t.enabled, t.next_run, t.est_duration IS NOT NULL, p.id,")
        );
    }
}
