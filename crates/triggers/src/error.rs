//! The one error of this crate: what a trigger's text got wrong, where, and what would be right.
//!
//! Only reading a definition can fail. A compiled trigger never errors and never panics: at the edge of time it
//! simply has no next fire.

/// Why a definition is no trigger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TriggerError {
    /// A text that does not say what its field needs.
    #[error("{field} \"{text}\": {problem} (at character {position}); allowed: {allowed}")]
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
    /// A field of a crontab line that does not say what it needs.
    #[error(
        "crontab \"{line}\": {field} \"{text}\": {problem} (at character {position}); allowed: {allowed}"
    )]
    Crontab {
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
    #[error("unknown field \"{field}\" of a trigger of kind {kind}; allowed: {allowed}")]
    UnknownField {
        /// The kind of the trigger.
        kind: &'static str,
        /// The name given.
        field: String,
        /// The names there are.
        allowed: &'static str,
    },
    /// A value of the wrong type or outside its bounds.
    #[error("{field} {value}: {problem}; allowed: {allowed}")]
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
    #[error("unknown time zone \"{name}\"; allowed: {allowed}")]
    Zone {
        /// The name asked for.
        name: String,
        /// What would be right.
        allowed: &'static str,
    },
    /// Zone data or the system's zone could not be had.
    #[error("{0}")]
    ZoneData(String),
    /// Members of a definition that contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// A JSON line that is no case.
    #[error("not a case: {0}")]
    Case(String),
}

impl TriggerError {
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
    pub(crate) fn in_line(self, line: &str, byte: usize) -> Self {
        match self {
            Self::Text {
                field,
                text,
                position: within,
                problem,
                allowed,
            } => Self::Crontab {
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
