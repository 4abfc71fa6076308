//! The parts of the campaign: what is broken, and how.

mod clock;
mod disk;
mod downtime;
mod frozen;
mod hung;
mod instances;
mod kill;
mod locked;
mod poison;
mod postgres;
mod races;
mod restore;
mod soak;
mod strace;
mod zombie;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::world::World;

/// What to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Everything below, one after the other.
    All,
    /// SIGKILL at random times and at the steps of a fire.
    Kill,
    /// SIGKILL and errors at every write, flush and send of a small scenario.
    Strace,
    /// PostgreSQL: connections cut, the server crashed, the server away for minutes.
    Postgres,
    /// A process stopped for longer than its lease, and another that takes over.
    Zombie,
    /// A process stopped, cut off or gone with its host in the middle of its transactions, beside one that is well.
    Frozen,
    /// Pauses and deletions answered by one process, against what another is about to send.
    Races,
    /// Rows of em_web's tasks that another session holds, deletes, or gives back.
    Locked,
    /// A full disk, a read-only one.
    Disk,
    /// Further processes on the same database.
    Instances,
    /// The database put back to an older copy.
    Restore,
    /// Thirty days in which nothing ran.
    Downtime,
    /// Rows that make no sense.
    Poison,
    /// The system's clock stepped both ways.
    Clock,
    /// Tasks whose runner never answers, beside healthy ones.
    Hung,
    /// Half an hour of mixed faults: nothing grows.
    Soak,
}

/// Does the same with each, all at the same time, and returns what came of each in their order.
fn each_at_once<I: Sync, T: Send>(
    all: &[I],
    one: impl Fn(&I) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    std::thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = all.iter().map(|item| scope.spawn(move || one(item))).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().ok().context("one of the threads panicked")?);
        joined.collect()
    })
}

type Runs = fn(&mut World) -> anyhow::Result<()>;

/// Each part, and whether it needs crash points.
const PARTS: [(Part, bool, Runs); 15] = [
    (Part::Kill, true, kill::run),
    (Part::Strace, true, strace::run),
    (Part::Postgres, false, postgres::run),
    (Part::Zombie, false, zombie::run),
    (Part::Frozen, false, frozen::run),
    (Part::Races, false, races::run),
    (Part::Locked, false, locked::run),
    (Part::Disk, false, disk::run),
    (Part::Instances, false, instances::run),
    (Part::Restore, false, restore::run),
    (Part::Downtime, false, downtime::run),
    (Part::Poison, false, poison::run),
    (Part::Clock, false, clock::run),
    (Part::Hung, false, hung::run),
    (Part::Soak, false, soak::run),
];

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
    /// Fails where something failed that is not what the part looks for.
    pub fn run(self, world: &mut World) -> anyhow::Result<()> {
        let found = PARTS.iter().find(|(part, ..)| *part == self);
        found.map_or(Ok(()), |(_, _, run)| run(world))
    }
}
