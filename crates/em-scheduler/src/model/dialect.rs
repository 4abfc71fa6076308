//! Whose clients and runner the service speaks with (rule D11). Extract Management 2.0 and its successor, Atlas Hub, call the
//! same routes and read some of the answers differently.

/// Whose scheduler the service stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireDialect {
    /// Extract Management 2.0.
    Em2,
    /// Atlas Hub: an answer of the runner may be 2xx and yet hold an error.
    Hub,
}

impl WireDialect {
    /// That of the model in the database: `sequences` says whether it has the column `project.sequence_tasks`.
    pub fn of_model(sequences: bool) -> Self {
        if sequences { Self::Hub } else { Self::Em2 }
    }
}

impl std::fmt::Display for WireDialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Em2 => "em2",
            Self::Hub => "hub",
        })
    }
}

impl std::str::FromStr for WireDialect {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "em2" => Ok(Self::Em2),
            "hub" => Ok(Self::Hub),
            _ => Err("there is no such dialect"),
        }
    }
}
