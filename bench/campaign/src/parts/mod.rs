//! The parts of the campaign: what is broken, and how.

mod kill;

use clap::ValueEnum;

use crate::world::World;

/// What to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Everything below, one after the other.
    All,
    /// SIGKILL at random times and at the steps of a fire.
    Kill,
}

type Runs = fn(&mut World) -> anyhow::Result<()>;

/// Each part, and whether it needs crash points.
const PARTS: [(Part, bool, Runs); 1] = [(Part::Kill, true, kill::run)];

impl Part {
    /// The parts behind what was asked for, in their order.
    pub fn chosen(wanted: &[Self]) -> Vec<Self> {
        let all = wanted.contains(&Self::All);
        PARTS
            .iter()
            .map(|(part, ..)| *part)
            .filter(|part| all || wanted.contains(part))
            .collect()
    }

    /// Whether it needs the build with crash points.
    pub fn crashes(self) -> bool {
        PARTS.iter().any(|(part, crashes, _)| *part == self && *crashes)
    }

    /// Does it.
    ///
    /// # Errors
    /// Something failed that is not what the part looks for.
    pub fn run(self, world: &mut World) -> anyhow::Result<()> {
        let found = PARTS.iter().find(|(part, ..)| *part == self);
        found.map_or(Ok(()), |(_, _, run)| run(world))
    }
}
