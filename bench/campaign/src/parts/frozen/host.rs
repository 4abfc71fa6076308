//! The hosts of the two processes, and what may happen to one.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;
use test_world::process::Service;

use crate::backends;
use crate::forwarder::Forwarder;
use crate::pair::Pair;
use crate::site::Site;

/// The service on this machine, at its busiest, is ready within this.
const READY: Duration = Duration::from_secs(60);

/// What happens to a process in the middle of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGSTOP, later SIGCONT.
    Stopped,
    /// Nothing passes between it and PostgreSQL, for a while.
    CutOff,
    /// The same, and it is killed: to PostgreSQL its host is gone without FIN or RST.
    Vanished,
}

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::CutOff => "cut off",
            Self::Vanished => "gone with its host",
        }
    }
}

/// The ways of the two processes to PostgreSQL.
pub struct Hosts {
    server: u16,
    /// None where they connect to it directly.
    forwarders: [Mutex<Option<Forwarder>>; 2],
    /// Of hosts that have vanished: they keep their connections open for ever.
    gone: Mutex<Vec<Forwarder>>,
}

impl Hosts {
    pub fn new(server: u16) -> Self {
        Self {
            server,
            forwarders: Default::default(),
            gone: Mutex::default(),
        }
    }

    /// Starts a process: with faults that need it, on a host of its own.
    pub fn start(&self, site: &Site, (place, faults): (usize, &[Fault])) -> anyhow::Result<Service> {
        if faults == [Fault::Stopped] {
            return site.start();
        }
        let forwarder = Forwarder::start(self.server)?;
        let through = |port: u16| format!(":{port}/");
        let url = site
            .database
            .url
            .replace(&through(self.server), &through(forwarder.port()));
        let mut launch = site.launch();
        launch.database = &url;
        let mut service = site.begin(&launch)?;
        service
            .wait_ready(READY)
            .with_context(|| format!("see {}", site.folder.join("service.log").display()))?;
        let earlier = self.forwarder(place).replace(forwarder);
        self.gone
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(earlier);
        Ok(service)
    }

    fn forwarder(&self, place: usize) -> std::sync::MutexGuard<'_, Option<Forwarder>> {
        self.forwarders[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The ports from which PostgreSQL sees a process connected.
    pub fn ports(&self, pair: &Pair<'_>, place: usize) -> Vec<u16> {
        match &*self.forwarder(place) {
            Some(forwarder) => forwarder.ports(),
            None => backends::ports(pair.process(place).pid(), self.server),
        }
    }

    /// From now on PostgreSQL hears nothing of the process, or hears it again.
    pub fn silence(&self, pair: &Pair<'_>, (place, silent): (usize, bool)) -> anyhow::Result<()> {
        if let Some(forwarder) = &*self.forwarder(place) {
            forwarder.fall_silent(silent);
            return Ok(());
        }
        let signal = if silent { Signal::STOP } else { Signal::CONT };
        pair.process(place).signal(signal)
    }

    /// What comes of it when the process was caught in a transaction.
    /// Fails where it ended by itself.
    pub fn strike(&self, pair: &Pair<'_>, (place, fault): (usize, Fault)) -> anyhow::Result<()> {
        if fault == Fault::Vanished {
            pair.site.kill(&mut pair.process(place))?;
        }
        Ok(())
    }

    /// Ends it: the process goes on, or there is another in its place.
    pub fn end(&self, pair: &Pair<'_>, (place, fault): (usize, Fault)) -> anyhow::Result<()> {
        if fault != Fault::Vanished {
            return self.silence(pair, (place, false));
        }
        let service = self.start(&pair.site, (place, &[fault]))?;
        pair.replace(place, service)
    }
}
