//! Two processes of the service on one PostgreSQL database, side by side, and a session of our own beside them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, ensure};
use test_world::clock;
use test_world::process::Service;

use crate::checker::{Figures, History, Punctual, Violation};
use crate::site::{Judged, Site};
use crate::world::World;
use test_world::session::BlockingSession;

/// What a start leaves to do is not judged, in microseconds.
const SETTLED: i64 = 2_000_000;

/// See the module.
pub struct Pair<'w> {
    world: &'w World,
    pub site: Site,
    processes: [Mutex<Service>; 2],
    /// Where their APIs listen.
    addresses: Mutex<[SocketAddr; 2]>,
    /// The ids of all processes there were, by the ports of their APIs.
    owners: Mutex<BTreeMap<u16, String>>,
    pub session: BlockingSession,
    /// Times at which the database was seen not to be paused.
    running: Mutex<Vec<i64>>,
    /// From here on the processes are judged.
    from: i64,
}

impl<'w> Pair<'w> {
    /// Starts both, each as `start` does.
    pub fn start(
        world: &'w World,
        site: Site,
        start: impl Fn(&Site, usize) -> anyhow::Result<Service>,
    ) -> anyhow::Result<Self> {
        let processes = [start(&site, 0)?, start(&site, 1)?];
        let pair = Self {
            world,
            session: BlockingSession::open(&site.database.url)?,
            addresses: Mutex::new([processes[0].address(), processes[1].address()]),
            owners: Mutex::default(),
            running: Mutex::default(),
            from: clock::now() + SETTLED,
            processes: processes.map(Mutex::new),
            site,
        };
        pair.note_owner(0)?;
        pair.note_owner(1)?;
        Ok(pair)
    }

    /// One of the two, alone: it may be replaced by another thread.
    pub fn process(&self, place: usize) -> MutexGuard<'_, Service> {
        locked(&self.processes[place])
    }

    /// Where the API of a process listens.
    pub fn address(&self, place: usize) -> SocketAddr {
        locked(&self.addresses)[place]
    }

    /// Puts another process in the place of one that has ended.
    pub fn replace(&self, place: usize, by: Service) -> anyhow::Result<()> {
        locked(&self.addresses)[place] = by.address();
        *self.process(place) = by;
        self.note_owner(place)
    }

    fn note_owner(&self, place: usize) -> anyhow::Result<()> {
        let query = format!(
            "SELECT id FROM scheduler_instance WHERE place LIKE '% {} %'",
            self.process(place).pid()
        );
        let rows = self.session.rows::<1>(&query)?;
        let [id] = rows.first().context("a process has no row of its own")?;
        locked(&self.owners).insert(self.address(place).port(), id.clone());
        Ok(())
    }

    /// The id of a process as the owner of runs.
    pub fn owner(&self, place: usize) -> String {
        let owners = locked(&self.owners);
        owners
            .get(&self.address(place).port())
            .cloned()
            .unwrap_or_default()
    }

    /// Looks whether the database is paused, where a call may have left it so or not.
    pub fn look_whether_paused(&self, session: &BlockingSession) -> anyhow::Result<()> {
        let at = clock::now();
        let query = "SELECT 1 FROM scheduler_state WHERE name = 'paused' AND value <> 0";
        if session.rows::<1>(query)?.is_empty() {
            locked(&self.running).push(at);
        }
        Ok(())
    }

    /// Disables tasks as em_web does before it deletes their jobs: else the next `job_sync` would add them again.
    pub fn disable(&self, tasks: &[i32]) -> anyhow::Result<()> {
        disable(&self.session, tasks)
    }

    /// Ends the part's faults: one process stops, the other catches up and stops, and everything is judged, also how late
    /// decisions were while nothing was paused: at most so many microseconds.
    /// Fails where a process ended by itself, or does not stop.
    pub fn conclude(mut self, latest: i64) -> anyhow::Result<Concluded<'w>> {
        for place in 0..2 {
            ensure!(
                self.process(place).ended()?.is_none(),
                "a process ended by itself, see {}",
                self.site.folder.display()
            );
        }
        let changes = self.site.ledger.changes();
        let known = (&changes[..], &locked(&self.running)[..]);
        let punctual = Punctual::outside_pauses((self.from, clock::now()), known, latest);
        self.site.strictness.punctual = Some(punctual);
        let [first, second] = self.processes.map(unlocked);
        first.stop()?;
        let judged = self.site.conclude_with(second)?;
        Ok(Concluded {
            world: self.world,
            history: self.site.history(clock::now())?,
            site: self.site,
            owners: unlocked(self.owners),
            judged,
        })
    }
}

/// See [`Pair::disable`]; for a thread with a session of its own.
pub fn disable(session: &BlockingSession, tasks: &[i32]) -> anyhow::Result<()> {
    let tasks: Vec<String> = tasks.iter().map(i32::to_string).collect();
    session.run(&format!(
        "UPDATE task SET enabled = 0 WHERE id IN ({})",
        tasks.join(", ")
    ))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unlocked<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A pair that has stopped, with what it came to.
pub struct Concluded<'w> {
    world: &'w World,
    pub site: Site,
    pub history: History,
    pub owners: BTreeMap<u16, String>,
    pub judged: Judged,
}

impl Concluded<'_> {
    /// Adds what the part itself found.
    pub fn blame(&mut self, violations: Vec<Violation>) {
        self.judged.figures.violations += violations.len();
        self.judged.violations.extend(violations);
    }

    /// Counts it, and keeps its folder if something is wrong.
    pub fn take(&self) -> anyhow::Result<Figures> {
        self.world.take(&self.site, &self.judged)
    }
}
