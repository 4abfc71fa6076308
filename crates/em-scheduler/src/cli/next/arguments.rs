//! What `next` is told.

use clap::Args;
use triggers::Dialect;

/// More fires than this are not printed.
const MOST: i64 = triggers::case::MOST_FIRES as i64;

/// All of it.
#[derive(Args)]
#[group(skip)]
pub(in crate::cli) struct NextArguments {
    #[command(flatten)]
    pub(super) asked: AskedTrigger,
    /// How a crontab line is read: crontab (Sunday is 0 or 7, day or weekday, @daily) or aps-crontab (Monday is 0, day and
    /// weekday must both match) [default: crontab].
    #[arg(long, value_name = "DIALECT")]
    pub(super) dialect: Option<Dialect>,
    /// The time zone, by IANA name [env: EM_SCHEDULER_TIMEZONE] [default: the system's].
    #[arg(
        long,
        visible_alias = "timezone",
        value_name = "ZONE",
        conflicts_with = "jsonl"
    )]
    pub(super) tz: Option<String>,
    /// What a cron does when clocks change, once or literal [env: EM_SCHEDULER_DST] [default: once].
    #[arg(long, value_name = "POLICY")]
    pub(super) dst: Option<String>,
    /// From when: an instant (2026-01-01T00:00:00Z) or a local time ('2026-01-01 09:00:00') [default: now].
    #[arg(long, value_name = "TIME", conflicts_with = "jsonl")]
    pub(super) from: Option<String>,
    /// No fire before this time; an interval counts from it.
    #[arg(long, value_name = "TIME", conflicts_with = "jsonl")]
    pub(super) start: Option<String>,
    /// No fire after this time.
    #[arg(long, value_name = "TIME", conflicts_with = "jsonl")]
    pub(super) end: Option<String>,
    /// How many fires to print.
    #[arg(
        short = 'n',
        long,
        value_name = "COUNT",
        default_value = "10",
        conflicts_with = "jsonl"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MOST))]
    pub(super) count: u32,
    /// Whose time zone data to use, bundled or system [env: EM_SCHEDULER_TZ_DATA] [default: bundled].
    #[arg(long, value_name = "SOURCE")]
    pub(super) tz_data: Option<String>,
    /// What the shell made of a value that was not quoted.
    #[arg(hide = true)]
    pub(super) stray: Vec<String>,
}

/// What is asked about: exactly one of these.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct AskedTrigger {
    /// A cron by its fields: year, month, day, week, day_of_week, hour, minute, second.
    #[arg(long, value_name = "FIELDS")]
    pub(super) cron: Option<String>,
    /// A cron by a line of five fields, or a nickname such as @daily.
    #[arg(long, value_name = "LINE")]
    pub(super) crontab: Option<String>,
    /// An interval: weeks, days, hours, minutes, seconds.
    #[arg(long, value_name = "FIELDS")]
    pub(super) interval: Option<String>,
    /// One local time, or one with an offset.
    #[arg(long, value_name = "TIME")]
    pub(super) date: Option<String>,
    /// Read cases from standard input, one JSON object a line, and answer each line, also a blank one, with a line:
    /// `{"fires":["<UTC instant>",…]}` or `{"error":"…"}`. A crontab line in a case is aps-crontab unless it names its dialect.
    #[arg(long)]
    pub(super) jsonl: bool,
}
