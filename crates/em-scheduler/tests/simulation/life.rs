//! One life of one process, as the parts that stand for its surroundings know it: they can end it at any step, and from
//! then on nothing of it does anything any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use em_scheduler::clock::Clock;
use tokio::sync::Notify;

use crate::checker::Violation;
use crate::clock::ProcessClock;
use crate::world::World;

pub struct Life {
    /// The id of the process, another one in each life.
    pub name: String,
    pub world: World,
    pub clock: ProcessClock,
    dead: AtomicBool,
    died: Notify,
    /// When it last looked at the clock, and how often in that instant.
    looks: Mutex<(i64, u32)>,
}

/// Looks at the clock in one instant that show a loop going round without a pause, even one that asks nobody.
const TOO_MANY_LOOKS: u32 = 100_000;

impl Life {
    pub fn new(name: String, world: World, clock: ProcessClock) -> Self {
        Self {
            name,
            world,
            clock,
            dead: AtomicBool::new(false),
            died: Notify::new(),
            looks: Mutex::default(),
        }
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Ends it here.
    pub fn end(&self, where_: &str) {
        if !self.dead.swap(true, Ordering::SeqCst) {
            let mut core = self.world.core();
            core.figures.deaths += 1;
            core.trace
                .note(self.clock.passed(), &self.name, format_args!("dies {where_}"));
            self.died.notify_one();
        }
    }

    /// Returns when it has ended.
    pub async fn ended(&self) {
        if !self.is_dead() {
            self.died.notified().await;
        }
    }

    /// Never returns in a process that is dead.
    pub async fn go_on(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// What the wall shows.
    pub fn now(&self) -> i64 {
        let passed = self.clock.passed();
        let looks = {
            let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
            *looks = if looks.0 == passed {
                (passed, looks.1 + 1)
            } else {
                (passed, 1)
            };
            looks.1
        };
        if looks == TOO_MANY_LOOKS {
            self.end("of business");
            let what = format!("{} goes round without a pause", self.name);
            self.world.core().hold(Err(Violation::new("I8", what)));
        }
        self.clock.now().get()
    }

    pub fn note(&self, what: impl std::fmt::Display) {
        self.world
            .core()
            .trace
            .note(self.clock.passed(), &self.name, what);
    }
}
