//! The one error of this crate: what a trigger's text got wrong, where, and what would be right.
//!
//! Only reading a definition can fail. A compiled trigger never errors and never panics: at the edge of time it
//! simply has no next fire. What would help the author of a text is worked out in `hints`, only where an error is shown.

use crate::dialect::Dialect;
use std::fmt;

/// Why a definition is no trigger. `Display` says it in one line: what is wrong and where, what is allowed, and where
/// something better can be named, a [`hint`](Self::hint).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TriggerError {
    /// A text that does not say what its field needs.
    Text {
        /// The field: `minute`, `start`, `run_date`, …
        field: &'static str,
        /// The whole text of the field.
        text: String,
        /// Where the trouble starts, in characters, counted from 1.
        position: usize,
        /// What is wrong there.
        problem: String,
        /// What would be right.
        allowed: &'static str,
    },
    /// A crontab line that is not one of five fields, nor a nickname.
    Line {
        /// How the line is read.
        dialect: Dialect,
        /// The whole line.
        line: String,
        /// Where the trouble starts, in characters, counted from 1.
        position: usize,
        /// What is wrong there.
        problem: String,
        /// What would be right.
        allowed: &'static str,
    },
    /// A field of a crontab line that does not say what it needs.
    Crontab {
        /// How the line is read.
        dialect: Dialect,
        /// The whole line.
        line: String,
        /// The field: `minute`, `hour`, `day`, `month` or `day_of_week`.
        field: &'static str,
        /// The text of the field.
        text: String,
        /// Where in the line the trouble starts, in characters, counted from 1.
        position: usize,
        /// What is wrong there.
        problem: String,
        /// What would be right in the field.
        allowed: &'static str,
    },
    /// A field that this kind of trigger does not have.
    UnknownField {
        /// The kind of the trigger.
        kind: &'static str,
        /// The name given.
        field: String,
        /// The names there are.
        allowed: &'static str,
    },
    /// A value of the wrong type or outside its bounds.
    Value {
        /// The field.
        field: &'static str,
        /// The value as JSON text.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
        /// What would be right.
        allowed: &'static str,
    },
    /// A zone that is not in the zone data.
    Zone {
        /// The name asked for.
        name: String,
        /// What would be right.
        allowed: &'static str,
    },
    /// Zone data or the system's zone could not be had.
    ZoneData(String),
    /// Members of a definition that contradict each other.
    Contradiction(&'static str),
    /// A JSON line that is no case.
    Case(String),
}

impl fmt::Display for TriggerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plain(f)?;
        match self.hint() {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TriggerError {}

impl TriggerError {
    /// The line without the hint.
    fn plain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text {
                field,
                text,
                position,
                problem,
                allowed,
            } => write!(
                f,
                "{field} \"{text}\": {problem} (at character {position}); allowed: {allowed}"
            ),
            Self::Line {
                line,
                position,
                problem,
                allowed,
                ..
            } => write!(
                f,
                "crontab \"{line}\": {problem} (at character {position}); allowed: {allowed}"
            ),
            Self::Crontab {
                line,
                field,
                text,
                position,
                problem,
                allowed,
                ..
            } => write!(
                f,
                "crontab \"{line}\": {field} \"{text}\": {problem} (at character {position}); allowed: {allowed}"
            ),
            Self::UnknownField { kind, field, allowed } => write!(
                f,
                "unknown field \"{field}\" of a trigger of kind {kind}; allowed: {allowed}"
            ),
            Self::Value {
                field,
                value,
                problem,
                allowed,
            } => write!(f, "{field} {value}: {problem}; allowed: {allowed}"),
            Self::Zone { name, allowed } => write!(f, "unknown time zone \"{name}\"; allowed: {allowed}"),
            Self::ZoneData(problem) => f.write_str(problem),
            Self::Contradiction(problem) => f.write_str(problem),
            Self::Case(problem) => write!(f, "not a case: {problem}"),
        }
    }

    /// A text error whose position is given as a byte offset into the text.
    pub(crate) fn text(at: TextAt<'_>, problem: impl Into<String>) -> Self {
        Self::Text {
            field: at.field,
            text: at.text.to_owned(),
            position: position(at.text, at.byte),
            problem: problem.into(),
            allowed: at.allowed,
        }
    }

    /// The error of a crontab line as a whole, at that byte.
    pub(crate) fn line(dialect: Dialect, line: &str, byte: usize, problem: String) -> Self {
        Self::Line {
            dialect,
            line: line.to_owned(),
            position: position(line, byte),
            problem,
            allowed: dialect.allowed(),
        }
    }

    /// The error of a name that is none of those there are.
    pub(crate) fn no_such(
        field: &'static str,
        name: &str,
        problem: &'static str,
        allowed: &'static str,
    ) -> Self {
        let value = serde_json::Value::from(name).to_string();
        Self::Value {
            field,
            value,
            problem,
            allowed,
        }
    }

    /// The error of a field's text as one of the crontab line that the text was cut from, at that byte.
    pub(crate) fn in_line(self, dialect: Dialect, line: &str, byte: usize) -> Self {
        match self {
            Self::Text {
                field,
                text,
                position: within,
                problem,
                allowed,
            } => Self::Crontab {
                dialect,
                line: line.to_owned(),
                field,
                text,
                position: position(line, byte) + within - 1,
                problem,
                allowed,
            },
            other => other,
        }
    }
}

/// A byte offset as a number of characters, from 1.
fn position(text: &str, byte: usize) -> usize {
    text.get(..byte).map_or(byte, |before| before.chars().count()) + 1
}

/// A place in the text of a field.
#[derive(Clone, Copy)]
pub(crate) struct TextAt<'a> {
    pub(crate) field: &'static str,
    pub(crate) text: &'a str,
    /// Byte offset into `text`.
    pub(crate) byte: usize,
    pub(crate) allowed: &'static str,
}
